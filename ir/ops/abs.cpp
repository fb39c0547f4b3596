#include "ir/op_helpers.h"

namespace adze {

/// The magnitude. abs of the lowest integer is itself.
const OpDef op_abs =
    elementwise("abs", {.dtypes = DTypeSet::kNumeric,
                        // The derivative at 0 is 1, as in JAX.
                        .jvp =
                            [](JvpContext& c) {
                              const ValueId nonnegative = c.emit(op_ge, {c.primal(0), c.zero()});
                              return c.select(nonnegative, c.tangent(0), c.neg(c.tangent(0)));
                            },
                        .scalar = [](ScalarBuilder& b, Args x) { return b.abs(x[0]); },
                        .samples = unary_samples({.dtypes = DTypeSet::kNumeric, .low = -100, .high = 100})});

}  // namespace adze
