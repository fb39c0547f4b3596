#include "ir/op_helpers.h"

namespace adze {

const OpDef op_constant = {
    .name = "constant",
    .pattern = OpPattern::kConstant,
    .operand_names = {},
    .attrs = {{"value", ConstantRef{}}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      return {c.attr<ConstantRef>("value")->type()};
    },
    .eval = [](EvalContext& c) { c.results[0] = *c.attrs.get<ConstantRef>("value"); },
};

}  // namespace adze
