#include <algorithm>

#include "ir/errors.h"
#include "passes/loop_rewrite.h"
#include "passes/schedule/band.h"

namespace adze::loop {

bool has_loop(const std::vector<Stmt>& body) {
  return std::any_of(body.begin(), body.end(),
                     [](const Stmt& stmt) { return stmt.kind == StmtKind::kFor || has_loop(stmt.body); });
}

std::vector<Stmt> loop_of(VarId var, std::int64_t extent, std::vector<Stmt> body) {
  if (extent == 1) return body;
  std::vector<Stmt> result;
  result.push_back(Stmt::make_for(var, extent, LoopKind::kSerial, std::move(body)));
  return result;
}

std::size_t Band::position(VarId var) const {
  const auto found = std::find(vars.begin(), vars.end(), var);
  ADZE_CHECK(found != vars.end(), "a loop that is not in the band");
  return static_cast<std::size_t>(found - vars.begin());
}

Band peel(Stmt nest, std::span<const VarId> until) {
  Band band;
  std::vector<Stmt> lets;
  const auto is_step = [](const Stmt& stmt) {
    const auto is_let = [](const Stmt& s) { return s.kind == StmtKind::kLet; };
    return !stmt.body.empty() && stmt.body.back().kind == StmtKind::kFor &&
           stmt.body.back().loop == LoopKind::kSerial &&
           std::all_of(stmt.body.begin(), stmt.body.end() - 1, is_let);
  };
  std::size_t missing = until.size();
  while (true) {
    band.vars.push_back(nest.var);
    band.extents.push_back(nest.extent);
    if (std::find(until.begin(), until.end(), nest.var) != until.end() && --missing == 0) break;
    if (!is_step(nest)) break;
    Stmt inner = std::move(nest.body.back());
    nest.body.pop_back();
    std::move(nest.body.begin(), nest.body.end(), std::back_inserter(lets));
    nest = std::move(inner);
  }
  band.body = std::move(lets);
  std::move(nest.body.begin(), nest.body.end(), std::back_inserter(band.body));
  return band;
}

std::optional<std::vector<Carried>> carried(const Kernel& kernel, const std::vector<Stmt>& body) {
  const Exprs& exprs = kernel.exprs;
  std::vector<bool> inside(kernel.buffers.size(), false);
  for_each_stmt(body, [&](const Stmt& stmt) {
    if (stmt.kind == StmtKind::kAlloc) inside[stmt.buffer.index] = true;
  });
  std::vector<Carried> result;
  bool known = true;
  for_each_stmt(body, [&](const Stmt& stmt) {
    if (stmt.kind != StmtKind::kStore && stmt.kind != StmtKind::kAccumulate) return;
    if (kernel.buffers[stmt.buffer.index].scope != Scope::kRegister || inside[stmt.buffer.index]) return;
    Carried fold{stmt.buffer, stmt.index, stmt.combine, false};
    if (stmt.kind == StmtKind::kStore) {
      // acc = fma(a, b, acc), acc = acc + x: a sum.
      const Expr& value = exprs[stmt.value];
      fold.combine = Combine::kSum;
      fold.by_store = true;
      const auto is_before = [&](ExprId id) {
        return exprs[id].kind == ExprKind::kLoad && exprs[id].buffer == stmt.buffer &&
               exprs[id].args[0] == stmt.index;
      };
      known = known && value.kind == ExprKind::kScalar &&
              (value.op == ScalarOp::fma
                   ? is_before(value.args[2])
                   : value.op == ScalarOp::add && is_before(value.args[0]) != is_before(value.args[1]));
    }
    known = known && exprs.as_index(stmt.index).has_value();
    const auto same = [&](const Carried& other) { return other.buffer == fold.buffer; };
    known = known && std::none_of(result.begin(), result.end(), same);
    result.push_back(fold);
  });
  if (!known) return std::nullopt;
  return result;
}

}  // namespace adze::loop
