#include "ir/op_helpers.h"

namespace adze {

// All by the one instruction `atan`, of arguments that are exact to an ULP or so: the condition number of
// atan is at most 1, so what comes out is about as good. Special values are those of C.

namespace {

constexpr double kPi = 3.14159265358979323846;

/// 1 - x^2 without cancellation near 1.
ValueId one_minus_square(JvpContext& c, ValueId x) {
  return c.mul(c.sub(c.one(), x), c.add(c.one(), x));
}

/// x / sqrt(1 - x^2) is the tangent of asin(x).
Scalar asin_scalar(ScalarBuilder& b, Args x) {
  const Scalar one = b.like(x[0], 1);
  return b.atan(b.div(x[0], b.sqrt(b.mul(b.sub(one, x[0]), b.add(one, x[0])))));
}

/// sqrt((1 - x) / (1 + x)) is the tangent of acos(x) / 2.
Scalar acos_scalar(ScalarBuilder& b, Args x) {
  const Scalar one = b.like(x[0], 1);
  return b.mul(b.like(x[0], 2), b.atan(b.sqrt(b.div(b.sub(one, x[0]), b.add(one, x[0])))));
}

/// The angle in the first octant, by the smaller over the larger coordinate, then unfolded.
Scalar atan2_scalar(ScalarBuilder& b, Args operands) {
  const Scalar y = operands[0];
  const Scalar x = operands[1];
  const Scalar zero = b.like(x, 0);
  const Scalar one = b.like(x, 1);
  const Scalar height = b.abs(y);
  const Scalar width = b.abs(x);
  const Scalar steep = b.gt(height, width);
  const Scalar large = b.select(steep, height, width);
  // 0/0 and inf/inf have angles too.
  const Scalar diagonal = b.select(b.eq(large, zero), zero, one);
  const Scalar slope = b.select(b.eq(height, width), diagonal, b.div(b.select(steep, width, height), large));
  const Scalar octant = b.atan(slope);
  const Scalar quadrant = b.select(steep, b.sub(b.like(x, kPi / 2), octant), octant);
  const Scalar left = b.lt(b.copysign(one, x), zero);  // -0 counts
  return b.copysign(b.select(left, b.sub(b.like(x, kPi), quadrant), quadrant), y);
}

/// d atan2(y, x) = (x dy - y dx) / (x^2 + y^2)
ValueList atan2_jvp(JvpContext& c) {
  const ValueId y = c.primal(0);
  const ValueId x = c.primal(1);
  const ValueId square = c.add(c.square(x), c.square(y));
  ValueId tangent = kNoValue;
  if (c.has_tangent(0)) tangent = c.mul(c.tangent(0), c.div(x, square));
  if (c.has_tangent(1)) tangent = c.add(tangent, c.mul(c.tangent(1), c.neg(c.div(y, square))));
  return tangent;
}

ElementwiseSamples inside_one() {
  return {.low = -0.8,
          .high = 0.8,
          .special = {0.0, -0.0, 1e-10, 1e-40, 1, -1, 0.99999, -0.99999, 0.5, 1.5, -7, kInf, -kInf, kNan},
          .max_ulp = 8,
          .derivative_order = 3};
}

}  // namespace

const OpDef op_asin =
    elementwise("asin", {.jvp = [](JvpContext& c) -> ValueList {
                           return c.mul(c.tangent(0), c.emit(op_rsqrt, {one_minus_square(c, c.primal(0))}));
                         },
                         .scalar = asin_scalar,
                         .samples = unary_samples(inside_one())});

const OpDef op_acos = elementwise(
    "acos", {.jvp = [](JvpContext& c) -> ValueList {
               return c.mul(c.tangent(0), c.neg(c.emit(op_rsqrt, {one_minus_square(c, c.primal(0))})));
             },
             .scalar = acos_scalar,
             .samples = unary_samples(inside_one())});

const OpDef op_atan = elementwise(
    "atan",
    {.jvp = [](JvpContext& c) { return c.div(c.tangent(0), c.add(c.one(), c.square(c.primal(0)))); },
     .scalar = [](ScalarBuilder& b, Args x) { return b.atan(x[0]); },
     .samples = unary_samples({.low = -5,
                               .high = 5,
                               .special = {0.0, -0.0, 1e-10, 1e-40, 1, -1, 1e10, -1e30, kInf, -kInf, kNan},
                               .max_ulp = 4,
                               .derivative_order = 3})});

/// The angle of the point (x, y), in [-pi, pi]: operand 0 is y.
const OpDef op_atan2 = elementwise(
    "atan2", {.operands = 2,
              .operand_names = {"y", "x"},
              .jvp = atan2_jvp,
              .scalar = atan2_scalar,
              .samples = binary_samples({.ranges = {{0.5, 2}, {-2, 2}},
                                         .special = {0.0, -0.0, 1, -1, 1e-40, 1e30, kInf, -kInf, kNan},
                                         .max_ulp = 8})});

}  // namespace adze
