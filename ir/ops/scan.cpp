#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "ir/control_flow.h"
#include "ir/interpreter.h"
#include "ir/op_helpers.h"
#include "ir/text.h"

namespace adze {

namespace {

std::vector<TensorType> infer_scan(InferContext& c) {
  const Graph& body = check_graph(c, "body");
  const auto length = c.attr<std::int64_t>("length");
  if (length < 0) c.fail(fmt::format("length must not be negative, got {}", length));
  const std::size_t consts = check_count(c, "num_consts", c.size());
  const std::size_t carries = check_count(c, "num_carry", c.size() - consts);
  std::vector<Slot> parameters, carry_results;
  for (std::size_t i = 0; i < c.size(); ++i) {
    const TensorType& type = c.operand(i);
    if (i < consts) {
      parameters.push_back({type, fmt::format("the type of const {}", i)});
    } else if (i < consts + carries) {
      parameters.push_back({type, fmt::format("the type of the initial carry {}", i - consts)});
      carry_results.push_back(
          {type, fmt::format("the type that carry {} has on entry: a carry keeps its type", i - consts)});
    } else {
      const std::size_t x = i - consts - carries;
      if (type.shape.empty() || type.shape[0] != length) {
        c.fail(
            fmt::format("x {} must have a leading dim of the length {}, got {}", x, length, to_string(type)));
      }
      parameters.push_back({slice_of(type), fmt::format("the type of a slice of x {}", x)});
    }
  }
  check_parameters(c, "body", body, parameters);
  check_results(c, "body", body, carry_results, true);
  if (body.results().empty()) c.fail("body returns nothing: there is nothing to compute");
  std::vector<TensorType> types = result_types(body);
  for (std::size_t k = carries; k < types.size(); ++k) types[k] = stacked(std::move(types[k]), length);
  return types;
}

/// Copies slice `i` of `stack` into `slice` or back.
void copy_slice(Literal& slice, const Literal& stack, std::int64_t i) {
  if (slice.byte_size() == 0) return;
  std::memcpy(slice.bytes(), stack.bytes() + static_cast<std::size_t>(i) * slice.byte_size(),
              slice.byte_size());
}

void eval_scan(EvalContext& c) {
  const ScanLayout s = scan_layout(c.attrs, c.operands.size());
  std::vector<Literal> arguments;
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    if (i < s.first_x())
      arguments.push_back(*c.operands[i]);
    else
      arguments.emplace_back(slice_of(c.operands[i]->type()));
  }
  for (std::int64_t t = 0; t < s.length; ++t) {
    const std::int64_t i = s.reverse ? s.length - 1 - t : t;
    for (std::size_t x = s.first_x(); x < arguments.size(); ++x) copy_slice(arguments[x], *c.operands[x], i);
    std::vector<Literal> results = interpret(*s.body, arguments);
    for (std::size_t k = 0; k < s.carries; ++k) arguments[s.consts + k] = std::move(results[k]);
    for (std::size_t k = s.carries; k < results.size(); ++k) {
      const Literal& slice = results[k];
      if (slice.byte_size() == 0) continue;
      std::memcpy(c.results[k].bytes() + static_cast<std::size_t>(i) * slice.byte_size(), slice.bytes(),
                  slice.byte_size());
    }
  }
  for (std::size_t k = 0; k < s.carries; ++k) c.results[k] = std::move(arguments[s.consts + k]);
}

/// The operands, of the iterations' tangents or cotangents, that stand for the residuals of a body.
struct Residuals {
  enum class Place : std::uint8_t { kConst, kX };
  std::vector<Place> place;      ///< one a residual
  std::vector<ValueId> operand;  ///< of the derivative's scan; one a residual
};

/// Emits the scan of `primal`, a body that gives residuals after its results, and replaces the outputs by its
/// results. Residuals that do not change from iteration to iteration are consts of the derivative, computed
/// once; the others are stacked, but for slices of xs and ys, which are stacked already.
Residuals emit_primal_scan(JvpContext& c, const ScanLayout& s, const Graph& primal) {
  const std::size_t results = s.carries + s.ys;
  const std::size_t count = primal.results().size() - results;
  std::vector<bool> varying(primal.parameters().size(), true);
  std::fill_n(varying.begin(), s.consts, false);
  const std::vector<bool> varies = dependent_values(primal, varying);

  std::vector<std::size_t> kept;  // results of the primal body: carries, ys, then stacked residuals
  for (std::size_t k = 0; k < results; ++k) kept.push_back(k);
  std::vector<std::size_t> stacked_at(count, 0), hoisted;
  Residuals residuals{std::vector<Residuals::Place>(count, Residuals::Place::kX),
                      std::vector<ValueId>(count)};
  for (std::size_t r = 0; r < count; ++r) {
    const ValueId value = primal.results()[results + r];
    const bool is_parameter = primal.is_parameter(value);
    const std::size_t position = is_parameter ? primal.value(value).position : 0;
    if (is_parameter && position < s.consts) {
      residuals.place[r] = Residuals::Place::kConst;
      residuals.operand[r] = c.primal(position);
    } else if (is_parameter && position >= s.first_x()) {
      residuals.operand[r] = c.primal(position);
    } else if (!varies[value.index]) {
      residuals.place[r] = Residuals::Place::kConst;
      hoisted.push_back(r);
    } else {
      std::size_t k = s.carries;
      while (k < kept.size() && primal.results()[kept[k]] != value) ++k;
      stacked_at[r] = k;
      if (k == kept.size()) kept.push_back(results + r);
    }
  }

  if (!hoisted.empty()) {
    std::vector<bool> consts(primal.parameters().size(), false);
    std::fill_n(consts.begin(), s.consts, true);
    std::vector<std::size_t> wanted;
    for (const std::size_t r : hoisted) wanted.push_back(results + r);
    std::vector<ValueId> arguments;
    for (std::size_t i = 0; i < s.consts; ++i) arguments.push_back(c.primal(i));
    const ValueList values = inline_graph(c.builder(), part_of(primal, consts, wanted), arguments);
    for (std::size_t k = 0; k < hoisted.size(); ++k) residuals.operand[hoisted[k]] = values[k];
  }

  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(c.primal(i));
  const std::span<const ValueId> all(operands);
  ValueList outputs = emit_scan(
      c.builder(), part_of(primal, std::vector<bool>(primal.parameters().size(), true), kept), s.length,
      s.reverse, all.first(s.consts), all.subspan(s.consts, s.carries), all.subspan(s.first_x()));
  for (std::size_t r = 0; r < count; ++r)
    if (!residuals.operand[r]) residuals.operand[r] = outputs[stacked_at[r]];
  outputs.resize(results);
  c.replace_outputs(std::move(outputs));
  return residuals;
}

/// A primal scan that also gives what the tangents need, and a scan over it that is linear in the tangents.
ValueList jvp_scan(JvpContext& c) {
  const ScanLayout s = scan_layout(c.attrs(), c.size());
  std::vector<bool> active;
  for (std::size_t i = 0; i < c.size(); ++i) active.push_back(c.has_tangent(i));
  // A carry has a tangent where it starts with one, and where an iteration gives it one.
  for (bool grown = true; grown;) {
    grown = false;
    const std::vector<bool> has = c.subgraphs().tangent_results(*s.body, active);
    for (std::size_t k = 0; k < s.carries; ++k) {
      if (!has[k] || active[s.consts + k]) continue;
      active[s.consts + k] = grown = true;
    }
  }
  const SplitDerivative split = c.subgraphs().linearize(*s.body, active);
  const Residuals residuals = emit_primal_scan(c, s, split.primal);

  // The tangents' body is split.tangent with its parameters in the order of a scan.
  const std::size_t residual_count = residuals.operand.size();
  const std::vector<TensorType> types = parameter_types(split.tangent);
  GraphBuilder body;
  body.set_name(s.body->name());
  std::vector<ValueId> arguments(types.size()), consts, carries, xs, carry_parameters;
  const auto add_residuals = [&](Residuals::Place place, std::vector<ValueId>& operands) {
    for (std::size_t r = 0; r < residual_count; ++r) {
      if (residuals.place[r] != place) continue;
      arguments[r] = body.parameter(types[r]);
      operands.push_back(residuals.operand[r]);
    }
  };
  std::vector<std::size_t> tangent_at(c.size());  // place among the parameters of split.tangent
  std::size_t next = residual_count;
  for (std::size_t i = 0; i < c.size(); ++i) tangent_at[i] = active[i] ? next++ : 0;
  const auto add_tangents = [&](std::size_t begin, std::size_t end, std::vector<ValueId>& operands) {
    for (std::size_t i = begin; i < end; ++i) {
      if (!active[i]) continue;
      arguments[tangent_at[i]] = body.parameter(types[tangent_at[i]]);
      operands.push_back(c.instantiate(c.tangent(i), c.type(c.primal(i))));
    }
  };
  add_residuals(Residuals::Place::kConst, consts);
  add_tangents(0, s.consts, consts);
  add_tangents(s.consts, s.first_x(), carries);
  add_residuals(Residuals::Place::kX, xs);
  add_tangents(s.first_x(), c.size(), xs);

  const ValueList derived = inline_graph(body, split.tangent, arguments);
  std::vector<ValueId> results;
  std::size_t given = 0;
  for (std::size_t k = 0; k < s.carries + s.ys; ++k) {
    const ValueId tangent = split.has_tangent[k] ? derived[given++] : kNoValue;
    if (k < s.carries && active[s.consts + k])
      results.push_back(tangent ? tangent : body.full(types[tangent_at[s.consts + k]], 0));
    else if (k >= s.carries && tangent)
      results.push_back(tangent);
  }
  const ValueList values = emit_scan(c.builder(), rewrite(body.finish(std::move(results))), s.length,
                                     s.reverse, consts, carries, xs);
  std::vector<ValueId> tangents(s.carries + s.ys);
  std::size_t from = 0;
  for (std::size_t k = 0; k < tangents.size(); ++k)
    if (k < s.carries ? active[s.consts + k] : split.has_tangent[k]) tangents[k] = values[from++];
  return tangents;
}

/// Runs the part of a scan that depends on nothing linear, and gives the values that its carries have at the
/// beginning of each iteration, stacked: kNoValue for linear carries.
std::vector<ValueId> stack_nonlinear_carries(TransposeContext& c, const ScanLayout& s,
                                             const std::vector<bool>& linear) {
  std::vector<ValueId> stacks(s.carries);
  GraphBuilder body;
  std::vector<ValueId> arguments, consts, carries, xs, carry_parameters;
  std::vector<bool> parameters;
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < c.size(); ++i) {
    parameters.push_back(!linear[i]);
    if (linear[i]) continue;
    arguments.push_back(body.parameter(s.body->type(s.body->parameters()[i].value)));
    (i < s.consts ? consts : i < s.first_x() ? carries : xs).push_back(c.operand(i));
    if (i >= s.consts && i < s.first_x()) {
      wanted.push_back(i - s.consts);
      carry_parameters.push_back(arguments.back());
    }
  }
  if (wanted.empty()) return stacks;
  ValueList results = inline_graph(body, part_of(*s.body, parameters, wanted), arguments);
  results.insert(results.end(), carry_parameters.begin(), carry_parameters.end());
  const ValueList values =
      emit_scan(c.builder(), body.finish(std::move(results)), s.length, s.reverse, consts, carries, xs);
  for (std::size_t k = 0; k < wanted.size(); ++k) stacks[wanted[k]] = values[wanted.size() + k];
  return stacks;
}

