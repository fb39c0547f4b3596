#pragma once

#include "ir/graph.h"

namespace adze {

/// Replaces every kComposite op, in subgraphs too, by the simpler ops it stands for (OpDef::decompose), until
/// none is left. After differentiation and batching, whose rules know the ops as they are; before fusion,
/// which makes kernels of what they consist of.
Graph decompose(const Graph& graph);

}  // namespace adze
