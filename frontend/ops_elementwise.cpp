#include <fmt/format.h>

#include <string>
#include <utility>

#include "adze/ops.h"
#include "emit.h"

namespace adze {

using detail::apply;
using detail::apply_numpy;

namespace {

/// For functions of floats: an integer scalar counts as one.
Array apply_float(const OpDef& op, Operand x, Attrs attrs = {}) {
  if (!x.is_scalar() || x.kind() == Operand::Kind::kFloat) return apply(op, {x}, std::move(attrs));
  return apply(op, {Operand(x.real(), x.at())}, std::move(attrs));
}

}  // namespace

Array operator+(Operand a, Operand b) {
  return apply_numpy(op_add, {a, b});
}
Array operator-(Operand a, Operand b) {
  return apply_numpy(op_sub, {a, b});
}
Array operator*(Operand a, Operand b) {
  return apply_numpy(op_mul, {a, b});
}
Array operator/(Operand a, Operand b) {
  return apply_numpy(op_div, {a, b});
}
Array operator%(Operand a, Operand b) {
  return apply_numpy(op_rem, {a, b});
}
Array operator-(Operand a) {
  return apply(op_neg, {a});
}

Array add(Operand a, Operand b) {
  return a + b;
}
Array subtract(Operand a, Operand b) {
  return a - b;
}
Array multiply(Operand a, Operand b) {
  return a * b;
}
Array divide(Operand a, Operand b) {
  return a / b;
}
Array remainder(Operand a, Operand b) {
  return a % b;
}
Array negative(Operand a) {
  return -a;
}

Array& operator+=(Array& a, Operand b) {
  return a = Operand(a, b.at()) + b;
}
Array& operator-=(Array& a, Operand b) {
  return a = Operand(a, b.at()) - b;
}
Array& operator*=(Array& a, Operand b) {
  return a = Operand(a, b.at()) * b;
}
Array& operator/=(Array& a, Operand b) {
  return a = Operand(a, b.at()) / b;
}

Array maximum(Operand a, Operand b) {
  return apply_numpy(op_max, {a, b});
}
Array minimum(Operand a, Operand b) {
  return apply_numpy(op_min, {a, b});
}

Array pow(Operand base, Operand exponent) {
  // Small whole powers are products: exact, cheap, and differentiable where the base is negative.
  if (exponent.is_scalar()) {
    const double n = exponent.real();
    const Composition here("pow", base.at());
    if (n == 1) return base.array();
    if (n == 2) return base * base;
    if (n == 3) return base * base * base;
    if (n == 4) return square(base * base);
    if (n == -1) return 1 / base;
  }
  return apply_numpy(op_pow, {base, exponent});
}

Array abs(Operand x) {
  return apply(op_abs, {x});
}
Array sign(Operand x) {
  return apply(op_sign, {x});
}
Array square(Operand x) {
  return apply(op_square, {x});
}
Array integer_pow(Operand x, std::int64_t y) {
  return apply(op_integer_pow, {x}, {{"y", y}});
}
Array clip(Operand x, Operand low, Operand high) {
  const Composition here("clip", x.at());
  return minimum(maximum(x, low), high);
}
Array clamp(Operand low, Operand x, Operand high) {
  return apply_numpy(op_clamp, {low, x, high});
}

Array operator==(Operand a, Operand b) {
  return apply_numpy(op_eq, {a, b});
}
Array operator!=(Operand a, Operand b) {
  return apply_numpy(op_ne, {a, b});
}
Array operator<(Operand a, Operand b) {
  return apply_numpy(op_lt, {a, b});
}
Array operator<=(Operand a, Operand b) {
  return apply_numpy(op_le, {a, b});
}
Array operator>(Operand a, Operand b) {
  return apply_numpy(op_gt, {a, b});
}
Array operator>=(Operand a, Operand b) {
  return apply_numpy(op_ge, {a, b});
}

Array operator&(Operand a, Operand b) {
  return apply_numpy(op_and_, {a, b});
}
Array operator|(Operand a, Operand b) {
  return apply_numpy(op_or_, {a, b});
}
Array operator^(Operand a, Operand b) {
  return apply_numpy(op_xor_, {a, b});
}
Array operator!(const Array& a) {
  return apply(op_not_, {a});
}
Array operator~(Operand a) {
  return apply(op_not_, {a});
}
Array logical_and(Operand a, Operand b) {
  return a & b;
}
Array logical_or(Operand a, Operand b) {
  return a | b;
}
Array logical_not(Operand a) {
  return apply(op_not_, {a});
}

Array shift_left(Operand x, Operand count) {
  return apply_numpy(op_shift_left, {x, count});
}
Array shift_right_logical(Operand x, Operand count) {
  return apply_numpy(op_shift_right_logical, {x, count});
}
Array shift_right_arithmetic(Operand x, Operand count) {
  return apply_numpy(op_shift_right_arithmetic, {x, count});
}
Array population_count(Operand x) {
  return apply(op_population_count, {x});
}
Array clz(Operand x) {
  return apply(op_clz, {x});
}
Array bitcast_convert(Operand x, DType dtype) {
  return apply(op_bitcast_convert, {x}, {{"dtype", dtype}});
}

Array where(Operand condition, Operand a, Operand b) {
  return apply_numpy(op_select, {condition, a, b});
}

Array floor(Operand x) {
  return apply_float(op_floor, x);
}
Array ceil(Operand x) {
  return apply_float(op_ceil, x);
}
Array round(Operand x, Rounding halves) {
  const std::string method = halves == Rounding::kToNearestEven ? "to_nearest_even" : "away_from_zero";
  return apply_float(op_round, x, {{"method", method}});
}
Array nextafter(Operand x, Operand y) {
  return apply_numpy(op_nextafter, {x, y});
}
Array reduce_precision(Operand x, int exponent_bits, int mantissa_bits) {
  return apply_float(
      op_reduce_precision, x,
      {{"exponent_bits", std::int64_t{exponent_bits}}, {"mantissa_bits", std::int64_t{mantissa_bits}}});
}
Array exp(Operand x) {
  return apply_float(op_exp, x);
}
Array exp2(Operand x) {
  return apply_float(op_exp2, x);
}
Array log(Operand x) {
  return apply_float(op_log, x);
}
Array log1p(Operand x) {
  return apply_float(op_log1p, x);
}
Array expm1(Operand x) {
  return apply_float(op_expm1, x);
}
Array tanh(Operand x) {
  return apply_float(op_tanh, x);
}
Array sqrt(Operand x) {
  return apply_float(op_sqrt, x);
}
Array rsqrt(Operand x) {
  return apply_float(op_rsqrt, x);
}
Array cbrt(Operand x) {
  return apply_float(op_cbrt, x);
}
Array reciprocal(Operand x) {
  const Composition here("reciprocal", x.at());
  return 1 / x;
}
Array sin(Operand x) {
  return apply_float(op_sin, x);
}
Array cos(Operand x) {
  return apply_float(op_cos, x);
}
Array tan(Operand x) {
  return apply_float(op_tan, x);
}
Array asin(Operand x) {
  return apply_float(op_asin, x);
}
Array acos(Operand x) {
  return apply_float(op_acos, x);
}
Array atan(Operand x) {
  return apply_float(op_atan, x);
}
Array atan2(Operand y, Operand x) {
  return apply_numpy(op_atan2, {y, x});
}
Array sinh(Operand x) {
  return apply_float(op_sinh, x);
}
Array cosh(Operand x) {
  return apply_float(op_cosh, x);
}
Array asinh(Operand x) {
  return apply_float(op_asinh, x);
}
Array acosh(Operand x) {
  return apply_float(op_acosh, x);
}
Array atanh(Operand x) {
  return apply_float(op_atanh, x);
}
Array erf(Operand x) {
  return apply_float(op_erf, x);
}
Array erfc(Operand x) {
  return apply_float(op_erfc, x);
}
Array erf_inv(Operand x) {
  return apply_float(op_erf_inv, x);
}
Array lgamma(Operand x) {
  return apply_float(op_lgamma, x);
}
Array digamma(Operand x) {
  return apply_float(op_digamma, x);
}
Array polygamma(std::int64_t n, Operand x) {
  return n == 0 ? digamma(x) : apply_float(op_polygamma, x, {{"n", n}});
}
Array isfinite(Operand x) {
  return apply_float(op_is_finite, x);
}
Array isnan(Operand x) {
  const Composition here("isnan", x.at());
  return x != x;
}

Array astype(Operand x, DType dtype) {
  if (x.type().dtype == dtype) return x.array();
  return x.is_scalar() ? apply(op_convert, {Operand(x.array(), x.at())}, {{"dtype", dtype}})
                       : apply(op_convert, {x}, {{"dtype", dtype}});
}

Array stop_gradient(Operand x) {
  return apply(op_stop_gradient, {x});
}

// Activations.

Array relu(Operand x) {
  // Not max(x, 0): at 0 the derivative is 0, as everywhere else; a NaN stays one.
  const Composition here("relu", x.at());
  return where(x <= 0, 0, x);
}

Array leaky_relu(Operand x, double slope) {
  const Composition here("leaky_relu", x.at());
  return where(x >= 0, x, x * slope);
}

Array elu(Operand x, double alpha) {
  const Composition here("elu", x.at());
  // The branch not taken must not overflow: its derivative would be inf * 0.
  return where(x > 0, x, alpha * expm1(where(x > 0, 0, x)));
}

Array selu(Operand x) {
  const Composition here("selu", x.at());
  return 1.0507009873554804934 * elu(x, 1.6732632423543772848);
}

Array glu(Operand x, std::int64_t axis) {
  const Composition here("glu", x.at());
  const std::vector<Array> halves = split(x, 2, axis);
  return halves[0] * sigmoid(halves[1]);
}

Array sigmoid(Operand x) {
  const Composition here("sigmoid", x.at());
  return apply_float(op_logistic, x);
}

Array silu(Operand x) {
  const Composition here("silu", x.at());
  return x * sigmoid(x);
}

Array gelu(Operand x, bool approximate) {
  const Composition here("gelu", x.at());
  constexpr double kSqrtHalf = 0.70710678118654752440;
  if (!approximate) return 0.5 * x * apply_float(op_erfc, -kSqrtHalf * x);  // 1 + erf(x) cancels below 0
  constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
  return 0.5 * x * (1 + tanh(kSqrtTwoOverPi * (x + 0.044715 * pow(x, 3))));
}

Array softplus(Operand x) {
  const Composition here("softplus", x.at());
  // min(x, -x), not -abs(x): its derivative at 0 is 0, so that of the whole is 1/2.
  return maximum(x, 0) + log1p(exp(minimum(x, -x)));
}

Array softmax(Operand x, Axes axes) {
  const Composition here("softmax", x.at());
  const Array weights = exp(x - stop_gradient(max(x, axes, true)));
  return weights / sum(weights, axes, true);
}

Array log_softmax(Operand x, Axes axes) {
  const Composition here("log_softmax", x.at());
  const Array shifted = x - stop_gradient(max(x, axes, true));
  return shifted - log(sum(exp(shifted), axes, true));
}

Array logsumexp(Operand x, Axes axes, bool keepdims) {
  const Composition here("logsumexp", x.at());
  const Array top = stop_gradient(max(x, axes, true));
  const Array shift = where(isfinite(top), top, 0);  // all -inf gives -inf, not NaN
  const Array result = log(sum(exp(x - shift), axes, true)) + shift;
  return keepdims ? result : squeeze(result, axes.resolve("logsumexp", result.rank()));
}

}  // namespace adze
