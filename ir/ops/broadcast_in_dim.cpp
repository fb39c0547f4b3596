#include <fmt/format.h>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

std::vector<TensorType> infer_broadcast(InferContext& c) {
  const TensorType& x = c.operand(0);
  const Dims& dims = c.attr<Dims>("dims");
  check_dtype(c, 0, DTypeSet::kAny);
  const Dims shape = check_shape(c, c.attr<Dims>("shape"));
  check_length(c, "dims", dims);
  check_dims(c, "dims", dims, static_cast<std::int64_t>(shape.size()));
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i > 0 && dims[i] < dims[i - 1]) c.fail(fmt::format("dims {} must increase", to_string(dims)));
    const std::int64_t size = shape[static_cast<std::size_t>(dims[i])];
    if (x.shape[i] != 1 && x.shape[i] != size) {
      c.fail(fmt::format("size {} of operand dimension {} does not fit size {} of result dimension {}",
                         x.shape[i], i, size, dims[i]));
    }
  }
  return {{x.dtype, shape}};
}

/// The identity, and a broadcast of a broadcast.
ValueId fold_broadcast(FoldContext& c) {
  const ValueId x = c.operand(0);
  const Dims shape = c.result_type().shape;
  if (c.type(x).shape == shape) return x;
  const Node* producer = c.producer(0);
  if (producer && producer->op == &op_broadcast_in_dim) {
    const ValueId source = producer->operands[0];
    const Dims dims = pick(c.attr<Dims>("dims"), producer->attrs.get<Dims>("dims"));
    return emit_broadcast(c.builder(), source, shape, dims);
  }
  return kNoValue;
}

/// Sums over what was broadcast: result dims that no operand dim became, and stretched ones.
ValueList transpose_broadcast(TransposeContext& c) {
  const Dims& dims = c.attr<Dims>("dims");
  const Dims from = c.operand_type(0).shape;
  Dims kept;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (from[i] == c.result_type().shape[static_cast<std::size_t>(dims[i])]) kept.push_back(dims[i]);
  }
  const ValueId sum =
      emit_reduce_sum(c.builder(), c.cotangent(), remaining_dims(c.result_type().rank(), kept));
  return emit_reshape(c.builder(), sum, from);
}

std::vector<OpSample> broadcast_samples() {
  const auto sample = [](DType dtype, Dims from, Dims shape, Dims dims, int derivative_order) {
    return OpSample{.operands = {{dtype, std::move(from)}},
                    .attrs = {{"shape", std::move(shape)}, {"dims", std::move(dims)}},
                    .derivative_order = derivative_order};
  };
  return {sample(DType::kF32, {}, {17}, {}, 0),
          sample(DType::kF32, {}, {}, {}, 0),
          sample(DType::kF32, {7}, {3, 7}, {1}, 0),
          sample(DType::kF32, {3}, {3, 17}, {0}, 0),
          sample(DType::kF32, {1, 5}, {4, 5}, {0, 1}, 0),
          sample(DType::kF32, {5, 1}, {5, 16}, {0, 1}, 0),
          sample(DType::kI32, {2, 3}, {2, 5, 3}, {0, 2}, 0),
          sample(DType::kBool, {3}, {2, 3}, {1}, 0),
          sample(DType::kI64, {1}, {9}, {0}, 0),
          sample(DType::kU32, {}, {2, 2}, {}, 0),
          sample(DType::kF32, {1}, {0}, {0}, 0),
          sample(DType::kF64, {2, 1}, {2, 3, 4}, {0, 2}, 2),
          sample(DType::kF64, {}, {3}, {}, 2),
          sample(DType::kF64, {1, 1}, {1, 2, 1}, {0, 2}, 2)};
}

}  // namespace

/// Operand dim i becomes result dim dims[i]; operand dims of size 1 are stretched, the other result dims are
/// new.
const OpDef op_broadcast_in_dim{
    .name = "broadcast_in_dim",
    .pattern = OpPattern::kIndexMap,
    .traits = {.linear = true},
    .attrs = {{"shape", Dims{}}, {"dims", Dims{}}},
    .infer_types = infer_broadcast,
    .fold = fold_broadcast,
    .transpose = transpose_broadcast,
    .batch = [](BatchContext& c) -> ValueList {
      return emit_broadcast(c.builder(), c.operand(0), c.batched_result_type().shape,
                            prepend(0, shifted(c.attr<Dims>("dims"))));
    },
    .index_map =
        [](IndexContext& c) {
          const Dims& dims = c.attr<Dims>("dims");
          std::vector<Scalar> index;
          for (std::size_t i = 0; i < dims.size(); ++i) {
            const bool stretched = c.operand_type(0).shape[i] == 1;
            index.push_back(stretched ? c.exprs().index(0) : c.index(static_cast<std::size_t>(dims[i])));
          }
          return c.load(0, std::move(index));
        },
    .eval =
        [](EvalContext& c) {
          const Dims& dims = c.attrs.get<Dims>("dims");
          const Dims& from = c.operands[0]->type().shape;
          const Dims strides = row_major_strides(from);
          eval_movement(c, [&](const Dims& index) {
            std::int64_t offset = 0;
            for (std::size_t i = 0; i < dims.size(); ++i) {
              if (from[i] != 1) offset += index[static_cast<std::size_t>(dims[i])] * strides[i];
            }
            return offset;
          });
        },
    .samples = broadcast_samples,
};

}  // namespace adze
