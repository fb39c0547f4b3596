#include <fmt/format.h>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

/// Empty strides stand for ones.
std::int64_t stride_at(const Attrs& attrs, std::size_t dim) {
  const Dims& strides = attrs.get<Dims>("strides");
  return strides.empty() ? 1 : strides[dim];
}

std::vector<TensorType> infer_slice(InferContext& c) {
  const TensorType& x = c.operand(0);
  const Dims& start = c.attr<Dims>("start");
  const Dims& limit = c.attr<Dims>("limit");
  const Dims& strides = c.attr<Dims>("strides");
  check_dtype(c, 0, DTypeSet::kAny);
  check_length(c, "start", start);
  check_length(c, "limit", limit);
  if (!strides.empty()) check_length(c, "strides", strides);
  Dims shape;
  for (std::size_t d = 0; d < x.shape.size(); ++d) {
    const std::int64_t stride = stride_at(c.attrs(), d);
    if (start[d] < 0 || start[d] > limit[d] || limit[d] > x.shape[d]) {
      c.fail(fmt::format("[{}, {}) is not a range within size {} of dimension {}", start[d], limit[d],
                         x.shape[d], d));
    }
    if (stride < 1) c.fail(fmt::format("stride {} of dimension {} must be positive", stride, d));
    shape.push_back(start[d] == limit[d] ? 0 : (limit[d] - start[d] - 1) / stride + 1);
  }
  return {{x.dtype, shape}};
}

ValueId fold_slice(FoldContext& c) {
  const ValueId x = c.operand(0);
  if (c.type(x) == c.result_type()) return x;
  const Node* producer = c.producer(0);
  if (producer && producer->op == &op_broadcast_in_dim && c.type(producer->operands[0]).rank() == 0) {
    const ValueId element = producer->operands[0];
    return emit_broadcast(c.builder(), element, c.result_type().shape, {});
  }
  return kNoValue;
}

/// Puts the cotangent back where it came from, among zeros.
ValueList transpose_slice(TransposeContext& c) {
  const Dims& start = c.attr<Dims>("start");
  const Dims& to = c.operand_type(0).shape;
  const Dims& from = c.result_type().shape;
  Dims high, interior;
  for (std::size_t d = 0; d < to.size(); ++d) {
    // A stride only counts between elements. An empty range leaves all of the size to high padding.
    const std::int64_t stride = from[d] <= 1 ? 1 : stride_at(c.attrs(), d);
    const std::int64_t covered = from[d] == 0 ? 0 : (from[d] - 1) * stride + 1;
    interior.push_back(stride - 1);
    high.push_back(to[d] - start[d] - covered);
  }
  return emit_pad(c.builder(), c.cotangent(), start, high, interior);
}

std::vector<OpSample> slice_samples() {
  const auto sample = [](DType dtype, Dims from, Dims start, Dims limit, Dims strides, int derivative_order) {
    return OpSample{
        .operands = {{dtype, std::move(from)}},
        .attrs = {{"start", std::move(start)}, {"limit", std::move(limit)}, {"strides", std::move(strides)}},
        .derivative_order = derivative_order};
  };
  return {sample(DType::kF32, {37}, {3}, {20}, {}, 0),
          sample(DType::kF32, {37}, {1}, {36}, {2}, 0),
          sample(DType::kF32, {5, 17}, {1, 0}, {4, 17}, {1, 1}, 0),
          sample(DType::kF32, {5, 17}, {0, 2}, {5, 16}, {2, 3}, 0),
          sample(DType::kF32, {}, {}, {}, {}, 0),
          sample(DType::kF32, {4}, {2}, {2}, {}, 0),
          sample(DType::kI32, {3, 4, 5}, {1, 1, 1}, {3, 3, 5}, {}, 0),
          sample(DType::kI64, {9}, {8}, {9}, {5}, 0),
          sample(DType::kU32, {9}, {0}, {9}, {8}, 0),
          sample(DType::kBool, {33}, {0}, {32}, {}, 0),
          sample(DType::kF64, {4, 7}, {1, 1}, {4, 6}, {1, 3}, 2),
          sample(DType::kF64, {3}, {1}, {1}, {2}, 2),
          sample(DType::kF64, {3}, {1}, {2}, {std::numeric_limits<std::int64_t>::max()}, 2)};
}

}  // namespace

/// Every strides[d]-th element of [start[d], limit[d]) of each dim. Empty strides are all ones.
const OpDef op_slice{
    .name = "slice",
    .pattern = OpPattern::kIndexMap,
    .traits = {.linear = true},
    .attrs = {{"start", Dims{}}, {"limit", Dims{}}, {"strides", Dims{}, Dims{}}},
    .infer_types = infer_slice,
    .fold = fold_slice,
    .transpose = transpose_slice,
    .batch = [](BatchContext& c) -> ValueList {
      const Dims& strides = c.attr<Dims>("strides");
      return emit_slice(c.builder(), c.operand(0), prepend(0, c.attr<Dims>("start")),
                        prepend(c.batch_size(), c.attr<Dims>("limit")),
                        strides.empty() ? strides : prepend(1, strides));
    },
    .index_map =
        [](IndexContext& c) {
          const Dims& start = c.attr<Dims>("start");
          std::vector<Scalar> index;
          for (std::size_t d = 0; d < start.size(); ++d) {
            index.push_back(c.exprs().add(c.exprs().mul(c.index(d), stride_at(c.attrs(), d)), start[d]));
          }
          return c.load(0, std::move(index));
        },
    .eval =
        [](EvalContext& c) {
          const Dims& start = c.attrs.get<Dims>("start");
          const Dims strides = row_major_strides(c.operands[0]->type().shape);
          eval_movement(c, [&](const Dims& index) {
            std::int64_t offset = 0;
            for (std::size_t d = 0; d < index.size(); ++d) {
              offset += (start[d] + index[d] * stride_at(c.attrs, d)) * strides[d];
            }
            return offset;
          });
        },
    .samples = slice_samples,
};

}  // namespace adze
