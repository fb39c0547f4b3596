#include "passes/schedule_gpu.h"

#include "passes/schedule/gpu_ordered.h"
#include "passes/schedule/gpu_scheduler.h"

namespace adze {

using loop::ExprId;
using loop::LoopKind;
using loop::ScalarOp;
using loop::Stmt;
using loop::VarId;

loop::Kernel on_one_thread(loop::Kernel kernel, const Target& target) {
  loop::Exprs& exprs = kernel.exprs;
  const VarId block = exprs.new_var("g", 1), thread = exprs.new_var("t", target.block_threads);
  const ExprId first = exprs.apply(ScalarOp::eq, {exprs.var(thread), exprs.index(0)});
  std::vector<Stmt> body;
  body.push_back(Stmt::make_if(first, std::move(kernel.body)));
  const auto wrap = [&](VarId var, LoopKind kind) {
    std::vector<Stmt> wrapped;
    wrapped.push_back(Stmt::make_for(var, exprs.var_extent(var), kind, std::move(body)));
    body = std::move(wrapped);
  };
  wrap(thread, LoopKind::kBlock);
  wrap(block, LoopKind::kGrid);
  kernel.body = std::move(body);
  kernel.schedule.push_back("one thread");
  return kernel;
}

loop::Kernel schedule_gpu(loop::Kernel kernel, const Target& target) {
  if (kernel.ordered) return loop::spread_parallel(std::move(kernel), target);
  // Where many folds want to join warps, shared memory may not do.
  for (const bool joins : {true, false}) {
    loop::Kernel scheduled = kernel;
    if (!loop::GpuScheduler(scheduled, target, joins).schedule()) break;
    if (loop::scratch_bytes(scheduled) <= target.shared_bytes) return scheduled;
  }
  return on_one_thread(std::move(kernel), target);
}

}  // namespace adze
