#pragma once

#include "ir/graph.h"

namespace adze {

/// Folds transposes, and reshapes that only add or drop dims of size 1, into the dimension numbers of
/// dot_general: those of its operands, and a transpose of its result where swapped operands give that order.
/// Composes movement ops and moves transposes and such reshapes through broadcasts to their sources. A
/// transpose after an elementwise op stays. Results keep their bits. Before: a verified graph. After: the
/// same function of the same parameters.
Graph fold_layout(const Graph& graph);

}  // namespace adze