/// The transposed body run from the other end: cotangents of consts add up in the carry, those of xs come out
/// as ys.
ValueList transpose_scan(TransposeContext& c) {
  const ScanLayout s = scan_layout(c.attrs(), c.size());
  std::vector<bool> linear;
  for (std::size_t i = 0; i < c.size(); ++i) linear.push_back(c.is_linear(i));
  for (bool grown = true; grown;) {  // an initial zero is not linear, what the iterations add to it is
    grown = false;
    const std::vector<bool> depends = dependent_values(*s.body, linear);
    for (std::size_t k = 0; k < s.carries; ++k) {
      if (!depends[s.body->results()[k].index] || linear[s.consts + k]) continue;
      linear[s.consts + k] = grown = true;
    }
  }
  const std::vector<ValueId> stacks = stack_nonlinear_carries(c, s, linear);
  const Graph transposed = c.subgraphs().transpose(*s.body, linear);

  // Parameters of `transposed`: what is not linear, then a cotangent a result.
  const std::vector<TensorType> types = parameter_types(transposed);
  const std::size_t known = c.size() - count(linear);
  GraphBuilder body;
  body.set_name(s.body->name());
  std::vector<ValueId> arguments(types.size()), consts, carries, xs, sums;
  std::vector<std::size_t> at(c.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < c.size(); ++i)
    if (!linear[i]) at[i] = next++;
  const auto add_known = [&](std::size_t i, ValueId operand, std::vector<ValueId>& operands) {
    arguments[at[i]] = body.parameter(types[at[i]]);
    operands.push_back(operand);
  };
  for (std::size_t i = 0; i < s.consts; ++i)
    if (!linear[i]) add_known(i, c.operand(i), consts);
  for (std::size_t i = 0; i < s.consts; ++i) {
    if (!linear[i]) continue;
    sums.push_back(body.parameter(c.operand_type(i)));
    carries.push_back(c.builder().full(c.operand_type(i), 0));
  }
  for (std::size_t k = 0; k < s.carries; ++k) {
    if (!linear[s.consts + k]) continue;
    arguments[known + k] = body.parameter(types[known + k]);
    carries.push_back(c.instantiate(c.cotangent(k), c.result_type(k)));
  }
  for (std::size_t k = 0; k < s.carries; ++k)
    if (!linear[s.consts + k]) add_known(s.consts + k, stacks[k], xs);
  for (std::size_t i = s.first_x(); i < c.size(); ++i)
    if (!linear[i]) add_known(i, c.operand(i), xs);
  for (std::size_t k = s.carries; k < s.carries + s.ys; ++k) {
    if (!c.cotangent(k)) continue;
    arguments[known + k] = body.parameter(types[known + k]);
    xs.push_back(c.cotangent(k));
  }
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (!arguments[i]) arguments[i] = body.full(types[i], 0);  // cotangents that are zero

  ValueList results = inline_graph(body, transposed, arguments);
  for (std::size_t i = 0; i < sums.size(); ++i) results[i] = body.emit(op_add, {sums[i], results[i]});
  const ValueList values = emit_scan(c.builder(), rewrite(body.finish(std::move(results))), s.length,
                                     !s.reverse, consts, carries, xs);
  std::vector<ValueId> cotangents(c.size());
  next = 0;
  for (std::size_t i = 0; i < c.size(); ++i)
    if (linear[i]) cotangents[i] = values[next++];
  return cotangents;
}

