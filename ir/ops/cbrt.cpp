#include "ir/op_helpers.h"

namespace adze {

// d cbrt(x) = 1 / (3 cbrt(x)^2) dx
const OpDef op_cbrt = elementwise(
    "cbrt",
    {.jvp = [](JvpContext& c) { return c.div(c.tangent(0), c.mul(c.constant(3), c.square(c.output()))); },
     .scalar = [](ScalarBuilder& b, Args x) { return b.cbrt(x[0]); },
     .samples =
         unary_samples({.low = 0.5,
                        .high = 4,
                        .special = {0.0, -0.0, 1, -1, 8, -27, 1e-40, -1e-40, 1e30, -1e30, kInf, -kInf, kNan},
                        .max_ulp = 4,
                        .derivative_order = 3})});

}  // namespace adze
