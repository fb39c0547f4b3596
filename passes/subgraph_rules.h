#pragma once

#include "ir/op.h"

namespace adze {

/// Differentiation, transposition and batching of subgraphs, for the rules of ops that carry some.
const SubgraphRules& subgraph_rules();

}  // namespace adze
