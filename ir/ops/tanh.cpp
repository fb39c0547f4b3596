#include "ir/op_helpers.h"

namespace adze {

// d tanh(x) = (1 - tanh(x)^2) dx, taken from the output: nothing is computed twice, at any order.
const OpDef op_tanh = elementwise(
    "tanh",
    {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.sub(c.one(), c.square(c.output()))); },
     .scalar = [](ScalarBuilder& b, Args x) { return b.tanh(x[0]); },
     .samples = unary_samples({.special = {0.0, -0.0, 1e-10, 1e-4, 1, -1, 8, -8, 100, kInf, -kInf, kNan},
                               .max_ulp = 4,
                               .derivative_order = 3})});

}  // namespace adze
