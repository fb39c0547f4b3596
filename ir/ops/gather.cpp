#include <cstring>
#include <limits>

#include "ir/eval_helpers.h"
#include "ir/gather_dims.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

bool fills(const Attrs& attrs) {
  return attrs.get<std::string>("mode") == "fill";
}

std::vector<TensorType> infer_gather(InferContext& c) {
  check_dtype(c, 0, DTypeSet::kAny);
  check_gather_mode(c);
  const GatherDims dims = GatherDims::of_gather(c.attrs());
  const TensorType& operand = c.operand(0);
  const TensorType& indices = c.operand(1);
  const std::int64_t rank = indices.rank() - 1 + static_cast<std::int64_t>(dims.offset.size());
  check_gather_dims(c, dims, operand, indices, rank);
  const Dims window = dims.window_dims();
  Dims shape;
  std::size_t next_batch = 0, next_window = 0;
  for (std::int64_t d = 0; d < rank; ++d) {
    shape.push_back(contains(dims.offset, d)
                        ? dims.slice_sizes[static_cast<std::size_t>(window[next_window++])]
                        : indices.shape[next_batch++]);
  }
  return {{operand.dtype, check_shape(c, shape)}};
}

/// What is read outside the operand: `fill_value`, by default NaN, or the lowest (unsigned: the highest)
/// integer, as in JAX.
Literal fill_literal(DType dtype, const Attrs& attrs) {
  const double value = attrs.get<double>("fill_value");
  Literal literal(TensorType{dtype, {}});
  if (is_float(dtype) || dtype == DType::kBool || value == value) {
    literal.set_double(0, dtype == DType::kBool && value != value ? 1 : value);
    return literal;
  }
  if (is_signed(dtype)) {
    literal.set_double(0, -kInf);  // saturates
  } else {
    std::memset(literal.bytes(), 0xff, literal.byte_size());
  }
  return literal;
}

Scalar map_gather(IndexContext& c) {
  loop::Exprs& e = c.exprs();
  const GatherDims dims = GatherDims::of_gather(c.attrs());
  const bool fill = fills(c.attrs());
  const GatherPlace place =
      gather_place(e, dims, c.operand_type(0).shape, fill, c.index(),
                   [&](std::vector<Scalar> index) { return c.load(1, std::move(index)); });
  const Scalar element = c.load(0, place.index, place.inside);
  if (!place.inside) return element;
  const Literal literal = fill_literal(c.result_type().dtype, c.attrs());
  std::uint64_t bits = 0;
  std::memcpy(&bits, literal.bytes(), literal.byte_size());
  return e.apply(loop::ScalarOp::select, {place.inside, element, e.bits(c.result_type().dtype, bits)});
}

void eval_gather(EvalContext& c) {
  const GatherDims dims = GatherDims::of_gather(c.attrs);
  const Dims& shape = c.operands[0]->type().shape;
  const Dims strides = row_major_strides(shape);
  Literal& result = c.results[0];
  const Literal outside = fill_literal(result.type().dtype, c.attrs);
  std::int64_t i = 0;
  Dims place;
  for_each_index(result.type().shape, [&](const Dims& index) {
    if (eval_gather_place(dims, shape, fills(c.attrs), index, *c.operands[1], place)) {
      copy_element(result, i++, *c.operands[0], flat_offset(place, strides));
    } else {
      copy_element(result, i++, outside, 0);
    }
  });
}

ValueList jvp_gather(JvpContext& c) {
  if (!c.has_tangent(0)) return kNoValue;
  Attrs attrs = c.attrs();
  attrs.set("fill_value", 0.0);  // what is outside does not change
  return c.emit(c.op(), {c.tangent(0), c.primal(1)}, std::move(attrs));
}

ValueList transpose_gather(TransposeContext& c) {
  const GatherDims dims = GatherDims::of_gather(c.attrs());
  Attrs attrs = dims.scatter_attrs();
  attrs.set("mode", c.attr<std::string>("mode"));
  const ValueId zeros = c.builder().full(c.operand_type(0), 0);
  return {c.emit(op_scatter_add, {zeros, c.operand(1), c.cotangent()}, std::move(attrs)), kNoValue};
}

