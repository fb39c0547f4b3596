#include <fmt/format.h>

#include <algorithm>

#include "ir/control_flow.h"
#include "ir/errors.h"
#include "ir/interpreter.h"
#include "ir/op_helpers.h"
#include "ir/text.h"

namespace adze {

namespace {

GraphRef share(Graph graph) {
  return std::make_shared<const Graph>(std::move(graph));
}

std::size_t num_consts(const Attrs& attrs) {
  return static_cast<std::size_t>(attrs.get<std::int64_t>("num_consts"));
}

/// The operands, and what is the same for both ops: body takes them all.
std::vector<Slot> check_body(InferContext& c) {
  check_count(c, "num_consts", c.size());
  std::vector<Slot> operands;
  for (std::size_t i = 0; i < c.size(); ++i)
    operands.push_back({c.operand(i), fmt::format("the type of operand {}", i)});
  const Graph& body = check_graph(c, "body");
  check_parameters(c, "body", body, operands);
  if (body.results().empty()) c.fail("body returns nothing: there is nothing to compute");
  return operands;
}

std::vector<Slot> output_slots(const std::vector<TensorType>& outputs) {
  std::vector<Slot> slots;
  for (const TensorType& type : outputs)
    slots.push_back({type, fmt::format("the type of result {} of body", slots.size())});
  return slots;
}

std::vector<TensorType> infer_custom_jvp(InferContext& c) {
  std::vector<Slot> parameters = check_body(c);
  const std::vector<TensorType> outputs = result_types(*c.attr<GraphRef>("body"));
  for (std::size_t i = num_consts(c.attrs()); i < c.size(); ++i) {
    if (is_float(c.operand(i).dtype))
      parameters.push_back({c.operand(i), fmt::format("the type of operand {}: its tangent", i)});
  }
  std::vector<Slot> results = output_slots(outputs);
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    if (is_float(outputs[k].dtype))
      results.push_back({outputs[k], fmt::format("the type of result {} of body: its tangent", k)});
  }
  const Graph& jvp = check_graph(c, "jvp");
  check_parameters(c, "jvp", jvp, parameters);
  check_results(c, "jvp", jvp, results);
  return outputs;
}

std::vector<TensorType> infer_custom_vjp(InferContext& c) {
  const std::vector<Slot> operands = check_body(c);
  const std::vector<TensorType> outputs = result_types(*c.attr<GraphRef>("body"));
  const Graph& forward = check_graph(c, "forward");
  check_parameters(c, "forward", forward, operands);
  check_results(c, "forward", forward, output_slots(outputs), true);
  std::vector<Slot> parameters, results;
  for (std::size_t r = outputs.size(); r < forward.results().size(); ++r) {
    parameters.push_back({forward.type(forward.results()[r]),
                          fmt::format("the type of residual {} of forward", r - outputs.size())});
  }
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    if (is_float(outputs[k].dtype))
      parameters.push_back({outputs[k], fmt::format("the type of result {} of body: its cotangent", k)});
  }
  for (std::size_t i = num_consts(c.attrs()); i < c.size(); ++i) {
    if (is_float(c.operand(i).dtype))
      results.push_back({c.operand(i), fmt::format("the type of operand {}: its cotangent", i)});
  }
  const Graph& backward = check_graph(c, "backward");
  check_parameters(c, "backward", backward, parameters);
  check_results(c, "backward", backward, results);
  return outputs;
}

void eval_body(EvalContext& c) {
  std::vector<Literal> arguments;
  for (const Literal* operand : c.operands) arguments.push_back(*operand);
  std::vector<Literal> results = interpret(*c.attrs.get<GraphRef>("body"), arguments);
  std::move(results.begin(), results.end(), c.results.begin());
}

ValueList inline_body(DecomposeContext& c) {
  return inline_graph(c.builder(), *c.attr<GraphRef>("body"), c.operands());
}

