#include "passes/ad/ad.h"

#include <functional>

#include "ir/graph_builder.h"
#include "ir/text.h"
#include "passes/ad/linearize.h"
#include "passes/ad/transpose.h"
#include "passes/simplify_control.h"

namespace adze {
namespace {

void check_active(const Graph& graph, const std::vector<bool>& active) {
  ADZE_CHECK(active.size() == graph.parameters().size(), "differentiation needs one flag a parameter");
  for (std::size_t i = 0; i < active.size(); ++i) {
    const ValueId parameter = graph.parameters()[i].value;
    if (active[i] && !is_float(graph.type(parameter).dtype)) {
      throw CompileError("cannot differentiate with respect to " + describe(graph, parameter) +
                         ": only float parameters have derivatives");
    }
  }
}

bool is_float_result(const Graph& graph, std::size_t i) {
  return is_float(graph.type(graph.results()[i]).dtype);
}

std::vector<ValueId> copy_parameters(GraphBuilder& builder, const Graph& graph) {
  std::vector<ValueId> parameters;
  for (const Parameter& parameter : graph.parameters()) {
    parameters.push_back(builder.parameter(graph.type(parameter.value), parameter.name, parameter.location));
  }
  return parameters;
}

/// One tangent parameter for each active parameter; kNoValue for the others.
std::vector<ValueId> add_tangent_parameters(GraphBuilder& builder, const Graph& graph,
                                            const std::vector<bool>& active) {
  std::vector<ValueId> tangents(active.size());
  for (std::size_t i = 0; i < active.size(); ++i) {
    if (!active[i]) continue;
    const Parameter& parameter = graph.parameters()[i];
    tangents[i] =
        builder.parameter(graph.type(parameter.value),
                          parameter.name.empty() ? "" : parameter.name + ".tangent", parameter.location);
  }
  return tangents;
}

ValueId instantiate(GraphBuilder& builder, ValueId maybe_zero, const TensorType& type) {
  return maybe_zero ? maybe_zero : builder.full(type, 0);
}

/// The pull-back of `graph` at its parameters, emitted into a builder that holds copies of them.
struct PullBack {
  std::vector<ValueId> results;    ///< of the graph
  std::vector<ValueId> gradients;  ///< one an active parameter, zeros instantiated
};

/// `make_cotangents` emits one cotangent a result of `graph` (kNoValue: zero), after the parameters.
PullBack pull_back(GraphBuilder& builder, const Graph& graph, const std::vector<bool>& active,
                   const std::function<std::vector<ValueId>(GraphBuilder&)>& make_cotangents) {
  // The linear program: primal results first, then the tangents that are not zero.
  GraphBuilder linear_builder;
  std::vector<ValueId> primals = copy_parameters(linear_builder, graph);
  const std::vector<ValueId> tangents = add_tangent_parameters(linear_builder, graph, active);
  const Linearized linearized = linearize(linear_builder, graph, primals, tangents);
  std::vector<ValueId> linear_results = linearized.results;
  for (const ValueId tangent : linearized.tangents) {
    if (tangent) linear_results.push_back(tangent);
  }
  const Graph linear = linear_builder.finish(std::move(linear_results));
  check_separable(linear, graph.parameters().size(), graph.results().size());

  std::vector<ValueId> arguments = copy_parameters(builder, graph);
  arguments.resize(linear.parameters().size());  // the tangents: linear
  const std::vector<ValueId> result_cotangents = make_cotangents(builder);
  std::vector<ValueId> cotangents(graph.results().size());
  for (std::size_t i = 0; i < graph.results().size(); ++i) {
    if (linearized.tangents[i]) cotangents.push_back(result_cotangents[i]);
  }
  Transposed transposed = transpose(builder, linear, arguments, cotangents);

  PullBack result;
  transposed.results.resize(graph.results().size());
  result.results = std::move(transposed.results);
  for (std::size_t i = graph.parameters().size(); i < linear.parameters().size(); ++i) {
    result.gradients.push_back(
        instantiate(builder, transposed.cotangents[i], linear.type(linear.parameters()[i].value)));
  }
  return result;
}

/// Ends the graph under the name of the one it was derived from, without what its results do not need.
Graph finish_pruned(GraphBuilder& builder, const Graph& source, std::vector<ValueId> results) {
  builder.set_name(source.name());
  return simplify_control(rewrite(builder.finish(std::move(results))));
}

}  // namespace

Graph jvp_graph(const Graph& graph, const std::vector<bool>& active) {
  check_active(graph, active);
  GraphBuilder builder;
  const std::vector<ValueId> primals = copy_parameters(builder, graph);
  const std::vector<ValueId> tangents = add_tangent_parameters(builder, graph, active);
  const Linearized linearized = linearize(builder, graph, primals, tangents);
  std::vector<ValueId> results = linearized.results;
  for (std::size_t i = 0; i < graph.results().size(); ++i) {
    if (!is_float_result(graph, i)) continue;
    results.push_back(instantiate(builder, linearized.tangents[i], graph.type(graph.results()[i])));
  }
  return finish_pruned(builder, graph, std::move(results));
}

Graph vjp_graph(const Graph& graph, const std::vector<bool>& active) {
  check_active(graph, active);
  GraphBuilder builder;
  PullBack derived = pull_back(builder, graph, active, [&](GraphBuilder& b) {
    std::vector<ValueId> cotangents(graph.results().size());
    for (std::size_t i = 0; i < cotangents.size(); ++i) {
      if (is_float_result(graph, i)) cotangents[i] = b.parameter(graph.type(graph.results()[i]));
    }
    return cotangents;
  });
  std::vector<ValueId> results = std::move(derived.results);
  results.insert(results.end(), derived.gradients.begin(), derived.gradients.end());
  return finish_pruned(builder, graph, std::move(results));
}

Graph gradient_graph(const Graph& graph, const std::vector<bool>& active, bool with_value) {
  if (graph.results().empty())
    throw TypeError("grad: the function must return a float scalar, but returns nothing");
  const TensorType value_type = graph.type(graph.results()[0]);
  if (value_type.rank() != 0 || !is_float(value_type.dtype)) {
    throw TypeError("grad: the function must return a float scalar, but returns " + to_string(value_type));
  }
  check_active(graph, active);
  GraphBuilder builder;
  PullBack derived = pull_back(builder, graph, active, [&](GraphBuilder& b) {
    std::vector<ValueId> cotangents(graph.results().size());
    cotangents[0] = b.full(value_type, 1);
    return cotangents;
  });
  std::vector<ValueId> results(derived.results.begin() + (with_value ? 0 : 1), derived.results.end());
  results.insert(results.end(), derived.gradients.begin(), derived.gradients.end());
  return finish_pruned(builder, graph, std::move(results));
}

}  // namespace adze
