#include <fmt/format.h>

#include "ir/control_flow.h"
#include "ir/errors.h"
#include "ir/interpreter.h"
#include "ir/op_helpers.h"
#include "ir/text.h"

namespace adze {

namespace {

std::vector<TensorType> infer_while(InferContext& c) {
  const Graph& cond = check_graph(c, "cond");
  const Graph& body = check_graph(c, "body");
  const std::size_t cond_consts = check_count(c, "cond_consts", c.size());
  const std::size_t body_consts = check_count(c, "body_consts", c.size() - cond_consts);
  std::vector<Slot> cond_parameters, body_parameters, carries;
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < cond_consts; ++i)
    cond_parameters.push_back({c.operand(i), fmt::format("the type of cond const {}", i)});
  for (std::size_t i = 0; i < body_consts; ++i)
    body_parameters.push_back({c.operand(cond_consts + i), fmt::format("the type of body const {}", i)});
  for (std::size_t i = cond_consts + body_consts; i < c.size(); ++i) {
    const std::size_t k = types.size();
    types.push_back(c.operand(i));
    cond_parameters.push_back({types[k], fmt::format("the type of the initial carry {}", k)});
    body_parameters.push_back(cond_parameters.back());
    carries.push_back(
        {types[k], fmt::format("the type that carry {} has on entry: a carry keeps its type", k)});
  }
  if (types.empty()) c.fail("must have a carry: without one it would end at once or never");
  check_parameters(c, "cond", cond, cond_parameters);
  check_results(c, "cond", cond, std::vector<Slot>{{TensorType{DType::kBool, {}}, "the predicate"}});
  check_parameters(c, "body", body, body_parameters);
  check_results(c, "body", body, carries);
  return types;
}

void eval_while(EvalContext& c) {
  const WhileLayout w = while_layout(c.attrs, c.operands.size());
  std::vector<Literal> cond_arguments, body_arguments;
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    if (i < w.cond_consts || i >= w.first_carry()) cond_arguments.push_back(*c.operands[i]);
    if (i >= w.cond_consts) body_arguments.push_back(*c.operands[i]);
  }
  while (interpret(*w.cond, cond_arguments)[0].as_int(0) != 0) {
    std::vector<Literal> results = interpret(*w.body, body_arguments);
    for (std::size_t k = 0; k < w.carries; ++k) {
      cond_arguments[w.cond_consts + k] = results[k];
      body_arguments[w.body_consts + k] = std::move(results[k]);
    }
  }
  for (std::size_t k = 0; k < w.carries; ++k) c.results[k] = std::move(body_arguments[w.body_consts + k]);
}

GraphRef share(Graph graph) {
  return std::make_shared<const Graph>(std::move(graph));
}

ValueList emit_while(GraphBuilder& builder, Graph cond, Graph body, std::span<const ValueId> cond_consts,
                     std::span<const ValueId> body_consts, std::span<const ValueId> carries) {
  return builder.emit_multi(op_while_, joined(cond_consts, body_consts, carries),
                            {{"cond", share(std::move(cond))},
                             {"body", share(std::move(body))},
                             {"cond_consts", static_cast<std::int64_t>(cond_consts.size())},
                             {"body_consts", static_cast<std::int64_t>(body_consts.size())}});
}

