#include "ir/op_helpers.h"

namespace adze {

namespace {

/// x * 1, x * -1; x * 0 for integers only: a float x may be NaN, infinite or negative.
ValueId fold_mul(FoldContext& c) {
  for (std::size_t i = 0; i < 2; ++i) {
    if (c.is_splat(i, 1)) return c.operand(1 - i);
    if (c.is_splat(i, -1)) return c.neg(c.operand(1 - i));
    if (c.is_splat(i, 0) && !is_float(c.result_type().dtype)) return c.operand(i);
  }
  return kNoValue;
}

}  // namespace

const OpDef op_mul = elementwise(
    "mul", {.operands = 2,
            .dtypes = DTypeSet::kNumeric,
            .traits = {.commutative = true},
            .fold = fold_mul,
            .jvp =
                [](JvpContext& c) {
                  return c.add(c.mul(c.tangent(0), c.primal(1)), c.mul(c.primal(0), c.tangent(1)));
                },
            .transpose =
                [](TransposeContext& c) {
                  return c.is_linear(0) ? ValueList{c.mul(c.cotangent(), c.operand(1)), kNoValue}
                                        : ValueList{kNoValue, c.mul(c.operand(0), c.cotangent())};
                },
            .scalar = [](ScalarBuilder& b, Args x) { return b.mul(x[0], x[1]); },
            .samples = binary_samples({.dtypes = DTypeSet::kNumeric, .low = -100, .high = 100})});

}  // namespace adze
