#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

std::vector<OpSample> constant_samples() {
  const auto sample = [](Literal literal) {
    return OpSample{.operands = {},
                    .attrs = {{"value", ConstantRef(std::make_shared<Literal>(std::move(literal)))}},
                    .derivative_order = 0};
  };
  const float floats[] = {0.5F, -0.0F, 3.25e-20F, -1e30F, 7};
  const std::int32_t ints[] = {1, -2, 3, -4, 5, 2147483647};
  return {sample(Literal::full({DType::kF32, {}}, -1.5)),
          sample(Literal::from<float>({5}, floats)),
          sample(Literal::from<std::int32_t>({2, 3}, ints)),
          sample(Literal::full({DType::kF64, {1, 1}}, 0.1)),
          sample(Literal::full({DType::kBool, {3}}, 1)),
          sample(Literal::full({DType::kI64, {}}, -7)),
          sample(Literal::full({DType::kU32, {2}}, 4294967295.0)),
          sample(Literal::full({DType::kU64, {}}, 1e19)),
          sample(Literal::full({DType::kI8, {3}}, -100)),
          sample(Literal::full({DType::kF16, {2}}, 0.1)),
          sample(Literal::full({DType::kBF16, {}}, -3)),
          sample(Literal(TensorType{DType::kF32, {0, 4}}))};
}

}  // namespace

const OpDef op_constant{
    .name = "constant",
    .pattern = OpPattern::kConstant,
    .traits = {.zero_derivative = true},
    .operand_names = {},
    .attrs = {{"value", ConstantRef()}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      const ConstantRef& value = c.attr<ConstantRef>("value");
      if (!value) c.fail("value is missing");
      return {value->type()};
    },
    .eval = [](EvalContext& c) { c.results[0] = *c.attrs.get<ConstantRef>("value"); },
    .samples = constant_samples,
};

}  // namespace adze