/// The carries that have tangents run along as further carries.
ValueList jvp_while(JvpContext& c) {
  const WhileLayout w = while_layout(c.attrs(), c.size());
  std::vector<bool> active;  // by parameters of the body
  for (std::size_t i = w.cond_consts; i < c.size(); ++i) active.push_back(c.has_tangent(i));
  for (bool grown = true; grown;) {
    grown = false;
    const std::vector<bool> has = c.subgraphs().tangent_results(*w.body, active);
    for (std::size_t k = 0; k < w.carries; ++k) {
      if (!has[k] || active[w.body_consts + k]) continue;
      active[w.body_consts + k] = grown = true;
    }
  }
  const std::vector<bool> wanted(active.begin() + static_cast<std::ptrdiff_t>(w.body_consts), active.end());
  if (count(wanted) == 0) return std::vector<ValueId>(w.carries);
  const Graph derived = c.subgraphs().jvp(*w.body, active, wanted);

  // Parameters of `derived`: those of the body, then tangents; of a while: consts before carries.
  const std::vector<TensorType> types = parameter_types(derived);
  GraphBuilder cond, body;
  cond.set_name(w.cond->name());
  body.set_name(w.body->name());
  std::vector<ValueId> arguments(types.size()), cond_arguments, cond_consts, body_consts, carries;
  std::vector<std::size_t> tangent_at(active.size());
  std::size_t next = active.size();
  for (std::size_t i = 0; i < active.size(); ++i)
    if (active[i]) tangent_at[i] = next++;
  for (std::size_t i = 0; i < w.cond_consts; ++i) {
    cond_consts.push_back(c.primal(i));
    cond_arguments.push_back(cond.parameter(w.cond->type(w.cond->parameters()[i].value)));
  }
  const auto add = [&](std::size_t begin, std::size_t end, std::vector<ValueId>& operands, bool is_carry) {
    for (std::size_t i = begin; i < end; ++i) {
      operands.push_back(c.primal(w.cond_consts + i));
      arguments[i] = body.parameter(types[i]);
      if (is_carry) cond_arguments.push_back(cond.parameter(types[i]));
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (!active[i]) continue;
      operands.push_back(c.instantiate(c.tangent(w.cond_consts + i), types[i]));
      arguments[tangent_at[i]] = body.parameter(types[i]);
      if (is_carry) cond.parameter(types[i]);
    }
  };
  add(0, w.body_consts, body_consts, false);
  add(w.body_consts, active.size(), carries, true);
  const ValueList predicate = inline_graph(cond, *w.cond, cond_arguments);
  const ValueList results = inline_graph(body, derived, arguments);
  ValueList outputs = emit_while(c.builder(), cond.finish(predicate), body.finish(results), cond_consts,
                                 body_consts, carries);
  std::vector<ValueId> tangents(w.carries);
  next = w.carries;
  for (std::size_t k = 0; k < w.carries; ++k)
    if (wanted[k]) tangents[k] = outputs[next++];
  outputs.resize(w.carries);
  c.replace_outputs(std::move(outputs));
  return tangents;
}

/// What each iteration would need is not kept: their number is not known beforehand.
ValueList transpose_while(TransposeContext&) {
  fail_reverse_while();
}

/// Where the predicates differ over the batch, iterations run until all are false, and what is done keeps its
/// carries.
ValueList batch_while(BatchContext& c) {
  const WhileLayout w = while_layout(c.attrs(), c.size());
  const std::vector<bool>& batched = c.batched();
  std::vector<bool> carries(batched.begin() + static_cast<std::ptrdiff_t>(w.first_carry()), batched.end());
  const auto flags = [&](std::size_t begin, std::size_t end) {
    std::vector<bool> result(batched.begin() + static_cast<std::ptrdiff_t>(begin),
                             batched.begin() + static_cast<std::ptrdiff_t>(end));
    result.insert(result.end(), carries.begin(), carries.end());
    return result;
  };
  const auto batch_cond = [&] {
    return c.subgraphs().batch(*w.cond, flags(0, w.cond_consts), c.batch_size(), c.axis_name());
  };
  BatchedGraph cond, body;
  for (bool grown = true; grown;) {
    cond = batch_cond();
    if (cond.batched[0]) carries.assign(w.carries, true);
    body = c.subgraphs().batch(*w.body, flags(w.cond_consts, w.first_carry()), c.batch_size(), c.axis_name(),
                               carries);
    grown = body.batched != carries;
    carries = body.batched;
  }
  cond = batch_cond();

  std::vector<ValueId> cond_consts, body_consts, initial;
  for (std::size_t i = 0; i < w.cond_consts; ++i) cond_consts.push_back(c.operand(i));
  for (std::size_t i = w.cond_consts; i < w.first_carry(); ++i) body_consts.push_back(c.operand(i));
  for (std::size_t k = 0; k < w.carries; ++k) {
    const std::size_t i = w.first_carry() + k;
    initial.push_back(carries[k] ? c.with_batch(i) : c.operand(i));
    if (!carries[k]) c.set_unbatched(k);
  }
  if (!cond.batched[0]) {
    return emit_while(c.builder(), std::move(cond.graph), std::move(body.graph), cond_consts, body_consts,
                      initial);
  }

  GraphBuilder any, step;
  any.set_name(w.cond->name());
  step.set_name(w.body->name());
  std::vector<ValueId> arguments;
  for (const TensorType& type : parameter_types(cond.graph)) arguments.push_back(any.parameter(type));
  const ValueId predicates = inline_graph(any, cond.graph, arguments)[0];
  const ValueId goes_on = any.emit(op_reduce_or, {predicates}, {{"axes", Dims{0}}});

  // The step asks once more, for each member of the batch.
  std::vector<ValueId> cond_arguments, body_arguments;
  const std::vector<TensorType> cond_types = parameter_types(cond.graph);
  const std::vector<TensorType> body_types = parameter_types(body.graph);
  for (std::size_t i = 0; i < w.cond_consts; ++i) cond_arguments.push_back(step.parameter(cond_types[i]));
  for (std::size_t i = 0; i < w.body_consts; ++i) body_arguments.push_back(step.parameter(body_types[i]));
  for (std::size_t k = 0; k < w.carries; ++k) {
    const ValueId carry = step.parameter(body_types[w.body_consts + k]);
    cond_arguments.push_back(carry);
    body_arguments.push_back(carry);
  }
  const ValueId active = inline_graph(step, cond.graph, cond_arguments)[0];
  ValueList results = inline_graph(step, body.graph, body_arguments);
  for (std::size_t k = 0; k < w.carries; ++k) {
    const ValueId before = body_arguments[w.body_consts + k];
    const ValueId mask = emit_broadcast(step, active, Dims(step.type(before).shape), {0});
    results[k] = step.emit(op_select, {mask, results[k], before});
  }
  return emit_while(c.builder(), any.finish({goes_on}), step.finish(std::move(results)), cond_consts,
                    joined(cond_consts, body_consts), initial);
}

