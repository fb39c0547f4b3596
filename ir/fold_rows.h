#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ir/op.h"

/// Folds with a body of rank-0 values (a monoid), written as graphs of ops over whole arrays.
namespace adze {

/// The results of `body` (see check_scalar_body) applied elementwise to `arguments`, all of `shape`.
ValueList emit_elementwise(GraphBuilder& b, const Graph& body, std::span<const ValueId> arguments,
                           const Dims& shape);

/// Folds dim 0, which is not empty, of all `rows` together: neighbours are combined until one row is left, so
/// the order is kept. `combine` gets as many values as there are rows, twice.
std::vector<ValueId> emit_fold(
    GraphBuilder& b, std::vector<ValueId> rows,
    const std::function<std::vector<ValueId>(std::vector<ValueId>, std::vector<ValueId>)>& combine);

/// The operand with `first`, of rank 0, in front of what is to be folded, as rows [1 + folded, kept...].
ValueId emit_rows(GraphBuilder& b, ValueId x, ValueId first, const Dims& axes);

/// The tangents of the fold of `operands` over `axes` from `starts`, by `body`'s derivative. Absent tangents
/// are zero, on both sides.
ValueList fold_tangents(RuleContext& c, const Graph& body, std::span<const ValueId> operands,
                        std::span<const ValueId> starts, std::span<const ValueId> operand_tangents,
                        std::span<const ValueId> start_tangents, const Dims& axes);

}  // namespace adze
