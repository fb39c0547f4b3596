#include "ir/op_helpers.h"

namespace adze {

// By expm1, exp, log1p and log, which are good to a few ULP everywhere, in forms that do not cancel. Odd
// functions are computed of |x|, so they are odd to the last bit and keep the sign of zero. Special values
// are those of C.

namespace {

constexpr double kLn2 = 0.69314718055994530942;
constexpr double kHalfE = 1.35914091422952261768;

/// Beyond, exp(-x) is nothing beside exp(x), and exp(x) = e exp(x - 1), which overflows when the result does.
constexpr double kOneSided = 40;
/// Beyond, 1 is nothing beside x^2.
constexpr double kSquareAlone = 0x1p28;

Scalar sinh_scalar(ScalarBuilder& b, Args x) {
  const Scalar one = b.like(x[0], 1);
  const Scalar a = b.abs(x[0]);
  const Scalar large = b.gt(a, b.like(a, kOneSided));
  const Scalar t = b.expm1(b.select(large, b.sub(a, one), a));
  const Scalar moderate = b.mul(b.like(a, 0.5), b.add(t, b.div(t, b.add(t, one))));
  return b.copysign(b.select(large, b.mul(t, b.like(a, kHalfE)), moderate), x[0]);
}

Scalar cosh_scalar(ScalarBuilder& b, Args x) {
  const Scalar one = b.like(x[0], 1);
  const Scalar a = b.abs(x[0]);
  const Scalar large = b.gt(a, b.like(a, kOneSided));
  const Scalar t = b.exp(b.select(large, b.sub(a, one), a));
  const Scalar moderate = b.mul(b.like(a, 0.5), b.add(t, b.div(one, t)));
  return b.select(large, b.mul(t, b.like(a, kHalfE)), moderate);
}

/// log(x + sqrt(x^2 + 1)) = log1p(x + x^2 / (1 + sqrt(x^2 + 1)))
Scalar asinh_scalar(ScalarBuilder& b, Args x) {
  const Scalar one = b.like(x[0], 1);
  const Scalar a = b.abs(x[0]);
  const Scalar square = b.mul(a, a);
  const Scalar moderate = b.log1p(b.add(a, b.div(square, b.add(one, b.sqrt(b.add(square, one))))));
  const Scalar large = b.add(b.log(a), b.like(a, kLn2));
  return b.copysign(b.select(b.gt(a, b.like(a, kSquareAlone)), large, moderate), x[0]);
}

/// log(x + sqrt(x^2 - 1)) = log1p(t + sqrt(t^2 + 2t)), t = x - 1
Scalar acosh_scalar(ScalarBuilder& b, Args x) {
  const Scalar t = b.sub(x[0], b.like(x[0], 1));
  const Scalar moderate = b.log1p(b.add(t, b.sqrt(b.mul(t, b.add(t, b.like(t, 2))))));
  const Scalar large = b.add(b.log(x[0]), b.like(t, kLn2));
  const Scalar value = b.select(b.gt(x[0], b.like(t, kSquareAlone)), large, moderate);
  return b.select(b.lt(t, b.like(t, 0)), b.like(t, kNan), value);
}

/// log((1 + x) / (1 - x)) / 2 = log1p(2x / (1 - x)) / 2
Scalar atanh_scalar(ScalarBuilder& b, Args x) {
  const Scalar a = b.abs(x[0]);
  const Scalar quotient = b.div(b.add(a, a), b.sub(b.like(a, 1), a));
  return b.copysign(b.mul(b.like(a, 0.5), b.log1p(quotient)), x[0]);
}

ElementwiseSamples samples_on(double low, double high) {
  return {.low = low,
          .high = high,
          .special = {0.0,  -0.0, 1e-10, 1e-40, 1,    -1,  0.5, 1.0001, 0.9999, 20,    -20,
                      39.9, 40.1, 88.9,  89.3,  89.5, 710, 1e9, -1e30,  kInf,   -kInf, kNan},
          .max_ulp = 8,
          .derivative_order = 3};
}

}  // namespace

const OpDef op_sinh = elementwise(
    "sinh", {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.emit(op_cosh, {c.primal(0)})); },
             .scalar = sinh_scalar,
             .samples = unary_samples(samples_on(-3, 3))});

const OpDef op_cosh = elementwise(
    "cosh", {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.emit(op_sinh, {c.primal(0)})); },
             .scalar = cosh_scalar,
             .samples = unary_samples(samples_on(-3, 3))});

const OpDef op_asinh = elementwise("asinh", {.jvp = [](JvpContext& c) -> ValueList {
                                               const ValueId square = c.add(c.square(c.primal(0)), c.one());
                                               return c.mul(c.tangent(0), c.emit(op_rsqrt, {square}));
                                             },
                                             .scalar = asinh_scalar,
                                             .samples = unary_samples(samples_on(-5, 5))});

const OpDef op_acosh = elementwise("acosh", {.jvp = [](JvpContext& c) -> ValueList {
                                               const ValueId x = c.primal(0);
                                               const ValueId square =
                                                   c.mul(c.sub(x, c.one()), c.add(x, c.one()));
                                               return c.mul(c.tangent(0), c.emit(op_rsqrt, {square}));
                                             },
                                             .scalar = acosh_scalar,
                                             .samples = unary_samples(samples_on(1.5, 6))});

const OpDef op_atanh =
    elementwise("atanh", {.jvp = [](JvpContext& c) -> ValueList {
                            const ValueId x = c.primal(0);
                            return c.div(c.tangent(0), c.mul(c.sub(c.one(), x), c.add(c.one(), x)));
                          },
                          .scalar = atanh_scalar,
                          .samples = unary_samples(samples_on(-0.8, 0.8))});

}  // namespace adze
