#include <cmath>

#include "ir/op_helpers.h"

namespace adze {

namespace {

/// x + 0 = x. For floats only where the zero is negative: (-0.0) + 0.0 is 0.0.
ValueId fold_add(FoldContext& c) {
  for (std::size_t i = 0; i < 2; ++i) {
    const bool exact = !is_float(c.result_type().dtype) || (c.splat(i) && std::signbit(*c.splat(i)));
    if (c.is_splat(i, 0) && exact) return c.operand(1 - i);
  }
  return kNoValue;
}

}  // namespace

const OpDef op_add =
    elementwise("add", {.operands = 2,
                        .dtypes = DTypeSet::kNumeric,
                        .traits = {.commutative = true},
                        .fold = fold_add,
                        .jvp = [](JvpContext& c) { return c.add(c.tangent(0), c.tangent(1)); },
                        .transpose =
                            [](TransposeContext& c) {
                              return ValueList{c.is_linear(0) ? c.cotangent() : kNoValue,
                                               c.is_linear(1) ? c.cotangent() : kNoValue};
                            },
                        .scalar = [](ScalarBuilder& b, Args x) { return b.add(x[0], x[1]); },
                        .samples = binary_samples({.dtypes = DTypeSet::kNumeric, .low = -100, .high = 100})});

}  // namespace adze
