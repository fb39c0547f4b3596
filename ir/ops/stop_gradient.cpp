#include "ir/op_helpers.h"

namespace adze {

/// The identity, with derivative zero. It never folds away: a graph may still be differentiated.
const OpDef op_stop_gradient = elementwise(
    "stop_gradient", {.dtypes = DTypeSet::kAny,
                      .traits = {.zero_derivative = true, .moves_bits = true},
                      .scalar = [](ScalarBuilder&, Args x) { return x[0]; },
                      .samples = unary_samples({.dtypes = DTypeSet::kAny, .derivative_order = 0})});

}  // namespace adze
