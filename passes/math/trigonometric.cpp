#include <array>
#include <cmath>

#include "passes/math/num.h"

// sin and cos of f32, right over the whole range. The reduction is done in f64 lanes: x has 24 bits and 2/pi
// is cut into pieces of 28 bits, so every product is exact, and so is its remainder modulo 4. Their sum is
// the position in the circle, in quarter turns. No table look-up, no branch, no special case for large
// arguments.

namespace adze::math {
namespace {

// 2/pi = sum of kTwoOverPi[i], piece i has the bits of weight 2^-(28i+1) to 2^-(28i+28).
constexpr std::array kTwoOverPi = {0x1.45f306c000000p-1,  0x1.c9c882a000000p-29,  0x1.4fe13a8000000p-59,
                                   0x1.f47d4d0000000p-86, 0x1.bb81b6c000000p-113, 0x1.4acc9e0000000p-143,
                                   0x1.0e4107c000000p-170};

/// x = (quarter turns) pi/2 + r, |r| <= pi/4. The low bits of `quarters` (i32) count the quarter turns.
struct Turned {
  Num quarters, r;
};

Turned turn(Num x) {
  const Num wide = x.to(DType::kF64);
  const Num magnitude = abs(wide);
  // v - 4 round(v / 4), exact for |v| < 2^53.
  const auto modulo_4 = [](Num v) {
    constexpr double kMagic = 0x1.8p54;
    return v - ((v + kMagic) - kMagic);
  };
  Num sum;
  for (std::size_t i = 0; i < kTwoOverPi.size(); ++i) {
    const int below = 28 * static_cast<int>(i);  // piece < 2^-below
    Num piece = wide.like(kTwoOverPi[i]);
    // Where x is at least 2^(53 + below) this product is a multiple of 4: whole turns.
    if (53 + below < 128) piece = select(magnitude < std::ldexp(1.0, 53 + below), piece, piece.like(0));
    Num part = wide * piece;
    if (128 - below > 1) part = modulo_4(part);  // x < 2^128: later parts are small as they are
    sum = i == 0 ? part : sum + part;
  }
  constexpr double kMagic = 0x1.8p52;
  const Num shifted = sum + kMagic;
  const Num fraction = sum - (shifted - kMagic);
  return {shifted.bits().to(DType::kI32), (fraction * 0x1.921fb54442d18p0).to(DType::kF32)};
}

// sin for an even number of quarter turns, cos for an odd one; the second bit is the sign.
Num combine(Turned y) {
  const Num r2 = y.r * y.r;
  // Relative errors 4e-9 and 1.2e-10. A product keeps the sign of a zero, a sum would not.
  const Num sine = y.r * horner(r2, {1, -0.16666655242443084716796875, 8.332188241183757781982421875e-3,
                                     -1.95180720766074955463409423828125e-4});
  const Num cosine = horner(r2, {1, -0.5, 4.16666455566883087158203125e-2, -1.3887309469282627105712890625e-3,
                                 2.44323382503353059291839599609375e-5});
  const Num odd = (y.quarters & y.quarters.like(1)) != 0;
  const Num sign = (y.quarters & y.quarters.like(2)) << 30;
  return (select(odd, cosine, sine).bits() ^ sign).as(DType::kF32);
}

}  // namespace

Num expand_sin(Num x) {
  return combine(turn(x));
}

Num expand_cos(Num x) {
  const Turned y = turn(x);
  return combine({y.quarters + y.quarters.like(1), y.r});
}

}  // namespace adze::math
