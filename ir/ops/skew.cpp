#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"
#include "ir/windows.h"

namespace adze {

namespace {

/// Where an element comes from in one of the skewed dims.
struct SkewedDim {
  std::size_t dim, by;
  std::int64_t stride, dilation, offset, base_dilation;
};

std::vector<SkewedDim> skewed_dims(const Attrs& attrs) {
  const DimPair& dims = attrs.get<DimPair>("dims");
  std::vector<SkewedDim> result;
  for (std::size_t i = 0; i < dims.lhs.size(); ++i) {
    result.push_back({static_cast<std::size_t>(dims.lhs[i]), static_cast<std::size_t>(dims.rhs[i]),
                      attrs.get<Dims>("strides")[i], attrs.get<Dims>("dilation")[i],
                      attrs.get<Dims>("offset")[i], attrs.get<Dims>("base_dilation")[i]});
  }
  return result;
}

std::vector<TensorType> infer_skew(InferContext& c) {
  const TensorType& x = c.operand(0);
  const DimPair& dims = c.attr<DimPair>("dims");
  check_dtype(c, 0, DTypeSet::kAny);
  if (c.operand(1) != TensorType{x.dtype, {}}) {
    c.fail(fmt::format("value must be {}: {}", to_string(TensorType{x.dtype, {}}), to_string(c.operand(1))));
  }
  if (dims.lhs.size() != dims.rhs.size()) {
    c.fail(fmt::format("dims must pair each skewed dimension with another: {} x {}", to_string(dims.lhs),
                       to_string(dims.rhs)));
  }
  Dims all = dims.lhs;
  all.insert(all.end(), dims.rhs.begin(), dims.rhs.end());
  check_dims(c, "dims", all, x.rank());
  for (const auto name : {"sizes", "strides", "dilation", "offset", "base_dilation"}) {
    const Dims& list = c.attr<Dims>(name);
    if (list.size() != dims.lhs.size()) {
      c.fail(fmt::format("{} {} must have one entry a skewed dimension of {}", name, to_string(list),
                         to_string(dims.lhs)));
    }
  }
  Dims shape = x.shape;
  const Dims& sizes = c.attr<Dims>("sizes");
  for (std::size_t i = 0; i < sizes.size(); ++i) shape[static_cast<std::size_t>(dims.lhs[i])] = sizes[i];
  check_shape(c, shape);
  for (const SkewedDim& d : skewed_dims(c.attrs())) {
    if (d.stride < 1) c.fail(fmt::format("stride {} must be at least 1", d.stride));
    if (d.base_dilation < 1) c.fail(fmt::format("base_dilation {} must be at least 1", d.base_dilation));
    // Positions must fit 64 bits with room to spare.
    const auto reach = [](std::int64_t count, std::int64_t step) {
      return static_cast<double>(count) * std::fabs(static_cast<double>(step));
    };
    if (reach(shape[d.dim], d.stride) + reach(x.shape[d.by], d.dilation) + reach(1, d.offset) +
            reach(x.shape[d.dim], d.base_dilation) >
        0x1p60) {
      c.fail(fmt::format("positions in dimension {} are out of range", d.dim));
    }
  }
  return {{x.dtype, std::move(shape)}};
}

/// Around nothing, and the identity.
ValueId fold_skew(FoldContext& c) {
  const TensorType x = c.type(c.operand(0));
  if (x.element_count() == 0) {
    return emit_broadcast(c.builder(), c.operand(1), c.result_type().shape, {});
  }
  if (x.shape != c.result_type().shape) return kNoValue;
  for (const SkewedDim& d : skewed_dims(c.attrs())) {
    const bool stays =
        d.stride == d.base_dilation && d.offset == 0 && (d.dilation == 0 || x.shape[d.by] == 1);
    if (!stays) return kNoValue;
  }
  return c.operand(0);
}

/// The operand's cotangent: element i of a skewed dim went to output (i * base_dilation - k * dilation -
/// offset) / stride, if anywhere. The value's: the sum of the rest.
ValueList transpose_skew(TransposeContext& c) {
  GraphBuilder& b = c.builder();
  const DimPair& dims = c.attr<DimPair>("dims");
  Skew back{.dims = dims,
            .sizes = pick(c.operand_type(0).shape, dims.lhs),
            .strides = c.attr<Dims>("base_dilation"),
            .dilation = c.attr<Dims>("dilation"),
            .offset = c.attr<Dims>("offset"),
            .base_dilation = c.attr<Dims>("strides")};
  for (Dims* list : {&back.dilation, &back.offset}) {
    for (std::int64_t& entry : *list) entry = -entry;
  }
  const ValueId from_operand = emit_skew(b, c.cotangent(), std::move(back));
  ValueId from_value = kNoValue;
  if (c.is_linear(1)) {
    const Dims all = iota_dims(c.result_type().rank());
    from_value = c.sub(emit_reduce_sum(b, c.cotangent(), all), emit_reduce_sum(b, from_operand, all));
  }
  return {c.is_linear(0) ? from_operand : kNoValue, from_value};
}

/// Values of a batch of their own are selected afterwards.
ValueList batch_skew(BatchContext& c) {
  GraphBuilder& b = c.builder();
  Attrs attrs = c.attrs();
  DimPair dims = c.attr<DimPair>("dims");
  for (Dims* list : {&dims.lhs, &dims.rhs}) {
    for (std::int64_t& d : *list) ++d;
  }
  attrs.set("dims", std::move(dims));
  const ValueId x = c.with_batch(0);
  if (!c.is_batched(1)) return c.emit(op_skew, {x, c.operand(1)}, std::move(attrs));
  const TensorType result = c.batched_result_type();
  const ValueId inside = b.full({DType::kBool, b.type(x).shape}, 1);
  const ValueId is_element = c.emit(op_skew, {inside, b.scalar(DType::kBool, 0)}, attrs);
  const ValueId elements = c.emit(op_skew, {x, b.scalar(result.dtype, 0)}, std::move(attrs));
  return c.select(is_element, elements, emit_broadcast(b, c.operand(1), result.shape, {0}));
}

Scalar map_skew(IndexContext& c) {
  using loop::ScalarOp;
  loop::Exprs& e = c.exprs();
  const Dims& size = c.operand_type(0).shape;
  const Dims& result = c.result_type().shape;
  const Scalar value = c.load(1, {});
  if (c.operand_type(0).element_count() == 0) {
    c.load(0, std::vector<Scalar>(size.size(), e.index(0)), e.constant(DType::kBool, 0));
    return value;
  }
  Scalar guard;
  std::vector<Scalar> index = c.index();
  for (const SkewedDim& d : skewed_dims(c.attrs())) {
    const Scalar at = e.add(e.mul(index[d.dim], d.stride), e.mul(index[d.by], d.dilation));
    const Scalar position = e.add(at, d.offset);
    const std::int64_t last = (size[d.dim] - 1) * d.base_dilation;  // where the last element stands
    const std::int64_t reach = (size[d.by] - 1) * d.dilation;
    const std::int64_t least = d.offset + std::min<std::int64_t>(0, reach);
    const std::int64_t most = d.offset + (result[d.dim] - 1) * d.stride + std::max<std::int64_t>(0, reach);
    if (least < 0) guard = e.both(guard, e.apply(ScalarOp::ge, {position, e.index(0)}));
    if (most > last) guard = e.both(guard, e.apply(ScalarOp::le, {position, e.index(last)}));
    const auto is_multiple = [&](std::int64_t x) { return x % d.base_dilation == 0; };
    if (!is_multiple(d.offset) || !(is_multiple(d.stride) || result[d.dim] == 1) ||
        !(is_multiple(d.dilation) || size[d.by] == 1)) {
      guard = e.both(guard, e.apply(ScalarOp::eq, {e.rem(position, d.base_dilation), e.index(0)}));
    }
    index[d.dim] = e.div(position, d.base_dilation);
  }
  if (!guard) return c.load(0, std::move(index));
  return e.apply(ScalarOp::select, {guard, c.load(0, std::move(index), guard), value});
}

void eval_skew(EvalContext& c) {
  const Literal& x = *c.operands[0];
  Literal& result = c.results[0];
  const auto dims = skewed_dims(c.attrs);
  const Dims strides = row_major_strides(x.type().shape);
  std::int64_t to = 0;
  for_each_index(result.type().shape, [&](const Dims& index) {
    Dims from = index;
    bool inside = true;
    for (const SkewedDim& d : dims) {
      const std::int64_t position = index[d.dim] * d.stride + index[d.by] * d.dilation + d.offset;
      from[d.dim] = position / d.base_dilation;
      inside =
          inside && position >= 0 && position % d.base_dilation == 0 && from[d.dim] < x.type().shape[d.dim];
    }
    if (inside) {
      copy_element(result, to, x, flat_offset(from, strides));
    } else {
      copy_element(result, to, *c.operands[1], 0);
    }
    ++to;
  });
}

std::vector<OpSample> skew_samples() {
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, Dims shape, Skew s, int derivative_order) {
    samples.push_back({.operands = {{dtype, std::move(shape)}, {dtype, {}}},
                       .attrs = {{"dims", s.dims},
                                 {"sizes", s.sizes},
                                 {"strides", s.strides},
                                 {"dilation", s.dilation},
                                 {"offset", s.offset},
                                 {"base_dilation", s.base_dilation}},
                       .derivative_order = derivative_order});
  };
  const DimPair first{{0}, {1}};
  add(DType::kF32, {17, 3}, {first, {15}, {1}, {1}, {0}, {1}}, 0);
  add(DType::kF32, {17, 3}, {first, {17}, {1}, {1}, {-1}, {1}}, 0);
  add(DType::kF32, {17, 3}, {first, {8}, {2}, {1}, {0}, {1}}, 0);
  add(DType::kF32, {9, 3}, {first, {17}, {1}, {-1}, {1}, {2}}, 0);
  add(DType::kF32, {9, 3}, {first, {7}, {3}, {2}, {-3}, {2}}, 0);
  add(DType::kF32, {5, 4}, {{{1}, {0}}, {4}, {1}, {-1}, {0}, {1}}, 0);
  add(DType::kF32, {2, 6, 7, 3, 2}, {{{1, 2}, {3, 4}}, {4, 6}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}, 0);
  add(DType::kF32, {2, 6, 7, 3, 2}, {{{2, 1}, {3, 4}}, {5, 3}, {1, 2}, {1, -2}, {-1, 1}, {1, 3}}, 0);
  add(DType::kF32, {0, 3}, {first, {4}, {1}, {1}, {0}, {1}}, 0);
  add(DType::kF32, {4, 3}, {first, {0}, {1}, {1}, {0}, {1}}, 0);
  add(DType::kF32, {4}, {{{}, {}}, {}, {}, {}, {}, {}}, 0);
  add(DType::kI32, {7, 2}, {first, {7}, {1}, {0}, {-9}, {1}}, 0);
  add(DType::kI64, {7, 2}, {first, {5}, {4}, {2}, {-4}, {2}}, 0);
  add(DType::kU32, {7, 2}, {first, {5}, {1}, {1}, {1}, {1}}, 0);
  add(DType::kBool, {33, 2}, {first, {33}, {1}, {1}, {-1}, {1}}, 0);
  add(DType::kF64, {4, 3}, {first, {5}, {1}, {1}, {-1}, {1}}, 2);
  add(DType::kF64, {3, 2, 2}, {{{0}, {2}}, {4}, {2}, {-1}, {-2}, {3}}, 2);
  return samples;
}

}  // namespace

/// Shears dimensions: `dims` pairs each skewed dimension with one whose index k moves it. Output o of the
/// skewed dimension is element (o * stride + k * dilation + offset) / base_dilation, where that is a whole
/// number in range, and `value` elsewhere; `sizes` are the skewed dimensions' new sizes. Every other index
/// stays. The elements under sliding windows are a broadcast over the windows' positions, skewed; what goes
/// back from windows to elements is the inverse skew, so this op is its own transpose.
const OpDef op_skew{
    .name = "skew",
    .pattern = OpPattern::kIndexMap,
    .traits = {.linear = true},
    .operand_names = {"operand", "value"},
    .attrs = {{"dims", DimPair{}},
              {"sizes", Dims{}},
              {"strides", Dims{}},
              {"dilation", Dims{}},
              {"offset", Dims{}},
              {"base_dilation", Dims{}}},
    .infer_types = infer_skew,
    .fold = fold_skew,
    .transpose = transpose_skew,
    .batch = batch_skew,
    .index_map = map_skew,
    .eval = eval_skew,
    .samples = skew_samples,
};

}  // namespace adze
