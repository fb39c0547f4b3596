#include "ir/op_helpers.h"

namespace adze {

const OpDef op_log = elementwise(
    "log",
    {.jvp = [](JvpContext& c) { return c.div(c.tangent(0), c.primal(0)); },
     .scalar = [](ScalarBuilder& b, Args x) { return b.log(x[0]); },
     .samples = unary_samples({.low = 0.5,
                               .high = 4,
                               .special = {0.0, -0.0, 1, -1, 1e-30, 1e-40, 1e30, 1.0001, kInf, -kInf, kNan},
                               .max_ulp = 4,
                               .derivative_order = 3})});

}  // namespace adze