/// Where the function itself is applied to tangents, it is linear, and its body is transposed.
ValueList transpose_body(TransposeContext& c) {
  std::vector<bool> linear;
  std::vector<ValueId> arguments;
  for (std::size_t i = 0; i < c.size(); ++i) {
    linear.push_back(c.is_linear(i));
    if (!c.is_linear(i)) arguments.push_back(c.operand(i));
  }
  for (std::size_t k = 0; k < c.result_count(); ++k)
    arguments.push_back(c.instantiate(c.cotangent(k), c.result_type(k)));
  const Graph transposed = c.subgraphs().transpose(*c.attr<GraphRef>("body"), linear);
  const ValueList values = inline_graph(c.builder(), transposed, arguments);
  std::vector<ValueId> cotangents(c.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < c.size(); ++i)
    if (linear[i]) cotangents[i] = values[next++];
  return cotangents;
}

/// The operands, and the tangents of those that are float and no const.
std::pair<std::vector<ValueId>, std::vector<ValueId>> primals_and_tangents(JvpContext& c) {
  std::pair<std::vector<ValueId>, std::vector<ValueId>> result;
  const std::size_t consts = num_consts(c.attrs());
  for (std::size_t i = 0; i < c.size(); ++i) {
    result.first.push_back(c.primal(i));
    if (i < consts && c.has_tangent(i)) {
      throw CompileError(
          std::string(c.op().name) +
          ": cannot be differentiated with respect to an Array that the function captures: pass it as an "
          "argument, or stop_gradient it");
    }
    const TensorType type = c.type(c.primal(i));
    if (i >= consts && is_float(type.dtype)) result.second.push_back(c.instantiate(c.tangent(i), type));
  }
  return result;
}

/// One tangent a result of `c`, `values` being those of the float results.
std::vector<ValueId> float_results(JvpContext& c, std::span<const ValueId> values) {
  std::vector<ValueId> tangents(c.result_count());
  std::size_t next = 0;
  for (std::size_t k = 0; k < tangents.size(); ++k)
    if (is_float(c.result_type(k).dtype)) tangents[k] = values[next++];
  return tangents;
}

ValueList jvp_custom_jvp(JvpContext& c) {
  const auto [primals, tangents] = primals_and_tangents(c);
  ValueList values = inline_graph(c.builder(), *c.attr<GraphRef>("jvp"), joined(primals, tangents));
  const std::size_t outputs = c.result_count();
  std::vector<ValueId> result = float_results(c, std::span<const ValueId>(values).subspan(outputs));
  values.resize(outputs);
  c.replace_outputs(std::move(values));
  return result;
}

ValueList jvp_custom_vjp(JvpContext& c) {
  const auto [primals, tangents] = primals_and_tangents(c);
  ValueList values = inline_graph(c.builder(), *c.attr<GraphRef>("forward"), primals);
  const std::size_t outputs = c.result_count();
  const std::vector<ValueId> residuals(values.begin() + static_cast<std::ptrdiff_t>(outputs), values.end());
  bool any = false;
  for (std::size_t k = 0; k < outputs; ++k) any = any || is_float(c.result_type(k).dtype);
  std::vector<ValueId> result(outputs);
  if (any) {
    result = float_results(
        c, c.builder().emit_multi(op_custom_vjp_tangent, joined(residuals, tangents),
                                  {{"backward", c.attr<GraphRef>("backward")},
                                   {"num_residuals", static_cast<std::int64_t>(residuals.size())}}));
  }
  values.resize(outputs);
  c.replace_outputs(std::move(values));
  return result;
}

// Batching: the functions of one op must agree on which results are batched.

void join(std::vector<bool>& flags, const std::vector<bool>& more) {
  for (std::size_t k = 0; k < flags.size(); ++k) flags[k] = flags[k] || more[k];
}

