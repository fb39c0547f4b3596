#pragma once

#include "ir/op.h"

namespace adze {

/// The tangent of the product of `primal` over `axes`: halves are multiplied together until one is left,
/// tangents along. Exact where factors are zero, which dividing the product by each factor is not.
ValueId prod_tangent(RuleContext& c, ValueId primal, ValueId tangent, const Dims& axes);

}  // namespace adze
