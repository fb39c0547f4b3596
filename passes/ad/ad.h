#pragma once

#include <vector>

#include "ir/graph.h"

namespace adze {

/// Forward mode. Parameters: those of `graph`, then one tangent for each i with active[i], in order.
/// Results: those of `graph`, then a tangent for each result of float dtype (zeros where nothing depends on
/// an active parameter). Throws CompileError when an op has no rule, or an active parameter is not float.
Graph jvp_graph(const Graph& graph, const std::vector<bool>& active);

/// Reverse mode: linearize, then transpose. Parameters: those of `graph`, then one cotangent for each result
/// of float dtype, in order. Results: those of `graph`, then one cotangent for each active parameter. The
/// primal part is shared, and pruned to what is needed.
Graph vjp_graph(const Graph& graph, const std::vector<bool>& active);

/// Parameters: those of `graph`. Results: the value (if `with_value`), the graph's further results
/// (auxiliary), then the gradient of result 0, which must be a float scalar (TypeError otherwise), for each
/// active parameter.
Graph gradient_graph(const Graph& graph, const std::vector<bool>& active, bool with_value);

}  // namespace adze
