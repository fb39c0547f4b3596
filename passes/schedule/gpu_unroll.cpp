#include <algorithm>

#include "passes/schedule/cost.h"
#include "passes/schedule/gpu_scheduler.h"

// Innermost loops, a few iterations at a time: a thread runs on to the loads of the next iterations while
// those of this one are on their way.

namespace adze::loop {
namespace {

/// Instructions that stand in a row: enough to have several loads on their way, few enough to compile fast.
constexpr double kInstructions = 24;
constexpr std::int64_t kMostCopies = 4;

bool synchronises(const std::vector<Stmt>& body) {
  return std::any_of(body.begin(), body.end(), [](const Stmt& stmt) {
    return stmt.kind == StmtKind::kBarrier || stmt.threads > 1 || synchronises(stmt.body);
  });
}

bool has_serial_loop(const std::vector<Stmt>& body) {
  return std::any_of(body.begin(), body.end(), [](const Stmt& stmt) {
    return (stmt.kind == StmtKind::kFor && stmt.loop == LoopKind::kSerial) || has_serial_loop(stmt.body);
  });
}

double instructions(CostModel& cost, const std::vector<Stmt>& body) {
  double sum = 0;
  for (const Stmt& stmt : body) {
    if (stmt.kind == StmtKind::kLet || stmt.kind == StmtKind::kStore || stmt.kind == StmtKind::kAccumulate)
      sum += cost.leaf(stmt, {});
    sum += instructions(cost, stmt.body) *
           (stmt.kind == StmtKind::kFor ? static_cast<double>(stmt.extent) : 1.0);
  }
  return sum;
}

}  // namespace

void GpuScheduler::unroll(std::vector<Stmt>& body) {
  CostModel cost(kernel_, target_, 1);
  for (Stmt& stmt : body) {
    unroll(stmt.body);
    if (stmt.kind != StmtKind::kFor || stmt.loop != LoopKind::kSerial || stmt.extent < 2) continue;
    if (has_serial_loop(stmt.body) || synchronises(stmt.body)) continue;
    const double one = std::max(1.0, instructions(cost, stmt.body));
    auto copies = std::min(kMostCopies, static_cast<std::int64_t>(kInstructions / one));
    if (copies < 2) continue;
    if (stmt.extent <= copies) {
      stmt.loop = LoopKind::kUnroll;
      continue;
    }
    for (std::int64_t even = copies; even > copies / 2; --even)
      if (stmt.extent % even == 0 && even > 1) {
        copies = even;
        break;
      }
    const std::int64_t rounds = ceil_div(stmt.extent, copies);
    const VarId round = exprs_.new_var(exprs_.var_name(stmt.var), rounds);
    const VarId copy = exprs_.new_var(exprs_.var_name(stmt.var) + "u", copies);
    const ExprId at = exprs_.add(exprs_.mul(exprs_.var(round), copies), exprs_.var(copy));
    substitute(exprs_, stmt.body, {{stmt.var.index, at}});
    std::vector<Stmt> once =
        when(stmt.extent % copies ? less(at, stmt.extent) : ExprId{}, std::move(stmt.body));
    std::vector<Stmt> unrolled;
    unrolled.push_back(Stmt::make_for(copy, copies, LoopKind::kUnroll, std::move(once)));
    stmt = Stmt::make_for(round, rounds, LoopKind::kSerial, std::move(unrolled));
  }
}

}  // namespace adze::loop
