#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "passes/compile_context.h"

namespace adze {

enum class GroupKind {
  kLoop,  ///< elementwise and index maps only: one pass over the outputs, which have equal element counts
  kReduction,    ///< one or more reductions over the same rows, with what feeds them and what reads them
  kContraction,  ///< exactly one dot_general, with prologues on its operands and an epilogue over its result
};

/// One kernel-to-be. `body` is an ordinary graph: its parameters stand for `inputs`, its results for
/// `outputs`, all values of the whole graph. Scalar constants, iotas and their broadcasts are copied into
/// every body that uses them; larger constants are inputs.
struct KernelGroup {
  GroupKind kind = GroupKind::kLoop;
  Graph body;
  std::vector<ValueId> inputs, outputs;
};

struct FusionLimits {
  int max_ops = 256;    ///< nodes in one body
  int max_inputs = 32;  ///< arguments of one kernel
};

/// Merges producers into consumers wherever a value need not reach memory.
/// Before: a verified graph of primitives. After: groups in a valid order; every output value is made by
/// exactly one group; every result of the graph and every input of a group is a graph parameter, a
/// `constant`, or an output. kReduction bodies obey: all reductions fold axes of one common row-space shape
/// (see docs/architecture.md), so that a row can be finished before the next is begun.
std::vector<KernelGroup> fuse(const Graph& graph, const FusionLimits& limits = {});

/// One group a live node: what `fuse` is when it is switched off. Scalar constants, iotas are still copied
/// in.
std::vector<KernelGroup> group_each_node(const Graph& graph);

/// Reorders groups to keep few bytes alive, keeping every producer before its consumers.
std::vector<KernelGroup> order_kernels(const Graph& graph, std::vector<KernelGroup> groups);

/// "group 0: contraction\n  func @... \n": the text behind --emit=groups.
std::string print(const Graph& graph, const std::vector<KernelGroup>& groups);
/// Checks the promises above; throws InternalError.
void verify(const Graph& graph, const std::vector<KernelGroup>& groups);

}  // namespace adze
