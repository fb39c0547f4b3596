#include "passes/schedule_cpu.h"

#include <algorithm>

#include "passes/expand_math.h"
#include "passes/loop_rewrite.h"
#include "passes/schedule/cpu_scheduler.h"

namespace adze {
namespace {

using loop::Expr;
using loop::ExprId;
using loop::ExprKind;
using loop::ScalarOp;
using loop::Stmt;

/// Calls `visit` on every expression of the kernel's statements, once.
template <class F>
void for_each_expr(const loop::Kernel& kernel, F&& visit) {
  std::vector<bool> seen(kernel.exprs.size(), false);
  std::vector<ExprId> stack;
  for_each_stmt(kernel.body, [&](const Stmt& stmt) {
    for (const ExprId root : {stmt.index, stmt.value})
      if (root) stack.push_back(root);
    while (!stack.empty()) {
      const ExprId id = stack.back();
      stack.pop_back();
      if (seen[id.index]) continue;
      seen[id.index] = true;
      visit(id);
      for (const ExprId arg : kernel.exprs[id].args)
        if (arg) stack.push_back(arg);
    }
  });
}

}  // namespace

loop::Kernel schedule_cpu(loop::Kernel kernel, const Target& target) {
  if (kernel.ordered) {
    loop::run_in_order(kernel.body);
    return kernel;
  }
  // Without the instruction a fused multiply-add is a slow call: contractions round twice instead.
  if (!target.has_fma) {
    loop::Rewriter unfuse(kernel.exprs, [&](ExprId id) -> ExprId {
      const Expr expr = kernel.exprs[id];
      if (expr.kind != ExprKind::kScalar || expr.op != ScalarOp::fma) return {};
      const ExprId product = kernel.exprs.apply(ScalarOp::mul, {unfuse(expr.args[0]), unfuse(expr.args[1])});
      return kernel.exprs.apply(ScalarOp::add, {unfuse(expr.args[2]), product});
    });
    rewrite_exprs(kernel.body, [&](ExprId id) { return unfuse(id); });
  }

  bool has_calls = false;
  std::size_t widest = 4;
  for_each_expr(kernel, [&](ExprId id) {
    const Expr& expr = kernel.exprs[id];
    if (expr.kind == ExprKind::kScalar && calls_libm(expr.op, expr.dtype))
      has_calls = has_calls || !can_expand(expr.op, expr.dtype);
    if (!is_index(kernel.exprs, id)) widest = std::max(widest, byte_size(expr.dtype));
  });
  for (const loop::Buffer& buffer : kernel.buffers) widest = std::max(widest, byte_size(buffer.type.dtype));
  if (has_calls) {
    kernel.schedule.push_back("scalar: calls libm");
    return kernel;
  }
  // The widest elements decide, so that all vectors of one loop have the same number of lanes.
  const std::int64_t lanes = target.vector_bytes / static_cast<std::int64_t>(widest);
  if (lanes < 2) return kernel;
  kernel.body = loop::CpuScheduler(kernel, target, lanes).schedule(std::move(kernel.body));
  return kernel;
}

}  // namespace adze
