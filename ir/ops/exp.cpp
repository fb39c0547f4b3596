#include "ir/op_helpers.h"

namespace adze {

const OpDef op_exp = elementwise(
    "exp", {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.output()); },
            .scalar = [](ScalarBuilder& b, Args x) { return b.exp(x[0]); },
            .samples = unary_samples(
                {.low = -3,
                 .high = 3,
                 .special = {0.0, -0.0, 1, -1, 20, -20, 88, 89, -87, -95, -104, kInf, -kInf, kNan},
                 .max_ulp = 4,
                 .derivative_order = 3})});

}  // namespace adze
