#include <fmt/format.h>

#include "ir/op_helpers.h"

namespace adze {

namespace {

std::int64_t exponent(const RuleContext& c) {
  return c.attr<std::int64_t>("y");
}

/// By repeated squaring.
Scalar integer_pow_scalar(ScalarBuilder& b, Args x) {
  const std::int64_t y = b.attrs().get<std::int64_t>("y");
  auto left = y < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(y) : static_cast<std::uint64_t>(y);
  const Scalar one = b.like(x[0], 1);
  Scalar result;
  for (Scalar power = x[0]; left != 0; left >>= 1) {
    if (left & 1) result = result ? b.mul(result, power) : power;
    if (left > 1) power = b.mul(power, power);
  }
  if (!result) return one;
  return y < 0 ? b.div(one, result) : result;
}

std::vector<OpSample> integer_pow_samples() {
  std::vector<OpSample> samples;
  for (const std::int64_t y : {3, -2, 0, 1, 2, 5, -1, 10}) {
    ElementwiseSamples options{.dtypes = y < 0 ? DTypeSet::kFloat : DTypeSet::kNumeric,
                               .attrs = {{"y", y}},
                               .low = y < 0 ? 0.5 : -2};
    for (OpSample& sample : unary_samples(std::move(options))()) {
      // Every shape for one exponent of either sign, derivatives and some values for the others.
      const bool kept = y == 3 || y == -2 || sample.derivative_order > 0 ||
                        sample.operands[0].shape == Dims{17} || sample.operands[0].shape == Dims{19};
      if (kept) samples.push_back(std::move(sample));
    }
  }
  return samples;
}

}  // namespace

/// x^y for an integer y. d x^y = y x^(y-1) dx
const OpDef op_integer_pow = elementwise(
    "integer_pow",
    {.dtypes = DTypeSet::kNumeric,
     .attrs = {{"y", std::int64_t{}}},
     .check =
         [](InferContext& c) {
           const std::int64_t y = c.attr<std::int64_t>("y");
           if (y < 0 && !is_float(c.operand(0).dtype)) {
             c.fail(fmt::format("y must not be negative for integers: {} of {}", y, to_string(c.operand(0))));
           }
         },
     .fold =
         [](FoldContext& c) {
           if (exponent(c) == 0) return c.one();
           return exponent(c) == 1 ? c.operand(0) : kNoValue;
         },
     .jvp = [](JvpContext& c) -> ValueList {
       const std::int64_t y = exponent(c);
       if (y == 0) return kNoValue;
       if (y == 1) return c.tangent(0);
       const ValueId power = y == 2 ? c.primal(0) : c.emit(op_integer_pow, {c.primal(0)}, {{"y", y - 1}});
       return c.mul(c.tangent(0), c.mul(c.constant(static_cast<double>(y)), power));
     },
     .scalar = integer_pow_scalar,
     .samples = integer_pow_samples});

const OpDef op_square = elementwise(
    "square", {.dtypes = DTypeSet::kNumeric,
               .jvp = [](JvpContext& c) { return c.mul(c.tangent(0), c.mul(c.constant(2), c.primal(0))); },
               .scalar = [](ScalarBuilder& b, Args x) { return b.mul(x[0], x[0]); },
               .samples = unary_samples({.dtypes = DTypeSet::kNumeric})});

}  // namespace adze