/// Dim 0 and dim 1 change places: a batch of stacks is a stack of batches.
ValueId swap_leading_dims(GraphBuilder& builder, ValueId x) {
  Dims permutation = iota_dims(builder.type(x).rank());
  std::swap(permutation[0], permutation[1]);
  return emit_transpose(builder, x, std::move(permutation));
}

ValueList batch_scan(BatchContext& c) {
  const ScanLayout s = scan_layout(c.attrs(), c.size());
  std::vector<bool> batched = c.batched();
  BatchedGraph body;
  for (bool grown = true; grown;) {
    std::vector<bool> wanted(s.carries + s.ys, false);
    for (std::size_t k = 0; k < s.carries; ++k) wanted[k] = batched[s.consts + k];
    body = c.subgraphs().batch(*s.body, batched, c.batch_size(), c.axis_name(), wanted);
    grown = false;
    for (std::size_t k = 0; k < s.carries; ++k) {
      if (!body.batched[k] || batched[s.consts + k]) continue;
      batched[s.consts + k] = grown = true;
    }
  }
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) {
    const bool is_x = i >= s.first_x();
    operands.push_back(is_x && batched[i]    ? swap_leading_dims(c.builder(), c.operand(i))
                       : !is_x && batched[i] ? c.with_batch(i)
                                             : c.operand(i));
  }
  const std::span<const ValueId> all(operands);
  ValueList results = emit_scan(c.builder(), std::move(body.graph), s.length, s.reverse, all.first(s.consts),
                                all.subspan(s.consts, s.carries), all.subspan(s.first_x()));
  for (std::size_t k = 0; k < results.size(); ++k) {
    if (!body.batched[k])
      c.set_unbatched(k);
    else if (k >= s.carries)
      results[k] = swap_leading_dims(c.builder(), results[k]);
  }
  return results;
}

