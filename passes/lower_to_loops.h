#pragma once

#include <vector>

#include "ir/loop_ir.h"
#include "passes/fusion.h"
#include "passes/memory_plan.h"

namespace adze {

/// One group as an unscheduled kernel: serial loops over the output space, index maps turned into addresses,
/// elementwise bodies inlined, reductions and contractions accumulating into registers. Target-independent.
/// Arguments: the group's inputs, then its outputs, each a row-major buffer. In one iteration all loads come
/// before the stores, and with several outputs every element is stored after all reads at its index.
///
/// Every serial loop is parallel (its iterations touch different elements and may run in any order), save
/// those that accumulate into a register buffer allocated outside of them.
loop::Kernel lower_group(const KernelGroup& group, std::string name);

/// All groups, equal kernels shared, calls in order with their places from the plan (copies at the end).
loop::Program lower_to_loops(const Graph& graph, const std::vector<KernelGroup>& groups,
                             const MemoryPlan& plan);

}  // namespace adze
