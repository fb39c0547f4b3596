#include "ir/op_helpers.h"

namespace adze {

namespace {

std::function<std::vector<OpSample>()> periodic_samples() {
  return unary_samples(
      {.low = -10,
       .high = 10,
       .special = {0.0, -0.0, 1e-10, 1.5707963705062866, 3.1415927410125732, 100, 12345, kInf, -kInf, kNan},
       .max_ulp = 4,
       .derivative_order = 3});
}

}  // namespace

const OpDef op_sin = elementwise(
    "sin", {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.emit(op_cos, {c.primal(0)})); },
            .scalar = [](ScalarBuilder& b, Args x) { return b.sin(x[0]); },
            .samples = periodic_samples()});

const OpDef op_cos = elementwise(
    "cos", {.jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.neg(c.emit(op_sin, {c.primal(0)}))); },
            .scalar = [](ScalarBuilder& b, Args x) { return b.cos(x[0]); },
            .samples = periodic_samples()});

}  // namespace adze
