#include <fmt/format.h>

#include "ir/op_helpers.h"

namespace adze {

namespace {

std::vector<OpSample> select_samples() {
  std::vector<OpSample> samples;
  for (const Dims& shape : {Dims{}, Dims{1}, Dims{17}, Dims{3, 11}, Dims{0}}) {
    samples.push_back({.operands = {{DType::kBool, shape}, {DType::kF32, shape}, {DType::kF32, shape}},
                       .special = {0.0, -0.0, kInf, kNan},
                       .derivative_order = 0});
  }
  samples.push_back({.operands = {{DType::kBool, {2, 3}}, {DType::kF64, {2, 3}}, {DType::kF64, {2, 3}}}});
  for (const DType dtype :
       {DType::kI32, DType::kI64, DType::kU32, DType::kBool, DType::kU8, DType::kF16, DType::kBF16}) {
    samples.push_back(
        {.operands = {{DType::kBool, {19}}, {dtype, {19}}, {dtype, {19}}}, .derivative_order = 0});
  }
  return samples;
}

}  // namespace

/// Elementwise predicate ? on_true : on_false.
const OpDef op_select{
    .name = "select",
    .pattern = OpPattern::kElementwise,
    .traits = {.moves_bits = true},
    .operand_names = {"predicate", "on_true", "on_false"},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      if (c.operand(0).dtype != DType::kBool) {
        c.fail(fmt::format("predicate must be bool: {}", to_string(c.operand(0))));
      }
      check_dtype(c, 1, DTypeSet::kAny);
      check_same_types(c, 1);
      if (c.operand(0).shape != c.operand(1).shape) {
        c.fail(fmt::format("predicate and values must have the same shape: {} vs {}", to_string(c.operand(0)),
                           to_string(c.operand(1))));
      }
      return {c.operand(1)};
    },
    .fold =
        [](FoldContext& c) {
          if (c.operand(1) == c.operand(2)) return c.operand(1);
          if (const auto predicate = c.splat(0)) return c.operand(*predicate != 0 ? 1 : 2);
          const Node* producer = c.producer(0);
          if (producer && producer->op == &op_not_) {
            return c.emit(op_select, {producer->operands[0], c.operand(2), c.operand(1)});
          }
          return kNoValue;
        },
    .jvp = [](JvpContext& c) -> ValueList {
      if (!c.has_tangent(1) && !c.has_tangent(2)) return kNoValue;
      return c.select(c.primal(0), c.tangent(1), c.tangent(2));
    },
    .transpose = [](TransposeContext& c) -> ValueList {
      return {kNoValue, c.is_linear(1) ? c.select(c.operand(0), c.cotangent(), kNoValue) : kNoValue,
              c.is_linear(2) ? c.select(c.operand(0), kNoValue, c.cotangent()) : kNoValue};
    },
    .scalar = [](ScalarBuilder& b, Args x) { return b.select(x[0], x[1], x[2]); },
    .samples = select_samples,
};

}  // namespace adze
