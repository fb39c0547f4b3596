#pragma once

#include <span>
#include <vector>

#include "ir/graph.h"
#include "ir/graph_builder.h"

namespace adze {

struct Linearized {
  std::vector<ValueId> results;   ///< the primal results of the graph
  std::vector<ValueId> tangents;  ///< one a result; kNoValue: zero, or a result that is not float
};

/// Emits `graph` and its derivative along `tangents`: one forward loop over the live nodes that calls
/// OpDef::jvp where an operand has a tangent. `primals` and `tangents` stand for the parameters, one each,
/// values of `builder`; a tangent has its primal's type, kNoValue is a symbolic zero. What depends on no
/// tangent emits nothing. Derived ops carry the location of their primal. Throws CompileError where an op has
/// no rule.
Linearized linearize(GraphBuilder& builder, const Graph& graph, std::span<const ValueId> primals,
                     std::span<const ValueId> tangents);

/// A function and its derivative in a builder of their own: its parameters, then a tangent for each active
/// one.
struct Derivative {
  Derivative(const Graph& graph, const std::vector<bool>& active);
  GraphBuilder builder;
  Linearized linearized;
};

/// Before a derivative is transposed or split: do results of the function itself (the first `count` results
/// of `joint`) depend on no tangent (a parameter from `first_tangent` on)? A while computes both in one loop:
/// CompileError.
void check_separable(const Graph& joint, std::size_t first_tangent, std::size_t count);

}  // namespace adze
