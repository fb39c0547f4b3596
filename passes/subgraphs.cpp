#include "passes/subgraphs.h"

#include <algorithm>

#include "ir/graph_builder.h"

namespace adze {

bool holds_subgraphs(const Node& node) {
  return std::any_of(node.attrs.begin(), node.attrs.end(), [](const auto& entry) {
    return std::holds_alternative<GraphRef>(entry.second) || std::holds_alternative<GraphList>(entry.second);
  });
}

Graph on_subgraphs(const Graph& graph, const std::function<Graph(const Graph&)>& pass) {
  if (std::none_of(graph.nodes().begin(), graph.nodes().end(), holds_subgraphs)) return graph;
  const auto apply = [&](const GraphRef& subgraph) { return std::make_shared<const Graph>(pass(*subgraph)); };
  return rewrite(graph,
                 [&](GraphBuilder& builder, const Graph&, const Node& node,
                     const std::vector<ValueId>& operands) -> ValueList {
                   if (!holds_subgraphs(node)) return {};
                   Attrs attrs;
                   for (const auto& [name, value] : node.attrs) {
                     if (const auto* subgraph = std::get_if<GraphRef>(&value)) {
                       attrs.set(name, apply(*subgraph));
                     } else if (const auto* subgraphs = std::get_if<GraphList>(&value)) {
                       GraphList list;
                       for (const GraphRef& each : *subgraphs) list.push_back(apply(each));
                       attrs.set(name, std::move(list));
                     } else {
                       attrs.set(name, value);
                     }
                   }
                   return builder.emit_multi(*node.op, operands, std::move(attrs), node.location);
                 });
}

Graph on_all_graphs(const Graph& graph, Graph (*pass)(const Graph&)) {
  return pass(on_subgraphs(graph, [&](const Graph& subgraph) { return on_all_graphs(subgraph, pass); }));
}

}  // namespace adze
