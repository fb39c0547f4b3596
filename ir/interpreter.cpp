#include "ir/interpreter.h"

#include "ir/evaluate.h"

namespace adze {

namespace {

void check_arguments(const Graph& graph, std::span<const Literal> arguments) {
  const auto parameters = graph.parameters();
  if (arguments.size() != parameters.size()) {
    throw RuntimeError(graph.name() + ": takes " + std::to_string(parameters.size()) + " arguments, got " +
                       std::to_string(arguments.size()));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const TensorType& expected = graph.type(parameters[i].value);
    if (arguments[i].type() == expected) continue;
    const std::string& name = parameters[i].name;
    throw RuntimeError(graph.name() + ": argument " + std::to_string(i) +
                       (name.empty() ? "" : " (" + name + ")") + " must be " + to_string(expected) +
                       ", got " + to_string(arguments[i].type()));
  }
}

/// For each node, the values no later node and no result reads.
std::vector<std::vector<ValueId>> last_reads(const Graph& graph, const std::vector<bool>& live) {
  std::vector<bool> read(graph.values().size());
  for (const ValueId result : graph.results()) read[result.index] = true;
  std::vector<std::vector<ValueId>> dies(graph.nodes().size());
  for (std::size_t n = graph.nodes().size(); n-- > 0;) {
    const Node& node = graph.nodes()[n];
    if (!live[node.result.index]) continue;
    for (const ValueId operand : node.operands) {
      if (!read[operand.index]) dies[n].push_back(operand);
      read[operand.index] = true;
    }
  }
  return dies;
}

}  // namespace

std::vector<Literal> interpret(const Graph& graph, std::span<const Literal> arguments) {
  check_arguments(graph, arguments);
  std::vector<bool> live = live_values(graph);
  for (const Node& node : graph.nodes()) {  // a node is needed where any of its results is
    bool needed = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) needed = needed || live[node.result_at(k).index];
    live[node.result.index] = needed;
  }
  const std::vector<std::vector<ValueId>> dies = last_reads(graph, live);

  std::vector<Literal> computed(graph.values().size());
  std::vector<const Literal*> values(graph.values().size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    values[graph.parameters()[i].value.index] = &arguments[i];
  }
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    if (!live[node.result.index]) continue;
    std::vector<const Literal*> operands;
    for (const ValueId operand : node.operands) operands.push_back(values[operand.index]);
    std::vector<TensorType> types;
    for (std::uint32_t k = 0; k < node.result_count; ++k) types.push_back(graph.type(node.result_at(k)));
    std::vector<Literal> results = evaluate(*node.op, node.attrs, operands, types);
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      const std::uint32_t index = node.result_at(k).index;
      computed[index] = std::move(results[k]);
      values[index] = &computed[index];
    }
    for (const ValueId dead : dies[n]) {
      if (!graph.is_parameter(dead)) computed[dead.index] = Literal();
    }
  }
  std::vector<Literal> results;
  for (const ValueId result : graph.results()) results.push_back(*values[result.index]);
  return results;
}

}  // namespace adze