ValueList batch_gather(BatchContext& c) {
  const GatherDims dims = GatherDims::of_gather(c.attrs());
  const GatherDims batched = c.is_batched(0) && c.is_batched(1) ? dims.batched_both()
                             : c.is_batched(0)                  ? dims.batched_operand(c.batch_size())
                                                                : dims.batched_indices();
  Attrs attrs = batched.gather_attrs();
  attrs.set("mode", c.attr<std::string>("mode"));
  attrs.set("fill_value", c.attr<double>("fill_value"));
  return c.emit(c.op(), {c.operand(0), c.operand(1)}, std::move(attrs));
}

std::vector<OpSample> gather_samples() {
  const auto sample = [](TensorType operand, TensorType indices, GatherDims dims, const char* mode,
                         int derivative_order) {
    const double size = static_cast<double>(operand.shape.empty() ? 1 : operand.shape[0]);
    OpSample result{.operands = {std::move(operand), std::move(indices)},
                    .attrs = dims.gather_attrs(),
                    .ranges = {{-2, 2}, {-2, size + 1}},
                    .derivative_order = derivative_order};
    result.attrs.set("mode", std::string(mode));
    if (derivative_order > 0) result.attrs.set("fill_value", 0.5);  // NaN has no finite differences
    return result;
  };
  using enum DType;
  const GatherDims rows{{1}, {0}, {0}, {}, {}, {1, 5}};
  const GatherDims elements{{}, {0, 1}, {0, 1}, {}, {}, {1, 1}};
  const GatherDims windows{{1, 2}, {}, {0, 1}, {}, {}, {2, 3}};
  const GatherDims along{{}, {1}, {1}, {0}, {0}, {1, 1}};
  std::vector<OpSample> samples;
  for (const char* mode : {"fill", "clip", "promise_in_bounds"}) {
    samples.push_back(sample({kF32, {7, 5}}, {kI32, {17, 1}}, rows, mode, 0));
    samples.push_back(sample({kF32, {4, 3}}, {kI64, {9, 2}}, elements, mode, 0));
    samples.push_back(sample({kF32, {4, 5}}, {kI32, {3, 2}}, windows, mode, 0));
    samples.push_back(sample({kF64, {3, 5}}, {kI32, {4, 1}}, rows, mode, 2));
    samples.push_back(sample({kF64, {3, 4}}, {kI32, {3, 2, 1}}, along, mode, 2));
    samples.push_back(sample({kI32, {7, 5}}, {kI32, {2, 1}}, rows, mode, 0));
  }
  samples.push_back(sample({kBool, {7, 5}}, {kI32, {2, 1}}, rows, "fill", 0));
  samples.push_back(sample({kU32, {7, 5}}, {kU32, {2, 1}}, rows, "fill", 0));
  samples.push_back(sample({kF32, {7, 5}}, {kI32, {0, 1}}, rows, "clip", 0));
  samples.push_back(sample({kF32, {3}}, {kI32, {1}}, {{}, {0}, {0}, {}, {}, {1}}, "clip", 0));
  samples.push_back(
      sample({kF32, {2, 3, 4}}, {kI32, {5, 2, 1}}, {{1, 3}, {1}, {1}, {}, {}, {2, 1, 4}}, "fill", 0));
  return samples;
}

}  // namespace

const OpDef op_gather{
    .name = "gather",
    .pattern = OpPattern::kIndexMap,
    .operand_names = {"operand", "indices"},
    .attrs = {{"offset_dims", Dims{}},
              {"collapsed_slice_dims", Dims{}},
              {"start_index_map", Dims{}},
              {"operand_batching_dims", Dims{}, Dims{}},
              {"start_indices_batching_dims", Dims{}, Dims{}},
              {"slice_sizes", Dims{}},
              {"mode", std::string(), std::string("fill")},
              {"fill_value", double{}, kNan}},
    .infer_types = infer_gather,
    .jvp = jvp_gather,
    .transpose = transpose_gather,
    .batch = batch_gather,
    .index_map = map_gather,
    .eval = eval_gather,
    .samples = gather_samples,
};

}  // namespace adze
