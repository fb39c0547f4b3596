#include <fmt/format.h>

#include <algorithm>

#include "ir/control_flow.h"
#include "ir/interpreter.h"
#include "ir/op_helpers.h"
#include "ir/text.h"

namespace adze {

namespace {

const GraphList& branches_of(const Attrs& attrs) {
  return attrs.get<GraphList>("branches");
}

std::vector<TensorType> infer_cond(InferContext& c) {
  const GraphList& branches = c.attr<GraphList>("branches");
  if (branches.empty()) c.fail("branches must not be empty");
  if (c.operand(0) != TensorType{DType::kI32, {}})
    c.fail(fmt::format("index must be i32[], got {}", to_string(c.operand(0))));
  std::vector<Slot> parameters, results;
  for (std::size_t i = 1; i < c.size(); ++i)
    parameters.push_back({c.operand(i), fmt::format("the type of operand {}", i)});
  for (std::size_t b = 0; b < branches.size(); ++b) {
    const std::string name = fmt::format("branch {}", b);
    if (!branches[b]) c.fail(name + " must not be null");
    check_parameters(c, name, *branches[b], parameters);
    if (b > 0) {
      check_results(c, name, *branches[b], results);
      continue;
    }
    for (const TensorType& type : result_types(*branches[0]))
      results.push_back({type, fmt::format("the type of result {} of branch 0", results.size())});
  }
  if (results.empty()) c.fail("the branches return nothing: there is nothing to compute");
  return result_types(*branches[0]);
}

void eval_cond(EvalContext& c) {
  const GraphList& branches = branches_of(c.attrs);
  const auto last = static_cast<std::int64_t>(branches.size()) - 1;
  const std::int64_t index = std::clamp<std::int64_t>(c.operands[0]->as_int(0), 0, last);
  std::vector<Literal> arguments;
  for (std::size_t i = 1; i < c.operands.size(); ++i) arguments.push_back(*c.operands[i]);
  std::vector<Literal> results = interpret(*branches[static_cast<std::size_t>(index)], arguments);
  std::move(results.begin(), results.end(), c.results.begin());
}

/// Places for the residuals of all branches: a place holds a value of its type, whichever branch is taken.
struct ResidualPlaces {
  std::vector<TensorType> types;
  /// For each residual of one branch its place, of which it takes each at most once.
  std::vector<std::size_t> assign(std::span<const TensorType> residuals) {
    std::vector<bool> taken(types.size());
    std::vector<std::size_t> places;
    for (const TensorType& type : residuals) {
      std::size_t place = 0;
      while (place < types.size() && (taken[place] || types[place] != type)) ++place;
      if (place == types.size()) {
        types.push_back(type);
        taken.push_back(false);
      }
      taken[place] = true;
      places.push_back(place);
    }
    return places;
  }
};

/// One branch of a derivative: where each residual comes from.
struct SplitBranch {
  SplitDerivative split;
  std::vector<std::size_t> computed;  ///< residuals that the primal branch gives (not its operands)
  std::vector<std::size_t> places;    ///< of the computed ones
};

/// A cond that also gives what the tangents need, and a cond over it that is linear in the tangents.
ValueList jvp_cond(JvpContext& c) {
  const GraphList branches = branches_of(c.attrs());
  const std::size_t result_count = c.result_count();
  std::vector<bool> active;
  for (std::size_t i = 1; i < c.size(); ++i) active.push_back(c.has_tangent(i));
  std::vector<SplitBranch> parts;
  std::vector<bool> has(result_count, false);
  ResidualPlaces places;
  for (const GraphRef& branch : branches) {
    SplitBranch part{c.subgraphs().linearize(*branch, active), {}, {}};
    std::vector<TensorType> types;
    for (std::size_t r = result_count; r < part.split.primal.results().size(); ++r) {
      const ValueId value = part.split.primal.results()[r];
      if (part.split.primal.is_parameter(value)) continue;
      part.computed.push_back(r - result_count);
      types.push_back(part.split.primal.type(value));
    }
    part.places = places.assign(types);
    for (std::size_t k = 0; k < result_count; ++k) has[k] = has[k] || part.split.has_tangent[k];
    parts.push_back(std::move(part));
  }

  // Primal branches: results, then the residuals in their places.
  std::vector<Graph> primal;
  for (const SplitBranch& part : parts) {
    GraphBuilder b;
    b.set_name(part.split.primal.name());
    std::vector<ValueId> arguments;
    for (const Parameter& p : part.split.primal.parameters())
      arguments.push_back(b.parameter(part.split.primal.type(p.value), p.name, p.location));
    ValueList values = inline_graph(b, part.split.primal, arguments);
    ValueList residuals(places.types.size());
    for (std::size_t r = 0; r < part.computed.size(); ++r)
      residuals[part.places[r]] = values[result_count + part.computed[r]];
    values.resize(result_count);
    for (std::size_t p = 0; p < residuals.size(); ++p)
      values.push_back(residuals[p] ? residuals[p] : b.full(places.types[p], 0));
    primal.push_back(rewrite(b.finish(std::move(values))));
  }
  std::vector<ValueId> operands, tangents;
  for (std::size_t i = 1; i < c.size(); ++i) operands.push_back(c.primal(i));
  ValueList outputs = emit_cond(c.builder(), c.primal(0), std::move(primal), operands);
  const std::vector<ValueId> residuals(outputs.begin() + static_cast<std::ptrdiff_t>(result_count),
                                       outputs.end());
  outputs.resize(result_count);
  c.replace_outputs(std::move(outputs));
  if (count(has) == 0) return std::vector<ValueId>(result_count);

  // Tangent branches: residuals, the operands that are residuals of some branch, tangents.
  std::vector<bool> is_residual(operands.size(), false);
  for (const SplitBranch& part : parts) {
    for (std::size_t r = result_count; r < part.split.primal.results().size(); ++r) {
      const Graph& graph = part.split.primal;
      const ValueId value = graph.results()[r];
      if (graph.is_parameter(value)) is_residual[graph.value(value).position] = true;
    }
  }
  std::vector<ValueId> kept;
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (is_residual[i]) kept.push_back(operands[i]);
  for (std::size_t i = 1; i < c.size(); ++i)
    if (c.has_tangent(i)) tangents.push_back(c.tangent(i));
  std::vector<Graph> linear;
  for (const SplitBranch& part : parts) {
    const Graph& tangent = part.split.tangent;
    GraphBuilder b;
    b.set_name(tangent.name());
    std::vector<ValueId> at_place, of_operand(operands.size()), arguments;
    for (const TensorType& type : places.types) at_place.push_back(b.parameter(type));
    for (std::size_t i = 0; i < operands.size(); ++i)
      if (is_residual[i]) of_operand[i] = b.parameter(c.type(operands[i]));
    std::size_t next = 0;
    for (std::size_t r = result_count; r < part.split.primal.results().size(); ++r) {
      const ValueId value = part.split.primal.results()[r];
      arguments.push_back(part.split.primal.is_parameter(value)
                              ? of_operand[part.split.primal.value(value).position]
                              : at_place[part.places[next++]]);
    }
    for (const ValueId t : tangents) arguments.push_back(b.parameter(c.type(t)));
    const ValueList derived = inline_graph(b, tangent, arguments);
    std::vector<ValueId> results;
    next = 0;
    for (std::size_t k = 0; k < result_count; ++k) {
      const ValueId own = part.split.has_tangent[k] ? derived[next++] : kNoValue;
      if (has[k]) results.push_back(own ? own : b.full(c.result_type(k), 0));
    }
    linear.push_back(rewrite(b.finish(std::move(results))));
  }
  const ValueList derived =
      emit_cond(c.builder(), c.primal(0), std::move(linear), joined(residuals, kept, tangents));
  std::vector<ValueId> result(result_count);
  std::size_t next = 0;
  for (std::size_t k = 0; k < result_count; ++k)
    if (has[k]) result[k] = derived[next++];
  return result;
}

ValueList transpose_cond(TransposeContext& c) {
  if (c.is_linear(0)) return std::vector<ValueId>(c.size());
  std::vector<bool> linear;
  std::vector<ValueId> operands;
  for (std::size_t i = 1; i < c.size(); ++i) {
    linear.push_back(c.is_linear(i));
    if (!c.is_linear(i)) operands.push_back(c.operand(i));
  }
  for (std::size_t k = 0; k < c.result_count(); ++k)
    if (c.cotangent(k)) operands.push_back(c.cotangent(k));
  std::vector<Graph> branches;
  for (const GraphRef& branch : branches_of(c.attrs())) {
    const Graph transposed = c.subgraphs().transpose(*branch, linear);
    const std::vector<TensorType> types = parameter_types(transposed);
    const std::size_t known = linear.size() - count(linear);
    GraphBuilder b;
    b.set_name(branch->name());
    std::vector<ValueId> arguments;
    for (std::size_t i = 0; i < types.size(); ++i) {
      const bool is_zero = i >= known && !c.cotangent(i - known);
      arguments.push_back(is_zero ? kNoValue : b.parameter(types[i]));
    }
    for (std::size_t i = 0; i < types.size(); ++i)
      if (!arguments[i]) arguments[i] = b.full(types[i], 0);
    ValueList values = inline_graph(b, transposed, arguments);
    branches.push_back(rewrite(b.finish(std::move(values))));
  }
  const ValueList values = emit_cond(c.builder(), c.operand(0), std::move(branches), std::move(operands));
  std::vector<ValueId> cotangents(c.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < linear.size(); ++i)
    if (linear[i]) cotangents[i + 1] = values[next++];
  return cotangents;
}

/// With an index for each member of the batch all branches are run, and each member takes its own.
ValueList batch_cond(BatchContext& c) {
  const GraphList branches = branches_of(c.attrs());
  const std::vector<bool> batched(c.batched().begin() + 1, c.batched().end());
  std::vector<ValueId> operands;
  for (std::size_t i = 1; i < c.size(); ++i) operands.push_back(c.operand(i));
  std::vector<bool> wanted(c.result_count(), c.is_batched(0));
  const auto batch_all = [&] {
    std::vector<BatchedGraph> all;
    for (const GraphRef& branch : branches)
      all.push_back(c.subgraphs().batch(*branch, batched, c.batch_size(), c.axis_name(), wanted));
    return all;
  };
  std::vector<BatchedGraph> all = batch_all();
  for (const BatchedGraph& each : all)
    for (std::size_t k = 0; k < wanted.size(); ++k) wanted[k] = wanted[k] || each.batched[k];
  all = batch_all();
  if (!c.is_batched(0)) {
    std::vector<Graph> graphs;
    for (BatchedGraph& each : all) graphs.push_back(std::move(each.graph));
    for (std::size_t k = 0; k < wanted.size(); ++k)
      if (!wanted[k]) c.set_unbatched(k);
    return emit_cond(c.builder(), c.operand(0), std::move(graphs), std::move(operands));
  }
  ValueList results = inline_graph(c.builder(), all[0].graph, operands);
  for (std::size_t b = 1; b < all.size(); ++b) {
    const ValueList values = inline_graph(c.builder(), all[b].graph, operands);
    const TensorType type = c.type(c.operand(0));
    const ValueId at_least =
        c.emit(op_ge, {c.operand(0), c.builder().full(type, static_cast<double>(b))});  // clamps, too
    for (std::size_t k = 0; k < results.size(); ++k) {
      const ValueId mask = emit_broadcast(c.builder(), at_least, c.type(results[k]).shape, {0});
      results[k] = c.select(mask, values[k], results[k]);
    }
  }
  return results;
}

std::vector<OpSample> cond_samples() {
  const auto sample = [](std::vector<std::string_view> texts, std::vector<TensorType> operands,
                         std::pair<double, double> index, int order) {
    GraphList branches;
    for (const std::string_view text : texts)
      branches.push_back(std::make_shared<const Graph>(parse_graph(text)));
    operands.insert(operands.begin(), {DType::kI32, {}});
    return OpSample{.operands = std::move(operands),
                    .attrs = {{"branches", std::move(branches)}},
                    .ranges = {index},
                    .derivative_order = order};
  };
  constexpr std::string_view kProduct = R"(
func @product(%x: f64[3], %y: f64[3]) -> (f64[3], f64[]) {
  %p = mul %x, %y
  %q = mul %p, %p
  %s = reduce_sum %q {axes = [0]}
  return %p, %s
})";
  constexpr std::string_view kFirst = R"(
func @first(%x: f64[3], %y: f64[3]) -> (f64[3], f64[]) {
  %zero = constant {value = f64[] 0}
  return %x, %zero
})";
  constexpr std::string_view kDifference = R"(
func @difference(%x: f64[3], %y: f64[3]) -> (f64[3], f64[]) {
  %d = sub %y, %x
  %c = mul %d, %d
  %s = reduce_sum %d {axes = [0]}
  return %c, %s
})";
  constexpr std::string_view kInt = R"(
