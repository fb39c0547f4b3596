#include <fmt/format.h>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

// The index of the first extreme element along `axis`; the first NaN wins over every number.

namespace {

std::vector<TensorType> infer_arg_reduce(InferContext& c) {
  const TensorType& x = c.operand(0);
  const std::int64_t axis = c.attr<std::int64_t>("axis");
  const DType index_dtype = c.attr<DType>("index_dtype");
  check_dtype(c, 0, DTypeSet::kNumeric);
  if (!is_integer(index_dtype)) {
    c.fail(fmt::format("index_dtype must be an integer: {}", to_string(index_dtype)));
  }
  check_dims(c, "axis", {axis}, x.rank());
  const std::int64_t size = x.shape[static_cast<std::size_t>(axis)];
  if (size == 0) c.fail(fmt::format("dimension {} of {} is empty", axis, to_string(x)));
  const bool fits = with_type(index_dtype, [&]<class T>() {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) return std::in_range<T>(size - 1);
    return false;
  });
  if (!fits) {
    c.fail(fmt::format("size {} of dimension {} does not fit {}", size, axis, to_string(index_dtype)));
  }
  return {{index_dtype, without_dims(x.shape, {axis})}};
}

void eval_arg_reduce(EvalContext& c, bool is_max) {
  const TensorType& type = c.operands[0]->type();
  const Dims axes = {c.attrs.get<std::int64_t>("axis")};
  const auto bases = offsets_over(type.shape, remaining_dims(type.rank(), axes));
  const auto offsets = offsets_over(type.shape, axes);
  with_type(type.dtype, [&]<class Stored>() {
    using T = std::conditional_t<is_half_type<Stored>, float, Stored>;
    const auto from = c.operands[0]->template data<Stored>();
    for (std::size_t i = 0; i < bases.size(); ++i) {
      const auto element = [&](std::size_t k) {
        return static_cast<T>(from[static_cast<std::size_t>(bases[i] + offsets[k])]);
      };
      std::size_t best = 0;
      for (std::size_t k = 1; k < offsets.size(); ++k) {
        const T a = element(k);
        const T b = element(best);
        const bool b_is_nan = b != b;
        if (!b_is_nan && (a != a || (is_max ? a > b : a < b))) best = k;
      }
      c.results[0].set_int(static_cast<std::int64_t>(i), static_cast<std::int64_t>(best));
    }
  });
}

std::vector<OpSample> arg_reduce_samples() {
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, Dims shape, std::int64_t axis, DType index_dtype) {
    samples.push_back({.operands = {{dtype, std::move(shape)}},
                       .attrs = {{"axis", axis}, {"index_dtype", index_dtype}},
                       .special = {0, 1, kInf, -kInf, kNan},
                       .derivative_order = 0});
  };
  for (const std::int64_t size : {1, 10, 17, 131}) add(DType::kF32, {size}, 0, DType::kI32);
  add(DType::kF32, {5, 10}, 1, DType::kI32);
  add(DType::kF32, {10, 5}, 0, DType::kI32);
  add(DType::kF32, {3, 5, 7}, 1, DType::kI64);
  add(DType::kF32, {0, 3}, 1, DType::kI32);
  add(DType::kF64, {4, 9}, 1, DType::kU32);
  add(DType::kI32, {33}, 0, DType::kI32);
  add(DType::kI64, {4, 5}, 0, DType::kI64);
  add(DType::kU32, {4, 5}, 1, DType::kI32);
  add(DType::kI8, {70}, 0, DType::kU8);
  add(DType::kBF16, {4, 9}, 1, DType::kI32);
  add(DType::kF16, {37}, 0, DType::kI32);
  add(DType::kU64, {33}, 0, DType::kI16);
  return samples;
}

OpDef arg_reduction(std::string_view name, ReduceKind kind) {
  OpDef op;
  op.name = name;
  op.pattern = OpPattern::kReduction;
  op.traits.zero_derivative = true;
  op.attrs = {{"axis", std::int64_t{}}, {"index_dtype", DType::kI32, DType::kI32}};
  op.infer_types = infer_arg_reduce;
  op.fold = [](FoldContext& c) {
    const auto axis = static_cast<std::size_t>(c.attr<std::int64_t>("axis"));
    return c.type(c.operand(0)).shape[axis] == 1 ? c.zero() : kNoValue;
  };
  op.batch = [](BatchContext& c) -> ValueList {
    Attrs attrs = c.attrs();
    attrs.set("axis", c.attr<std::int64_t>("axis") + 1);
    return c.emit(c.op(), {c.operand(0)}, std::move(attrs));
  };
  op.reduce = [kind](const Attrs& attrs, std::span<const TensorType>) {
    return ReduceSpec{kind, {attrs.get<std::int64_t>("axis")}};
  };
  op.eval = [kind](EvalContext& c) { eval_arg_reduce(c, kind == ReduceKind::kArgMax); };
  op.samples = arg_reduce_samples;
  return op;
}

}  // namespace

const OpDef op_argmax = arg_reduction("argmax", ReduceKind::kArgMax);
const OpDef op_argmin = arg_reduction("argmin", ReduceKind::kArgMin);

}  // namespace adze
