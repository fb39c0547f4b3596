#include "ir/op_helpers.h"

namespace adze {

namespace {

/// Only strictly between the bounds the operand counts, and where it is strictly outside the bound does, as
/// in JAX.
ValueList clamp_jvp(JvpContext& c) {
  const ValueId min = c.primal(0);
  const ValueId x = c.primal(1);
  const ValueId max = c.primal(2);
  const auto both = [&](ValueId a, ValueId b) { return c.emit(op_and_, {a, b}); };
  const auto greater = [&](ValueId a, ValueId b) { return c.emit(op_gt, {a, b}); };
  ValueId tangent = kNoValue;
  if (c.has_tangent(0)) {
    tangent = c.select(both(greater(min, x), greater(max, min)), c.tangent(0), kNoValue);
  }
  if (c.has_tangent(1)) {
    tangent = c.add(tangent, c.select(both(greater(x, min), greater(max, x)), c.tangent(1), kNoValue));
  }
  if (c.has_tangent(2)) tangent = c.add(tangent, c.select(greater(x, max), c.tangent(2), kNoValue));
  return tangent;
}

std::vector<OpSample> clamp_samples() {
  ElementwiseSamples options{
      .operands = 3, .dtypes = DTypeSet::kNumeric, .ranges = {{-1, -0.5}, {-2, 2}, {0.5, 1}}};
  options.special = {0.0, -0.0, 1, -1, 3, kInf, -kInf, kNan};
  return elementwise_samples(std::move(options))();
}

}  // namespace

/// min(max(operand, min), max), NaN where any of them is. Shapes are equal: the frontend broadcasts bounds of
/// rank 0.
const OpDef op_clamp =
    elementwise("clamp", {.operands = 3,
                          .dtypes = DTypeSet::kNumeric,
                          .operand_names = {"min", "operand", "max"},
                          .jvp = clamp_jvp,
                          .scalar = [](ScalarBuilder& b, Args x) { return b.min(b.max(x[1], x[0]), x[2]); },
                          .samples = clamp_samples});

}  // namespace adze