func @triple(%x: i32[5]) -> i32[5] {
  %y = add %x, %x
  %z = add %y, %x
  return %z
})";
  const std::vector<TensorType> two(2, {DType::kF64, {3}});
  return {sample({kProduct, kFirst, kDifference}, two, {0, 0.5}, 2),
          sample({kProduct, kFirst, kDifference}, two, {1, 1.5}, 1),
          sample({kProduct, kFirst, kDifference}, two, {2, 2.5}, 2),
          sample({kProduct, kFirst, kDifference}, two, {7, 7.5}, 1),
          sample({kProduct, kFirst, kDifference}, two, {-3.5, -3}, 1),
          sample({kInt}, {{DType::kI32, {5}}}, {0, 0.5}, 0)};
}

}  // namespace

/// Runs branch number `index`, clamped to those there are: operands -> results, of the same types for all.
const OpDef op_cond{
    .name = "cond",
    .pattern = OpPattern::kControl,
    .operand_names = {"index"},
    .variadic = true,
    .attrs = {{"branches", GraphList{}}},
    .infer_types = infer_cond,
    .jvp = jvp_cond,
    .transpose = transpose_cond,
    .batch = batch_cond,
    .control = ControlKind::kCond,
    .eval = eval_cond,
    .samples = cond_samples,
};

}  // namespace adze
