#include "ir/scalar_builder.h"

#include <string>

#include "ir/errors.h"

namespace adze {

Scalar elementwise_body(loop::Exprs& exprs, const OpDef& op, const Attrs& attrs, DType result,
                        std::span<const Scalar> operands) {
  std::vector<Scalar> computed(operands.begin(), operands.end());
  DType computed_result = result;
  if (!op.traits.moves_bits) {
    for (Scalar& operand : computed) {
      if (!is_half(exprs.dtype(operand))) continue;
      operand = exprs.convert(operand, DType::kF32);
      computed_result = compute_dtype(result);
    }
  }
  ScalarBuilder builder(exprs, computed_result, attrs);
  const Scalar value = op.scalar(builder, computed);
  const DType given = exprs.dtype(value);
  ADZE_CHECK(given == result || given == computed_result,
             std::string(op.name) + ": its scalar rule gives " + std::string(to_string(given)));
  return exprs.convert(value, result);
}

}  // namespace adze