std::vector<OpSample> scan_samples() {
  const auto sample = [](std::string_view body, std::int64_t length, std::int64_t consts, std::int64_t carry,
                         std::vector<TensorType> operands, bool reverse, int order) {
    OpSample result{.operands = std::move(operands),
                    .attrs = {{"body", std::make_shared<const Graph>(parse_graph(body))},
                              {"length", length},
                              {"reverse", reverse},
                              {"num_consts", consts},
                              {"num_carry", carry}},
                    .low = -1,
                    .high = 1,
                    .relative_tolerance = order == 0 ? 1e-6 : 0,  // sums of f32
                    .derivative_order = order};
    return result;
  };
  const DType f32 = DType::kF32, f64 = DType::kF64, i32 = DType::kI32;
  constexpr std::string_view kCell = R"(
func @cell(%w: f64[3], %h: f64[3], %x: f64[3]) -> (f64[3], f64[3]) {
  %a = mul %w, %h
  %b = add %a, %x
  %c = mul %b, %b
  %d = sub %h, %c
  %e = mul %d, %x
  return %d, %e
})";
  constexpr std::string_view kPowers = R"(
func @powers(%p: f64[], %n: i32[]) -> (f64[], i32[], f64[]) {
  %m = convert %n {dtype = f64}
  %q = mul %p, %m
  %one = constant {value = i32[] 1}
  %next = add %n, %one
  return %q, %next, %p
})";
  constexpr std::string_view kMap = R"(
