#include "passes/ad/linearize.h"

#include <algorithm>

#include "ir/control_flow.h"
#include "ir/op.h"
#include "ir/text.h"
#include "passes/subgraph_rules.h"

namespace adze {
namespace {

std::vector<ValueId> map_values(const std::vector<ValueId>& map, std::span<const ValueId> ids) {
  std::vector<ValueId> mapped;
  mapped.reserve(ids.size());
  for (const ValueId id : ids) mapped.push_back(map[id.index]);
  return mapped;
}

bool any(std::span<const ValueId> ids) {
  return std::any_of(ids.begin(), ids.end(), [](ValueId id) { return static_cast<bool>(id); });
}

/// The tangents of a node's results. `primals`, `outputs` and `tangents` are values of the builder; the rule
/// may put others in the place of `outputs`.
ValueList derive(GraphBuilder& builder, const Graph& graph, const Node& node,
                 const std::vector<ValueId>& primals, ValueList& outputs,
                 const std::vector<ValueId>& tangents) {
  std::vector<TensorType> result_types;
  for (const ValueId output : outputs) result_types.push_back(builder.type(output));

  if (node.op->jvp) {
    JvpContext context(builder, node, std::move(result_types), primals, outputs, tangents, &subgraph_rules());
    ValueList derived = node.op->jvp(context);
    outputs = context.outputs();
    return derived;
  }
  if (node.op->traits.linear) {
    std::vector<ValueId> operands = tangents;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (!operands[i]) operands[i] = builder.full(TensorType(builder.type(primals[i])), 0);
    }
    return builder.emit_multi(*node.op, std::move(operands), node.attrs);
  }
  throw CompileError(std::string(node.op->name) + ": this op has no derivative rule\n  at " +
                     describe(graph, node.result));
}

}  // namespace

Linearized linearize(GraphBuilder& builder, const Graph& graph, std::span<const ValueId> primals,
                     std::span<const ValueId> tangents) {
  ADZE_CHECK(primals.size() == graph.parameters().size() && tangents.size() == primals.size(),
             "linearize needs one primal and one tangent a parameter");
  std::vector<ValueId> primal_of(graph.values().size());
  std::vector<ValueId> tangent_of(graph.values().size());
  for (std::size_t i = 0; i < primals.size(); ++i) {
    const ValueId parameter = graph.parameters()[i].value;
    primal_of[parameter.index] = primals[i];
    tangent_of[parameter.index] = tangents[i];
  }

  const std::vector<bool> live = live_values(graph);
  for (const Node& node : graph.nodes()) {
    bool needed = false;
    bool has_float_result = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      const ValueId result = node.result_at(k);
      needed = needed || live[result.index];
      has_float_result = has_float_result || is_float(graph.type(result).dtype);
    }
    if (!needed) continue;

    const LocationScope scope(builder, node.location);
    const std::vector<ValueId> operands = map_values(primal_of, node.operands);
    ValueList outputs = builder.emit_multi(*node.op, operands, node.attrs);
    const auto set_outputs = [&] {
      for (std::uint32_t k = 0; k < node.result_count; ++k) primal_of[node.result_at(k).index] = outputs[k];
    };
    set_outputs();

    const std::vector<ValueId> operand_tangents = map_values(tangent_of, node.operands);
    if (!has_float_result || node.op->traits.zero_derivative || !any(operand_tangents)) continue;
    const ValueList derived = derive(builder, graph, node, operands, outputs, operand_tangents);
    set_outputs();
    ADZE_CHECK(derived.size() == node.result_count,
               "the jvp rule of " + std::string(node.op->name) + " must give one tangent a result");
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      const ValueId result = node.result_at(k);
      if (!derived[k] || !is_float(graph.type(result).dtype)) continue;
      ADZE_CHECK(builder.type(derived[k]) == graph.type(result),
                 "the jvp rule of " + std::string(node.op->name) + " gave a tangent of type " +
                     to_string(builder.type(derived[k])) + " for " + describe(graph, result));
      tangent_of[result.index] = derived[k];
    }
  }
  return {map_values(primal_of, graph.results()), map_values(tangent_of, graph.results())};
}

Derivative::Derivative(const Graph& graph, const std::vector<bool>& active) {
  builder.set_name(graph.name());
  std::vector<ValueId> primals, tangents(active.size());
  for (const Parameter& parameter : graph.parameters())
    primals.push_back(builder.parameter(graph.type(parameter.value), parameter.name, parameter.location));
  for (std::size_t i = 0; i < active.size(); ++i)
    if (active[i]) tangents[i] = builder.parameter(graph.type(graph.parameters()[i].value));
  linearized = linearize(builder, graph, primals, tangents);
}

void check_separable(const Graph& joint, std::size_t first_tangent, std::size_t count) {
  std::vector<bool> depends(joint.values().size());
  for (std::size_t i = first_tangent; i < joint.parameters().size(); ++i)
    depends[joint.parameters()[i].value.index] = true;
  for (const Node& node : joint.nodes()) {
    const bool any = std::any_of(node.operands.begin(), node.operands.end(),
                                 [&](ValueId operand) { return depends[operand.index]; });
    for (std::uint32_t k = 0; k < node.result_count; ++k) depends[node.result_at(k).index] = any;
  }
  for (std::size_t i = 0; i < count; ++i)
    if (depends[joint.results()[i].index]) fail_reverse_while();
}

}  // namespace adze
