#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

ValueId fold_reverse(FoldContext& c) {
  const Dims& shape = c.result_type().shape;
  bool changes = false;
  for (const std::int64_t d : c.attr<Dims>("dims"))
    changes = changes || shape[static_cast<std::size_t>(d)] > 1;
  if (!changes) return c.operand(0);
  const Node* producer = c.producer(0);
  const bool twice = producer && producer->op == &op_reverse && producer->attrs == c.attrs();
  return twice ? producer->operands[0] : kNoValue;
}

std::vector<OpSample> reverse_samples() {
  const auto sample = [](DType dtype, Dims shape, Dims dims, int derivative_order) {
    return OpSample{.operands = {{dtype, std::move(shape)}},
                    .attrs = {{"dims", std::move(dims)}},
                    .derivative_order = derivative_order};
  };
  return {sample(DType::kF32, {17}, {0}, 0),         sample(DType::kF32, {3, 5}, {1}, 0),
          sample(DType::kF32, {3, 5}, {0, 1}, 0),    sample(DType::kF32, {}, {}, 0),
          sample(DType::kI32, {2, 3, 4}, {2, 0}, 0), sample(DType::kBool, {33}, {0}, 0),
          sample(DType::kI64, {1}, {0}, 0),          sample(DType::kU32, {0, 2}, {0}, 0),
          sample(DType::kF64, {2, 3}, {1}, 2)};
}

}  // namespace

/// Flips the order of elements along each of `dims`.
const OpDef op_reverse{
    .name = "reverse",
    .pattern = OpPattern::kIndexMap,
    .traits = {.linear = true},
    .attrs = {{"dims", Dims{}}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      check_dtype(c, 0, DTypeSet::kAny);
      check_dims(c, "dims", c.attr<Dims>("dims"), c.operand(0).rank());
      return {c.operand(0)};
    },
    .fold = fold_reverse,
    .transpose = [](TransposeContext& c) -> ValueList {
      return c.emit(op_reverse, {c.cotangent()}, c.attrs());
    },
    .batch = [](BatchContext& c) -> ValueList {
      return c.emit(op_reverse, {c.operand(0)}, {{"dims", shifted(c.attr<Dims>("dims"))}});
    },
    .index_map =
        [](IndexContext& c) {
          std::vector<Scalar> index = c.index();
          for (const std::int64_t dim : c.attr<Dims>("dims")) {
            const auto d = static_cast<std::size_t>(dim);
            index[d] = c.exprs().add(c.exprs().mul(index[d], -1), c.result_type().shape[d] - 1);
          }
          return c.load(0, std::move(index));
        },
    .eval =
        [](EvalContext& c) {
          const Dims& dims = c.attrs.get<Dims>("dims");
          const Dims& shape = c.results[0].type().shape;
          const Dims strides = row_major_strides(shape);
          eval_movement(c, [&](const Dims& index) {
            std::int64_t offset = flat_offset(index, strides);
            for (const std::int64_t dim : dims) {
              const auto d = static_cast<std::size_t>(dim);
              offset += (shape[d] - 1 - 2 * index[d]) * strides[d];
            }
            return offset;
          });
        },
    .samples = reverse_samples,
};

}  // namespace adze
