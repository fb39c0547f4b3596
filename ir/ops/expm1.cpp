#include "ir/op_helpers.h"

namespace adze {

/// exp(x) - 1, accurate near 0.
const OpDef op_expm1 = elementwise(
    "expm1", {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.add(c.output(), c.one())); },
              .scalar = [](ScalarBuilder& b, Args x) { return b.expm1(x[0]); },
              .samples = unary_samples(
                  {.special = {0.0, -0.0, 1e-10, -1e-10, 1e-4, 20, -20, 89, -104, kInf, -kInf, kNan},
                   .max_ulp = 4,
                   .derivative_order = 3})});

}  // namespace adze
