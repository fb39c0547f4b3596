#include "adze/derivatives.h"

#include <fmt/format.h>

#include "adze/ops.h"
#include "frontend/subgraphs.h"
#include "ir/control_flow.h"
#include "ir/graph_builder.h"
#include "ir/op.h"
#include "passes/ad/split.h"
#include "passes/batching.h"
#include "passes/subgraph_rules.h"

namespace adze::detail {
namespace {

std::vector<Array> with_leaves(std::vector<Array> arguments, const std::vector<const Array*>& leaves) {
  for (const Array* leaf : leaves) arguments.push_back(*leaf);
  return arguments;
}

const char* policy_name(CheckpointPolicy policy) {
  switch (policy) {
    case CheckpointPolicy::kNothingSaveable:
      return "nothing_saveable";
    case CheckpointPolicy::kDotsSaveable:
      return "dots_saveable";
    case CheckpointPolicy::kDotsWithNoBatchDimsSaveable:
      return "dots_with_no_batch_dims_saveable";
    case CheckpointPolicy::kEverythingSaveable:
      break;
  }
  return "everything_saveable";
}

/// `graph` without its parameters from `first_parameter` to `last_parameter` that are not float (zeros in
/// their places), and without its results from `first_result` on that are not.
Graph only_float_tangents(const Graph& graph, std::size_t first_parameter, std::size_t last_parameter,
                          std::size_t first_result) {
  GraphBuilder builder;
  builder.set_name(graph.name());
  std::vector<ValueId> arguments(graph.parameters().size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Parameter& p = graph.parameters()[i];
    const TensorType& type = graph.type(p.value);
    const bool dropped = i >= first_parameter && i < last_parameter && !is_float(type.dtype);
    if (!dropped) arguments[i] = builder.parameter(type, p.name, p.location);
  }
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (!arguments[i]) arguments[i] = builder.full(graph.type(graph.parameters()[i].value), 0);
  const ValueList values = inline_graph(builder, graph, arguments);
  std::vector<ValueId> results;
  for (std::size_t k = 0; k < values.size(); ++k)
    if (k < first_result || is_float(builder.type(values[k]).dtype)) results.push_back(values[k]);
  return builder.finish(std::move(results));
}

/// (captures, primals) -> (outputs, residuals, captures): backward's captures are residuals, too.
Graph forward_with_captures(const Graph& graph, std::size_t captures) {
  GraphBuilder builder;
  builder.set_name(graph.name());
  std::vector<ValueId> arguments;
  for (const Parameter& p : graph.parameters())
    arguments.push_back(builder.parameter(graph.type(p.value), p.name, p.location));
  ValueList results = inline_graph(builder, graph, arguments);
  results.insert(results.end(), arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(captures));
  return builder.finish(std::move(results));
}

/// (residuals, cotangents, captures) in the order (residuals, captures, cotangents).
Graph captures_before_cotangents(const Graph& graph, std::size_t residuals, std::size_t cotangents) {
  GraphBuilder builder;
  builder.set_name(graph.name());
  std::vector<ValueId> arguments(graph.parameters().size());
  const auto add = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Parameter& p = graph.parameters()[i];
      arguments[i] = builder.parameter(graph.type(p.value), p.name, p.location);
    }
  };
  add(0, residuals);
  add(residuals + cotangents, arguments.size());
  add(residuals, residuals + cotangents);
  return builder.finish(inline_graph(builder, graph, arguments));
}

Dims joined_shape(const TensorType& a, const TensorType& b) {
  Dims shape = a.shape;
  shape.insert(shape.end(), b.shape.begin(), b.shape.end());
  return shape;
}

/// The unit tangents of a type: one member of the batch an element.
Array basis(const TensorType& type) {
  const std::int64_t n = type.element_count();
  Dims shape = type.shape;
  shape.insert(shape.begin(), n);
  return reshape(eye(n, {}, type.dtype), shape);
}

}  // namespace

std::vector<Array> run_checkpoint(const TracedGraph& body, const std::vector<const Array*>& leaves,
                                  CheckpointPolicy policy, const Location& at) {
  if (body.graph->results().empty()) return {};
  std::vector<Array> operands = with_leaves({}, leaves);
  operands.insert(operands.end(), body.captures.begin(), body.captures.end());
  return apply_op(op_checkpoint, operands,
                  {{"body", body.graph}, {"policy", std::string(policy_name(policy))}}, at);
}

std::vector<Array> run_custom_jvp(const TracedGraph& body, const TracedGraph& jvp,
                                  const std::vector<const Array*>& leaves, const Location& at) {
  const std::size_t outputs = body.graph->results().size();
  if (outputs == 0) return {};
  const Captures captures({&body, &jvp});
  const std::size_t consts = captures.arrays().size(), primals = consts + leaves.size();
  return apply_op(
      op_custom_jvp_call, with_leaves(captures.arrays(), leaves),
      {{"body", share(captures.in_front(body))},
       {"jvp", share(only_float_tangents(captures.in_front(jvp), primals, primals + leaves.size(), outputs))},
       {"num_consts", static_cast<std::int64_t>(consts)}},
      at);
}

