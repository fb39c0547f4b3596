#include <algorithm>
#include <cmath>

#include "ir/scalar_eval.h"
#include "passes/schedule/cost.h"
#include "passes/schedule/gpu_scheduler.h"

// Rows: parallel loops whose body has loops, which fold into registers or store. A team of threads works on
// each row: its threads share the loops, and hold what the row folds to in registers, each for itself.

namespace adze::loop {
namespace {

// In cycles of a current GPU, roughly: a load from afar with three others on their way beside it, one step of
// a fold by shuffles, a join of warps through shared memory, what a round of rows costs besides.
constexpr double kWait = 125, kShuffle = 25, kJoin = 100, kRound = 100;
/// Blocks that share a multiprocessor.
constexpr std::int64_t kBlocksAtOnce = 4;

}  // namespace

Team GpuScheduler::team(std::int64_t lanes, std::int64_t warps) {
  const ExprId t = exprs_.var(thread_);
  Team team{lanes, warps, exprs_.rem(t, lanes), exprs_.div(t, lanes)};
  if (warps > 1) {
    team.member = lanes == kWarpThreads
                      ? t
                      : exprs_.add(exprs_.mul(exprs_.div(t, kWarpThreads), lanes), exprs_.rem(t, lanes));
    team.row = exprs_.div(exprs_.rem(t, kWarpThreads), lanes);
  }
  return team;
}

Team GpuScheduler::choose_team(const Band& band, std::int64_t count, std::int64_t blocks) {
  // How do the accesses of the inner loops move: along the loop, along the rows?
  struct Access {
    Stride along_loop, along_rows;
  };
  struct Loop {
    std::int64_t extent;
    double folds;
    std::vector<Access> accesses;
  };
  std::vector<Loop> loops;
  const auto visit = [&](auto&& self, const std::vector<Stmt>& body) -> void {
    for (const Stmt& stmt : body) {
      if (stmt.kind == StmtKind::kAlloc) self(self, stmt.body);
      if (stmt.kind != StmtKind::kFor) continue;
      const Band inner = peel(stmt);
      const auto carries = carried(kernel_, inner.body);
      Loop& loop = loops.emplace_back(
          Loop{size(inner.vars), carries ? static_cast<double>(carries->size()) : 0.0, {}});
      const auto along = [&](ExprId id, const std::vector<VarId>& vars) {
        return vars.empty() ? Stride::kNone : stride_along(exprs_, reads_, id, vars.back());
      };
      const auto add = [&](BufferId buffer, ExprId address) {
        if (kernel_.buffers[buffer.index].scope != Scope::kRegister)
          loop.accesses.push_back({along(address, inner.vars), along(address, band.vars)});
      };
      std::unordered_set<std::uint32_t> seen;
      for_each_stmt(inner.body, [&](const Stmt& leaf) {
        if (leaf.index) add(leaf.buffer, leaf.index);
        std::vector<ExprId> stack{leaf.value};
        while (!stack.empty()) {
          const ExprId id = stack.back();
          stack.pop_back();
          if (!id || !seen.insert(id.index).second) continue;
          const Expr& expr = exprs_[id];
          if (expr.kind == ExprKind::kLoad) add(expr.buffer, expr.args[0]);
          stack.insert(stack.end(), expr.args.begin(), expr.args.end());
        }
      });
    }
  };
  visit(visit, band.body);

  // Cycles: either threads wait for memory, a few loads at a time, or the multiprocessor is busy with the
  // sectors (32 bytes) that its warps touch, a warp `lanes` steps of 32 / lanes rows at once.
  const std::int64_t all = target_.block_threads / kWarpThreads, threads = blocks * target_.block_threads;
  const auto touched = [](Stride stride, std::int64_t n) {
    return stride == Stride::kNone ? 1.0 : static_cast<double>(stride == Stride::kUnit ? ceil_div(n, 8) : n);
  };
  const auto cycles = [&](std::int64_t lanes, std::int64_t warps) {
    const std::int64_t rounds = ceil_div(count * lanes * warps, threads);
    double waiting = kRound, busy = 0;
    for (const Loop& loop : loops) {
      const auto steps = static_cast<double>(ceil_div(loop.extent, lanes * warps));
      waiting += steps * kWait +
                 loop.folds * (kShuffle * std::log2(static_cast<double>(lanes)) + (warps > 1 ? kJoin : 0.0));
      for (const Access& access : loop.accesses) {
        busy += steps * static_cast<double>(all) * touched(access.along_loop, lanes) *
                touched(access.along_rows, kWarpThreads / lanes);
      }
    }
    // While one block waits others work, where there are several.
    const std::int64_t waits = blocks > 1 ? ceil_div(rounds, kBlocksAtOnce) : rounds;
    return std::max(static_cast<double>(waits) * waiting, static_cast<double>(rounds) * busy);
  };
  std::int64_t longest = 1;
  for (const Loop& loop : loops) longest = std::max(longest, loop.extent);
  std::int64_t best_lanes = 1, best_warps = 1;
  for (const std::int64_t warps : {std::int64_t{1}, all}) {
    if (warps > 1 && !joins_) continue;
    for (std::int64_t lanes = 1; lanes <= kWarpThreads && lanes < 2 * longest; lanes *= 2) {
      if (cycles(lanes, warps) >= cycles(best_lanes, best_warps)) continue;
      best_lanes = lanes;
      best_warps = warps;
    }
  }
  Team best = team(best_lanes, best_warps);
  best.cycles = cycles(best_lanes, best_warps);
  return best;
}

void GpuScheduler::remember_loads(ExprId id) {
  if (!id) return;
  for (const BufferId buffer : reads_.buffers(id))
    if (buffer.index < kernel_.argument_count) loaded_.insert(buffer.index);
}

bool GpuScheduler::may_overwrite_loads(const std::vector<Stmt>& body) const {
  // An output may live in the memory of an input of the same type, if it is read at the same index only: by
  // all threads of a team, where it is a row's.
  const auto alike = [&](BufferId stored) {
    const BufferType& type = kernel_.buffers[stored.index].type;
    return std::any_of(loaded_.begin(), loaded_.end(), [&](std::uint32_t loaded) {
      const BufferType& other = kernel_.buffers[loaded].type;
      return other.dtype == type.dtype && other.element_count() == type.element_count();
    });
  };
  return std::any_of(body.begin(), body.end(), [&](const Stmt& stmt) {
    return stmt.kind == StmtKind::kStore && stmt.buffer.index < kernel_.argument_count && alike(stmt.buffer);
  });
}

std::vector<Stmt> GpuScheduler::rows(Band band) {
  const std::int64_t count = size(band.vars);
  const Team team = choose_team(band, count, std::max(1, target_.multiprocessors));
  note("rows team " + std::to_string(team.lanes) + (team.warps > 1 ? "x" + std::to_string(team.warps) : ""));
  const std::int64_t per_block = target_.block_threads / team.size();
  blocks_ = ceil_div(count, per_block);
  const ExprId row = grid_position(per_block, team.row);
  const ExprId exists = count % per_block ? less(row, count) : ExprId{};
  std::unordered_map<std::uint32_t, ExprId> values;
  flatten(band.vars, row, values);
  substitute(exprs_, band.body, values);
  return spread(std::move(band.body), team, exists);
}

std::vector<Stmt> GpuScheduler::whole(std::vector<Stmt> body) {
  note("one block");
  whole_ = true;
  return spread(std::move(body), team(kWarpThreads, target_.block_threads / kWarpThreads), {});
}

std::vector<Stmt> GpuScheduler::spread(std::vector<Stmt> body, const Team& team, ExprId exists) {
  if (team.size() == 1) return when(exists, std::move(body));
  const ExprId first = exprs_.both(exprs_.apply(ScalarOp::eq, {team.member, exprs_.index(0)}), exists);
  const auto is_outside = [&](const Stmt& stmt) {
    return (stmt.kind == StmtKind::kStore || stmt.kind == StmtKind::kAccumulate) &&
           (stmt.buffer.index < kernel_.argument_count || private_.contains(stmt.buffer.index));
  };
  std::vector<Stmt> result;
  const auto by_first = [&](std::vector<Stmt> statements) {
    if (may_overwrite_loads(statements)) result.push_back(Stmt::make_barrier());
    append(result, when(first, std::move(statements)));
  };
  // What follows the last loop is done for its stores alone: the first thread does all of it.
  auto rest = body.end();
  while (rest != body.begin() && (is_outside(*(rest - 1)) || (rest - 1)->kind == StmtKind::kLet)) --rest;
  std::vector<Stmt> ending(std::make_move_iterator(rest), std::make_move_iterator(body.end()));
  body.erase(rest, body.end());

  for (Stmt& stmt : body) {
    switch (stmt.kind) {
      case StmtKind::kFor:
        append(result, spread_loop(std::move(stmt), team, exists));
        break;
      case StmtKind::kAlloc:
        stmt.body = spread(std::move(stmt.body), team, exists);
        result.push_back(std::move(stmt));
        break;
      default:
        if (is_outside(stmt)) {
          std::vector<Stmt> alone;
          alone.push_back(std::move(stmt));
          by_first(std::move(alone));
          break;
        }
        remember_loads(stmt.value);
        stmt.value = guarded(stmt.value, exists);
        result.push_back(std::move(stmt));
    }
  }
  if (std::any_of(ending.begin(), ending.end(), is_outside)) by_first(std::move(ending));
  return result;
}

std::vector<BufferId> GpuScheduler::redirect(std::vector<Stmt>& body, const std::vector<Carried>& folds) {
  std::vector<BufferId> partial;
  std::unordered_map<std::uint32_t, BufferId> moved;
  for (const Carried& fold : folds) {
    const Buffer old = kernel_.buffers[fold.buffer.index];
    partial.push_back(kernel_.add_buffer(old.name + "t", {old.type.dtype, {1}, {}}, Scope::kRegister));
    moved.emplace(fold.buffer.index, partial.back());
  }
  const ExprId zero = exprs_.index(0);
  for_each_stmt(body, [&](Stmt& stmt) {
    if (stmt.kind != StmtKind::kStore && stmt.kind != StmtKind::kAccumulate) return;
    const auto found = moved.find(stmt.buffer.index);
    if (found == moved.end()) return;
    stmt.buffer = found->second;
    stmt.index = zero;
  });
  Rewriter rewriter(exprs_, [&](ExprId id) {
    const Expr expr = exprs_[id];
    if (expr.kind != ExprKind::kLoad) return ExprId{};
    const auto found = moved.find(expr.buffer.index);
    return found == moved.end() ? ExprId{} : exprs_.load(found->second, expr.dtype, zero);
  });
  rewrite_exprs(body, [&](ExprId id) { return rewriter(id); });
  return partial;
}

std::vector<Stmt> GpuScheduler::spread_loop(Stmt loop, const Team& team, ExprId exists) {
  Band band = peel(std::move(loop));
  if (whole_ && has_loop(band.body)) return spread_rows(std::move(band));
  const std::int64_t count = size(band.vars);
  auto folds = carried(kernel_, band.body);
  understood_ = understood_ && folds;
  if (!understood_ || count == 0) return {};
  for_each_stmt(static_cast<const std::vector<Stmt>&>(band.body),
                [&](const Stmt& stmt) { remember_loads(stmt.value); });
  // What the whole block joins at the end needs no joining here.
  std::erase_if(*folds, [&](const Carried& fold) { return private_.contains(fold.buffer.index); });
  const std::vector<BufferId> partial = redirect(band.body, *folds);

  const std::int64_t steps = ceil_div(count, team.size());
  const VarId step = exprs_.new_var(exprs_.var_name(band.vars.back()), steps);
  const ExprId begin = steps == 1 ? exprs_.index(0) : exprs_.mul(exprs_.var(step), team.size());
  const ExprId position = exprs_.add(begin, team.member);
  std::unordered_map<std::uint32_t, ExprId> values;
  flatten(band.vars, position, values);
  substitute(exprs_, band.body, values);
  std::vector<Stmt> share =
      when(count % team.size() ? less(position, count) : ExprId{}, std::move(band.body));

  std::vector<Stmt> result;
  for (std::size_t i = 0; i < partial.size(); ++i) {
    const DType dtype = kernel_.buffers[partial[i].index].type.dtype;
    const ExprId identity = exprs_.bits(dtype, loop::identity((*folds)[i].combine, dtype));
    result.push_back(Stmt::make_store(partial[i], exprs_.index(0), identity));
  }
  append(result, when(exists, loop_of(step, steps, std::move(share))));
  for (std::size_t i = 0; i < partial.size(); ++i) append(result, fold((*folds)[i], partial[i], team));
  for (const BufferId buffer : partial) {
    std::vector<Stmt> wrapped;
    wrapped.push_back(Stmt::make_alloc(buffer, std::move(result)));
    result = std::move(wrapped);
  }
  return result;
}

std::vector<Stmt> GpuScheduler::spread_rows(Band band) {
  const std::int64_t count = size(band.vars);
  const auto folds = carried(kernel_, band.body);
  understood_ = understood_ && folds;
  if (!understood_ || count == 0) return {};
  const Team block = team(kWarpThreads, target_.block_threads / kWarpThreads);
  const Team rows = choose_team(band, count, 1);
  note("rows team " + std::to_string(rows.lanes) + (rows.warps > 1 ? "x" + std::to_string(rows.warps) : ""));
  const std::vector<BufferId> partial = redirect(band.body, *folds);
  for (const BufferId buffer : partial) private_.insert(buffer.index);

  const std::int64_t at_once = target_.block_threads / rows.size(), rounds = ceil_div(count, at_once);
  const VarId round = exprs_.new_var(exprs_.var_name(band.vars.front()), rounds);
  const ExprId begin = rounds == 1 ? exprs_.index(0) : exprs_.mul(exprs_.var(round), at_once);
  const ExprId row = exprs_.add(begin, rows.row);
  std::unordered_map<std::uint32_t, ExprId> values;
  flatten(band.vars, row, values);
  substitute(exprs_, band.body, values);
  whole_ = false;
  serial_depth_ += rounds > 1 ? 1 : 0;
  std::vector<Stmt> share = spread(std::move(band.body), rows, count % at_once ? less(row, count) : ExprId{});
  serial_depth_ -= rounds > 1 ? 1 : 0;
  whole_ = true;

  std::vector<Stmt> result;
  for (std::size_t i = 0; i < partial.size(); ++i) {
    const DType dtype = kernel_.buffers[partial[i].index].type.dtype;
    const ExprId identity = exprs_.bits(dtype, loop::identity((*folds)[i].combine, dtype));
    result.push_back(Stmt::make_store(partial[i], exprs_.index(0), identity));
  }
  append(result, loop_of(round, rounds, std::move(share)));
  // Of each team only the first thread has folded into these: all threads of the block are joined.
  for (std::size_t i = 0; i < partial.size(); ++i) append(result, fold((*folds)[i], partial[i], block));
  for (const BufferId buffer : partial) {
    private_.erase(buffer.index);
    std::vector<Stmt> wrapped;
    wrapped.push_back(Stmt::make_alloc(buffer, std::move(result)));
    result = std::move(wrapped);
  }
  return result;
}

std::vector<Stmt> GpuScheduler::fold(const Carried& into, BufferId partial, const Team& team) {
  const DType dtype = kernel_.buffers[partial.index].type.dtype;
  const ExprId zero = exprs_.index(0), mine = exprs_.load(partial, dtype, zero);
  std::vector<Stmt> result;
  if (team.warps == 1) {
    result.push_back(Stmt::make_accumulate(into.buffer, into.index, into.combine, mine, team.lanes));
    return result;
  }
  // Each warp leaves its values in shared memory, every thread reads those of its team.
  const std::int64_t rows = kWarpThreads / team.lanes;
  const ExprId t = exprs_.var(thread_);
  const BufferId joined = shared("join", dtype, team.warps * rows);
  const ExprId place = exprs_.add(exprs_.mul(exprs_.div(t, kWarpThreads), rows), team.row);
  if (team.lanes == 1) {
    result.push_back(Stmt::make_store(joined, place, mine));
  } else {
    const BufferId warp = kernel_.add_buffer("warp", {dtype, {1}, {}}, Scope::kRegister);
    const ExprId identity = exprs_.bits(dtype, loop::identity(into.combine, dtype));
    const ExprId leads = exprs_.apply(ScalarOp::eq, {exprs_.rem(t, team.lanes), zero});
    std::vector<Stmt> body;
    body.push_back(Stmt::make_store(warp, zero, identity));
    body.push_back(Stmt::make_accumulate(warp, zero, into.combine, mine, team.lanes));
    body.push_back(Stmt::make_if(leads, {Stmt::make_store(joined, place, exprs_.load(warp, dtype, zero))}));
    result.push_back(Stmt::make_alloc(warp, std::move(body)));
  }
  result.push_back(Stmt::make_barrier());
  const VarId other = exprs_.new_var("w", team.warps);
  const ExprId from = exprs_.add(exprs_.mul(exprs_.var(other), rows), team.row);
  std::vector<Stmt> take{
      Stmt::make_accumulate(into.buffer, into.index, into.combine, exprs_.load(joined, dtype, from))};
  result.push_back(Stmt::make_for(other, team.warps, LoopKind::kUnroll, std::move(take)));
  // The next round of a loop around must not overwrite what others still read.
  if (serial_depth_ > 0) result.push_back(Stmt::make_barrier());
  return result;
}

}  // namespace adze::loop
