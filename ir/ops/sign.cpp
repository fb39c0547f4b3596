#include "ir/op_helpers.h"

namespace adze {

/// -1, 0 or 1; NaN for NaN and the zero itself for zeros.
const OpDef op_sign =
    elementwise("sign", {.dtypes = DTypeSet::kNumeric,
                         .traits = {.zero_derivative = true},
                         .scalar = [](ScalarBuilder& b, Args x) { return b.sign(x[0]); },
                         .samples = unary_samples({.dtypes = DTypeSet::kNumeric, .low = -100, .high = 100})});

}  // namespace adze
