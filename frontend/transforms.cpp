#include "adze/transforms.h"

#include <fmt/format.h>

#include "adze/ops.h"
#include "frontend/array_state.h"
#include "passes/ad/ad.h"

namespace adze::detail {
namespace {

/// The leaves, then the captures: what the parameters of a traced graph stand for.
std::vector<Array> all_arguments(const std::vector<const Array*>& leaves,
                                 const std::vector<Array>& captures) {
  std::vector<Array> arguments;
  for (const Array* leaf : leaves) arguments.push_back(*leaf);
  arguments.insert(arguments.end(), captures.begin(), captures.end());
  return arguments;
}

/// For each parameter: is it a leaf of float dtype?
std::vector<bool> float_leaves(const Graph& graph, std::size_t leaf_count) {
  std::vector<bool> active;
  for (const Parameter& parameter : graph.parameters()) {
    active.push_back(active.size() < leaf_count && is_float(graph.type(parameter.value).dtype));
  }
  return active;
}

void check_type(const char* what, const Graph& graph, ValueId value, const std::string& name,
                const Array& derivative) {
  if (derivative.type() == graph.type(value)) return;
  throw TypeError(fmt::format("{} of {} must be {}, got {}", what, name, to_string(graph.type(value)),
                              to_string(derivative.type())));
}

}  // namespace

std::vector<Array> evaluate_traced(const TracedGraph& traced, const std::vector<const Array*>& leaves) {
  return evaluate(*traced.graph, all_arguments(leaves, traced.captures));
}

std::vector<Array> evaluate_gradient(const TracedGraph& traced, const std::vector<const Array*>& leaves,
                                     const std::vector<bool>& active, bool with_value) {
  const Graph& graph = *traced.graph;
  const TensorType& value = graph.type(graph.results()[0]);
  if (!is_float(value.dtype) || !value.shape.empty()) {
    throw TypeError(fmt::format("grad: the function must return a float scalar, got {}", to_string(value)));
  }
  for (std::size_t i = 0; i < active.size(); ++i) {
    const Parameter& parameter = graph.parameters()[i];
    if (active[i] && !is_float(graph.type(parameter.value).dtype)) {
      throw CompileError(fmt::format("grad: {} is {}; only float Arrays have gradients", parameter.name,
                                     to_string(graph.type(parameter.value))));
    }
  }
  std::vector<bool> all_active = active;
  all_active.resize(graph.parameters().size(), false);
  return evaluate(gradient_graph(graph, all_active, with_value), all_arguments(leaves, traced.captures));
}

std::pair<std::vector<Array>, std::vector<Array>> evaluate_jvp(const TracedGraph& traced,
                                                               const std::vector<const Array*>& primals,
                                                               const std::vector<const Array*>& tangents) {
  const Graph& graph = *traced.graph;
  const std::vector<bool> active = float_leaves(graph, primals.size());
  std::vector<Array> arguments = all_arguments(primals, traced.captures);
  for (std::size_t i = 0; i < primals.size(); ++i) {
    if (!active[i]) continue;
    const Parameter& parameter = graph.parameters()[i];
    check_type("jvp: the tangent", graph, parameter.value, parameter.name, *tangents[i]);
    arguments.push_back(*tangents[i]);
  }
  std::vector<Array> results = evaluate(jvp_graph(graph, active), arguments);
  const std::size_t count = graph.results().size();
  std::vector<Array> values(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(count));
  std::vector<Array> derivatives;
  std::size_t next = count;
  for (const Array& value : values) {
    derivatives.push_back(is_float(value.dtype()) ? results[next++] : zeros_like(value));
  }
  return {std::move(values), std::move(derivatives)};
}

std::vector<Array> evaluate_vjp(const TracedGraph& traced, const std::vector<Array>& primals,
                                const std::vector<const Array*>& cotangents) {
  const Graph& graph = *traced.graph;
  const std::vector<bool> active = float_leaves(graph, primals.size());
  std::vector<Array> arguments = primals;
  arguments.insert(arguments.end(), traced.captures.begin(), traced.captures.end());
  for (std::size_t i = 0; i < cotangents.size(); ++i) {
    const ValueId result = graph.results()[i];
    if (!is_float(graph.type(result).dtype)) continue;
    check_type("vjp: the cotangent", graph, result, fmt::format("result {}", i), *cotangents[i]);
    arguments.push_back(*cotangents[i]);
  }
  const std::vector<Array> results = evaluate(vjp_graph(graph, active), arguments);
  // The graph gives its own results first, which the caller has already.
  std::size_t next = graph.results().size();
  std::vector<Array> gradients;
  for (std::size_t i = 0; i < primals.size(); ++i) {
    gradients.push_back(active[i] ? results[next++] : zeros_like(primals[i]));
  }
  return gradients;
}

}  // namespace adze::detail
