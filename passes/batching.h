#pragma once

#include <string>
#include <vector>

#include "ir/op.h"

namespace adze {

/// vmap of a graph: one forward loop that calls OpDef::batch where an operand is batched. `batched`: for each
/// parameter, does it carry a batch of `size` as dim 0? `want_batched`: results that must carry it whether
/// they depend on the batch or not (empty: none must). `axis_name`: what collectives call the batch; those of
/// other axes stay. What depends on no batched value is computed once. Throws CompileError where an op has no
/// rule, TypeError for a batch size below 0.
BatchedGraph batch_graph(const Graph& graph, const std::vector<bool>& batched, std::int64_t size,
                         const std::string& axis_name = {}, const std::vector<bool>& want_batched = {});

/// Throws CompileError where a collective is left over that no vmap replaced, also in subgraphs.
void check_axes_bound(const Graph& graph);

}  // namespace adze
