#include "passes/ad/transpose.h"

#include <algorithm>

#include "ir/op.h"
#include "ir/text.h"
#include "passes/subgraph_rules.h"

namespace adze {
namespace {

/// One transposition: the state of its forward and its reverse loop. All maps are by value id of `graph_`.
class Transposition {
 public:
  Transposition(GraphBuilder& builder, const Graph& graph, std::span<const ValueId> arguments)
      : builder_(builder),
        graph_(graph),
        linear_(graph.values().size()),
        mapped_(graph.values().size()),
        cotangent_(graph.values().size()) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const ValueId parameter = graph.parameters()[i].value;
      mapped_[parameter.index] = arguments[i];
      linear_[parameter.index] = !arguments[i];
    }
  }

  void emit_nonlinear_nodes() {
    const std::vector<bool> live = live_values(graph_);
    for (const Node& node : graph_.nodes()) {
      const bool linear = std::any_of(node.operands.begin(), node.operands.end(),
                                      [&](ValueId id) { return linear_[id.index]; });
      bool needed = false;
      for (std::uint32_t k = 0; k < node.result_count; ++k) {
        linear_[node.result_at(k).index] = linear;
        needed = needed || live[node.result_at(k).index];
      }
      if (linear || !needed) continue;
      const ValueList results = builder_.emit_multi(*node.op, map(node.operands), node.attrs, node.location);
      for (std::uint32_t k = 0; k < node.result_count; ++k) mapped_[node.result_at(k).index] = results[k];
    }
  }

  void transpose_linear_nodes() {
    for (std::size_t i = graph_.nodes().size(); i-- > 0;) {
      const Node& node = graph_.nodes()[i];
      if (linear_[node.result.index]) transpose_node(node);
    }
  }

  void accumulate(ValueId value, ValueId cotangent) {
    if (!cotangent) return;
    ADZE_CHECK(
        builder_.type(cotangent) == graph_.type(value),
        "a cotangent of type " + to_string(builder_.type(cotangent)) + " for " + describe(graph_, value));
    ValueId& sum = cotangent_[value.index];
    sum = sum ? builder_.emit(op_add, {sum, cotangent}) : cotangent;
  }

  bool is_linear(ValueId value) const { return linear_[value.index]; }
  ValueId mapped(ValueId value) const { return mapped_[value.index]; }
  ValueId cotangent(ValueId value) const { return cotangent_[value.index]; }

 private:
  std::vector<ValueId> map(std::span<const ValueId> ids) const {
    std::vector<ValueId> result;
    result.reserve(ids.size());
    for (const ValueId id : ids) result.push_back(mapped_[id.index]);
    return result;
  }

  void transpose_node(const Node& node) {
    std::vector<ValueId> cotangents;
    std::vector<TensorType> result_types, operand_types;
    bool zero = true;
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      cotangents.push_back(cotangent_[node.result_at(k).index]);
      result_types.push_back(graph_.type(node.result_at(k)));
      zero = zero && !cotangents.back();
    }
    if (zero) return;
    if (!node.op->transpose) {
      throw CompileError(
          std::string(node.op->name) +
          ": this op has no transpose rule, so it cannot be differentiated in reverse mode\n  at " +
          describe(graph_, node.result));
    }
    for (const ValueId operand : node.operands) operand_types.push_back(graph_.type(operand));

    const LocationScope scope(builder_, node.location);
    TransposeContext context(builder_, node, std::move(result_types), map(node.operands),
                             std::move(operand_types), std::move(cotangents), &subgraph_rules());
    const ValueList contributions = node.op->transpose(context);
    ADZE_CHECK(contributions.size() == node.operands.size(),
               "the transpose rule of " + std::string(node.op->name) + " must give one cotangent an operand");
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      if (is_linear(node.operands[i])) accumulate(node.operands[i], contributions[i]);
    }
  }

  GraphBuilder& builder_;
  const Graph& graph_;
  std::vector<bool> linear_;
  std::vector<ValueId> mapped_;     ///< values of the builder; kNoValue where linear
  std::vector<ValueId> cotangent_;  ///< so far; kNoValue: zero
};

}  // namespace

Transposed transpose(GraphBuilder& builder, const Graph& graph, std::span<const ValueId> arguments,
                     std::span<const ValueId> cotangents) {
  ADZE_CHECK(arguments.size() == graph.parameters().size() && cotangents.size() == graph.results().size(),
             "transpose needs one argument a parameter and one cotangent a result");
  Transposition transposition(builder, graph, arguments);
  transposition.emit_nonlinear_nodes();
  for (std::size_t i = 0; i < cotangents.size(); ++i) {
    const ValueId result = graph.results()[i];
    if (transposition.is_linear(result)) transposition.accumulate(result, cotangents[i]);
  }
  transposition.transpose_linear_nodes();

  Transposed transposed;
  for (const ValueId result : graph.results()) transposed.results.push_back(transposition.mapped(result));
  for (const Parameter& parameter : graph.parameters()) {
    transposed.cotangents.push_back(transposition.cotangent(parameter.value));
  }
  return transposed;
}

}  // namespace adze
