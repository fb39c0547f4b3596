#include "ir/op_helpers.h"

namespace adze {

const OpDef op_tan = elementwise(
    "tan",
    {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.add(c.one(), c.square(c.output()))); },
     .scalar = [](ScalarBuilder& b, Args x) { return b.tan(x[0]); },
     .samples = unary_samples({.low = -1,
                               .high = 1,
                               .special = {0.0, -0.0, 1e-10, 1e-40, 1.5707963705062866, 3.1415927410125732, 2,
                                           -3, 100, 12345, 1e30, kInf, -kInf, kNan},
                               .max_ulp = 4,
                               .derivative_order = 3})});

}  // namespace adze
