#include <array>
#include <span>

#include "ir/op_helpers.h"

namespace adze {

namespace {

constexpr double kTwoOverSqrtPi = 1.12837916709551257390;
constexpr double kHalfSqrtPi = 0.88622692545275801365;

// erf_inv(x) = x p(w), w = -log(1 - x^2), as in M. Giles, "Approximating the erfinv function" (GPU Computing
// Gems, 2011): p is smooth in w around the centre and in sqrt(w) in the tails. The f32 coefficients are the
// paper's. Those of f64 are minimax polynomials of our own, with relative errors below 2^-56, on w < 6.25 (in
// w - 3.125), w < 16 (in sqrt(w) - 3.25) and above (in sqrt(w) - 5). Lowest power first.
constexpr std::array kCentreF32 = {1.50140941,     0.246640727,    -0.00417768164,
                                   -0.00125372503, 0.00021858087,  -4.39150654e-06,
                                   -3.5233877e-06, 3.43273939e-07, 2.81022636e-08};
constexpr std::array kTailF32 = {2.83297682,     1.00167406,    0.00943887047,  -0.0076224613,  0.00573950773,
                                 -0.00367342844, 0.00134934322, 0.000100950558, -0.000200214257};
constexpr std::array kCentreF64 = {
    1.6536545626831027,      0.24015818242558834,     -0.006033670871426996,   -0.0007407025341545543,
    0.00018673420802052922,  -1.3882523394197312e-05, -1.3654691772636587e-06, 4.2347881712051815e-07,
    -2.9070389895865885e-08, -4.1126606429205e-09,    1.0512225670185463e-09,  -5.414294624157223e-11,
    -1.297850419355891e-11,  2.6305034515785313e-12,  -8.079291391530972e-14,  -4.0015897484161995e-14,
    6.533341409954905e-15,   -3.987799680957542e-17,  -1.2344865919644475e-16, 1.5545198051703266e-17,
    6.956586259872238e-19,   -3.4876477446816803e-19, 1.6539564355454696e-20,  3.2193672590376623e-21,
    -3.0016563153528384e-22};
constexpr std::array kMiddleF64 = {3.0838856104922208,      1.0052589676941655,      0.00537091455355509,
                                   -0.003751208508223809,   0.0024914420979534444,   -0.0016882755354779683,
                                   0.0009532893416628127,   -0.00035503781336921556, 2.4031511868436947e-05,
                                   6.828711417450971e-05,   -4.732067385247343e-05,  1.2465042837988085e-05,
                                   2.9325502414171073e-06,  -3.98574603911169e-06,   1.4816698593908534e-06,
                                   -2.7551814932293733e-08, -2.456091456569311e-07,  1.3152840748886176e-07,
                                   -2.0820170945737903e-08, -1.5283556400128068e-08, 7.646156568510693e-09};
constexpr std::array kTailF64 = {
    4.849906401408584,     1.0103004648645457,     -0.00013871931837563332, -0.00021503011984146868,
    7.599527797158553e-05, -1.968177051781527e-05, 4.526053843684433e-06,   -9.930304835110419e-07,
    2.290459466523878e-07, -6.755267560344681e-08, 2.9038613144707928e-08,  -1.5261481090894402e-08,
    7.787565910062145e-09, -3.464675182482072e-09, 1.3493402490387974e-09,  -4.4121980939541005e-10,
    5.191445720992431e-11, 4.369456464855023e-11,  -1.6504947117086098e-11};

Scalar polynomial(ScalarBuilder& b, Scalar x, std::span<const double> coefficients) {
  Scalar sum = b.like(x, coefficients.back());
  for (std::size_t i = coefficients.size() - 1; i-- > 0;) {
    sum = b.add(b.like(x, coefficients[i]), b.mul(sum, x));
  }
  return sum;
}

/// For f32 1 - x^2 is rounded before its logarithm is taken, as XLA does it: near |x| = 1 that moves the
/// result by up to 65 ULP, less than half an ULP of x does, and gives the random normals that JAX gives. f64
/// has no such excuse.
Scalar erf_inv_scalar(ScalarBuilder& b, Args operands) {
  const Scalar x = operands[0];
  const auto minus = [&](Scalar a, double c) { return b.sub(a, b.like(a, c)); };
  const auto below = [&](Scalar a, double limit) { return b.lt(a, b.like(a, limit)); };
  const bool wide = b.dtype(x) == DType::kF64;
  const Scalar one = b.like(x, 1);
  const Scalar w = b.neg(wide ? b.log(b.mul(b.sub(one, x), b.add(one, x))) : b.log1p(b.neg(b.mul(x, x))));
  const Scalar root = b.sqrt(w);
  Scalar p;
  if (wide) {
    p = b.select(below(w, 6.25), polynomial(b, minus(w, 3.125), kCentreF64),
                 b.select(below(w, 16), polynomial(b, minus(root, 3.25), kMiddleF64),
                          polynomial(b, minus(root, 5), kTailF64)));
  } else {
    p = b.select(below(w, 5), polynomial(b, minus(w, 2.5), kCentreF32),
                 polynomial(b, minus(root, 3), kTailF32));
  }
  const Scalar pole = b.eq(b.abs(x), b.like(x, 1));
  return b.mul(b.select(pole, b.like(x, kInf), p), x);
}

/// 2 / sqrt(pi) exp(-x^2) dx
ValueId erf_tangent(JvpContext& c) {
  const ValueId bell = c.emit(op_exp, {c.neg(c.square(c.primal(0)))});
  return c.mul(c.tangent(0), c.mul(c.constant(kTwoOverSqrtPi), bell));
}

ElementwiseSamples error_samples() {
  return {.low = -3,
          .high = 3,
          .special = {0.0, -0.0, 1e-10, 1e-40, 1, -1, 0.999, 3.9, -4, 6, 9, 10.1, 26.5, 27.5, -30, kInf,
                      -kInf, kNan},
          .max_ulp = 4,
          .derivative_order = 3};
}

}  // namespace

const OpDef op_erf = elementwise("erf", {.jvp = [](JvpContext& c) -> ValueList { return erf_tangent(c); },
                                         .scalar = [](ScalarBuilder& b, Args x) { return b.erf(x[0]); },
                                         .samples = unary_samples(error_samples())});

/// 1 - erf(x), without its cancellation.
const OpDef op_erfc =
    elementwise("erfc", {.jvp = [](JvpContext& c) -> ValueList { return c.neg(erf_tangent(c)); },
                         .scalar = [](ScalarBuilder& b, Args x) { return b.erfc(x[0]); },
                         .samples = unary_samples(error_samples())});

/// The inverse of erf, on [-1, 1].
const OpDef op_erf_inv = elementwise(
    "erf_inv", {.jvp = [](JvpContext& c) -> ValueList {
                  const ValueId inverse = c.emit(op_exp, {c.square(c.output())});
                  return c.mul(c.tangent(0), c.mul(c.constant(kHalfSqrtPi), inverse));
                },
                .scalar = erf_inv_scalar,
                .samples = unary_samples({.low = -0.8,
                                          .high = 0.8,
                                          .special = {0.0, -0.0, 1e-10, 1e-40, 1, -1, 0.99, -0.999,
                                                      0.99999994, 1.5, -2, kInf, -kInf, kNan},
                                          .max_ulp = 8,
                                          .derivative_order = 3})});

}  // namespace adze
