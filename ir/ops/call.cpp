#include <fmt/format.h>

#include <algorithm>

#include "ir/control_flow.h"
#include "ir/interpreter.h"
#include "ir/op_helpers.h"
#include "ir/text.h"

namespace adze {

namespace {

std::vector<TensorType> infer_call(InferContext& c) {
  const Graph& body = check_graph(c, "body");
  std::vector<Slot> parameters;
  for (std::size_t i = 0; i < c.size(); ++i)
    parameters.push_back({c.operand(i), fmt::format("the type of operand {}", i)});
  check_parameters(c, "body", body, parameters);
  if (body.results().empty()) c.fail("body returns nothing: there is nothing to compute");
  return result_types(body);
}

void eval_call(EvalContext& c) {
  std::vector<Literal> arguments;
  for (const Literal* operand : c.operands) arguments.push_back(*operand);
  std::vector<Literal> results = interpret(*c.attrs.get<GraphRef>("body"), arguments);
  std::move(results.begin(), results.end(), c.results.begin());
}

std::vector<std::size_t> results_from(const Graph& graph, std::size_t first) {
  std::vector<std::size_t> list;
  for (std::size_t k = first; k < graph.results().size(); ++k) list.push_back(k);
  return list;
}

std::vector<ValueId> spread(const std::vector<bool>& has, std::span<const ValueId> values) {
  std::vector<ValueId> result(has.size());
  std::size_t next = 0;
  for (std::size_t k = 0; k < has.size(); ++k)
    if (has[k]) result[k] = values[next++];
  return result;
}

/// A call that gives the tangents alone: the primal values they need are computed again inside, so nothing is
/// kept from one call to the other.
ValueList jvp_call(JvpContext& c) {
  const Graph& body = *c.attr<GraphRef>("body");
  std::vector<bool> active;
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) {
    active.push_back(c.has_tangent(i));
    operands.push_back(c.primal(i));
  }
  for (std::size_t i = 0; i < c.size(); ++i)
    if (c.has_tangent(i)) operands.push_back(c.tangent(i));
  const std::vector<bool> has = c.subgraphs().tangent_results(body, active);
  const Graph both = c.subgraphs().jvp(body, active, has);
  const std::vector<std::size_t> tangents = results_from(both, body.results().size());
  Graph tangent = part_of(both, std::vector<bool>(both.parameters().size(), true), tangents);
  return spread(has, emit_call(c.builder(), std::move(tangent), std::move(operands)));
}

/// A call of the transposed body, which computes what it needs when the cotangents are there.
ValueList transpose_call(TransposeContext& c) {
  std::vector<bool> linear;
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) {
    linear.push_back(c.is_linear(i));
    if (!c.is_linear(i)) operands.push_back(c.operand(i));
  }
  for (std::size_t k = 0; k < c.result_count(); ++k)
    operands.push_back(c.instantiate(c.cotangent(k), c.result_type(k)));
  Graph transposed = c.subgraphs().transpose(*c.attr<GraphRef>("body"), linear);
  return spread(linear, emit_call(c.builder(), std::move(transposed), std::move(operands)));
}

ValueList batch_call(BatchContext& c) {
  BatchedGraph body =
      c.subgraphs().batch(*c.attr<GraphRef>("body"), c.batched(), c.batch_size(), c.axis_name());
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(c.operand(i));
  for (std::size_t k = 0; k < body.batched.size(); ++k)
    if (!body.batched[k]) c.set_unbatched(k);
  Attrs attrs = c.attrs();
  attrs.set("body", std::make_shared<const Graph>(std::move(body.graph)));
  return c.builder().emit_multi(c.op(), std::move(operands), std::move(attrs));
}

constexpr std::string_view kBody = R"(
func @body(%x: f64[3], %y: f64[]) -> (f64[3], f64[]) {
  %b = broadcast_in_dim %y {shape = [3], dims = []}
  %p = mul %x, %b
  %q = mul %p, %x
  %s = reduce_sum %q {axes = [0]}
  return %q, %s
})";

std::vector<OpSample> call_samples() {
  constexpr std::string_view kInts = R"(
func @ints(%x: i32[9]) -> i32[9] {
  %y = mul %x, %x
  return %y
})";
  const auto sample = [](std::string_view body, std::vector<TensorType> operands, int order) {
    return OpSample{.operands = std::move(operands),
                    .attrs = {{"body", std::make_shared<const Graph>(parse_graph(body))}},
                    .relative_tolerance = order > 0 ? 1e-14 : 0,
                    .derivative_order = order};
  };
  return {sample(kBody, {{DType::kF64, {3}}, {DType::kF64, {}}}, 2), sample(kInts, {{DType::kI32, {9}}}, 0)};
}

// What the tangents of a checkpoint may keep from the forward computation, by the names of
// jax.checkpoint_policies.

constexpr std::string_view kPolicies[] = {"nothing_saveable", "dots_saveable",
                                          "dots_with_no_batch_dims_saveable", "everything_saveable"};

bool is_dot(const Node& node) {
  return node.op->pattern == OpPattern::kContraction || node.op->name == "conv_general_dilated";
}

