#include <algorithm>

#include "passes/schedule/gpu_scheduler.h"
#include "passes/schedule/tile.h"

// Maps: parallel loops whose body has no loops. Neighbouring threads do neighbouring elements.

namespace adze::loop {

std::int64_t GpuScheduler::map_width(const std::vector<Stmt>& body, VarId position, std::int64_t count) {
  struct Access {
    ExprId address;
    bool store;
  };
  std::vector<Access> accesses;
  std::size_t widest = 4;
  std::unordered_set<std::uint32_t> seen;
  const auto add = [&](BufferId buffer, ExprId address, bool store) {
    const Buffer& of = kernel_.buffers[buffer.index];
    if (of.scope == Scope::kRegister || !reads_.on(address, position)) return;
    widest = std::max(widest, byte_size(of.type.dtype));
    accesses.push_back({address, store});
  };
  for_each_stmt(body, [&](const Stmt& stmt) {
    if (stmt.kind == StmtKind::kStore || stmt.kind == StmtKind::kAccumulate)
      add(stmt.buffer, stmt.index, true);
    std::vector<ExprId> stack{stmt.value};
    while (!stack.empty()) {
      const ExprId id = stack.back();
      stack.pop_back();
      if (!id || !seen.insert(id.index).second) continue;
      const Expr& expr = exprs_[id];
      if (expr.kind == ExprKind::kLoad) add(expr.buffer, expr.args[0], false);
      stack.insert(stack.end(), expr.args.begin(), expr.args.end());
    }
  });

  const std::int64_t width = target_.vector_bytes / static_cast<std::int64_t>(widest);
  if (width < 2 || count < width * target_.block_threads) return 1;
  const VarId group = exprs_.new_var("v", ceil_div(count, width));
  const auto at = [&](ExprId address, std::int64_t lane) {
    const ExprId place = exprs_.add(exprs_.mul(exprs_.var(group), width), lane);
    return exprs_.substitute(address, {{position.index, place}});
  };
  // One wide access: aligned, each lane one element further. Or one element for all lanes.
  const auto is_wide = [&](ExprId address) {
    const ExprId first = at(address, 0);
    const auto step = [&](std::int64_t lane) {
      return exprs_.as_index(exprs_.apply(ScalarOp::sub, {at(address, lane), first}));
    };
    const auto unit = step(1);
    if (!unit || *unit < 0 || *unit > 1) return false;
    for (std::int64_t lane = 2; lane < width; ++lane)
      if (step(lane) != *unit * lane) return false;
    return *unit == 0 || exprs_.as_index(exprs_.rem(first, width)) == 0;
  };
  std::int64_t wide = 0, narrow = 0;
  for (const Access& access : accesses) {
    const bool is = is_wide(access.address);
    if (access.store && !is) return 1;
    ++(is ? wide : narrow);
  }
  return wide >= narrow ? width : 1;
}

std::vector<Stmt> GpuScheduler::map(Band band) {
  const std::int64_t count = size(band.vars), threads = target_.block_threads;
  const VarId position = exprs_.new_var("e", count);
  std::unordered_map<std::uint32_t, ExprId> values;
  flatten(band.vars, exprs_.var(position), values);
  substitute(exprs_, band.body, values);
  const std::int64_t width = map_width(band.body, position, count), per_block = width * threads;
  note("map " + std::to_string(width) + " per thread");
  blocks_ = ceil_div(count, per_block);
  const ExprId base = grid_position(per_block, exprs_.mul(exprs_.var(thread_), width));
  const bool partial = count % per_block != 0;
  if (width == 1) {
    substitute(exprs_, band.body, {{position.index, base}});
    return when(partial ? less(base, count) : ExprId{}, std::move(band.body));
  }

  const std::int64_t rest = count % width;
  const TileDim dim{position, base, 1, width, width};
  std::vector<Stmt> result =
      when(partial ? less(base, count - width + 1) : ExprId{}, tile(kernel_, band.body, std::span(&dim, 1)));
  if (rest != 0) {
    // The last few elements: one thread does them one by one.
    const VarId step = exprs_.new_var("r", rest);
    substitute(exprs_, band.body, {{position.index, exprs_.add(exprs_.var(step), count - rest)}});
    const ExprId last = exprs_.apply(ScalarOp::eq, {base, exprs_.index(count - rest)});
    std::vector<Stmt> loop;
    loop.push_back(Stmt::make_for(step, rest, LoopKind::kSerial, std::move(band.body)));
    append(result, when(last, std::move(loop)));
  }
  return result;
}

}  // namespace adze::loop
