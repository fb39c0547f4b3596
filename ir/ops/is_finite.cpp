#include "ir/op_helpers.h"

namespace adze {

/// true where neither NaN nor infinite.
const OpDef op_is_finite =
    elementwise("is_finite", {.result = DType::kBool,
                              .traits = {.zero_derivative = true},
                              .scalar = [](ScalarBuilder& b, Args x) { return b.is_finite(x[0]); },
                              .samples = unary_samples({.special = {0, kInf, -kInf, kNan, 3e38, -3e38, 1e-40},
                                                        .derivative_order = 0})});

}  // namespace adze