std::vector<bool> first(const std::vector<bool>& flags, std::size_t count) {
  return {flags.begin(), flags.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// The flags of what is float in `types`, from `begin` on.
std::vector<bool> float_flags(const std::vector<bool>& flags, const std::vector<TensorType>& types,
                              std::size_t begin = 0) {
  std::vector<bool> result;
  for (std::size_t i = begin; i < flags.size(); ++i)
    if (is_float(types[i].dtype)) result.push_back(flags[i]);
  return result;
}

std::vector<bool> concat(std::vector<bool> a, const std::vector<bool>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<ValueId> operands_of(BatchContext& c) {
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(c.operand(i));
  return operands;
}

std::vector<TensorType> result_types_of(const BatchContext& c) {
  std::vector<TensorType> types;
  for (std::size_t k = 0; k < c.result_count(); ++k) types.push_back(c.result_type(k));
  return types;
}

ValueList batch_custom_jvp(BatchContext& c) {
  const auto batch = [&](std::string_view name, const std::vector<bool>& flags,
                         const std::vector<bool>& wanted) {
    return c.subgraphs().batch(*c.attr<GraphRef>(name), flags, c.batch_size(), c.axis_name(), wanted);
  };
  const std::vector<TensorType> types = parameter_types(*c.attr<GraphRef>("body"));
  const std::vector<bool> jvp_flags =
      concat(c.batched(), float_flags(c.batched(), types, num_consts(c.attrs())));
  std::vector<bool> outputs(c.result_count(), false);
  BatchedGraph body, jvp;
  for (std::size_t round = 0; round < 2; ++round) {  // the second with what both need
    body = batch("body", c.batched(), outputs);
    jvp = batch("jvp", jvp_flags, concat(outputs, float_flags(outputs, result_types_of(c))));
    join(outputs, body.batched);
    join(outputs, jvp.batched);
    std::size_t next = c.result_count();
    for (std::size_t k = 0; k < c.result_count(); ++k)
      if (is_float(c.result_type(k).dtype) && jvp.batched[next++]) outputs[k] = true;
  }
  for (std::size_t k = 0; k < outputs.size(); ++k)
    if (!outputs[k]) c.set_unbatched(k);
  Attrs attrs = c.attrs();
  attrs.set("body", share(std::move(body.graph)));
  attrs.set("jvp", share(std::move(jvp.graph)));
  return c.builder().emit_multi(c.op(), operands_of(c), std::move(attrs));
}

/// Sums the cotangents of operands that all of the batch shares.
Graph sum_shared(BatchedGraph backward, const std::vector<bool>& batched) {
  GraphBuilder builder;
  builder.set_name(backward.graph.name());
  std::vector<ValueId> arguments;
  for (const TensorType& type : parameter_types(backward.graph)) arguments.push_back(builder.parameter(type));
  ValueList results = inline_graph(builder, backward.graph, arguments);
  for (std::size_t i = 0; i < results.size(); ++i)
    if (!batched[i] && backward.batched[i]) results[i] = emit_reduce_sum(builder, results[i], {0});
  return builder.finish(std::move(results));
}

ValueList batch_custom_vjp(BatchContext& c) {
  const auto batch = [&](std::string_view name, const std::vector<bool>& flags,
                         const std::vector<bool>& wanted) {
    return c.subgraphs().batch(*c.attr<GraphRef>(name), flags, c.batch_size(), c.axis_name(), wanted);
  };
  const std::size_t outputs = c.result_count();
  std::vector<bool> wanted(outputs, false);
  BatchedGraph body, forward;
  for (std::size_t round = 0; round < 2; ++round) {
    body = batch("body", c.batched(), wanted);
    forward = batch("forward", c.batched(), wanted);
    join(wanted, body.batched);
    join(wanted, first(forward.batched, outputs));
  }
  const std::vector<bool> residuals(forward.batched.begin() + static_cast<std::ptrdiff_t>(outputs),
                                    forward.batched.end());
  const std::vector<bool> operands =
      float_flags(c.batched(), parameter_types(*c.attr<GraphRef>("body")), num_consts(c.attrs()));
  // A shared operand's cotangent must be a sum over the batch, so it must carry one, even if all are equal.
  const std::vector<bool> cotangents = float_flags(wanted, result_types_of(c));
  const bool any = count(cotangents) > 0;
  BatchedGraph backward = batch("backward", concat(residuals, cotangents),
                                any ? std::vector<bool>(operands.size(), true) : operands);
  for (std::size_t k = 0; k < outputs; ++k)
    if (!wanted[k]) c.set_unbatched(k);
  Attrs attrs = c.attrs();
  attrs.set("body", share(std::move(body.graph)));
  attrs.set("forward", share(std::move(forward.graph)));
  attrs.set("backward", share(sum_shared(std::move(backward), operands)));
  return c.builder().emit_multi(c.op(), operands_of(c), std::move(attrs));
}

// custom_vjp_tangent

std::vector<TensorType> infer_custom_vjp_tangent(InferContext& c) {
  const Graph& backward = check_graph(c, "backward");
  const std::size_t residuals = check_count(c, "num_residuals", c.size());
  if (residuals > backward.parameters().size()) c.fail("backward must take the residuals");
  std::vector<Slot> parameters, results;
  for (std::size_t i = 0; i < c.size(); ++i) {
    (i < residuals ? parameters : results)
        .push_back({c.operand(i), fmt::format("the type of operand {}", i)});
  }
  std::vector<TensorType> cotangents;
  for (std::size_t k = residuals; k < backward.parameters().size(); ++k) {
    cotangents.push_back(backward.type(backward.parameters()[k].value));
    parameters.push_back({cotangents.back(), "a cotangent"});
  }
  check_parameters(c, "backward", backward, parameters);
  check_results(c, "backward", backward, results);
  if (cotangents.empty()) c.fail("backward takes no cotangents: there is nothing to compute");
  return cotangents;
}

[[noreturn]] void fail_forward_mode() {
  throw CompileError(
      "custom_vjp: this function has a rule for reverse mode only, so it cannot be differentiated in forward "
      "mode (jvp, jacfwd, hessian); give it a custom_jvp");
}

ValueList transpose_custom_vjp_tangent(TransposeContext& c) {
  const auto residuals = static_cast<std::size_t>(c.attr<std::int64_t>("num_residuals"));
  std::vector<ValueId> arguments;
  for (std::size_t i = 0; i < residuals; ++i) {
    if (c.is_linear(i)) fail_forward_mode();
    arguments.push_back(c.operand(i));
  }
  for (std::size_t k = 0; k < c.result_count(); ++k)
    arguments.push_back(c.instantiate(c.cotangent(k), c.result_type(k)));
  ValueList cotangents = inline_graph(c.builder(), *c.attr<GraphRef>("backward"), arguments);
  cotangents.insert(cotangents.begin(), residuals, kNoValue);
  return cotangents;
}

// Samples

constexpr std::string_view kCube = R"(
func @cube(%c: f64[3], %x: f64[3], %n: i32[]) -> (f64[3], i32[]) {
  %y = mul %x, %x
  %z = mul %y, %x
  %u = mul %z, %c
  return %u, %n
})";

GraphRef parsed(std::string_view text) {
  return share(parse_graph(text));
}

const std::vector<TensorType>& cube_operands() {
  static const std::vector<TensorType> types{{DType::kF64, {3}}, {DType::kF64, {3}}, {DType::kI32, {}}};
  return types;
}

/// The shared operand is no const here, so that its derivative is checked as well.
std::vector<OpSample> custom_jvp_samples() {
  constexpr std::string_view kJvp = R"(
func @cube_jvp(%c: f64[3], %x: f64[3], %n: i32[], %dc: f64[3], %dx: f64[3]) -> (f64[3], i32[], f64[3]) {
  %y = mul %x, %x
  %z = mul %y, %x
  %u = mul %z, %c
  %three = constant {value = f64[] 3}
  %b = broadcast_in_dim %three {shape = [3], dims = []}
  %s = mul %y, %b
  %t = mul %s, %dx
  %v = mul %t, %c
  %w = mul %z, %dc
  %d = add %v, %w
  return %u, %n, %d
})";
  return {{.operands = cube_operands(),
           .attrs = {{"body", parsed(kCube)}, {"jvp", parsed(kJvp)}},
           .derivative_order = 2}};
}

constexpr std::string_view kBackward = R"(
func @cube_backward(%c: f64[3], %x: f64[3], %g: f64[3]) -> (f64[3], f64[3]) {
  %y = mul %x, %x
  %z = mul %y, %x
  %three = constant {value = f64[] 3}
  %b = broadcast_in_dim %three {shape = [3], dims = []}
  %s = mul %y, %b
  %t = mul %s, %g
  %v = mul %t, %c
  %w = mul %z, %g
  return %w, %v
})";