std::vector<OpSample> while_samples() {
  const auto sample = [](std::string_view cond, std::string_view body, std::int64_t cond_consts,
                         std::int64_t body_consts, std::vector<TensorType> operands,
                         std::vector<std::pair<double, double>> ranges, int order) {
    return OpSample{.operands = std::move(operands),
                    .attrs = {{"cond", share(parse_graph(cond))},
                              {"body", share(parse_graph(body))},
                              {"cond_consts", cond_consts},
                              {"body_consts", body_consts}},
                    .ranges = std::move(ranges),
                    .derivative_order = order,
                    .derivative_modes = DerivativeModes::kForward};
  };
  constexpr std::string_view kBelow = R"(
func @below(%limit: i32[], %i: i32[], %x: f64[3]) -> bool[] {
  %p = lt %i, %limit
  return %p
})";
  constexpr std::string_view kStep = R"(
func @step(%a: f64[3], %i: i32[], %x: f64[3]) -> (i32[], f64[3]) {
  %one = constant {value = i32[] 1}
  %j = add %i, %one
  %y = mul %x, %a
  %z = sub %y, %x
  return %j, %z
})";
  constexpr std::string_view kSmall = R"(
func @small(%x: f32[]) -> bool[] {
  %limit = constant {value = f32[] 100}
  %p = lt %x, %limit
  return %p
})";
  constexpr std::string_view kTwice = R"(
func @twice(%x: f32[]) -> f32[] {
  %y = add %x, %x
  return %y
})";
  const TensorType i32{DType::kI32, {}}, f32{DType::kF32, {}}, f64{DType::kF64, {3}};
  return {sample(kBelow, kStep, 1, 1, {i32, f64, i32, f64}, {{4, 4.5}, {0.5, 2}, {0, 0.5}, {-1, 1}}, 2),
          sample(kBelow, kStep, 1, 1, {i32, f64, i32, f64}, {{1, 1.5}, {0.5, 2}, {3, 3.5}, {-1, 1}}, 1),
          sample(kSmall, kTwice, 0, 0, {f32}, {{0.5, 1}}, 0)};
}

}  // namespace

/// Runs body: (body_consts, carries) -> carries as long as cond: (cond_consts, carries) -> bool[] is true.
/// Operands: cond_consts, body_consts, initial carries. Results: the carries.
const OpDef op_while_{
    .name = "while",
    .pattern = OpPattern::kControl,
    .operand_names = {},
    .variadic = true,
    .attrs = {{"cond", GraphRef{}},
              {"body", GraphRef{}},
              {"cond_consts", std::int64_t{}, AttrValue{std::int64_t{0}}},
              {"body_consts", std::int64_t{}, AttrValue{std::int64_t{0}}}},
    .infer_types = infer_while,
    .jvp = jvp_while,
    .transpose = transpose_while,
    .batch = batch_while,
    .control = ControlKind::kWhile,
    .eval = eval_while,
    .samples = while_samples,
};

}  // namespace adze
