#include "passes/math/num.h"

// Logarithms: x = 2^k z with z in [sqrt(1/2), sqrt(2)) by integer arithmetic on the bits, then a minimax
// polynomial for log z.

namespace adze::math {
namespace {

/// x = 2^k z for positive normal x; garbage, but finite, for anything else.
struct Split {
  Num exponent_bits;  ///< k << mantissa_bits
  Num k, z;
};

Split split(Num x) {
  const Format f = format(x);
  const Num bits = x.bits();
  const Num from_sqrt_half = bits - bits.like_bits(x.is_f64() ? 0x3fe6a09e667f3bcd : 0x3f3504f3);
  const Num k = from_sqrt_half >> f.mantissa_bits;
  const Num exponent = from_sqrt_half & bits.like_bits(x.is_f64() ? 0xfff0000000000000 : 0xff800000);
  const Num z = (bits - exponent).as(x.dtype());
  if (!x.is_f64()) return {exponent, k.to(DType::kF32), z};
  // Few targets convert i64 lanes: put k into the low bits of a float instead.
  const Num shifted = (k + k.like_bits(0x4338000000000000)).as(DType::kF64);
  return {exponent, shifted - f.magic, z};
}

// log(1 + m) + k ln2 for 1 + m in [sqrt(1/2), sqrt(2)).
Num finish(Num k, Num m) {
  if (m.is_f64()) {
    // s = m / (2 + m): log(1 + m) = 2 atanh(s) = m - (m^2 / 2 - s (m^2 / 2 + s^2 R(s^2))), relative
    // error 1.2e-18.
    const Num s = m / (m + 2);
    const Num s2 = s * s;
    const Num rest = s2 * horner(s2, {0.66666666666667340202, 0.39999999999416741003, 0.28571428742009408746,
                                      0.22222198605607051958, 0.18183562917324915261, 0.15314080455230591699,
                                      0.14795705382583218546});
    const Num half = m * m * 0.5;
    const Num low = mul_add(s, half + rest, k * 0x1.a39ef35793c76p-33);
    return mul_add(k, 0x1.62e42feep-1, m - (half - low));
  }
  // m - m^2 / 2 + m^3 P(m), relative error 8e-9.
  const Num tail =
      m * m *
      horner(m, {-0.5, 0.3333337306976318359375, -0.250008404254913330078125, 0.19998989999294281005859375,
                 -0.16621206700801849365234375, 0.14238907396793365478515625, -0.1321235597133636474609375,
                 0.1256588995456695556640625, -7.28602111339569091796875e-2});
  return mul_add(k, 0x1.63p-1, m + mul_add(k, -0x1.bd0106p-13, tail));
}

// What `value` becomes where x is infinite, NaN, the pole, or left of it.
Num specials(Num x, Num value, double pole) {
  const Num finite = select(x < kInfinity, value, x);
  const Num outside = select(x == pole, x.like(-kInfinity), x.like(kNan));
  return select(x.apply(loop::ScalarOp::le, x.like(pole)), outside, finite);
}

}  // namespace

Num expand_log(Num x) {
  const bool wide = x.is_f64();
  // Subnormal numbers are brought into the normal range first.
  const Num tiny = x < (wide ? 0x1p-1022 : 0x1p-126);
  const Split y = split(select(tiny, x * (wide ? 0x1p54 : 0x1p25), x));
  const Num k = select(tiny, y.k - (wide ? 54 : 25), y.k);
  return specials(x, finish(k, y.z - 1), 0);
}

Num expand_log1p(Num x) {
  const bool wide = x.is_f64();
  const Num u = x + 1;
  const Num lost = x - (u - 1);  // what the rounding of 1 + x cost
  const Split y = split(u);
  // 2^-k; 0 where k is so large that it would not be normal: there `lost` means nothing.
  const Num one_bits = y.exponent_bits.like_bits(wide ? 0x3ff0000000000000 : 0x3f800000);
  const Num scale_bits = one_bits - y.exponent_bits;
  const Num scale = select(scale_bits < 0, scale_bits.like(0), scale_bits).as(x.dtype());
  const Num value = finish(y.k, mul_add(lost, scale, y.z - 1));
  // Tiny x is its own result: keeps subnormal numbers and the sign of zero.
  return select(abs(x) < (wide ? 0x1p-54 : 0x1p-25), x, specials(x, value, -1));
}

}  // namespace adze::math
