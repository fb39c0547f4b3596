#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

ValueId fold_transpose(FoldContext& c) {
  const ValueId x = c.operand(0);
  const Dims permutation = c.attr<Dims>("permutation");
  if (permutation == iota_dims(c.result_type().rank())) return x;
  const Node* producer = c.producer(0);
  if (producer && producer->op == &op_transpose) {
    const ValueId source = producer->operands[0];
    return emit_transpose(c.builder(), source, pick(producer->attrs.get<Dims>("permutation"), permutation));
  }
  if (producer && producer->op == &op_broadcast_in_dim && c.type(producer->operands[0]).rank() == 0) {
    const ValueId element = producer->operands[0];
    return emit_broadcast(c.builder(), element, c.result_type().shape, {});
  }
  return kNoValue;
}

std::vector<OpSample> transpose_samples() {
  const auto sample = [](DType dtype, Dims from, Dims permutation, int derivative_order) {
    return OpSample{.operands = {{dtype, std::move(from)}},
                    .attrs = {{"permutation", std::move(permutation)}},
                    .derivative_order = derivative_order};
  };
  return {sample(DType::kF32, {3, 17}, {1, 0}, 0),
          sample(DType::kF32, {2, 3, 5}, {2, 0, 1}, 0),
          sample(DType::kF32, {2, 3, 5}, {0, 2, 1}, 0),
          sample(DType::kF32, {}, {}, 0),
          sample(DType::kF32, {1, 7}, {1, 0}, 0),
          sample(DType::kI32, {19}, {0}, 0),
          sample(DType::kBool, {4, 4}, {1, 0}, 0),
          sample(DType::kI64, {0, 3}, {1, 0}, 0),
          sample(DType::kU32, {2, 2, 2, 3}, {3, 1, 2, 0}, 0),
          sample(DType::kF64, {2, 3, 2}, {1, 2, 0}, 2)};
}

}  // namespace

/// Result dim i is operand dim permutation[i].
const OpDef op_transpose{
    .name = "transpose",
    .pattern = OpPattern::kIndexMap,
    .traits = {.linear = true},
    .attrs = {{"permutation", Dims{}}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      const Dims& permutation = c.attr<Dims>("permutation");
      check_dtype(c, 0, DTypeSet::kAny);
      check_length(c, "permutation", permutation);
      check_dims(c, "permutation", permutation, c.operand(0).rank());
      return {{c.operand(0).dtype, pick(c.operand(0).shape, permutation)}};
    },
    .fold = fold_transpose,
    .transpose = [](TransposeContext& c) -> ValueList {
      return emit_transpose(c.builder(), c.cotangent(), inverse_permutation(c.attr<Dims>("permutation")));
    },
    .batch = [](BatchContext& c) -> ValueList {
      return emit_transpose(c.builder(), c.operand(0), prepend(0, shifted(c.attr<Dims>("permutation"))));
    },
    .index_map =
        [](IndexContext& c) {
          const Dims& permutation = c.attr<Dims>("permutation");
          std::vector<Scalar> index(permutation.size());
          for (std::size_t i = 0; i < permutation.size(); ++i) {
            index[static_cast<std::size_t>(permutation[i])] = c.index(i);
          }
          return c.load(0, std::move(index));
        },
    .eval =
        [](EvalContext& c) {
          const Dims strides =
              pick(row_major_strides(c.operands[0]->type().shape), c.attrs.get<Dims>("permutation"));
          eval_movement(c, [&](const Dims& index) { return flat_offset(index, strides); });
        },
    .samples = transpose_samples,
};

}  // namespace adze
