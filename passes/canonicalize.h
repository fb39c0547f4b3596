#pragma once

#include "ir/graph.h"

namespace adze {

/// Folds constants and identities (OpDef::fold), drops stop_gradient, computes on the sources of broadcasts
/// rather than on the copies, turns division by powers of two into multiplication, simplifies loops and
/// branches (simplify_control), removes dead and duplicate nodes. To a bounded
/// fixpoint. Float results keep their bits, but for sums: a sum of sums is taken in one, and a sum of n
/// copies is a product with n. Before: a verified graph that will not be differentiated again. After: the
/// same function of the same parameters.
Graph canonicalize(const Graph& graph);

}  // namespace adze