std::vector<OpSample> custom_vjp_samples() {
  constexpr std::string_view kForward = R"(
func @cube_forward(%c: f64[3], %x: f64[3], %n: i32[]) -> (f64[3], i32[], f64[3], f64[3]) {
  %y = mul %x, %x
  %z = mul %y, %x
  %u = mul %z, %c
  return %u, %n, %c, %x
})";
  return {{.operands = cube_operands(),
           .attrs = {{"body", parsed(kCube)}, {"forward", parsed(kForward)}, {"backward", parsed(kBackward)}},
           .derivative_order = 2,
           .derivative_modes = DerivativeModes::kReverse}};
}

std::vector<OpSample> custom_vjp_tangent_samples() {
  return {{.operands = std::vector<TensorType>(4, {DType::kF64, {3}}),
           .attrs = {{"backward", parsed(kBackward)}, {"num_residuals", std::int64_t{2}}},
           .derivative_order = 0}};
}

}  // namespace

/// body: (consts, primals) -> outputs, whose derivative is jvp: (consts, primals, a tangent of each float
/// primal) -> (outputs, a tangent of each float output). Not differentiable by consts.
const OpDef op_custom_jvp_call{
    .name = "custom_jvp_call",
    .pattern = OpPattern::kComposite,
    .operand_names = {},
    .variadic = true,
    .attrs = {{"body", GraphRef{}},
              {"jvp", GraphRef{}},
              {"num_consts", std::int64_t{}, AttrValue{std::int64_t{0}}}},
    .infer_types = infer_custom_jvp,
    .jvp = jvp_custom_jvp,
    .transpose = transpose_body,
    .batch = batch_custom_jvp,
    .decompose = inline_body,
    .eval = eval_body,
    .samples = custom_jvp_samples,
};

