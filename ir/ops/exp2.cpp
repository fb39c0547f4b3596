#include "ir/op_helpers.h"

namespace adze {

const OpDef op_exp2 = elementwise(
    "exp2", {.jvp =
                 [](JvpContext& c) {
                   return c.mul(c.tangent(0), c.mul(c.output(), c.constant(0.69314718055994530942)));
                 },
             .scalar = [](ScalarBuilder& b, Args x) { return b.exp2(x[0]); },
             .samples = unary_samples({.special = {0.0, -0.0, 1e-10, 1, -1, 10, 127.9, 128, -126, -149,
                                                   -150.5, 1023.5, -1074, kInf, -kInf, kNan},
                                       .max_ulp = 4,
                                       .derivative_order = 3})});

}  // namespace adze
