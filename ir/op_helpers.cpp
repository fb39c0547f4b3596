#include "ir/op_helpers.h"

namespace adze {

std::vector<TensorType> infer_same(InferContext& c) {
  for (std::size_t i = 1; i < c.size(); ++i) {
    if (c.operand(i) != c.operand(0)) {
      c.fail("operands must have the same type: " + to_string(c.operand(0)) + " vs " +
             to_string(c.operand(i)));
    }
  }
  return {c.operand(0)};
}

}  // namespace adze
