#include "ir/op_helpers.h"

namespace adze {

// IEEE comparisons: every one but ne is false where an operand is NaN. false < true.

namespace {

using Compare = Scalar (*)(ScalarBuilder&, Scalar, Scalar);

OpDef comparison(std::string_view name, bool commutative, bool value_when_same, Compare compare) {
  return elementwise(
      name,
      {.operands = 2,
       .dtypes = DTypeSet::kAny,
       .result = DType::kBool,
       .traits = {.commutative = commutative, .zero_derivative = true},
       .fold =
           [value_when_same](FoldContext& c) {
             if (c.operand(0) != c.operand(1) || is_float(c.type(c.operand(0)).dtype)) return kNoValue;
             return c.constant(value_when_same ? 1 : 0);
           },
       .scalar = [compare](ScalarBuilder& b, Args x) { return compare(b, x[0], x[1]); },
       .samples = binary_samples({.dtypes = DTypeSet::kAny, .low = -3, .high = 3, .derivative_order = 0})});
}

}  // namespace

const OpDef op_eq =
    comparison("eq", true, true, [](ScalarBuilder& b, Scalar x, Scalar y) { return b.eq(x, y); });
const OpDef op_ne =
    comparison("ne", true, false, [](ScalarBuilder& b, Scalar x, Scalar y) { return b.ne(x, y); });
const OpDef op_lt =
    comparison("lt", false, false, [](ScalarBuilder& b, Scalar x, Scalar y) { return b.lt(x, y); });
const OpDef op_le =
    comparison("le", false, true, [](ScalarBuilder& b, Scalar x, Scalar y) { return b.le(x, y); });
const OpDef op_gt =
    comparison("gt", false, false, [](ScalarBuilder& b, Scalar x, Scalar y) { return b.gt(x, y); });
const OpDef op_ge =
    comparison("ge", false, true, [](ScalarBuilder& b, Scalar x, Scalar y) { return b.ge(x, y); });

}  // namespace adze
