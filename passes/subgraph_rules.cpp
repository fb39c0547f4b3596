#include "passes/subgraph_rules.h"

#include "passes/ad/ad.h"
#include "passes/ad/linearize.h"
#include "passes/ad/split.h"
#include "passes/ad/transpose.h"
#include "passes/batching.h"

namespace adze {
namespace {

class Rules final : public SubgraphRules {
 public:
  Graph jvp(const Graph& graph, const std::vector<bool>& active,
            const std::vector<bool>& wanted) const override {
    Derivative derivative(graph, active);
    std::vector<ValueId> results = derivative.linearized.results;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!wanted[i]) continue;
      const ValueId tangent = derivative.linearized.tangents[i];
      results.push_back(tangent ? tangent
                                : derivative.builder.full(TensorType(graph.type(graph.results()[i])), 0));
    }
    return rewrite(derivative.builder.finish(std::move(results)));
  }

  std::vector<bool> tangent_results(const Graph& graph, const std::vector<bool>& active) const override {
    const Derivative derivative(graph, active);
    std::vector<bool> has;
    for (const ValueId tangent : derivative.linearized.tangents) has.push_back(static_cast<bool>(tangent));
    return has;
  }

  SplitDerivative linearize(const Graph& graph, const std::vector<bool>& active,
                            const std::function<bool(const Graph&, const Node&)>& may_save) const override {
    return split_derivative(graph, active, may_save);
  }

  Graph transpose(const Graph& graph, const std::vector<bool>& linear) const override {
    GraphBuilder builder;
    builder.set_name(graph.name());
    std::vector<ValueId> arguments(linear.size());
    for (std::size_t i = 0; i < linear.size(); ++i) {
      const Parameter& parameter = graph.parameters()[i];
      if (linear[i]) continue;
      arguments[i] = builder.parameter(graph.type(parameter.value), parameter.name, parameter.location);
    }
    std::vector<ValueId> cotangents;
    for (const ValueId result : graph.results()) cotangents.push_back(builder.parameter(graph.type(result)));
    const Transposed transposed = adze::transpose(builder, graph, arguments, cotangents);
    std::vector<ValueId> results;
    for (std::size_t i = 0; i < linear.size(); ++i) {
      if (!linear[i]) continue;
      const ValueId cotangent = transposed.cotangents[i];
      results.push_back(cotangent ? cotangent
                                  : builder.full(TensorType(graph.type(graph.parameters()[i].value)), 0));
    }
    return rewrite(builder.finish(std::move(results)));
  }

  BatchedGraph batch(const Graph& graph, const std::vector<bool>& batched, std::int64_t size,
                     const std::string& axis_name, const std::vector<bool>& want_batched) const override {
    return batch_graph(graph, batched, size, axis_name, want_batched);
  }
};

}  // namespace

const SubgraphRules& subgraph_rules() {
  static const Rules rules;
  return rules;
}

}  // namespace adze
