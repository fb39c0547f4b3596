#include <array>
#include <cmath>

#include "passes/math/num.h"

// sin, cos and tan of f32, right over the whole range. The reduction is done in f64 lanes: x has 24 bits and
// 2/pi is cut into pieces of 28 bits, so every product is exact, and so is its remainder modulo 4. Their sum
// is the position in the circle, in quarter turns. No table look-up, no branch, no special case for large
// arguments.

namespace adze::math {
namespace {

// 2/pi = sum of kTwoOverPi[i], piece i has the bits of weight 2^-(28i+1) to 2^-(28i+28).
constexpr std::array kTwoOverPi = {0x1.45f306c000000p-1,  0x1.c9c882a000000p-29,  0x1.4fe13a8000000p-59,
                                   0x1.f47d4d0000000p-86, 0x1.bb81b6c000000p-113, 0x1.4acc9e0000000p-143,
                                   0x1.0e4107c000000p-170};

/// x = (quarter turns) pi/2 + r, |r| <= pi/4, r an f64. The low bits of `quarters` (i32) count the quarter
/// turns.
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
  return {shifted.bits().to(DType::kI32), fraction * 0x1.921fb54442d18p0};
}

// sin for an even number of quarter turns, cos for an odd one; the second bit is the sign.
Num combine(Turned y) {
  const Num r = y.r.to(DType::kF32);
  const Num r2 = r * r;
  // Relative errors 4e-9 and 1.2e-10. A product keeps the sign of a zero, a sum would not.
  const Num sine = r * horner(r2, {1, -0.16666655242443084716796875, 8.332188241183757781982421875e-3,
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

// A polynomial of relative error 8.4e-11, still in f64: tan(r), or -1 / tan(r) after an odd number of quarter
// turns.
Num expand_tan(Num x) {
  const Turned y = turn(x);
  const Num t = y.r * horner(y.r * y.r, {1.000000000084294, 0.3333333113359854, 0.13333427315271135,
                                         0.053952895085745016, 0.021994136317836675, 0.008302254661816928,
                                         0.00504365571245311, -0.0006429696454634367, 0.002059095099810114});
  const Num odd = (y.quarters & y.quarters.like(1)) != 0;
  return (select(odd, t.like(-1), t) / select(odd, t, t.like(1))).to(DType::kF32);
}

// atan(z) = z + z^3 P(z^2) for z <= 1, relative errors 2.6e-9 (f32) and 7.6e-19 (f64); larger arguments by
// their reciprocals.
Num expand_atan(Num x) {
  const Num a = abs(x);
  const Num steep = a > 1;
  const Num z = select(steep, a.like(1) / a, a);
  const Num z2 = z * z;
  const Num p = x.is_f64()
                    ? horner(z2, {-0.33333333333333287,   0.19999999999990448,    -0.14285714285036644,
                                  0.11111111086448058,    -0.09090908547270694,   0.07692299711972024,
                                  -0.06666583724427946,   0.058817161635820764,   -0.05259433829953184,
                                  0.04744926251392186,    -0.04286391252012712,   0.03821007018452706,
                                  -0.03278543751892481,   0.02615167659217077,    -0.018614208349987626,
                                  0.011317658142574754,   -0.005612392251658259,  0.0021515903594342724,
                                  -0.0005928939953371928, 0.00010387203981621884, -8.654218670143439e-06})
                    : horner(z2, {-0.33333298563957214, 0.19998548924922943, -0.14264242351055145,
                                  0.10952187329530716, -0.08403453230857849, 0.05795763060450554,
                                  -0.03117787465453148, 0.010914617218077183, -0.0017936235526576638});
  const Num y = mul_add(z * z2, p, z);
  return copysign(select(steep, y.like(0x1.921fb54442d18p0) - y, y), x);
}

}  // namespace adze::math
