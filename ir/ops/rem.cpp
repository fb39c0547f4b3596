#include "ir/op_helpers.h"

namespace adze {

namespace {

std::vector<OpSample> rem_samples() {
  // Quotients stay between 2.2 and 2.9: away from the jumps.
  auto samples = binary_samples({.dtypes = DTypeSet::kFloat, .ranges = {{5.5, 5.8}, {2, 2.5}}})();
  const auto more = binary_samples({.dtypes = DTypeSet::kNumeric,
                                    .low = -100,
                                    .high = 100,
                                    .special = {0, -1, 1, 3, -2147483648.0},
                                    .derivative_order = 0})();
  samples.insert(samples.end(), more.begin(), more.end());
  return samples;
}

}  // namespace

/// The remainder of truncating division, with the sign of lhs (C's fmod). Integers: x rem 0 is x.
const OpDef op_rem = elementwise("rem", {.operands = 2,
                                         .dtypes = DTypeSet::kNumeric,
                                         // x - y trunc(x/y), and trunc is constant almost everywhere.
                                         .jvp =
                                             [](JvpContext& c) {
                                               if (!c.has_tangent(1)) return c.tangent(0);
                                               const ValueId quotient = c.div(c.primal(0), c.primal(1));
                                               const ValueId truncated =
                                                   c.mul(c.emit(op_sign, {quotient}),
                                                         c.emit(op_floor, {c.emit(op_abs, {quotient})}));
                                               return c.sub(c.tangent(0), c.mul(c.tangent(1), truncated));
                                             },
                                         .scalar = [](ScalarBuilder& b, Args x) { return b.rem(x[0], x[1]); },
                                         .samples = rem_samples});

}  // namespace adze
