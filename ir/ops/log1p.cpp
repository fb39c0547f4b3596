#include "ir/op_helpers.h"

namespace adze {

/// log(1 + x), accurate near 0.
const OpDef op_log1p = elementwise(
    "log1p",
    {.jvp = [](JvpContext& c) { return c.div(c.tangent(0), c.add(c.primal(0), c.one())); },
     .scalar = [](ScalarBuilder& b, Args x) { return b.log1p(x[0]); },
     .samples = unary_samples({.low = -0.5,
                               .high = 4,
                               .special = {0.0, -0.0, 1e-10, -1e-10, 1e-4, -1, -2, 1e30, kInf, -kInf, kNan},
                               .max_ulp = 4,
                               .derivative_order = 3})});

}  // namespace adze