bool is_dot_without_batch(const Node& node) {
  if (!is_dot(node)) return false;
  const AttrValue* batch = node.attrs.find("batch");
  const auto* dims = batch ? std::get_if<DimPair>(batch) : nullptr;
  return !dims || dims->lhs.empty();
}

bool may_save(const std::string& policy, const Node& node) {
  if (policy == "everything_saveable") return true;
  if (policy == "dots_saveable") return is_dot(node);
  if (policy == "dots_with_no_batch_dims_saveable") return is_dot_without_batch(node);
  return false;
}

std::vector<TensorType> infer_checkpoint(InferContext& c) {
  const auto& policy = c.attr<std::string>("policy");
  if (std::find(std::begin(kPolicies), std::end(kPolicies), policy) == std::end(kPolicies)) {
    c.fail(fmt::format("there is no policy '{}'; there are {}", policy, fmt::join(kPolicies, ", ")));
  }
  return infer_call(c);
}

/// The outputs come with what the policy lets the tangents keep; the rest is computed again in a call that
/// gives the tangents, and, transposed, the cotangents.
ValueList jvp_checkpoint(JvpContext& c) {
  const GraphRef body = c.attr<GraphRef>("body");
  const std::string policy = c.attr<std::string>("policy");
  std::vector<bool> active;
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) {
    active.push_back(c.has_tangent(i));
    operands.push_back(c.primal(i));
  }
  SplitDerivative split = c.subgraphs().linearize(
      *body, active, [&](const Graph&, const Node& node) { return may_save(policy, node); });

  // Operands among the residuals are there already.
  const std::size_t result_count = c.result_count();
  std::vector<std::size_t> kept;
  for (std::size_t k = 0; k < split.primal.results().size(); ++k)
    if (k < result_count || !split.primal.is_parameter(split.primal.results()[k])) kept.push_back(k);
  Graph primal = part_of(split.primal, std::vector<bool>(operands.size(), true), kept);
  ValueList outputs = c.builder().emit_multi(
      op_checkpoint, operands,
      {{"body", std::make_shared<const Graph>(std::move(primal))}, {"policy", policy}});
  std::vector<ValueId> arguments;
  std::size_t next = result_count;
  for (std::size_t k = result_count; k < split.primal.results().size(); ++k) {
    const ValueId value = split.primal.results()[k];
    arguments.push_back(split.primal.is_parameter(value) ? operands[split.primal.value(value).position]
                                                         : outputs[next++]);
  }
  for (std::size_t i = 0; i < c.size(); ++i)
    if (c.has_tangent(i)) arguments.push_back(c.tangent(i));
  outputs.resize(result_count);
  c.replace_outputs(std::move(outputs));
  return spread(split.has_tangent, emit_call(c.builder(), std::move(split.tangent), std::move(arguments)));
}

std::vector<OpSample> checkpoint_samples() {
  std::vector<OpSample> samples;
  for (const std::string_view policy : kPolicies) {
    constexpr std::string_view kLayer = R"(
func @layer(%x: f64[2,3], %w: f64[3,2]) -> f64[2,2] {
  %y = dot_general %x, %w {contract = [1] x [0]}
  %z = tanh %y
  %u = mul %z, %y
  return %u
})";
    samples.push_back({.operands = {{DType::kF64, {2, 3}}, {DType::kF64, {3, 2}}},
                       .attrs = {{"body", std::make_shared<const Graph>(parse_graph(kLayer))},
                                 {"policy", std::string(policy)}},
                       .low = -1,
                       .high = 1,
                       .relative_tolerance = 1e-13,
                       .derivative_order = 2});
  }
  samples.push_back({.operands = {{DType::kF64, {3}}, {DType::kF64, {}}},
                     .attrs = {{"body", std::make_shared<const Graph>(parse_graph(kBody))}},
                     .relative_tolerance = 1e-14,
                     .derivative_order = 2});
  return samples;
}

}  // namespace

/// Runs body: operands -> results, as a program of its own: nothing of it is merged with what is around it,
/// so what it computes again is not kept from elsewhere.
const OpDef op_call{
    .name = "call",
    .pattern = OpPattern::kControl,
    .operand_names = {},
    .variadic = true,
    .attrs = {{"body", GraphRef{}}},
    .infer_types = infer_call,
    .jvp = jvp_call,
    .transpose = transpose_call,
    .batch = batch_call,
    .control = ControlKind::kCall,
    .eval = eval_call,
    .samples = call_samples,
};

/// body: operands -> results, of which derivatives keep what `policy` says, and compute the rest again
/// (rematerialisation; Chen et al., "Training deep nets with sublinear memory cost", 2016).
const OpDef op_checkpoint{
    .name = "checkpoint",
    .pattern = OpPattern::kComposite,
    .operand_names = {},
    .variadic = true,
    .attrs = {{"body", GraphRef{}}, {"policy", std::string{}, AttrValue{std::string("nothing_saveable")}}},
    .infer_types = infer_checkpoint,
    .jvp = jvp_checkpoint,
    .transpose = transpose_call,
    .batch = batch_call,
    .decompose =
        [](DecomposeContext& c) {
          return inline_graph(c.builder(), *c.attr<GraphRef>("body"), c.operands());
        },
    .eval = eval_call,
    .samples = checkpoint_samples,
};

}  // namespace adze
