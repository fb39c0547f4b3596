#include <fmt/format.h>

#include <algorithm>

#include "ir/eval_helpers.h"
#include "ir/gather_dims.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

std::size_t last(const TensorType& type) {
  return static_cast<std::size_t>(type.rank() - 1);
}

std::vector<TensorType> infer_top_k(InferContext& c) {
  check_dtype(c, 0, DTypeSet::kNumeric);
  TensorType values = c.operand(0);
  if (values.rank() == 0) c.fail("needs a last dimension to choose from, got " + to_string(values));
  const std::int64_t k = c.attr<std::int64_t>("k");
  if (k < 0 || k > values.shape.back()) {
    c.fail(fmt::format("k = {} must be between 0 and the size of the last dimension of {}", k,
                       to_string(values)));
  }
  values.shape.back() = k;
  return {values, {DType::kI32, values.shape}};
}

/// Is x larger than y, NaN the largest? (x, y, place of x, place of y) -> bool.
GraphRef larger_first(DType dtype) {
  GraphBuilder b;
  b.set_name("larger_first");
  const ValueId x = b.parameter({dtype, {}}, "x"), y = b.parameter({dtype, {}}, "y");
  for (const char* name : {"x.place", "y.place"}) b.parameter({DType::kI32, {}}, name);
  ValueId larger = b.emit(op_gt, {x, y});
  if (is_float(dtype)) {
    const ValueId nan_first = b.emit(op_and_, {b.emit(op_ne, {x, x}), b.emit(op_eq, {y, y})});
    larger = b.emit(op_or_, {larger, nan_first});
  }
  return std::make_shared<const Graph>(b.finish({larger}));
}

/// All of it sorted, with the places; then the first k.
ValueList decompose_top_k(DecomposeContext& c) {
  GraphBuilder& b = c.builder();
  const TensorType type = c.type(c.operand(0));
  const auto dim = static_cast<std::int64_t>(last(type));
  const ValueId places =
      b.emit(op_iota, {}, {{"dtype", DType::kI32}, {"shape", type.shape}, {"dimension", dim}});
  const ValueList sorted =
      b.emit_multi(op_sort, {c.operand(0), places},
                   {{"dimension", dim}, {"comparator", GraphList{larger_first(type.dtype)}}});
  const Dims start(type.shape.size(), 0);
  const Dims limit = c.result_type().shape;
  return {emit_slice(b, sorted[0], start, limit), emit_slice(b, sorted[1], start, limit)};
}

void eval_top_k(EvalContext& c) {
  const Literal& x = *c.operands[0];
  const std::int64_t n = x.type().shape.back(), k = c.results[0].type().shape.back();
  const bool is_real = is_float(x.type().dtype);
  const auto larger = [&](std::int64_t a, std::int64_t b) {
    if (x.type().dtype == DType::kU64)
      return static_cast<std::uint64_t>(x.as_int(a)) > static_cast<std::uint64_t>(x.as_int(b));
    if (!is_real) return x.as_int(a) > x.as_int(b);
    const double p = x.as_double(a), q = x.as_double(b);
    return p > q || (p != p && q == q);
  };
  for (std::int64_t row = 0; n > 0 && row < x.size() / n; ++row) {
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < n; ++i) places.push_back(row * n + i);
    std::stable_sort(places.begin(), places.end(), larger);
    for (std::int64_t i = 0; i < k; ++i) {
      const std::int64_t from = places[static_cast<std::size_t>(i)];
      copy_element(c.results[0], row * k + i, x, from);
      c.results[1].set_int(row * k + i, from - row * n);
    }
  }
}

ValueList jvp_top_k(JvpContext& c) {
  const auto dim = static_cast<std::int64_t>(last(c.type(c.primal(0))));
  return {emit_take_along(c.builder(), c.tangent(0), c.output(1), dim), kNoValue};
}

std::vector<OpSample> top_k_samples() {
  using enum DType;
  const auto sample = [](DType dtype, Dims shape, std::int64_t k, int derivative_order) {
    OpSample result{
        .operands = {{dtype, std::move(shape)}}, .attrs = {{"k", k}}, .derivative_order = derivative_order};
    if (is_float(dtype) && derivative_order == 0) result.special = {0.0, -0.0, 1, kInf, -kInf, kNan};
    return result;
  };
  return {sample(kF32, {17}, 5, 0),    sample(kF32, {3, 16}, 16, 0), sample(kF32, {5}, 0, 0),
          sample(kI32, {2, 33}, 3, 0), sample(kU32, {9}, 1, 0),      sample(kF16, {9}, 4, 0),
          sample(kU64, {9}, 2, 0),     sample(kF64, {3, 6}, 2, 2),   sample(kF64, {0}, 0, 2)};
}

}  // namespace

const OpDef op_top_k{
    .name = "top_k",
    .pattern = OpPattern::kComposite,
    .attrs = {{"k", std::int64_t{}}},
    .infer_types = infer_top_k,
    .jvp = jvp_top_k,
    .batch = [](BatchContext& c) { return c.builder().emit_multi(c.op(), {c.operand(0)}, c.attrs()); },
    .decompose = decompose_top_k,
    .eval = eval_top_k,
    .samples = top_k_samples,
};

}  // namespace adze
