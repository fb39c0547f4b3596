#include "passes/schedule/gpu_ordered.h"

#include <algorithm>
#include <unordered_map>

#include "passes/loop_rewrite.h"
#include "passes/schedule/gpu_scheduler.h"

namespace adze::loop {
namespace {

bool is_parallel(const Stmt& stmt) {
  return stmt.kind == StmtKind::kFor && stmt.loop == LoopKind::kParallel;
}

bool holds_parallel(const Stmt& stmt) {
  return is_parallel(stmt) || std::any_of(stmt.body.begin(), stmt.body.end(), holds_parallel);
}

/// Perfectly nested parallel loops.
struct Nest {
  std::vector<VarId> vars;
  std::int64_t count = 1;
  std::vector<Stmt> body;
};

Nest take_nest(Stmt stmt) {
  Nest nest;
  while (true) {
    nest.vars.push_back(stmt.var);
    nest.count *= stmt.extent;
    if (stmt.body.size() != 1 || !is_parallel(stmt.body[0])) break;
    Stmt inner = std::move(stmt.body[0]);
    stmt = std::move(inner);
  }
  nest.body = std::move(stmt.body);
  run_in_order(nest.body);
  return nest;
}

class Spreader {
 public:
  Spreader(Kernel& kernel, const Target& target)
      : kernel_(kernel), exprs_(kernel.exprs), threads_(target.block_threads) {}

  void run() {
    thread_ = exprs_.new_var("t", threads_);
    std::int64_t blocks = 1;
    if (kernel_.body.size() == 1 && is_parallel(kernel_.body[0])) {
      Nest nest = take_nest(std::move(kernel_.body[0]));
      blocks = std::max<std::int64_t>(1, ceil_div(nest.count, threads_));
      block_ = exprs_.new_var("g", blocks);
      kernel_.body = at_position(std::move(nest), exprs_.var(block_));
      kernel_.schedule.push_back("parallel loops over threads");
    } else {
      block_ = exprs_.new_var("g", blocks);
      kernel_.body = one_block(std::move(kernel_.body));
      kernel_.schedule.push_back("one block");
    }
    wrap(thread_, LoopKind::kBlock);
    wrap(block_, LoopKind::kGrid);
  }

 private:
  /// The iteration of a nest that this thread does in `round`, the innermost loop the fastest; nothing beyond
  /// the last one.
  std::vector<Stmt> at_position(Nest nest, ExprId round) {
    const ExprId position = exprs_.add(exprs_.mul(round, threads_), exprs_.var(thread_));
    std::unordered_map<std::uint32_t, ExprId> values;
    ExprId rest = position;
    for (std::size_t i = nest.vars.size(); i-- > 0;) {
      const std::int64_t extent = exprs_.var_extent(nest.vars[i]);
      values[nest.vars[i].index] = i == 0 ? rest : exprs_.rem(rest, extent);
      rest = exprs_.div(rest, extent);
    }
    rewrite_exprs(nest.body, [&](ExprId id) { return exprs_.substitute(id, values); });
    return when(exprs_.apply(ScalarOp::lt, {position, exprs_.index(nest.count)}), std::move(nest.body));
  }

  std::vector<Stmt> one_block(std::vector<Stmt> body) {
    std::vector<Stmt> spread, alone;
    bool may_still_read = false;  // a thread may not have read what follows to write
    const auto wait_for_readers = [&] {
      if (may_still_read) spread.push_back(Stmt::make_barrier());
      may_still_read = false;
    };
    const auto flush = [&] {
      if (alone.empty()) return;
      wait_for_readers();
      run_in_order(alone);
      append(spread,
             when(exprs_.apply(ScalarOp::eq, {exprs_.var(thread_), exprs_.index(0)}), std::move(alone)));
      spread.push_back(Stmt::make_barrier());
      alone.clear();
    };
    for (Stmt& stmt : body) {
      if (is_parallel(stmt)) {
        flush();
        wait_for_readers();
        Nest nest = take_nest(std::move(stmt));
        const std::int64_t rounds = ceil_div(nest.count, threads_);
        const VarId round = exprs_.new_var("r", rounds);
        std::vector<Stmt> each = at_position(std::move(nest), exprs_.var(round));
        spread.push_back(Stmt::make_for(round, rounds, LoopKind::kSerial, std::move(each)));
        spread.push_back(Stmt::make_barrier());
      } else if (stmt.kind == StmtKind::kFor && holds_parallel(stmt)) {
        flush();
        wait_for_readers();
        stmt.body = one_block(std::move(stmt.body));
        spread.push_back(std::move(stmt));
      } else if (stmt.kind == StmtKind::kLet) {  // every thread needs it
        flush();
        may_still_read = may_still_read || exprs_.has_load(stmt.value);
        spread.push_back(std::move(stmt));
      } else {
        alone.push_back(std::move(stmt));
      }
    }
    flush();
    wait_for_readers();  // the next iteration may write
    return spread;
  }

  void wrap(VarId var, LoopKind kind) {
    std::vector<Stmt> wrapped;
    wrapped.push_back(Stmt::make_for(var, exprs_.var_extent(var), kind, std::move(kernel_.body)));
    kernel_.body = std::move(wrapped);
  }

  Kernel& kernel_;
  Exprs& exprs_;
  std::int64_t threads_;
  VarId thread_, block_;
};

}  // namespace

Kernel spread_parallel(Kernel kernel, const Target& target) {
  Spreader(kernel, target).run();
  return kernel;
}

}  // namespace adze::loop
