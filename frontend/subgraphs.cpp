#include "frontend/subgraphs.h"

#include "frontend/array_state.h"
#include "frontend/emit.h"
#include "ir/graph_builder.h"

namespace adze::detail {

std::vector<Array> apply_op(const OpDef& op, const std::vector<Array>& operands, Attrs attrs,
                            const Location& at) {
  std::vector<Operand> all;
  for (const Array& operand : operands) all.emplace_back(operand, at);
  return apply_multi(op, all, std::move(attrs));
}

Captures::Captures(const std::vector<const TracedGraph*>& functions) {
  for (const TracedGraph* function : functions)
    for (const Array& array : function->captures)
      if (place(array) == arrays_.size()) arrays_.push_back(array);
}

std::size_t Captures::place(const Array& array) const {
  std::size_t i = 0;
  while (i < arrays_.size() && ArrayAccess::state(arrays_[i]) != ArrayAccess::state(array)) ++i;
  return i;
}

Graph Captures::with_parameters(const TracedGraph& function, bool captures_first) const {
  const Graph& graph = *function.graph;
  const std::size_t leaves = graph.parameters().size() - function.captures.size();
  GraphBuilder builder;
  builder.set_name(graph.name());
  std::vector<ValueId> captured(arrays_.size()), arguments(graph.parameters().size());
  const auto add_captures = [&] {
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
      std::string name;
      for (std::size_t k = 0; k < function.captures.size(); ++k)
        if (place(function.captures[k]) == i) name = graph.parameters()[leaves + k].name;
      captured[i] = builder.parameter(arrays_[i].type(), std::move(name));
    }
  };
  if (captures_first) add_captures();
  for (std::size_t i = 0; i < leaves; ++i) {
    const Parameter& parameter = graph.parameters()[i];
    arguments[i] = builder.parameter(graph.type(parameter.value), parameter.name, parameter.location);
  }
  if (!captures_first) add_captures();
  for (std::size_t k = 0; k < function.captures.size(); ++k)
    arguments[leaves + k] = captured[place(function.captures[k])];
  return builder.finish(inline_graph(builder, graph, arguments));
}

}  // namespace adze::detail
