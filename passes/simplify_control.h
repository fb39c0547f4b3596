#pragma once

#include "ir/graph.h"

namespace adze {

/// Takes out of scan, while, cond and call what does no work: results that nothing needs, with the carries
/// and operands that only they needed; carries that keep their value, ys and xs that are the same at every
/// iteration, operands and results given twice, splat constants (they move into the body), a scan of one
/// iteration or none, a cond whose index is known. Subgraphs of subgraphs, too. Derivatives of derivatives
/// rely on it: rules may emit junk. Before: a verified graph. After: the same function of the same
/// parameters.
Graph simplify_control(const Graph& graph);

}  // namespace adze