func @each(%x: f64[2]) -> f64[2] {
  %y = mul %x, %x
  return %y
})";
  constexpr std::string_view kSums = R"(
func @sums(%w: f32[2,5], %s: f32[5], %x: f32[2]) -> (f32[5], f32[5]) {
  %y = dot_general %x, %w {contract = [0] x [0]}
  %t = add %s, %y
  return %t, %s
})";
  constexpr std::string_view kSwap = R"(
func @swap(%a: f64[2], %b: f64[2]) -> (f64[2], f64[2], f64[2]) {
  %c = mul %a, %b
  return %b, %a, %c
})";
  return {sample(kCell, 4, 1, 1, {{f64, {3}}, {f64, {3}}, {f64, {4, 3}}}, false, 2),
          sample(kCell, 3, 1, 1, {{f64, {3}}, {f64, {3}}, {f64, {3, 3}}}, true, 2),
          sample(kCell, 1, 1, 1, {{f64, {3}}, {f64, {3}}, {f64, {1, 3}}}, false, 1),
          sample(kCell, 0, 1, 1, {{f64, {3}}, {f64, {3}}, {f64, {0, 3}}}, false, 1),
          sample(kPowers, 4, 0, 2, {{f64, {}}, {i32, {}}}, false, 1),
          sample(kMap, 3, 0, 0, {{f64, {3, 2}}}, true, 2),
          sample(kSwap, 5, 0, 2, {{f64, {2}}, {f64, {2}}}, false, 2),
          sample(kSums, 7, 1, 1, {{f32, {2, 5}}, {f32, {5}}, {f32, {7, 2}}}, true, 0)};
}

}  // namespace

/// `length` runs of body: (consts, carries, a slice of each x) -> (carries, a slice of each y). Operands:
/// consts, initial carries, xs, whose leading dim is `length`. Results: the final carries, then the ys,
/// stacked. `reverse`: from the last index to the first; slices keep their places.
const OpDef op_scan{
    .name = "scan",
    .pattern = OpPattern::kControl,
    .operand_names = {},
    .variadic = true,
    .attrs = {{"body", GraphRef{}},
              {"length", std::int64_t{}},
              {"reverse", bool{}, AttrValue{false}},
              {"num_consts", std::int64_t{}, AttrValue{std::int64_t{0}}},
              {"num_carry", std::int64_t{}, AttrValue{std::int64_t{0}}}},
    .infer_types = infer_scan,
    .jvp = jvp_scan,
    .transpose = transpose_scan,
    .batch = batch_scan,
    .control = ControlKind::kScan,
    .eval = eval_scan,
    .samples = scan_samples,
};

}  // namespace adze
