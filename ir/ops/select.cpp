#include "ir/op_helpers.h"

namespace adze {

const OpDef op_select = {
    .name = "select",
    .operand_names = {"predicate", "on_true", "on_false"},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      if (c.operand(0).dtype != DType::kBool) {
        c.fail("predicate must be bool, not " + std::string(to_string(c.operand(0).dtype)));
      }
      if (c.operand(1) != c.operand(2)) {
        c.fail("branches must have the same type: " + to_string(c.operand(1)) + " vs " +
               to_string(c.operand(2)));
      }
      if (c.operand(0).shape != c.operand(1).shape) {
        c.fail("predicate and branches must have the same shape: " + to_string(c.operand(0).shape) + " vs " +
               to_string(c.operand(1).shape));
      }
      return {c.operand(1)};
    },
    .jvp = [](JvpContext& c) -> ValueList { return c.select(c.primal(0), c.tangent(1), c.tangent(2)); },
    .transpose =
        [](TransposeContext& c) {
          const ValueId zero = c.full_like(c.cotangent(), 0);
          return ValueList{kNoValue, c.is_linear(1) ? c.select(c.operand(0), c.cotangent(), zero) : kNoValue,
                           c.is_linear(2) ? c.select(c.operand(0), zero, c.cotangent()) : kNoValue};
        },
    .scalar = [](ScalarBuilder& b, std::span<const Scalar> x) { return b.select(x[0], x[1], x[2]); },
};

}  // namespace adze
