#include "ir/op_helpers.h"

namespace adze {

// NaN where either is NaN. Where the operands tie each gets half of the derivative, as in JAX.

namespace {

ValueList extremum_jvp(JvpContext& c, const OpDef& wins) {
  const ValueId tie = c.select(c.emit(op_eq, {c.primal(0), c.primal(1)}), c.constant(0.5), c.zero());
  ValueId tangent = kNoValue;
  for (std::size_t i = 0; i < 2; ++i) {
    if (!c.has_tangent(i)) continue;
    const ValueId share = c.select(c.emit(wins, {c.primal(i), c.primal(1 - i)}), c.one(), tie);
    tangent = c.add(tangent, c.mul(c.tangent(i), share));
  }
  return tangent;
}

ElementwiseRules extremum(const OpDef& wins) {
  ElementwiseRules rules;
  rules.operands = 2;
  rules.dtypes = DTypeSet::kNumeric;
  rules.traits = {.commutative = true};
  rules.fold = [](FoldContext& c) { return c.operand(0) == c.operand(1) ? c.operand(0) : kNoValue; };
  rules.jvp = [&wins](JvpContext& c) { return extremum_jvp(c, wins); };
  rules.samples = binary_samples({.dtypes = DTypeSet::kNumeric, .low = -100, .high = 100});
  return rules;
}

}  // namespace

const OpDef op_max = [] {
  ElementwiseRules rules = extremum(op_gt);
  rules.scalar = [](ScalarBuilder& b, Args x) { return b.max(x[0], x[1]); };
  return elementwise("max", std::move(rules));
}();

const OpDef op_min = [] {
  ElementwiseRules rules = extremum(op_lt);
  rules.scalar = [](ScalarBuilder& b, Args x) { return b.min(x[0], x[1]); };
  return elementwise("min", std::move(rules));
}();

}  // namespace adze
