#include <fmt/format.h>

#include <array>
#include <vector>

#include "ir/op_helpers.h"

namespace adze {

// The logarithm of the gamma function and its derivatives. digamma and polygamma are computed in f64 whatever
// the dtype: recurrences bring the argument to where the asymptotic series converges (Abramowitz and
// Stegun, 6.3.5, 6.3.18, 6.4.6, 6.4.11), reflection brings negative arguments to positive ones
// (6.3.7, 6.4.7). Around the zero of digamma near 1.46 the error is absolute: 1e-15.

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr std::int64_t kMaxOrder = 20;

/// B_2, B_4, ..., B_16.
constexpr std::array kBernoulli = {1.0 / 6,  -1.0 / 30,       1.0 / 42, -1.0 / 30,
                                   5.0 / 66, -691.0 / 2730.0, 7.0 / 6,  -3617.0 / 510};

Scalar power(ScalarBuilder& b, Scalar x, std::int64_t n) {
  Scalar result = x;
  for (std::int64_t i = 1; i < n; ++i) result = b.mul(result, x);
  return result;
}

/// cot(pi x), exact in its reduction modulo 1; infinite at the integers.
Scalar cot_pi(ScalarBuilder& b, Scalar x) {
  const Scalar rest = b.sub(x, b.round_even(x));
  return b.div(b.like(x, 1), b.tan(b.mul(rest, b.like(x, kPi))));
}

Scalar digamma_f64(ScalarBuilder& b, Scalar x) {
  constexpr int kShift = 10;
  const Scalar zero = b.like(x, 0);
  const Scalar one = b.like(x, 1);
  const Scalar reflects = b.le(x, zero);
  const Scalar z = b.select(reflects, b.sub(one, x), x);
  // psi(z) = psi(z + n) - sum of 1 / (z + i)
  Scalar sum = b.div(one, z);
  for (int i = 1; i < kShift; ++i) sum = b.add(sum, b.div(one, b.add(z, b.like(z, i))));
  // psi(y) = log(y) - 1 / 2y - sum of B_2k / (2k y^2k)
  const Scalar y = b.add(z, b.like(z, kShift));
  const Scalar r = b.div(one, y);
  const Scalar r2 = b.mul(r, r);
  Scalar series = zero;
  for (std::size_t k = kBernoulli.size(); k > 0; --k) {
    series = b.mul(r2, b.add(series, b.like(y, kBernoulli[k - 1] / (2 * static_cast<double>(k)))));
  }
  const Scalar tail = b.add(b.mul(r, b.like(r, 0.5)), series);
  const Scalar positive = b.sub(b.sub(b.log(y), tail), sum);
  const Scalar negative = b.sub(positive, b.mul(b.like(x, kPi), cot_pi(b, x)));
  const Scalar pole = b.and_(reflects, b.eq(x, b.floor(x)));
  return b.select(pole, b.like(x, kNan), b.select(reflects, negative, positive));
}

/// P with d^n/dx^n cot(pi x) = pi^n P(cot(pi x)), lowest power first: cot' = -pi (1 + cot^2).
std::vector<double> cotangent_derivative(std::int64_t n) {
  std::vector<double> p = {0, 1};
  for (std::int64_t order = 0; order < n; ++order) {
    std::vector<double> next(p.size() + 1);
    for (std::size_t k = 1; k < p.size(); ++k) {
      const double slope = static_cast<double>(k) * p[k];
      next[k - 1] -= slope;
      next[k + 1] -= slope;
    }
    p = std::move(next);
  }
  return p;
}

Scalar polygamma_f64(ScalarBuilder& b, Scalar x, std::int64_t n) {
  const std::int64_t shift = 10 + n;
  const Scalar zero = b.like(x, 0);
  const Scalar one = b.like(x, 1);
  const Scalar reflects = b.le(x, zero);
  const Scalar z = b.select(reflects, b.sub(one, x), x);
  const auto factorial = [](std::int64_t m) {
    double product = 1;
    for (std::int64_t i = 2; i <= m; ++i) product *= static_cast<double>(i);
    return product;
  };
  // |psi_n(z)| = n! sum of (z + i)^-(n + 1), the first `shift` terms as they are, the others by their
  // asymptotic series in y = z + shift: ((n - 1)! + n! / 2y + sum of B_2k (2k + n - 1)! / ((2k)! y^2k)) /
  // y^n.
  Scalar sum = zero;
  for (std::int64_t i = shift; i-- > 0;) {  // small ones first
    const Scalar r = b.div(one, b.add(z, b.like(z, static_cast<double>(i))));
    sum = b.add(sum, power(b, r, n + 1));
  }
  const Scalar r = b.div(one, b.add(z, b.like(z, static_cast<double>(shift))));
  const Scalar r2 = b.mul(r, r);
  Scalar series = zero;
  for (std::size_t k = kBernoulli.size(); k > 0; --k) {
    const auto twice = static_cast<std::int64_t>(2 * k);
    const double coefficient = kBernoulli[k - 1] * (factorial(twice + n - 1) / factorial(twice));
    series = b.mul(r2, b.add(series, b.like(r, coefficient)));
  }
  series = b.add(series, b.add(b.like(r, factorial(n - 1)), b.mul(r, b.like(r, factorial(n) / 2))));
  const Scalar magnitude = b.add(b.mul(sum, b.like(z, factorial(n))), b.mul(series, power(b, r, n)));
  const bool odd = n % 2 != 0;
  const Scalar positive = odd ? magnitude : b.neg(magnitude);

  // psi_n(x) = (-1)^n psi_n(1 - x) - pi d^n/dx^n cot(pi x), and (-1)^n psi_n(1 - x) = -magnitude for every n.
  const Scalar cot = cot_pi(b, x);
  const std::vector<double> p = cotangent_derivative(n);
  double scale = -kPi;
  for (std::int64_t i = 0; i < n; ++i) scale *= kPi;
  Scalar reflected = b.like(x, scale * p.back());
  for (std::size_t k = p.size() - 1; k-- > 0;) {
    reflected = b.add(b.mul(reflected, cot), b.like(x, scale * p[k]));
  }
  const Scalar negative = b.sub(reflected, magnitude);
  // At a pole both sides go to infinity where n is odd, to opposite ones where it is even.
  const Scalar pole = b.and_(reflects, b.eq(x, b.floor(x)));
  const Scalar value = b.select(reflects, negative, positive);
  return b.select(b.and_(pole, b.is_finite(x)), b.like(x, odd ? kInf : kNan), value);
}

template <class F>
Scalar in_f64(ScalarBuilder& b, Scalar x, F&& formula) {
  return b.convert(formula(b.convert(x, DType::kF64)), b.dtype(x));
}

void check_order(InferContext& c) {
  const std::int64_t n = c.attr<std::int64_t>("n");
  if (n < 1 || n > kMaxOrder) {
    c.fail(fmt::format("order n must be from 1 to {} (order 0 is digamma): {}", kMaxOrder, n));
  }
}

ElementwiseSamples gamma_samples(int derivative_order) {
  return {.low = 0.5,
          .high = 6,
          .special = {1, 2, 0.25, 3.5, 100, 1e5, 1e30, -0.5, -0.25, -3.25, -20.75, 0.0, -1, -7, kInf, kNan},
          .max_ulp = 16,
          .derivative_order = derivative_order};
}

std::vector<OpSample> polygamma_samples() {
  std::vector<OpSample> samples;
  for (const std::int64_t n : {1, 2, 5}) {
    ElementwiseSamples options = gamma_samples(2);
    options.attrs = {{"n", n}};
    options.low = 1.5;
    for (OpSample& sample : unary_samples(std::move(options))()) {
      if (n == 1 || sample.operands[0].shape.size() == 1) samples.push_back(std::move(sample));
    }
  }
  return samples;
}

}  // namespace

