#include <algorithm>
#include <unordered_map>

#include "ir/errors.h"
#include "passes/schedule/cpu_scheduler.h"

// Reductions along a loop that runs in lanes.

namespace adze::loop {

std::vector<Stmt> CpuScheduler::fold_in_lanes(Band band, VarId lane,
                                              const std::vector<Carried>& accumulators) {
  const std::int64_t extent = band.extent(lane), full = extent / lanes_;
  const bool alone = band.vars.size() == 1;
  const bool by_store =
      std::any_of(accumulators.begin(), accumulators.end(), [](const Carried& c) { return c.by_store; });
  const auto outer_loops = [&](std::vector<Stmt> body) {
    for (std::size_t i = band.vars.size(); i-- > 0;) {
      if (band.vars[i] == lane) continue;
      Stmt loop = Stmt::make_for(band.vars[i], band.extents[i], LoopKind::kSerial, std::move(body));
      body.clear();
      body.push_back(std::move(loop));
    }
    return body;
  };
  const auto append = [](std::vector<Stmt>& into, std::vector<Stmt> from) {
    std::move(from.begin(), from.end(), std::back_inserter(into));
  };
  if (alone && !by_store && extent <= lanes_ && !has_loop(band.body)) {
    // One vector: its lanes are folded straight into the accumulators.
    note("fold " + exprs_.var_name(lane) + " " + std::to_string(lanes_));
    const TileDim dim{lane, exprs_.index(0), 1, lanes_, extent};
    return tile(kernel_, std::move(band.body), std::span(&dim, 1));
  }

  // Every lane of `copies` vectors accumulates for itself; at the end the vectors are joined, then their
  // lanes.
  const double code = cost_.code(band.body, lane);
  const std::int64_t wanted = code <= 12 ? 4 : code <= 40 ? 2 : 1;
  const std::int64_t copies = std::clamp<std::int64_t>(full, 1, wanted);
  note("fold " + exprs_.var_name(lane) + " " + std::to_string(copies * lanes_));
  std::vector<BufferId> partial;
  for (const Carried& fold : accumulators) {
    const Buffer old = kernel_.buffers[fold.buffer.index];
    partial.push_back(
        kernel_.add_buffer(old.name + "v", {old.type.dtype, {copies * lanes_}, {}}, Scope::kRegister));
  }
  const VarId slot = exprs_.new_var(exprs_.var_name(lane), copies * lanes_);
  const ExprId at = exprs_.var(slot);
  const auto over = [&](std::vector<Stmt> body, std::int64_t valid) {
    const TileDim dim{slot, exprs_.index(0), (valid + lanes_ - 1) / lanes_, lanes_, valid};
    return tile(kernel_, std::move(body), std::span(&dim, 1));
  };
  const auto dtype = [&](std::size_t i) { return kernel_.buffers[partial[i].index].type.dtype; };

  std::vector<Stmt> result, body;
  for (std::size_t i = 0; i < partial.size(); ++i)
    body.push_back(Stmt::make_store(partial[i], at, start_value(exprs_, accumulators[i].combine, dtype(i))));
  append(result, over(std::move(body), copies * lanes_));

  for_each_stmt(band.body, [&](Stmt& stmt) {
    if (stmt.kind != StmtKind::kStore && stmt.kind != StmtKind::kAccumulate) return;
    for (std::size_t i = 0; i < partial.size(); ++i) {
      if (stmt.buffer != accumulators[i].buffer) continue;
      stmt.buffer = partial[i];
      stmt.index = at;
    }
  });
  const auto part = [&](ExprId begin) {
    std::vector<Stmt> copy = band.body;
    Rewriter rewriter(exprs_, [&](ExprId id) {
      const Expr expr = exprs_[id];
      if (expr.kind == ExprKind::kVar) return expr.var == lane ? exprs_.add(begin, at) : id;
      if (expr.kind != ExprKind::kLoad) return ExprId{};
      for (std::size_t i = 0; i < partial.size(); ++i)
        if (expr.buffer == accumulators[i].buffer) return exprs_.load(partial[i], expr.dtype, at);
      return ExprId{};
    });
    rewrite_exprs(copy, [&](ExprId id) { return rewriter(id); });
    // The chunks and the rest stand in one scope: each copy binds variables of its own.
    std::unordered_map<std::uint32_t, ExprId> renamed;
    for_each_stmt(copy, [&](Stmt& stmt) {
      if (stmt.kind != StmtKind::kLet && stmt.kind != StmtKind::kFor) return;
      const DType type = exprs_.var_dtype(stmt.var);
      const VarId var = exprs_.new_var(exprs_.var_name(stmt.var), exprs_.var_extent(stmt.var), type);
      renamed.emplace(stmt.var.index, exprs_.var(var, type));
      stmt.var = var;
    });
    if (!renamed.empty()) substitute(exprs_, copy, renamed);
    return copy;
  };
  std::vector<Stmt> sweep;
  const std::int64_t chunk = copies * lanes_, chunks = extent / chunk;
  if (chunks > 0) {
    const VarId counter = exprs_.new_var(exprs_.var_name(lane) + "t", chunks);
    const ExprId begin = chunks == 1 ? exprs_.index(0) : exprs_.mul(exprs_.var(counter), chunk);
    append(sweep, loop_of(counter, chunks, over(part(begin), chunk)));
  }
  if (extent % chunk != 0) append(sweep, over(part(exprs_.index(chunks * chunk)), extent % chunk));
  append(result, outer_loops(std::move(sweep)));

  for (std::size_t i = 0; i < partial.size(); ++i) {
    for (std::int64_t copy = 1; copy < copies; ++copy) {
      const ExprId other = exprs_.load(partial[i], dtype(i), exprs_.add(at, copy * lanes_));
      append(result, over({Stmt::make_accumulate(partial[i], at, accumulators[i].combine, other)}, lanes_));
    }
    append(result,
           over({Stmt::make_accumulate(accumulators[i].buffer, accumulators[i].index, accumulators[i].combine,
                                       exprs_.load(partial[i], dtype(i), at))},
                lanes_));
  }
  for (const BufferId buffer : partial) {
    std::vector<Stmt> wrapped;
    wrapped.push_back(Stmt::make_alloc(buffer, std::move(result)));
    result = std::move(wrapped);
  }
  return result;
}

}  // namespace adze::loop
