#include "ir/op_helpers.h"

namespace adze {

/// 1 / (1 + exp(-x)), the sigmoid.
const OpDef op_logistic = elementwise(
    "logistic",
    {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.mul(c.output(), c.sub(c.one(), c.output()))); },
     .scalar = [](ScalarBuilder& b, Args x) { return b.logistic(x[0]); },
     .samples = unary_samples({.special = {0.0, -0.0, 1, -1, 20, -20, 88, -88, 200, -200, kInf, -kInf, kNan},
                               .max_ulp = 4,
                               .derivative_order = 3})});

}  // namespace adze