/// body: (consts, primals) -> outputs. In reverse mode forward: (consts, primals) -> (outputs, residuals) is
/// run instead, and backward: (residuals, a cotangent of each float output) -> a cotangent of each float
/// primal. Not differentiable by consts, nor in forward mode.
const OpDef op_custom_vjp_call{
    .name = "custom_vjp_call",
    .pattern = OpPattern::kComposite,
    .operand_names = {},
    .variadic = true,
    .attrs = {{"body", GraphRef{}},
              {"forward", GraphRef{}},
              {"backward", GraphRef{}},
              {"num_consts", std::int64_t{}, AttrValue{std::int64_t{0}}}},
    .infer_types = infer_custom_vjp,
    .jvp = jvp_custom_vjp,
    .transpose = transpose_body,
    .batch = batch_custom_vjp,
    .decompose = inline_body,
    .eval = eval_body,
    .samples = custom_vjp_samples,
};

/// The tangents of a custom_vjp_call, known by their transpose alone: (residuals, tangents of the float
/// primals) -> tangents of the float outputs.
const OpDef op_custom_vjp_tangent{
    .name = "custom_vjp_tangent",
    .pattern = OpPattern::kComposite,
    .traits = {.only_transposed = true},
    .operand_names = {},
    .variadic = true,
    .attrs = {{"backward", GraphRef{}}, {"num_residuals", std::int64_t{}}},
    .infer_types = infer_custom_vjp_tangent,
    .jvp = [](JvpContext&) -> ValueList { fail_forward_mode(); },
    .transpose = transpose_custom_vjp_tangent,
    .batch = [](BatchContext&) -> ValueList { fail_forward_mode(); },
    .decompose = [](DecomposeContext&) -> ValueList { fail_forward_mode(); },
    .eval = [](EvalContext&) { fail_forward_mode(); },
    .samples = custom_vjp_tangent_samples,
};

}  // namespace adze