/// log |gamma(x)|; infinite at 0, -1, -2, ...
const OpDef op_lgamma = elementwise(
    "lgamma", {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.emit(op_digamma, {c.primal(0)})); },
               .scalar = [](ScalarBuilder& b, Args x) { return b.lgamma(x[0]); },
               .samples = unary_samples(gamma_samples(3))});

/// The derivative of lgamma; NaN at its poles 0, -1, -2, ...
const OpDef op_digamma = elementwise(
    "digamma",
    {.jvp =
         [](JvpContext& c) {
           return c.mul(c.tangent(0), c.emit(op_polygamma, {c.primal(0)}, {{"n", std::int64_t{1}}}));
         },
     .scalar = [](ScalarBuilder& b,
                  Args x) { return in_f64(b, x[0], [&](Scalar wide) { return digamma_f64(b, wide); }); },
     .samples = unary_samples(gamma_samples(3))});

/// The n-th derivative of digamma, n in [1, 20].
const OpDef op_polygamma = elementwise(
    "polygamma", {.attrs = {{"n", std::int64_t{}}},
                  .check = check_order,
                  .jvp =
                      [](JvpContext& c) {
                        const Attrs next = {{"n", c.attr<std::int64_t>("n") + 1}};
                        return c.mul(c.tangent(0), c.emit(op_polygamma, {c.primal(0)}, next));
                      },
                  .scalar =
                      [](ScalarBuilder& b, Args x) {
                        const std::int64_t n = b.attrs().get<std::int64_t>("n");
                        return in_f64(b, x[0], [&](Scalar wide) { return polygamma_f64(b, wide, n); });
                      },
                  .samples = polygamma_samples});

}  // namespace adze
