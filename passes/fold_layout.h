#pragma once

#include "ir/graph.h"

namespace adze {

/// Folds transposes and reshapes that only move or drop dims into the dimension numbers of dot_general, and
/// composes movement ops (transpose of transpose, reshape of reshape, broadcast of broadcast, transpose after
/// elementwise stays).
Graph fold_layout(const Graph& graph);

}  // namespace adze
