#include "passes/ad/split.h"

#include "passes/ad/ad.h"
#include "passes/ad/linearize.h"
#include "passes/simplify_control.h"

namespace adze {
namespace {

/// A derivative under separation. Values are those of `joint_`: primals, and tangents from `first_tangent_`
/// on among its parameters.
class Splitter {
 public:
  Splitter(const Graph& joint, std::size_t primal_parameters, std::size_t result_count,
           const std::function<bool(const Graph&, const Node&)>& may_save)
      : joint_(joint),
        primal_parameters_(primal_parameters),
        result_count_(result_count),
        may_save_(may_save),
        linear_(joint.values().size()),
        residual_(joint.values().size()),
        again_(joint.values().size()) {
    for (std::size_t i = primal_parameters; i < joint.parameters().size(); ++i)
      linear_[joint.parameters()[i].value.index] = true;
    std::vector<bool> constant(joint.values().size());
    for (const Node& node : joint.nodes()) {
      bool linear = false, is_constant = node.op->pattern != OpPattern::kCollective;
      for (const ValueId operand : node.operands) {
        linear = linear || linear_[operand.index];
        is_constant = is_constant && constant[operand.index];
      }
      for (std::uint32_t k = 0; k < node.result_count; ++k) {
        linear_[node.result_at(k).index] = linear;
        constant[node.result_at(k).index] = is_constant;
      }
    }
    choose_residuals(constant);
  }

  Graph primal() const {
    GraphBuilder builder;
    builder.set_name(joint_.name());
    std::vector<ValueId> value_of(joint_.values().size());
    for (std::size_t i = 0; i < primal_parameters_; ++i) copy_parameter(builder, i, value_of);
    for (const Node& node : joint_.nodes())
      if (!linear_[node.result.index]) copy_node(builder, node, value_of);
    std::vector<ValueId> results;
    for (std::size_t i = 0; i < result_count_; ++i) results.push_back(value_of[joint_.results()[i].index]);
    for (std::uint32_t v = 0; v < residual_.size(); ++v)
      if (residual_[v]) results.push_back(value_of[v]);
    return rewrite(builder.finish(std::move(results)));
  }

  Graph tangent() const {
    GraphBuilder builder;
    builder.set_name(joint_.name());
    std::vector<ValueId> value_of(joint_.values().size());
    for (std::uint32_t v = 0; v < residual_.size(); ++v)
      if (residual_[v]) value_of[v] = builder.parameter(joint_.type({v}));
    for (std::size_t i = primal_parameters_; i < joint_.parameters().size(); ++i)
      copy_parameter(builder, i, value_of);
    for (const Node& node : joint_.nodes())
      if (linear_[node.result.index] || again_[node.result.index]) copy_node(builder, node, value_of);
    std::vector<ValueId> results;
    for (std::size_t i = result_count_; i < joint_.results().size(); ++i)
      results.push_back(value_of[joint_.results()[i].index]);
    return rewrite(builder.finish(std::move(results)));
  }

 private:
  void copy_parameter(GraphBuilder& builder, std::size_t i, std::vector<ValueId>& value_of) const {
    const Parameter& parameter = joint_.parameters()[i];
    value_of[parameter.value.index] =
        builder.parameter(joint_.type(parameter.value), parameter.name, parameter.location);
  }

  /// Results that are known already (residuals) are kept.
  void copy_node(GraphBuilder& builder, const Node& node, std::vector<ValueId>& value_of) const {
    std::vector<ValueId> operands;
    for (const ValueId operand : node.operands) operands.push_back(value_of[operand.index]);
    const ValueList results = builder.emit_multi(*node.op, std::move(operands), node.attrs, node.location);
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      ValueId& value = value_of[node.result_at(k).index];
      if (!value) value = results[k];
    }
  }

  /// One reverse loop: what linear nodes read, and what is computed again for them, must be there.
  void choose_residuals(const std::vector<bool>& constant) {
    const std::vector<bool> live = live_values(joint_);
    std::vector<bool> needed(joint_.values().size());
    const auto need_operands = [&](const Node& node) {
      for (const ValueId operand : node.operands)
        if (!linear_[operand.index]) needed[operand.index] = true;
    };
    // A rule may give a tangent that does not depend on the tangents: an instantiated zero.
    for (std::size_t k = result_count_; k < joint_.results().size(); ++k)
      if (!linear_[joint_.results()[k].index]) needed[joint_.results()[k].index] = true;
    for (std::size_t n = joint_.nodes().size(); n-- > 0;) {
      const Node& node = joint_.nodes()[n];
      if (linear_[node.result.index]) {
        bool is_live = false;
        for (std::uint32_t k = 0; k < node.result_count; ++k)
          is_live = is_live || live[node.result_at(k).index];
        if (is_live) need_operands(node);
        continue;
      }
      bool wanted = false;
      for (std::uint32_t k = 0; k < node.result_count; ++k)
        wanted = wanted || needed[node.result_at(k).index];
      if (!wanted) continue;
      if (constant[node.result.index] || (may_save_ && !may_save_(joint_, node))) {
        for (std::uint32_t k = 0; k < node.result_count; ++k) again_[node.result_at(k).index] = true;
        need_operands(node);
        continue;
      }
      for (std::uint32_t k = 0; k < node.result_count; ++k)
        residual_[node.result_at(k).index] = needed[node.result_at(k).index];
    }
    for (std::size_t i = 0; i < primal_parameters_; ++i) {
      const std::uint32_t v = joint_.parameters()[i].value.index;
      residual_[v] = needed[v];
    }
  }

  const Graph& joint_;
  std::size_t primal_parameters_, result_count_;
  const std::function<bool(const Graph&, const Node&)>& may_save_;
  std::vector<bool> linear_, residual_, again_;
};

}  // namespace

SplitDerivative split_derivative(const Graph& graph, const std::vector<bool>& active,
                                 const std::function<bool(const Graph&, const Node&)>& may_save) {
  Derivative derivative(graph, active);
  const Linearized& linearized = derivative.linearized;
  SplitDerivative split;
  std::vector<ValueId> results = linearized.results;
  for (const ValueId tangent : linearized.tangents) {
    split.has_tangent.push_back(static_cast<bool>(tangent));
    if (tangent) results.push_back(tangent);
  }
  const Graph joint = derivative.builder.finish(std::move(results));
  check_separable(joint, graph.parameters().size(), graph.results().size());
  const Splitter splitter(joint, graph.parameters().size(), graph.results().size(), may_save);
  split.primal = simplify_control(splitter.primal());
  split.tangent = simplify_control(splitter.tangent());
  return split;
}

}  // namespace adze
