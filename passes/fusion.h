#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "passes/compile_context.h"

namespace adze {

/// What a kernel does, and what its lowering may rely on. Common to all kinds: start from every output at its
/// own index, follow operands, turning index maps into addresses: then each elementwise node that is not free
/// (see below) is needed at exactly one index an iteration, so inlining memoised by (value, index) computes
/// nothing twice. "Position" means row-major position: outputs may have different shapes of equal element
/// count (a reshape at the end); element p of each is computed in iteration p.
enum class GroupKind {
  /// Elementwise and index maps only. All outputs have equal element counts: one pass computes them all.
  kLoop,
  /// Row kernels. All reductions fold the same `axes` of operands of one shape S (KernelSpace). Values are
  /// - full: needed at the whole index of S; outputs with |S| elements;
  /// - row: needed at the kept dims of S only. A reduction's result is a row value, read at the current row
  ///   and nowhere else: by row values, or by full values through broadcast_in_dim (unit dims may come and go
  ///   by reshape). Outputs with |S without axes| elements;
  /// - tail: reductions that fold a row value (operand shape: S without axes) to rank 0, and the elementwise
  ///   values made from them. Only tail values read tail values: they are finished after the last row.
  ///   Outputs of one element. There is a tail only where there is more than one row.
  /// So a row can be finished before the next is begun. Full values may be needed by several sweeps of a row
  /// (softmax: max, sum, quotient): lowering keeps them in a row buffer or computes them again, as it likes.
  kReduction,
  /// Exactly one dot_general, no reduction. Epilogue: the result is read only at its own index, by
  /// elementwise values of its shape; all outputs have its element count. Prologue: operands are reached
  /// through index maps and cheap elementwise values (a handful of add/mul/compare/select-like instructions).
  kContraction,
  /// One node of pattern kLoops or kControl and nothing else. All its results are outputs, all its operands
  /// are inputs: what is free elsewhere is in memory here.
  kOpaque,
};

std::string_view to_string(GroupKind kind);  ///< "loop", "reduction", "contraction", "opaque"

/// One kernel-to-be. `body` is an ordinary graph without dead nodes: its parameters (unnamed) stand for
/// `inputs`, its results for `outputs`, all values of the whole graph, none listed twice. Free nodes are
/// copied into every body that uses them and cost no memory: scalar constants, iota, index maps with one
/// operand and no guard (broadcast, reshape, transpose, slice, reverse), rank-0 arithmetic of parameters and
/// constants (learning rates, bias corrections: lowering hoists it out of the loops), and short elementwise
/// chains of constants and iotas (masks). Larger constants are inputs.
struct Subprogram;
struct KernelGroup {
  GroupKind kind = GroupKind::kLoop;
  Graph body;
  std::vector<ValueId> inputs, outputs;
  /// Of a control op: what its subgraphs come to, in the order of ControlNode::subgraphs.
  std::vector<Subprogram> subprograms = {};
};

/// A subgraph of a control op, and its groups in a valid order.
struct Subprogram {
  GraphRef graph;
  std::vector<KernelGroup> groups;
};

/// The space a kernel iterates over.
struct KernelSpace {
  Dims shape;  ///< the outputs' (before a final reshape), S, or that of the dot_general
  Dims axes;   ///< kReduction: the folded axes of `shape`, ascending
  friend bool operator==(const KernelSpace&, const KernelSpace&) = default;
};
KernelSpace kernel_space(const KernelGroup& group);

struct FusionLimits {
  int max_ops = 256;    ///< nodes in one body
  int max_inputs = 32;  ///< arguments of one kernel
};

/// Merges producers into consumers wherever a value need not reach memory.
/// Before: a verified graph of primitives. After: groups in a valid order; every output value is made by
/// exactly one group; every result of the graph and every input of a group is a graph parameter, a
/// `constant`, or an output. Results of the graph that are parameters or constants have no group.
std::vector<KernelGroup> fuse(const Graph& graph, const FusionLimits& limits = {});

/// One group a live node: what `fuse` is when it is switched off. Only scalar constants and iotas are free.
std::vector<KernelGroup> group_each_node(const Graph& graph);

/// Reorders groups to keep few bytes alive, keeping every producer before its consumers.
std::vector<KernelGroup> order_kernels(const Graph& graph, std::vector<KernelGroup> groups);

/// "group 0: contraction\n  func @... \n": the text behind --emit=groups.
std::string print(const Graph& graph, const std::vector<KernelGroup>& groups);
/// Checks the promises above; throws InternalError.
void verify(const Graph& graph, const std::vector<KernelGroup>& groups);

}  // namespace adze
