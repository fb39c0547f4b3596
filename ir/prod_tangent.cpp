#include "ir/prod_tangent.h"

#include "ir/op_helpers.h"

namespace adze {

ValueId prod_tangent(RuleContext& c, ValueId primal, ValueId tangent, const Dims& axes) {
  GraphBuilder& b = c.builder();
  const TensorType type = c.type(primal);
  const Dims kept = remaining_dims(type.rank(), axes);
  std::int64_t count = element_count(pick(type.shape, axes));
  if (count == 0) return kNoValue;

  Dims order = axes;
  order.insert(order.end(), kept.begin(), kept.end());
  const auto rows = [&](ValueId x) {  // [count, kept...]
    Dims shape = pick(type.shape, kept);
    shape.insert(shape.begin(), count);
    return emit_reshape(b, emit_transpose(b, x, order), std::move(shape));
  };
  primal = rows(primal);
  tangent = rows(tangent);
  while (count > 1) {
    const Dims zeros(kept.size() + 1, 0);
    if (count % 2 == 1) {
      Dims one_more = zeros;
      one_more[0] = 1;
      primal = emit_pad(b, primal, zeros, one_more, {}, b.scalar(type.dtype, 1));
      tangent = emit_pad(b, tangent, zeros, one_more);
      ++count;
    }
    const Dims shape = b.type(primal).shape;
    Dims middle_limit = shape, middle_start = zeros;
    middle_limit[0] = middle_start[0] = count / 2;
    const auto half = [&](ValueId x, bool second) {
      return second ? emit_slice(b, x, middle_start, shape) : emit_slice(b, x, zeros, middle_limit);
    };
    const ValueId first = half(primal, false);
    const ValueId second = half(primal, true);
    tangent = c.add(c.mul(half(tangent, false), second), c.mul(first, half(tangent, true)));
    primal = c.mul(first, second);
    count /= 2;
  }
  return emit_reshape(b, tangent, pick(type.shape, kept));
}

}  // namespace adze
