#pragma once

#include "ir/loop_ir.h"

namespace adze {

/// Can expand_math write `op` on `dtype` as arithmetic? What it cannot stays a libm call, and scalar.
bool can_expand(loop::ScalarOp op, DType dtype);

/// Replaces elementary functions by polynomials in the scalar instruction set, so that vector loops call
/// nothing. `has_fma` chooses between fused and separate multiply-adds (both within the documented ULPs).
loop::Kernel expand_math(loop::Kernel kernel, bool has_fma);

}  // namespace adze
