#include "passes/schedule/gpu_scheduler.h"

#include <algorithm>

// Which kind of kernel is it? What is done then is in gpu_map.cpp, gpu_rows.cpp, gpu_contraction.cpp
// and gpu_unroll.cpp.

namespace adze::loop {
namespace {

/// Loops as lowering and simplify_loops leave them.
bool is_unscheduled(const Kernel& kernel) {
  bool plain = true;
  for_each_stmt(kernel.body, [&](const Stmt& stmt) {
    const bool serial = stmt.kind != StmtKind::kFor || (stmt.loop == LoopKind::kSerial && !stmt.limit);
    const bool registers =
        stmt.kind != StmtKind::kAlloc || kernel.buffers[stmt.buffer.index].scope == Scope::kRegister;
    plain = plain && serial && registers && stmt.kind != StmtKind::kBarrier && stmt.kind != StmtKind::kIf;
  });
  return plain;
}

}  // namespace

std::vector<Stmt> when(ExprId condition, std::vector<Stmt> body) {
  if (!condition || body.empty()) return body;
  std::vector<Stmt> result;
  result.push_back(Stmt::make_if(condition, std::move(body)));
  return result;
}

void append(std::vector<Stmt>& into, std::vector<Stmt> from) {
  std::move(from.begin(), from.end(), std::back_inserter(into));
}

GpuScheduler::GpuScheduler(Kernel& kernel, const Target& target, bool joins)
    : kernel_(kernel), exprs_(kernel.exprs), target_(target), joins_(joins) {
  thread_ = exprs_.new_var("t", target.block_threads);
}

bool GpuScheduler::schedule() {
  if (!is_unscheduled(kernel_) || !has_loop(kernel_.body)) return false;
  std::vector<Stmt> body, rest;
  for (Stmt& stmt : kernel_.body) {
    const bool let = stmt.kind == StmtKind::kLet && rest.empty();
    (let ? body : rest).push_back(std::move(stmt));
  }
  for (const Stmt& let : body) remember_loads(let.value);

  // The grid variable is made when its extent is known, the body before that: it refers to this one.
  block_ = exprs_.new_var("g", INT32_MAX);
  std::optional<Band> band;
  if (rest.size() == 1 && rest[0].kind == StmtKind::kFor) {
    band = peel(rest[0]);
    const auto folds = carried(kernel_, band->body);
    if (size(band->vars) == 0 || !folds) return false;
    if (!folds->empty()) band.reset();
  }
  if (!band) {
    append(body, whole(std::move(rest)));
  } else if (!has_loop(band->body)) {
    append(body, map(std::move(*band)));
  } else if (auto tiles = contraction(*band)) {
    append(body, std::move(*tiles));
  } else {
    append(body, rows(std::move(*band)));
  }
  if (!understood_) return false;
  unroll(body);

  const VarId block = exprs_.new_var("g", blocks_);
  substitute(exprs_, body, {{block_.index, blocks_ == 1 ? exprs_.index(0) : exprs_.var(block)}});
  const auto wrap = [&](auto&& make) {
    std::vector<Stmt> wrapped;
    wrapped.push_back(make(std::move(body)));
    body = std::move(wrapped);
  };
  wrap(
      [&](auto b) { return Stmt::make_for(thread_, target_.block_threads, LoopKind::kBlock, std::move(b)); });
  for (const BufferId buffer : shared_) wrap([&](auto b) { return Stmt::make_alloc(buffer, std::move(b)); });
  wrap([&](auto b) { return Stmt::make_for(block, blocks_, LoopKind::kGrid, std::move(b)); });
  kernel_.body = std::move(body);
  return true;
}

std::int64_t GpuScheduler::size(const std::vector<VarId>& vars) const {
  std::int64_t product = 1;
  for (const VarId var : vars) product *= exprs_.var_extent(var);
  return product;
}

void GpuScheduler::flatten(const std::vector<VarId>& vars, ExprId position,
                           std::unordered_map<std::uint32_t, ExprId>& values) {
  for (std::size_t i = vars.size(); i-- > 0;) {
    const std::int64_t extent = exprs_.var_extent(vars[i]);
    // Positions beyond the end are never used, so the outermost digit needs no remainder.
    values[vars[i].index] = i == 0 ? position : exprs_.rem(position, extent);
    if (i > 0) position = exprs_.div(position, extent);
  }
}

ExprId GpuScheduler::guarded(ExprId id, ExprId guard) {
  if (!guard) return id;
  Rewriter rewriter(exprs_, [&](ExprId at) {
    const Expr expr = exprs_[at];
    if (expr.kind != ExprKind::kLoad || expr.buffer.index >= kernel_.argument_count) return ExprId{};
    return exprs_.load(expr.buffer, expr.dtype, rewriter(expr.args[0]),
                       exprs_.both(expr.args[1] ? rewriter(expr.args[1]) : ExprId{}, guard));
  });
  return rewriter(id);
}

ExprId GpuScheduler::grid_position(std::int64_t per_block, ExprId in_block) {
  return blocks_ == 1 ? in_block : exprs_.add(exprs_.mul(exprs_.var(block_), per_block), in_block);
}

BufferId GpuScheduler::shared(const std::string& name, DType dtype, std::int64_t elements) {
  const std::string numbered = shared_.empty() ? name : name + std::to_string(shared_.size());
  shared_.push_back(kernel_.add_buffer(numbered, {dtype, {elements}, {}}, Scope::kShared));
  return shared_.back();
}

}  // namespace adze::loop
