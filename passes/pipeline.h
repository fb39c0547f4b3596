#pragma once

#include <vector>

#include "ir/graph.h"
#include "ir/loop_ir.h"
#include "passes/compile_context.h"
#include "passes/fusion.h"
#include "passes/memory_plan.h"
#include "passes/plan_transfers.h"

namespace adze {

/// Every level of one compilation, kept for inspection.
struct Lowered {
  Graph graph;                      ///< after the graph passes
  std::vector<KernelGroup> groups;  ///< in execution order
  MemoryPlan plan;
  loop::Program program;                ///< scheduled, math expanded: what a back end prints
  std::vector<TransferStep> transfers;  ///< for a GPU: what a run does, the launch and all around it
};

/// The levels a function passes through on its way down.
enum class Level { kGraph, kGroups, kPlan, kLoops };

/// Runs the pipeline for the context's target: canonicalize, fold_layout, canonicalize, fuse, order_kernels,
/// plan_memory, lower_to_loops, simplify_loops, schedule_cpu or schedule_gpu, expand_math, plan_scratch
/// (CPU), plan_phases, plan_launch and plan_transfers (GPU). Each is timed, verified after, dumped on request
/// and skipped when disabled (lower_to_loops, plan_launch and plan_transfers cannot be). `donated`: one flag
/// a parameter, or empty. Passes below `last` are not run: the inspection tool shows a level though a later
/// one may fail. A collective that no vmap replaced is a CompileError.
Lowered lower(const Graph& graph, const std::vector<bool>& donated, CompileContext& context,
              Level last = Level::kLoops);

/// Names accepted by ADZE_DISABLE.
const std::vector<std::string>& pass_names();

}  // namespace adze
