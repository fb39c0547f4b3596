#pragma once

#include <span>
#include <vector>

#include "ir/graph_builder.h"
#include "ir/literal.h"
#include "ir/op.h"

namespace adze {

/// The results of one application of `op`: OpDef::eval, or OpDef::scalar run over the elements where there is
/// none. The operands have passed infer_types, which gave `result_types`.
std::vector<Literal> evaluate(const OpDef& op, const Attrs& attrs, std::span<const Literal* const> operands,
                              std::span<const TensorType> result_types);

/// What GraphBuilder does with constant operands when it folds: an elementwise op of splats becomes a splat,
/// and an op of small constants (at most 64 elements) a constant. Splats stay splats, and iota stays iota:
/// they cost no memory. Returns no values where nothing can be done.
ValueList fold_constants(GraphBuilder& builder, const Node& node, std::span<const TensorType> result_types);

}  // namespace adze
