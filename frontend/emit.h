#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "adze/array.h"
#include "ir/attributes.h"
#include "ir/op.h"

/// How the functions of ops.h apply one op; only frontend/*.cpp includes this.
namespace adze::detail {

/// Records the op in the trace in progress, or runs it at once. A scalar operand becomes an Array of its own
/// dtype.
Array apply(const OpDef& op, std::span<const Operand> operands, Attrs attrs = {});
inline Array apply(const OpDef& op, std::initializer_list<Operand> operands, Attrs attrs = {}) {
  return apply(op, std::span(operands.begin(), operands.size()), std::move(attrs));
}
/// All results of an op that has several.
std::vector<Array> apply_multi(const OpDef& op, std::span<const Operand> operands, Attrs attrs = {});
/// For ops without operands.
Array apply_nullary(const OpDef& op, Attrs attrs, const Location& at);

/// Elementwise, as in numpy: the operands (but for select's predicate) are converted to one dtype (see
/// `common_dtype`), all are broadcast to one shape.
Array apply_numpy(const OpDef& op, std::span<const Operand> operands, Attrs attrs = {});
inline Array apply_numpy(const OpDef& op, std::initializer_list<Operand> operands, Attrs attrs = {}) {
  return apply_numpy(op, std::span(operands.begin(), operands.size()), std::move(attrs));
}

/// The dtype that operands of these dtypes are converted to: bool < i32, u32 < i64 < f32 < f64; i32 with u32
/// gives i64.
DType promote(DType a, DType b);
/// Scalars count only by their kind: an integer one fits any number dtype, a floating one any float dtype.
DType common_dtype(std::span<const Operand> operands);
/// numpy's rule. Throws TypeError "<what>: shapes f32[3] and f32[4] do not broadcast".
Dims broadcast_shapes(std::string_view what, const TensorType& a, const TensorType& b);

/// Throws TypeError: the message, a line for the operand, a line for the place.
[[noreturn]] void fail(const Operand& operand, const std::string& message);
/// Runs a check that throws a bare TypeError; adds operand and place.
template <class F>
auto checked(const Operand& operand, F&& check) {
  try {
    return check();
  } catch (const TypeError& error) {
    fail(operand, error.what());
  }
}
/// `axis` in [0, rank). Throws TypeError "<what>: axis 2 is out of range for rank 2".
std::int64_t resolve_axis(const char* what, std::int64_t axis, std::int64_t rank);

Array to_array(const Literal& literal);
/// An Array of the scalar's value in `dtype`.
Array scalar_array(const Operand& scalar, DType dtype);

/// The same memory under another shape of as many elements.
Array view(const Array& array, Dims shape);

}  // namespace adze::detail
