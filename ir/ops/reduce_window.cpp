#include <cstdint>
#include <limits>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"
#include "ir/prod_tangent.h"
#include "ir/scalar_host.h"
#include "ir/window_eval.h"
#include "ir/windows.h"

namespace adze {

// Reductions over sliding windows with a known monoid. See windows.h for the attributes.

namespace {

enum class Monoid { kSum, kProd, kMax, kMin };

const OpDef& reduction_of(Monoid monoid) {
  switch (monoid) {
    case Monoid::kSum:
      return op_reduce_sum;
    case Monoid::kProd:
      return op_reduce_prod;
    case Monoid::kMax:
      return op_reduce_max;
    case Monoid::kMin:
      break;
  }
  return op_reduce_min;
}

/// What padding counts as: the monoid's neutral element.
Literal neutral(Monoid monoid, DType dtype) {
  if (monoid == Monoid::kMax || monoid == Monoid::kMin) return extreme_value(dtype, monoid == Monoid::kMin);
  return Literal::full({dtype, {}}, monoid == Monoid::kProd ? 1 : 0);
}

template <class T>
T combine(Monoid monoid, T a, T b) {
  switch (monoid) {
    case Monoid::kSum:
      return host::add(a, b);
    case Monoid::kProd:
      return host::mul(a, b);
    case Monoid::kMax:
      return host::max(a, b);
    case Monoid::kMin:
      break;
  }
  return host::min(a, b);
}

void eval_reduce_window(EvalContext& c, Monoid monoid) {
  const Literal& x = *c.operands[0];
  const Literal start = neutral(monoid, x.type().dtype);
  with_wide_type(x.type().dtype, [&]<class T>() {
    for_each_window(x.type().shape, windows_of(c.attrs),
                    [&](std::int64_t i, std::span<const std::int64_t> elements) {
                      T value = get<T>(start, 0);
                      for (const std::int64_t at : elements) {
                        if (at >= 0) value = combine(monoid, value, get<T>(x, at));
                      }
                      set(c.results[0], i, value);
                    });
  });
}

/// Holes between the elements at least as wide as a window that moves by one (the gradient of sums over
/// disjoint windows): every window holds one element at most.
bool hold_single_elements(const Windows& windows) {
  for (std::size_t d = 0; d < windows.size.size(); ++d) {
    if (windows.strides[d] != 1 || windows.window_dilation[d] != 1) return false;
    if (windows.size[d] > windows.base_dilation[d]) return false;
  }
  return true;
}

/// The sums under such windows: each element stands where a window holds it.
ValueId repeat_elements(DecomposeContext& c, const WindowedDims& over) {
  GraphBuilder& b = c.builder();
  const TensorType type = c.type(c.operand(0));
  Dims shape, element_dims, offsets;
  for (std::int64_t d = 0; d < type.rank(); ++d) {
    element_dims.push_back(static_cast<std::int64_t>(shape.size()));
    shape.push_back(type.shape[static_cast<std::size_t>(d)]);
    if (!contains(over.dims, d)) continue;
    const std::size_t i = offsets.size();
    shape.push_back(over.windows.size[i]);
    offsets.push_back(over.windows.padding.lhs[i] - over.windows.size[i] + 1);
  }
  return emit_side_by_side(
      b, emit_broadcast(b, c.operand(0), shape, element_dims),
      {over.dims, over.windows.base_dilation, offsets, pick(c.result_type().shape, over.dims)});
}

/// The windows' elements with the windows' dims last, folded.
ValueList decompose_reduce_window(DecomposeContext& c, Monoid monoid) {
  GraphBuilder& b = c.builder();
  const TensorType type = c.type(c.operand(0));
  const WindowedDims over = windowed_dims(type.shape, windows_of(c.attrs()));
  if (over.dims.empty()) return c.operand(0);
  if (monoid == Monoid::kSum && hold_single_elements(over.windows)) return repeat_elements(c, over);
  const ValueId windows =
      emit_windows(b, c.operand(0), over.dims, over.windows, b.constant(neutral(monoid, type.dtype)));
  if (monoid == Monoid::kMax || monoid == Monoid::kMin) {
    // One axis, as for the argmax of the derivative: both share a sweep.
    Dims flat = window_counts(type.shape, windows_of(c.attrs()));
    flat.push_back(element_count(over.windows.size));
    return c.emit(reduction_of(monoid), {emit_reshape(b, windows, flat)}, {{"axes", Dims{type.rank()}}});
  }
  Dims axes;
  for (std::int64_t d = type.rank(); d < b.type(windows).rank(); ++d) axes.push_back(d);
  return c.emit(reduction_of(monoid), {windows}, {{"axes", axes}});
}

ValueList transpose_reduce_window_sum(TransposeContext& c) {
  const Windows back = transposed_windows(c.operand_type(0).shape, windows_of(c.attrs()));
  return c.emit(op_reduce_window_sum, {c.cotangent()}, attrs_of(back));
}

/// The tangent of the first extreme element, as in JAX.
ValueList extremum_jvp(JvpContext& c, std::string_view select) {
  Attrs attrs = c.attrs();
  attrs.set("select", std::string(select));
  return c.emit(op_select_and_gather_add, {c.tangent(0), c.primal(0)}, std::move(attrs));
}

ValueList prod_jvp(JvpContext& c) {
  GraphBuilder& b = c.builder();
  const TensorType type = c.type(c.primal(0));
  const WindowedDims over = windowed_dims(type.shape, windows_of(c.attrs()));
  if (over.dims.empty()) return c.tangent(0);
  const ValueId primal = emit_windows(b, c.primal(0), over.dims, over.windows, b.scalar(type.dtype, 1));
  const ValueId tangent = emit_windows(b, c.tangent(0), over.dims, over.windows);
  Dims axes;
  for (std::int64_t d = type.rank(); d < b.type(primal).rank(); ++d) axes.push_back(d);
  return prod_tangent(c, primal, tangent, axes);
}

/// One more dimension, with windows of one element.
ValueList batch_reduce_window(BatchContext& c) {
  return c.emit(c.op(), {c.operand(0)}, batched_window_attrs(c.attrs()));
}

std::vector<OpSample> reduce_window_samples(Monoid monoid) {
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, Dims shape, Dims window, Dims strides, DimPair padding, Dims base,
                       Dims dilation, int derivative_order) {
    OpSample sample{.operands = {{dtype, std::move(shape)}},
                    .attrs = {{"window_dimensions", std::move(window)},
                              {"window_strides", std::move(strides)},
                              {"padding", std::move(padding)},
                              {"base_dilation", std::move(base)},
                              {"window_dilation", std::move(dilation)}},
                    .derivative_order = derivative_order};
    if (is_integer(dtype)) {
      sample.low = -100;
      sample.high = 100;
    } else if (monoid == Monoid::kSum || monoid == Monoid::kProd) {
      sample.relative_tolerance = sum_tolerance(dtype);
      if (monoid == Monoid::kProd) std::tie(sample.low, sample.high) = std::pair{0.5, 1.5};
    } else if (derivative_order > 0) {
      sample.adjust = spread_values;
    } else {
      sample.special = {kInf, -kInf, kNan};
    }
    samples.push_back(std::move(sample));
  };
  add(DType::kF32, {17}, {3}, {}, {}, {}, {}, 0);
  add(DType::kF32, {17}, {2}, {2}, {}, {}, {}, 0);
  add(DType::kF32, {3, 10, 12}, {1, 2, 2}, {1, 2, 2}, {}, {}, {}, 0);
  add(DType::kF32, {3, 9, 11}, {1, 3, 3}, {1, 2, 2}, {{0, 1, 1}, {0, 1, 1}}, {}, {}, 0);
  add(DType::kF32, {2, 7, 5, 3}, {1, 2, 3, 1}, {1, 1, 2, 1}, {{0, 0, 1, 0}, {0, 1, 0, 0}}, {}, {1, 2, 1, 1},
      0);
  add(DType::kF32, {6, 5}, {3, 2}, {1, 2}, {{1, -1}, {-2, 2}}, {2, 3}, {1, 2}, 0);
  add(DType::kF32, {5, 6}, {2, 2}, {}, {{1, 0}, {1, -1}}, {2, 3}, {}, 0);
  add(DType::kF32, {5, 4}, {1, 1}, {}, {}, {}, {}, 0);
  add(DType::kF32, {}, {}, {}, {}, {}, {}, 0);
  add(DType::kF32, {3}, {5}, {}, {}, {}, {}, 0);
  add(DType::kF32, {0, 3}, {1, 2}, {}, {{1, 0}, {1, 0}}, {}, {}, 0);
  add(DType::kI32, {8, 8}, {2, 2}, {2, 2}, {}, {}, {}, 0);
  add(DType::kI64, {9}, {4}, {3}, {{2}, {1}}, {}, {}, 0);
  add(DType::kU32, {9}, {2}, {}, {}, {}, {}, 0);
  add(DType::kU8, {9, 8}, {2, 3}, {2, 1}, {}, {}, {}, 0);
  add(DType::kF16, {9}, {4}, {3}, {{2}, {1}}, {}, {}, 0);
  add(DType::kF64, {31}, {5}, {}, {}, {}, {}, 0);
  add(DType::kF64, {5, 4}, {2, 3}, {2, 1}, {{0, 1}, {1, 1}}, {}, {}, 2);
  add(DType::kF64, {4}, {3}, {2}, {{1}, {2}}, {2}, {}, 2);
  return samples;
}

OpDef windowed(std::string_view name, Monoid monoid) {
  OpDef op;
  op.name = name;
  op.pattern = OpPattern::kComposite;
  op.attrs = window_attrs();
  op.infer_types = [](InferContext& c) -> std::vector<TensorType> {
    check_dtype(c, 0, DTypeSet::kNumeric);
    check_window_attrs(c, c.operand(0));
    return {{c.operand(0).dtype, check_shape(c, window_counts(c.operand(0).shape, windows_of(c.attrs())))}};
  };
  op.batch = batch_reduce_window;
  op.decompose = [monoid](DecomposeContext& c) { return decompose_reduce_window(c, monoid); };
  op.eval = [monoid](EvalContext& c) { eval_reduce_window(c, monoid); };
  op.samples = [monoid] { return reduce_window_samples(monoid); };
  return op;
}

OpDef with_jvp(OpDef op, std::function<ValueList(JvpContext&)> jvp) {
  op.jvp = std::move(jvp);
  return op;
}

}  // namespace

/// The sum under each window.
const OpDef op_reduce_window_sum = [] {
  OpDef op = windowed("reduce_window_sum", Monoid::kSum);
  op.traits.linear = true;
  op.transpose = transpose_reduce_window_sum;
  return op;
}();
/// The product under each window.
const OpDef op_reduce_window_prod = with_jvp(windowed("reduce_window_prod", Monoid::kProd), prod_jvp);
/// The largest element under each window, the lowest number where there is none; NaN wins.
const OpDef op_reduce_window_max = with_jvp(windowed("reduce_window_max", Monoid::kMax),
                                            [](JvpContext& c) { return extremum_jvp(c, "ge"); });
/// The smallest element under each window, the highest number where there is none; NaN wins.
const OpDef op_reduce_window_min = with_jvp(windowed("reduce_window_min", Monoid::kMin),
                                            [](JvpContext& c) { return extremum_jvp(c, "le"); });

}  // namespace adze
