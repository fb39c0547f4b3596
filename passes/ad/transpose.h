#pragma once

#include <span>
#include <vector>

#include "ir/graph.h"
#include "ir/graph_builder.h"

namespace adze {

struct Transposed {
  std::vector<ValueId> results;     ///< of the graph; kNoValue for those that depend on a linear parameter
  std::vector<ValueId> cotangents;  ///< one a parameter; kNoValue: not linear, or zero
};

/// Transposes `graph` with respect to its linear parameters, those where `arguments` is kNoValue. Partial
/// evaluation is one bit a node: what depends on a linear parameter must be linear in it (linearize makes it
/// so) and is transposed, in one reverse loop that accumulates cotangents; the rest is re-emitted as it is.
/// `cotangents`: one a result, of its type; kNoValue for zero and for results that are not linear.
/// Throws CompileError where an op has no transpose rule.
Transposed transpose(GraphBuilder& builder, const Graph& graph, std::span<const ValueId> arguments,
                     std::span<const ValueId> cotangents);

}  // namespace adze
