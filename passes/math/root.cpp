#include "passes/math/num.h"

namespace adze::math {

// cbrt of f32 in f64 lanes: a third of the exponent by arithmetic on the upper bits, as a float, for a first
// guess within 5 %; then two steps of Halley's method, each of which cubes the relative error.
Num expand_cbrt(Num x) {
  const Num wide = abs(x).to(DType::kF64);
  const Num upper = (wide.bits() >> 32).to(DType::kI32).to(DType::kF32);
  const Num guess = (upper * (1.0 / 3) + 715094163.0).to(DType::kI32).to(DType::kI64) << 32;
  Num y = guess.as(DType::kF64);
  for (int step = 0; step < 2; ++step) {
    const Num cube = y * y * y;
    y = y * ((cube + (wide + wide)) / (cube + cube + wide));
  }
  const Num finite = copysign(select(wide == 0, wide, y).to(DType::kF32), x);
  return select(abs(x) < kInfinity, finite, x);
}

}  // namespace adze::math
