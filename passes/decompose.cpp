#include "passes/decompose.h"

#include <algorithm>

#include "ir/graph_builder.h"
#include "ir/op.h"
#include "passes/subgraphs.h"

namespace adze {
namespace {

bool is_composite(const Node& node) {
  return node.op->pattern == OpPattern::kComposite;
}

ValueList replacement(GraphBuilder& builder, const Graph& graph, const Node& node,
                      const std::vector<ValueId>& operands) {
  std::vector<TensorType> types;
  for (std::uint32_t k = 0; k < node.result_count; ++k) types.push_back(graph.type(node.result_at(k)));
  const LocationScope scope(builder, node.location);
  DecomposeContext context(builder, node, types, operands);
  ValueList values = node.op->decompose(context);
  ADZE_CHECK(values.size() == types.size(),
             "the decomposition of " + std::string(node.op->name) + " must give one value a result");
  for (std::size_t k = 0; k < types.size(); ++k) {
    ADZE_CHECK(builder.type(values[k]) == types[k], "the decomposition of " + std::string(node.op->name) +
                                                        " gave " + to_string(builder.type(values[k])) +
                                                        " for " + to_string(types[k]));
  }
  return values;
}

}  // namespace

Graph decompose(const Graph& graph) {
  Graph current = on_subgraphs(graph, decompose);
  while (std::any_of(current.nodes().begin(), current.nodes().end(), is_composite)) {
    current = rewrite(current,
                      [](GraphBuilder& builder, const Graph& from, const Node& node,
                         const std::vector<ValueId>& operands) -> ValueList {
                        if (!is_composite(node)) return {};
                        return replacement(builder, from, node, operands);
                      });
    current = on_subgraphs(current, decompose);
  }
  return current;
}

}  // namespace adze
