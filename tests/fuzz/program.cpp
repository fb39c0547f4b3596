#include "tests/fuzz/program.h"

#include "ir/evaluate.h"
#include "ir/graph_builder.h"
#include "ir/interpreter.h"
#include "ir/op.h"
#include "ir/text.h"

namespace adze::fuzz {

std::string print(const Program& program) {
  GraphBuilder builder({.fold = false, .cse = false});
  builder.set_name("inputs");
  std::vector<ValueId> results;
  for (const Literal& input : program.inputs) results.push_back(builder.constant(input));
  return adze::print(program.graph) + adze::print(builder.finish(std::move(results)));
}

Program parse(const std::string& text, const std::string& file) {
  std::vector<Graph> graphs = parse_graphs(text, file);
  if (graphs.size() != 2) throw IoError(file + ": expected a function, then @inputs");
  return {graphs[0], interpret(graphs[1], {})};
}

Program excerpt(const Program& program, const std::vector<ValueId>& values, const std::vector<bool>& cut,
                const std::vector<Literal>& literals) {
  const Graph& graph = program.graph;
  std::vector<bool> needed(graph.values().size());
  for (const ValueId value : values) needed[value.index] = true;
  for (std::size_t n = graph.nodes().size(); n-- > 0;) {
    const Node& node = graph.nodes()[n];
    bool runs = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k)
      runs = runs || (needed[node.result_at(k).index] && !cut[node.result_at(k).index]);
    if (!runs) continue;
    for (const ValueId operand : node.operands) needed[operand.index] = true;
  }
  GraphBuilder builder({.fold = false, .cse = false});
  builder.set_name("minimised");
  Program result;
  std::vector<ValueId> map(graph.values().size());
  const auto as_parameter = [&](std::uint32_t value) {
    map[value] = builder.parameter(graph.values()[value].type);
    result.inputs.push_back(literals[value]);
  };
  for (std::uint32_t v = 0; v < graph.values().size(); ++v) {
    if (needed[v] && (cut[v] || graph.is_parameter({v}))) as_parameter(v);
  }
  for (const Node& node : graph.nodes()) {
    bool runs = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k)
      runs = runs || (needed[node.result_at(k).index] && !cut[node.result_at(k).index]);
    if (!runs) continue;
    std::vector<ValueId> operands;
    for (const ValueId operand : node.operands) operands.push_back(map[operand.index]);
    const ValueList emitted = builder.emit_multi(*node.op, std::move(operands), node.attrs);
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      const std::uint32_t value = node.result_at(k).index;
      if (!cut[value]) map[value] = emitted[k];
    }
  }
  std::vector<ValueId> results;
  for (const ValueId value : values) results.push_back(map[value.index]);
  result.graph = builder.finish(std::move(results));
  return result;
}

std::vector<Literal> all_values(const Program& program) {
  const Graph& graph = program.graph;
  std::vector<Literal> literals(graph.values().size());
  for (std::size_t i = 0; i < program.inputs.size(); ++i)
    literals[graph.parameters()[i].value.index] = program.inputs[i];
  for (const Node& node : graph.nodes()) {
    std::vector<const Literal*> operands;
    std::vector<TensorType> types;
    for (const ValueId operand : node.operands) operands.push_back(&literals[operand.index]);
    for (std::uint32_t k = 0; k < node.result_count; ++k) types.push_back(graph.type(node.result_at(k)));
    std::vector<Literal> results = evaluate(*node.op, node.attrs, operands, types);
    for (std::uint32_t k = 0; k < node.result_count; ++k)
      literals[node.result_at(k).index] = std::move(results[k]);
  }
  return literals;
}

}  // namespace adze::fuzz