std::vector<Array> run_custom_vjp(const TracedGraph& body, const TracedGraph& forward,
                                  const TracedGraph& backward, const std::vector<const Array*>& leaves,
                                  const Location& at) {
  const std::size_t outputs = body.graph->results().size();
  if (outputs == 0) return {};
  const Captures captures({&body, &forward, &backward});
  const std::size_t consts = captures.arrays().size();
  const std::size_t residuals = forward.graph->results().size() - outputs;
  const Graph pull_back = captures_before_cotangents(captures.behind(backward), residuals, outputs);
  return apply_op(op_custom_vjp_call, with_leaves(captures.arrays(), leaves),
                  {{"body", share(captures.in_front(body))},
                   {"forward", share(forward_with_captures(captures.in_front(forward), consts))},
                   {"backward", share(only_float_tangents(pull_back, residuals + consts,
                                                          residuals + consts + outputs, 0))},
                   {"num_consts", static_cast<std::int64_t>(consts)}},
                  at);
}

std::vector<TensorType> graph_result_types(const TracedGraph& traced) {
  return result_types(*traced.graph);
}

std::vector<bool> float_leaves(const std::vector<const Array*>& leaves) {
  std::vector<bool> flags;
  for (const Array* leaf : leaves) flags.push_back(is_float(leaf->dtype()));
  return flags;
}

std::pair<std::vector<Array>, LinearMap> linearize_traced(const TracedGraph& traced,
                                                          const std::vector<const Array*>& leaves,
                                                          std::vector<bool> active) {
  const Graph& graph = *traced.graph;
  LinearMap map;
  map.active = active;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Parameter& p = graph.parameters()[i];
    map.input_types.push_back(graph.type(p.value));
    if (active[i] && !is_float(map.input_types[i].dtype)) {
      throw CompileError(
          fmt::format("{} is {}; only float Arrays have derivatives", p.name, to_string(map.input_types[i])));
    }
  }
  map.result_types = result_types(graph);
  active.resize(graph.parameters().size(), false);
  SplitDerivative split = split_derivative(graph, active);
  map.has_tangent = split.has_tangent;
  std::vector<Array> arguments = with_leaves({}, leaves);
  arguments.insert(arguments.end(), traced.captures.begin(), traced.captures.end());
  std::vector<Array> values = evaluate(split.primal, arguments);
  const auto results = static_cast<std::ptrdiff_t>(graph.results().size());
  map.residuals.assign(values.begin() + results, values.end());
  values.resize(graph.results().size());
  map.graph = std::make_shared<const Graph>(std::move(split.tangent));
  return {std::move(values), std::move(map)};
}

std::vector<Array> LinearMap::push_forward(const std::vector<const Array*>& tangents) const {
  std::vector<Array> arguments = residuals;
  for (std::size_t i = 0; i < tangents.size(); ++i) {
    if (!active[i]) continue;
    if (tangents[i]->type() != input_types[i]) {
      throw TypeError(fmt::format("linearize: tangent {} must be {}, got {}", i, to_string(input_types[i]),
                                  to_string(tangents[i]->type())));
    }
    arguments.push_back(*tangents[i]);
  }
  const std::vector<Array> derived = evaluate(*graph, arguments);
  std::vector<Array> result;
  std::size_t next = 0;
  for (std::size_t k = 0; k < has_tangent.size(); ++k) {
    result.push_back(has_tangent[k] ? derived[next++] : zeros(result_types[k].shape, result_types[k].dtype));
  }
  return result;
}

std::vector<Array> LinearMap::columns(std::size_t leaf) const {
  const TensorType& in = input_types[leaf];
  std::vector<Array> arguments = residuals;
  arguments.push_back(basis(in));
  std::vector<bool> batched(residuals.size(), false);
  batched.push_back(true);
  const BatchedGraph all =
      batch_graph(*graph, batched, in.element_count(), {}, std::vector<bool>(graph->results().size(), true));
  const std::vector<Array> derived = evaluate(all.graph, arguments);
  std::vector<Array> result;
  std::size_t next = 0;
  for (std::size_t k = 0; k < has_tangent.size(); ++k) {
    const TensorType& out = result_types[k];
    result.push_back(has_tangent[k] ? reshape(moveaxis(derived[next++], 0, out.rank()), joined_shape(out, in))
                                    : zeros(joined_shape(out, in), out.dtype));
  }
  return result;
}

std::vector<Array> LinearMap::rows(std::size_t result) const {
  const TensorType& out = result_types[result];
  std::vector<Array> jacobians;
  if (!has_tangent[result]) {
    for (std::size_t i = 0; i < active.size(); ++i)
      if (active[i]) jacobians.push_back(zeros(joined_shape(out, input_types[i]), input_types[i].dtype));
    return jacobians;
  }
  std::vector<bool> linear(residuals.size(), false);
  linear.resize(graph->parameters().size(), true);
  const Graph transposed = subgraph_rules().transpose(*graph, linear);
  std::vector<Array> arguments = residuals;
  std::vector<bool> batched(residuals.size(), false);
  for (std::size_t k = 0; k < has_tangent.size(); ++k) {
    if (!has_tangent[k]) continue;
    batched.push_back(k == result);
    arguments.push_back(k == result ? basis(out) : zeros(result_types[k].shape, result_types[k].dtype));
  }
  const BatchedGraph all = batch_graph(transposed, batched, out.element_count(), {},
                                       std::vector<bool>(transposed.results().size(), true));
  const std::vector<Array> derived = evaluate(all.graph, arguments);
  std::size_t next = 0;
  for (std::size_t i = 0; i < active.size(); ++i)
    if (active[i]) jacobians.push_back(reshape(derived[next++], joined_shape(out, input_types[i])));
  return jacobians;
}

}  // namespace adze::detail
