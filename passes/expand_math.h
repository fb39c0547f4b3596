#pragma once

#include "ir/loop_ir.h"

namespace adze {

/// Is `op` on `dtype`, as it stands, a call of libm? (f32 and f64 only.)
bool calls_libm(loop::ScalarOp op, DType dtype);

/// Can expand_math write such a call as arithmetic? What it cannot (sin, cos, tan, erf, erfc, cbrt and pow of
/// f64; lgamma; rem) stays a libm call, and scalar. False for what needs no libm in the first place.
bool can_expand(loop::ScalarOp op, DType dtype);

/// Replaces elementary functions by polynomials in the scalar instruction set, so that vector loops call
/// nothing; scalar code gets the same arithmetic, so a result does not depend on the schedule. At most 4 ULP
/// from the exact value everywhere, special values as in C (see docs/numerics.md). `has_fma` chooses between
/// fused and separate multiply-adds (both within the documented ULPs).
loop::Kernel expand_math(loop::Kernel kernel, bool has_fma);

}  // namespace adze
