#include "ir/op_helpers.h"

namespace adze {

namespace {

std::vector<OpSample> div_samples() {
  auto samples = binary_samples({.dtypes = DTypeSet::kFloat, .ranges = {{-3, 3}, {0.5, 4}}})();
  const auto integers = binary_samples(
      {.dtypes = DTypeSet::kNumeric, .low = -100, .high = 100, .special = {0, -1, 1, -2147483648.0}})();
  for (const OpSample& sample : integers) {
    if (is_integer(sample.operands[0].dtype)) samples.push_back(sample);
  }
  return samples;
}

}  // namespace

/// Integers truncate towards zero; x / 0 is -1 (u32: all ones) and min / -1 is min, as XLA on the CPU.
const OpDef op_div =
    elementwise("div", {.operands = 2,
                        .dtypes = DTypeSet::kNumeric,
                        .fold = [](FoldContext& c) { return c.is_splat(1, 1) ? c.operand(0) : kNoValue; },
                        // d(x/y) = dx/y - dy (x/y)/y
                        .jvp =
                            [](JvpContext& c) {
                              const ValueId from_lhs = c.div(c.tangent(0), c.primal(1));
                              if (!c.has_tangent(1)) return from_lhs;
                              return c.sub(from_lhs, c.mul(c.tangent(1), c.div(c.output(), c.primal(1))));
                            },
                        .transpose =
                            [](TransposeContext& c) {
                              return ValueList{c.div(c.cotangent(), c.operand(1)), kNoValue};
                            },
                        .scalar = [](ScalarBuilder& b, Args x) { return b.div(x[0], x[1]); },
                        .samples = div_samples});

}  // namespace adze
