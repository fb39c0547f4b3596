#pragma once

#include <span>
#include <vector>

#include "ir/graph.h"
#include "ir/literal.h"

namespace adze {

/// Evaluates a graph node by node with the reference meanings: the oracle. One literal a parameter; throws
/// RuntimeError when their types differ from the graph's.
std::vector<Literal> interpret(const Graph& graph, std::span<const Literal> arguments);

}  // namespace adze
