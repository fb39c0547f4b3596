#pragma once

#include <functional>

#include "ir/graph.h"

namespace adze {

/// `graph` with each subgraph of its live nodes replaced by what `pass` makes of it; subgraphs of subgraphs
/// are the business of `pass`. Parameters and results must keep their number and types.
Graph on_subgraphs(const Graph& graph, const std::function<Graph(const Graph&)>& pass);

/// Applies a graph pass to all subgraphs, innermost first, then to the graph.
Graph on_all_graphs(const Graph& graph, Graph (*pass)(const Graph&));

/// Does a node carry subgraphs?
bool holds_subgraphs(const Node& node);

}  // namespace adze
