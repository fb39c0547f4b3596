#include <array>

#include "passes/math/num.h"

// exp and its relatives: x = n ln2 + r with |r| <= ln2 / 2, a minimax polynomial for e^r (Remez with
// coefficients in the target format, weighted for relative error), and 2^n put together from exponent bits.
// NaN passes through the polynomial; the factors made of bits are finite whatever the input.

namespace adze::math {
namespace {

constexpr double kLog2E = 0x1.71547652b82fep0;

/// x = n ln2 / scale + r. `shifted` is n + magic: n sits in its low bits.
struct Reduced {
  Num shifted, n, r;
};

// ln2 in two parts; n * high is exact for every n that occurs.
Reduced reduce(Num x) {
  const bool wide = x.is_f64();
  const double magic = format(x).magic;
  const Num shifted = mul_add(x, kLog2E, magic);
  const Num n = shifted - magic;
  const Num high = mul_add(n, wide ? -0x1.62e42feep-1 : -0x1.63p-1, x);
  const Num r = mul_add(n, wide ? -0x1.a39ef35793c76p-33 : 0x1.bd0106p-13, high);
  return {shifted, n, r};
}

// 2^(n + offset) from n + magic, for results in the normal range.
Num power_of_two(Num shifted, std::int64_t offset = 0) {
  const Format f = format(shifted);
  const Num exponent = shifted.bits() << f.mantissa_bits;
  const auto bias = static_cast<std::uint64_t>((f.exponent_bias + offset) << f.mantissa_bits);
  return (exponent + exponent.like_bits(bias)).as(shifted.dtype());
}

// e^r, relative error 1.1e-7 (f32, 0.9 of half an ULP) and 4e-18 (f64).
Num exp_polynomial(Num r) {
  if (r.is_f64()) {
    return horner(r, {1, 1, 0.5000000000000011102230246251565, 0.16666666666666424149245395277931,
                      4.166666666652688033600782091521e-2, 8.3333333334886430104893051449307e-3,
                      1.3888888944387331632335236264453e-3, 1.9841269519411001216908918554083e-4,
                      2.4801492382655900118025929512731e-5, 2.755757467752531517324538282154e-6,
                      2.7630487176522342823720016294353e-7, 2.5003842074895370549632954014661e-8});
  }
  return horner(r, {1, 1, 0.499992311000823974609375, 0.16667117178440093994140625,
                    4.1890256106853485107421875e-2, 8.312332443892955780029296875e-3});
}

// (e^r - 1 - r) / r^2; r + r^2 q has relative error 1.4e-8 (f32) and 3e-19 (f64).
constexpr std::array kExpm1F32 = {0.4999999701976776123046875, 0.16666543483734130859375,
                                  4.16675023734569549560546875e-2, 8.366541005671024322509765625e-3,
                                  1.38645595870912075042724609375e-3};
constexpr std::array kExpm1F64 = {0.5,
                                  0.16666666666666676843711058768095,
                                  4.1666666666666608842550800773097e-2,
                                  8.3333333333214573007685643801778e-3,
                                  1.3888888888923811570919042424066e-3,
                                  1.9841269886509494205228953944696e-4,
                                  2.4801587237483214536939643557467e-5,
                                  2.7557243858859045403390981843204e-6,
                                  2.7557352977112319364714762070713e-7,
                                  2.5109150869228064127955825701249e-8,
                                  2.0889456908106162583752777596083e-9};
std::span<const double> expm1_coefficients(Num r) {
  if (r.is_f64()) return kExpm1F64;
  return kExpm1F32;
}

// 2^n in two factors, each in the normal range: the product overflows to infinity and rounds into the
// subnormal numbers once.
Num scale(Num value, Num shifted, Num n) {
  const Format f = format(value);
  const Num half = mul_add(n, 0.5, f.magic);
  const auto bias = static_cast<std::uint64_t>(f.exponent_bias << f.mantissa_bits);
  const Num whole_bits = shifted.bits() << f.mantissa_bits, half_bits = half.bits() << f.mantissa_bits;
  const Num first = (half_bits + half_bits.like_bits(bias)).as(value.dtype());
  const Num second = (whole_bits - half_bits + half_bits.like_bits(bias)).as(value.dtype());
  return value * first * second;
}

// Beyond these exp is 0, and infinite.
double lowest(Num x) {
  return x.is_f64() ? -746 : -104;
}
double highest(Num x) {
  return x.is_f64() ? 710 : 89;
}

}  // namespace

Num expand_exp(Num x) {
  const Reduced y = reduce(at_least(at_most(x, highest(x)), lowest(x)));
  return scale(exp_polynomial(y.r), y.shifted, y.n);
}

// x - n is exact.
Num expand_exp2(Num x) {
  const bool wide = x.is_f64();
  const Num y = at_least(at_most(x, wide ? 1024 : 128), wide ? -1076 : -151);
  const double magic = format(x).magic;
  const Num shifted = y + magic;
  const Num n = shifted - magic;
  return scale(exp_polynomial((y - n) * 0x1.62e42fefa39efp-1), shifted, n);
}

// 2^n (e^r - 1) + (2^n - 1), with half of 2^n so that the largest results do not overflow on the way.
Num expand_expm1(Num x) {
  const Reduced y = reduce(at_least(at_most(x, highest(x)), x.is_f64() ? -38 : -18));
  const Num p = mul_add(y.r * y.r, horner(y.r, expm1_coefficients(x)), y.r);
  const Num half = power_of_two(y.shifted, -1);
  const Num sum = mul_add(half, p, half - 0.5);
  // Tiny x is its own result: keeps subnormal numbers and the sign of zero.
  return select(abs(x) < (x.is_f64() ? 0x1p-54 : 0x1p-25), x, sum + sum);
}

// e^-|x| never overflows; the other half of the curve is e / (1 + e), exact down to the subnormal numbers.
Num expand_logistic(Num x) {
  const Reduced y = reduce(at_least(-abs(x), lowest(x)));
  const Num e = scale(exp_polynomial(y.r), y.shifted, y.n);
  return select(x < 0, e, e.like(1)) / (e + 1);
}

// t / (t + 2) with t = e^2|x| - 1: no cancellation anywhere, 1 from where the result rounds to it, and t =
// 2|x| for tiny x. The rational forms in common use need fewer operations but err by 5 ULP and more near 1.
Num expand_tanh(Num x) {
  const bool wide = x.is_f64();
  const Num a = at_most(abs(x), wide ? 22 : 9.1);
  const double magic = format(x).magic;
  const Num shifted = mul_add(a, 2 * kLog2E, magic);
  const Num n = shifted - magic;
  // |x| = n ln2 / 2 + r. An error of r hardly shows where n is large: one constant is enough if fused.
  Num r;
  if (x.scope->has_fma) {
    r = mul_add(n, -0x1.62e42fefa39efp-2, a);
  } else {
    r = mul_add(n, wide ? -0x1.62e42feep-2 : -0x1.63p-2, a);
    r = mul_add(n, wide ? -0x1.a39ef35793c76p-34 : 0x1.bd0106p-14, r);
  }
  std::vector<double> c{2};  // (e^2r - 1) / r
  double power = 4;
  for (const double coefficient : expm1_coefficients(x)) {
    c.push_back(coefficient * power);
    power *= 2;
  }
  const Num p = r * horner(r, c);
  const Num two_n = power_of_two(shifted);
  const Num t = mul_add(two_n, p, two_n - 1);
  const Num y = t / (t + 2);
  const Num sign = x.bits() & x.bits().like_bits(wide ? 0x8000000000000000 : 0x80000000);
  return (y.bits() | sign).as(x.dtype());
}

}  // namespace adze::math
