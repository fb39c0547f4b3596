#include "ir/op_helpers.h"

namespace adze {

const OpDef op_sqrt = elementwise(
    "sqrt", {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.div(c.constant(0.5), c.output())); },
             .scalar = [](ScalarBuilder& b, Args x) { return b.sqrt(x[0]); },
             .samples = unary_samples(
                 {.low = 0.5, .high = 4, .special = {0.0, -0.0, 1, -1, 1e-40, 1e30, kInf, kNan}})});

}  // namespace adze
