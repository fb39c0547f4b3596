#include <cmath>

#include "ir/op_helpers.h"

namespace adze {

namespace {

ValueId fold_sub(FoldContext& c) {
  const bool is_float_op = is_float(c.result_type().dtype);
  // x - 0 = x; x - (-0.0) is not: it turns -0.0 into 0.0.
  if (c.is_splat(1, 0) && !std::signbit(*c.splat(1))) return c.operand(0);
  if (!is_float_op && c.is_splat(0, 0)) return c.neg(c.operand(1));
  if (!is_float_op && c.operand(0) == c.operand(1)) return c.zero();
  return kNoValue;
}

}  // namespace

const OpDef op_sub =
    elementwise("sub", {.operands = 2,
                        .dtypes = DTypeSet::kNumeric,
                        .fold = fold_sub,
                        .jvp = [](JvpContext& c) { return c.sub(c.tangent(0), c.tangent(1)); },
                        .transpose =
                            [](TransposeContext& c) {
                              return ValueList{c.is_linear(0) ? c.cotangent() : kNoValue,
                                               c.is_linear(1) ? c.neg(c.cotangent()) : kNoValue};
                            },
                        .scalar = [](ScalarBuilder& b, Args x) { return b.sub(x[0], x[1]); },
                        .samples = binary_samples({.dtypes = DTypeSet::kNumeric, .low = -100, .high = 100})});

}  // namespace adze
