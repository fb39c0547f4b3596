#include "bench/floor.h"

#include "ir/op.h"
#include "ir/text.h"

namespace adze::bench {
namespace {

double elements(const Graph& graph, ValueId value) {
  return static_cast<double>(graph.type(value).element_count());
}

double flops_of(const Graph& graph, const Node& node) {
  if (!node.op->contract) {
    // A reduction works on what it reads, a map on what it writes; moving elements is no work.
    if (node.op->pattern == OpPattern::kReduction) return elements(graph, node.operands[0]);
    return node.op->pattern == OpPattern::kElementwise ? elements(graph, node.result) : 0;
  }
  double products = elements(graph, node.result);
  for (const std::int64_t dim : node.op->contract(node.attrs).lhs_contract) {
    products *= static_cast<double>(graph.type(node.operands[0]).shape[static_cast<std::size_t>(dim)]);
  }
  return 2 * products;
}

}  // namespace

Work work_of(const std::string& text) {
  const Graph graph = parse_graph(text);
  Work work;
  for (const Parameter& parameter : graph.parameters()) {
    work.bytes += static_cast<double>(graph.type(parameter.value).byte_size());
  }
  for (const ValueId result : graph.results())
    work.bytes += static_cast<double>(graph.type(result).byte_size());
  for (const Node& node : graph.nodes()) work.flops += flops_of(graph, node);
  return work;
}

}  // namespace adze::bench
