#pragma once

#include "ir/graph.h"

namespace adze {

/// Folds constants and identities (OpDef::fold), removes dead and duplicate nodes. To a bounded fixpoint.
Graph canonicalize(const Graph& graph);

}  // namespace adze
