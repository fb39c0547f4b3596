#include <fmt/format.h>

#include "ir/op_helpers.h"

namespace adze {

// Collectives speak of all members of a batch from inside of one: `axis_name` is the name of a vmap around
// them, whose batching replaces them. What is left over means nothing, and no program runs it.

namespace {

const std::string& axis_name(const Attrs& attrs) {
  return attrs.get<std::string>("axis_name");
}

void check_axis_name(const InferContext& c) {
  if (axis_name(c.attrs()).empty()) c.fail("axis_name must not be empty");
}

[[noreturn]] void fail_unbound(std::string_view op, const Attrs& attrs) {
  throw CompileError(fmt::format("{}: axis '{}' is not bound by a vmap around it", op, axis_name(attrs)));
}

std::vector<OpSample> collective_samples(Attrs attrs = {}) {
  attrs.set("axis_name", std::string("i"));
  std::vector<OpSample> samples;
  for (const Dims& shape : {Dims{}, Dims{1}, Dims{5}, Dims{0}, Dims{2, 3}}) {
    samples.push_back({.operands = {{DType::kF32, shape}}, .attrs = attrs, .derivative_order = 0});
    samples.push_back({.operands = {{DType::kF64, shape}}, .attrs = attrs, .derivative_order = 2});
  }
  for (const DType dtype : {DType::kI32, DType::kI64, DType::kU32})
    samples.push_back({.operands = {{dtype, {4}}}, .attrs = attrs, .derivative_order = 0});
  return samples;
}

/// One operand, and the attribute axis_name. Over another axis than its own the op is elementwise.
OpDef collective(std::string_view name, ValueList (*over_axis)(BatchContext&)) {
  OpDef op;
  op.name = name;
  op.pattern = OpPattern::kCollective;
  op.attrs = {{"axis_name", std::string()}};
  op.infer_types = [](InferContext& c) -> std::vector<TensorType> {
    check_dtype(c, 0, DTypeSet::kNumeric);
    check_axis_name(c);
    return {c.operand(0)};
  };
  op.batch = [over_axis](BatchContext& c) -> ValueList {
    if (axis_name(c.attrs()) != c.axis_name()) return c.emit(c.op(), {c.operand(0)}, c.attrs());
    c.set_unbatched(0);
    return over_axis(c);
  };
  op.eval = [name](EvalContext& c) { fail_unbound(name, c.attrs); };
  op.samples = [] { return collective_samples(); };
  return op;
}

/// pmax, pmin. The tangent is that of the extreme member, the mean over those that tie for it.
OpDef extremum(std::string_view name, ValueList (*over_axis)(BatchContext&)) {
  OpDef op = collective(name, over_axis);
  op.jvp = [](JvpContext& c) -> ValueList {
    const ValueId chosen = c.emit(op_eq, {c.primal(0), c.output()});
    const ValueId weight = emit_convert(c.builder(), chosen, c.result_type().dtype);
    const auto sum = [&](ValueId x) { return c.emit(op_psum, {x}, c.attrs()); };
    return c.div(sum(c.mul(c.tangent(0), weight)), sum(weight));
  };
  return op;
}

ValueId reduce_batch(BatchContext& c, const OpDef& reduction) {
  if (!c.is_batched(0)) return c.operand(0);  // the same in every member
  return c.emit(reduction, {c.operand(0)}, {{"axes", Dims{0}}});
}

std::vector<TensorType> infer_all_gather(InferContext& c) {
  const std::int64_t dimension = c.attr<std::int64_t>("dimension");
  const std::int64_t size = c.attr<std::int64_t>("axis_size");
  TensorType type = c.operand(0);
  check_dtype(c, 0, DTypeSet::kAny);
  check_axis_name(c);
  if (dimension < 0 || dimension > type.rank()) {
    c.fail(fmt::format("dimension {} is out of range for a new dimension of {}", dimension, to_string(type)));
  }
  if (size < 0) c.fail(fmt::format("axis_size must not be negative: {}", size));
  type.shape.insert(type.shape.begin() + dimension, size);
  check_shape(c, type.shape);
  return {type};
}

ValueList batch_all_gather(BatchContext& c) {
  const std::int64_t dimension = c.attr<std::int64_t>("dimension");
  if (axis_name(c.attrs()) != c.axis_name()) {
    Attrs attrs = c.attrs();
    attrs.set("dimension", dimension + 1);
    return c.emit(c.op(), {c.operand(0)}, std::move(attrs));
  }
  const std::int64_t size = c.attr<std::int64_t>("axis_size");
  if (size != c.batch_size()) {
    throw TypeError(fmt::format("all_gather: axis '{}' has size {}, axis_size says {}", c.axis_name(),
                                c.batch_size(), size));
  }
  c.set_unbatched(0);
  const Dims others = remaining_dims(c.result_type().rank(), {dimension});
  if (!c.is_batched(0)) return emit_broadcast(c.builder(), c.operand(0), c.result_type().shape, others);
  return emit_transpose(c.builder(), c.operand(0), inverse_permutation(prepend(dimension, others)));
}

/// What all members say of this one: its place in the sum of their cotangents.
ValueList transpose_all_gather(TransposeContext& c) {
  const std::int64_t dimension = c.attr<std::int64_t>("dimension");
  const Attrs axis{{"axis_name", axis_name(c.attrs())}};
  const ValueId sum = c.emit(op_psum, {c.cotangent()}, axis);
  const Dims shape = c.result_type().shape;
  const ValueId place =
      c.emit(op_iota, {}, {{"dtype", DType::kI32}, {"shape", shape}, {"dimension", dimension}});
  const ValueId self = emit_broadcast(c.builder(), c.emit(op_axis_index, {}, axis), shape, {});
  return emit_reduce_sum(c.builder(), c.select(c.emit(op_eq, {place, self}), sum, kNoValue), {dimension});
}

}  // namespace

/// The sum over all members of the batch that `axis_name` names.
const OpDef op_psum = [] {
  OpDef op = collective("psum", [](BatchContext& c) -> ValueList {
    if (c.is_batched(0)) return reduce_batch(c, op_reduce_sum);
    return c.mul(c.operand(0), c.full_like(c.operand(0), static_cast<double>(c.batch_size())));
  });
  op.traits.linear = true;
  op.transpose = [](TransposeContext& c) -> ValueList { return c.emit(op_psum, {c.cotangent()}, c.attrs()); };
  return op;
}();

/// The largest over all members of the batch that `axis_name` names.
const OpDef op_pmax =
    extremum("pmax", [](BatchContext& c) -> ValueList { return reduce_batch(c, op_reduce_max); });
const OpDef op_pmin =
    extremum("pmin", [](BatchContext& c) -> ValueList { return reduce_batch(c, op_reduce_min); });

/// The operands of all members of the batch that `axis_name` names, stacked along a new `dimension`.
const OpDef op_all_gather{
    .name = "all_gather",
    .pattern = OpPattern::kCollective,
    .traits = {.linear = true},
    .attrs = {{"axis_name", std::string()},
              {"axis_size", std::int64_t{}},
              {"dimension", std::int64_t{}, std::int64_t{0}}},
    .infer_types = infer_all_gather,
    .transpose = transpose_all_gather,
    .batch = batch_all_gather,
    .eval = [](EvalContext& c) { fail_unbound("all_gather", c.attrs); },
    .samples =
        [] {
          std::vector<OpSample> samples = collective_samples({{"axis_size", std::int64_t{3}}});
          samples.push_back({.operands = {{DType::kF64, {2, 3}}},
                             .attrs = {{"axis_name", std::string("i")},
                                       {"axis_size", std::int64_t{3}},
                                       {"dimension", std::int64_t{1}}}});
          samples.push_back({.operands = {{DType::kF64, {2}}},
                             .attrs = {{"axis_name", std::string("i")},
                                       {"axis_size", std::int64_t{3}},
                                       {"dimension", std::int64_t{1}}}});
          return samples;
        },
};

/// Which member of the batch that `axis_name` names this is: i32, from 0.
const OpDef op_axis_index{
    .name = "axis_index",
    .pattern = OpPattern::kCollective,
    .traits = {.zero_derivative = true},
    .operand_names = {},
    .attrs = {{"axis_name", std::string()}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      check_axis_name(c);
      return {{DType::kI32, {}}};
    },
    .batch = [](BatchContext& c) -> ValueList {
      return c.emit(
          op_iota, {},
          {{"dtype", DType::kI32}, {"shape", Dims{c.batch_size()}}, {"dimension", std::int64_t{0}}});
    },
    .eval = [](EvalContext& c) { fail_unbound("axis_index", c.attrs); },
    .samples =
        [] {
          return std::vector<OpSample>{
              {.operands = {}, .attrs = {{"axis_name", std::string("i")}}, .derivative_order = 0}};
        },
};

}  // namespace adze
