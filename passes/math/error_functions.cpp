#include "passes/math/num.h"

// erf and erfc of f32: minimax polynomials (Remez), weighted for the relative error of the result.

namespace adze::math {

// x P(x^2) up to 1, relative error 1.2e-9; beyond, 1 - exp(-Q(|x|)) with Q = -log erfc, whose error of 1.1e-9
// counts for less the closer the result is to 1. The first coefficient is 2 / sqrt(pi) - 1, so that its
// rounding does not show.
Num expand_erf(Num x) {
  const Num a = at_most(abs(x), 4);  // where the result rounds to 1
  const Num near = mul_add(
      x,
      horner(x * x, {0.12837916612625122, -0.3761262595653534, 0.1128358542919159, -0.026853812858462334,
                     0.005188327748328447, -0.0008010193705558777, 7.853861461626366e-05}),
      x);
  const Num q = horner(a, {0.00034152393345721066, 1.1270891427993774, 0.638144850730896, 0.10310675203800201,
                           -0.02183806151151657, 0.0029476576019078493, -0.0001863791112555191});
  const Num far = copysign(x.like(1) - expand_exp(-q), x);
  return select(a < 1, near, far);
}

// exp(-x^2) erfcx(|x|) in f64 lanes, where x^2 is exact and subnormal results are normal numbers. erfcx is a
// polynomial in t = (|x| - 2.5) / (|x| + 2.5), relative error 2.9e-11, up to where the result is 0.
Num expand_erfc(Num x) {
  const Num wide = x.to(DType::kF64);
  const Num a = at_most(abs(wide), 10.2);
  const Num t = (a - 2.5) / (a + 2.5);
  const Num erfcx =
      horner(t, {0.21080636406071762, -0.371736733839865, 0.25171319311514223, -0.1250330580477747,
                 0.03992254388638418, -0.003993616259247081, -0.0026424128263249197, 0.000875350845847547,
                 0.00022849620281664574, -0.00012696399355224946, -3.391446180674218e-05,
                 1.534018330921548e-05, 6.048940784219777e-06});
  const Num tail = expand_exp(-(a * a)) * erfcx;
  return select(wide < 0, wide.like(2) - tail, tail).to(DType::kF32);
}

}  // namespace adze::math
