#include "ir/op_helpers.h"

namespace adze {

namespace {

/// x^1 and x^2 are exact or rounded once; x^0 is 1, also for NaN.
ValueId fold_pow(FoldContext& c) {
  if (c.is_splat(1, 0)) return c.one();
  if (c.is_splat(1, 1)) return c.operand(0);
  if (c.is_splat(1, 2)) return c.square(c.operand(0));
  return kNoValue;
}

/// d x^y = y x^(y-1) dx + log(x) x^y dy
ValueList pow_jvp(JvpContext& c) {
  const ValueId x = c.primal(0);
  const ValueId y = c.primal(1);
  const ValueId x_is_zero = c.emit(op_eq, {x, c.zero()});
  ValueId tangent = kNoValue;
  if (c.has_tangent(0)) {
    // x^0 is constant. At x = 0 the formula says 0 * inf, so the power is taken of 1 there: no NaN is made at
    // any order, where masking the product alone would leave one in the reverse pass.
    const ValueId degenerate = c.emit(op_and_, {x_is_zero, c.emit(op_eq, {y, c.zero()})});
    const ValueId base = c.select(degenerate, c.one(), x);
    const ValueId power = c.emit(op_pow, {base, c.sub(y, c.one())});
    tangent = c.mul(c.tangent(0), c.mul(y, power));
  }
  if (c.has_tangent(1)) {
    const ValueId log = c.emit(op_log, {c.select(x_is_zero, c.one(), x)});
    tangent = c.add(tangent, c.mul(c.tangent(1), c.mul(log, c.output())));
  }
  return tangent;
}

std::vector<OpSample> pow_samples() {
  auto samples = binary_samples({.ranges = {{0.5, 3}, {-2, 3}},
                                 .special = {0.0, -0.0, 1, -1, 2, 0.5, kInf, -kInf, kNan},
                                 .max_ulp = 4})();
  // Negative bases with integral exponents come from the special values; here large results and small ones.
  samples.push_back({.operands = {{DType::kF32, {29}}, {DType::kF32, {29}}},
                     .ranges = {{0, 50}, {-20, 20}},
                     .max_ulp = 4,
                     .derivative_order = 0});
  return samples;
}

}  // namespace

/// Special values as C's pow.
const OpDef op_pow = elementwise("pow", {.operands = 2,
                                         .fold = fold_pow,
                                         .jvp = pow_jvp,
                                         .scalar = [](ScalarBuilder& b, Args x) { return b.pow(x[0], x[1]); },
                                         .samples = pow_samples});

}  // namespace adze
