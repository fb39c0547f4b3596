#include "ir/op_helpers.h"

namespace adze {

/// 1 / sqrt(x), both rounded: no approximation.
const OpDef op_rsqrt = elementwise(
    "rsqrt", {.jvp =
                  [](JvpContext& c) {
                    return c.mul(c.tangent(0), c.mul(c.constant(-0.5), c.div(c.output(), c.primal(0))));
                  },
              .scalar = [](ScalarBuilder& b, Args x) { return b.rsqrt(x[0]); },
              .samples = unary_samples(
                  {.low = 0.5, .high = 4, .special = {0.0, -0.0, 1, -1, 1e-40, 1e30, kInf, kNan}})});

}  // namespace adze
