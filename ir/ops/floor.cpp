#include "ir/op_helpers.h"

namespace adze {

const OpDef op_floor =
    elementwise("floor", {.traits = {.zero_derivative = true},
                          .scalar = [](ScalarBuilder& b, Args x) { return b.floor(x[0]); },
                          .samples = unary_samples({.low = -100,
                                                    .high = 100,
                                                    .special = {0.0, -0.0, 0.5, -0.5, 1, -1, 8388607.5,
                                                                -8388607.5, 1e30, kInf, -kInf, kNan}})});

}  // namespace adze
