#include "emit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "eager.h"
#include "ir/text.h"
#include "tracing.h"

namespace adze::detail {
namespace {

/// bool, integers, floats: what promotion never goes back on.
int kind_of(DType dtype) {
  return is_float(dtype) ? 2 : is_integer(dtype) ? 1 : 0;
}

/// The signed integer with every value of an unsigned one; of u64 there is none, and f64 stands in.
DType signed_above(DType dtype) {
  switch (dtype) {
    case DType::kU8:
      return DType::kI16;
    case DType::kU16:
      return DType::kI32;
    case DType::kU32:
      return DType::kI64;
    default:
      return DType::kF64;
  }
}

/// The first operand that takes part in promotion: select's predicate does not.
std::size_t first_promoted(const OpDef& op) {
  return &op == &op_select ? 1 : 0;
}

std::string operand_name(const OpDef& op, std::size_t i) {
  return i < op.operand_names.size() ? op.operand_names[i] : fmt::format("operand {}", i);
}

Location place_of(std::span<const Operand> operands) {
  return effective_location(operands.empty() ? Location{} : operands[0].at());
}

template <class T>
Literal scalar_literal(DType dtype, T value) {
  Literal literal(TensorType{dtype, {}});
  if constexpr (std::is_floating_point_v<T>)
    literal.set_double(0, value);
  else
    literal.set_int(0, value);
  return literal;
}

/// TypeError where an integer does not fit the integer dtype it adopts.
Literal to_literal(const Operand& scalar, DType dtype) {
  const bool is_u64 = dtype == DType::kU64;
  if (scalar.kind() == Operand::Kind::kFloat || (is_float(dtype) && scalar.exceeds_i64())) {
    return scalar_literal(dtype, scalar.real());
  }
  Literal literal = scalar_literal(dtype, scalar.integer());
  const bool fits = is_u64 ? scalar.exceeds_i64() || scalar.integer() >= 0
                           : literal.as_int(0) == scalar.integer() && !scalar.exceeds_i64();
  if (is_integer(dtype) && !fits) {
    const std::string value = scalar.exceeds_i64()
                                  ? std::to_string(static_cast<std::uint64_t>(scalar.integer()))
                                  : std::to_string(scalar.integer());
    std::string message =
        fmt::format("the scalar {} does not fit {}, the dtype of the other operand: convert that first",
                    value, to_string(dtype));
    if (scalar.at().known()) message += "\n  at " + to_string(scalar.at());
    throw TypeError(message);
  }
  return literal;
}

std::vector<Array> apply_form(OperandForm form, const OpDef& op, std::span<const Operand> operands,
                              Attrs attrs) {
  const std::size_t first = form == OperandForm::kNumpy ? first_promoted(op) : operands.size();
  const DType dtype = first < operands.size() ? common_dtype(operands.subspan(first)) : DType::kF32;
  const auto scalar_dtype = [&](std::size_t i) { return i >= first ? dtype : operands[i].type().dtype; };
  const Location at = place_of(operands);

  if (TraceState* trace = current_trace()) {
    std::vector<ValueId> values;
    values.reserve(operands.size());
    for (std::size_t i = 0; i < operands.size(); ++i) {
      values.push_back(operands[i].is_scalar()
                           ? trace->builder.constant(to_literal(operands[i], scalar_dtype(i)))
                           : resolve(*trace, *operands[i].pointer(), op.name.data(), operand_name(op, i)));
    }
    const LocationScope scope(trace->builder, at);
    std::vector<Array> results;
    for (const ValueId value : emit_form(trace->builder, form, op, std::move(values), std::move(attrs)))
      results.push_back(wrap(*trace, value));
    return results;
  }

  std::vector<Array> arrays;
  arrays.reserve(operands.size());
  for (std::size_t i = 0; i < operands.size(); ++i) {
    arrays.push_back(operands[i].is_scalar() ? scalar_array(operands[i], scalar_dtype(i))
                                             : *operands[i].pointer());
    const ArrayState* state = ArrayAccess::state(arrays.back());
    if (!state) {
      throw RuntimeError(fmt::format(
          "{}: {} is an empty Array: never assigned, moved from, or donated to a compiled function{}",
          op.name, operand_name(op, i), at.known() ? "\n  at " + to_string(at) : ""));
    }
    if (!state->buffer) {
      throw RuntimeError(
          fmt::format("{}: {} is a traced Array used outside its trace: {} {}\n  return it from the traced "
                      "function instead",
                      op.name, operand_name(op, i), to_string(state->type), describe_traced(*state)));
    }
  }
  try {
    return run_eagerly(form, op, arrays, attrs);
  } catch (const TypeError& error) {
    throw TypeError(error.what() + (at.known() ? "\n  at " + to_string(at) : ""));
  }
}

[[noreturn]] void fail_broadcast(const GraphBuilder& builder, const OpDef& op,
                                 std::span<const ValueId> operands, const TypeError& error) {
  std::string message = error.what();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    message += fmt::format("\n  {} {}", operand_name(op, i), describe(builder.graph(), operands[i]));
  }
  if (builder.location().known()) message += "\n  at " + to_string(builder.location());
  throw TypeError(message);
}

}  // namespace

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (kind_of(a) != kind_of(b)) return kind_of(a) > kind_of(b) ? a : b;
  if (is_half(a) && is_half(b)) return DType::kF32;
  if (is_signed(a) == is_signed(b)) return byte_size(a) > byte_size(b) ? a : b;
  if (is_signed(b)) std::swap(a, b);
  return byte_size(a) > byte_size(b) ? a : signed_above(b);
}

DType common_dtype(std::span<const Operand> operands) {
  std::optional<DType> dtype;
  for (const Operand& operand : operands) {
    if (!operand.is_scalar() && !operand.pointer()->empty()) {
      const DType own = operand.pointer()->dtype();
      dtype = dtype ? promote(*dtype, own) : own;
    }
  }
  for (const Operand& operand : operands) {
    if (!operand.is_scalar()) continue;
    const DType own = operand.type().dtype;
    if (!dtype || kind_of(own) > kind_of(*dtype)) {
      // An integer fits every dtype but bool, a float every float dtype.
      dtype = dtype ? promote(*dtype, own) : own;
    }
  }
  return dtype.value_or(DType::kF32);
}

Dims broadcast_shapes(std::string_view what, const TensorType& a, const TensorType& b) {
  const TensorType& longer = a.rank() >= b.rank() ? a : b;
  const TensorType& shorter = a.rank() >= b.rank() ? b : a;
  Dims shape = longer.shape;
  const std::size_t offset = longer.shape.size() - shorter.shape.size();
  for (std::size_t i = 0; i < shorter.shape.size(); ++i) {
    std::int64_t& size = shape[offset + i];
    if (size == 1) {
      size = shorter.shape[i];
    } else if (shorter.shape[i] != 1 && shorter.shape[i] != size) {
      throw TypeError(fmt::format("{}: shapes {} and {} do not broadcast", what, to_string(a), to_string(b)));
    }
  }
  return shape;
}

ValueList emit_form(GraphBuilder& builder, OperandForm form, const OpDef& op, std::vector<ValueId> operands,
                    Attrs attrs) {
  if (form == OperandForm::kNumpy) {
    const std::size_t first = first_promoted(op);
    DType dtype = builder.type(operands[first]).dtype;
    TensorType whole = builder.type(operands[0]);
    try {
      for (std::size_t i = 1; i < operands.size(); ++i) {
        whole = {builder.type(operands[i]).dtype,
                 broadcast_shapes(op.name, whole, builder.type(operands[i]))};
      }
    } catch (const TypeError& error) {
      fail_broadcast(builder, op, operands, error);
    }
    for (std::size_t i = first; i < operands.size(); ++i)
      dtype = promote(dtype, builder.type(operands[i]).dtype);
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (i >= first && builder.type(operands[i]).dtype != dtype) {
        operands[i] = builder.emit(op_convert, {operands[i]}, {{"dtype", dtype}});
      }
      const Dims shape = builder.type(operands[i]).shape;
      if (shape == whole.shape) continue;
      Dims dims;
      for (std::size_t d = whole.shape.size() - shape.size(); d < whole.shape.size(); ++d) {
        dims.push_back(static_cast<std::int64_t>(d));
      }
      operands[i] =
          builder.emit(op_broadcast_in_dim, {operands[i]}, {{"shape", whole.shape}, {"dims", dims}});
    }
  }
  return builder.emit_multi(op, std::move(operands), std::move(attrs));
}

Array apply(const OpDef& op, std::span<const Operand> operands, Attrs attrs) {
  return std::move(apply_form(OperandForm::kPlain, op, operands, std::move(attrs))[0]);
}

std::vector<Array> apply_multi(const OpDef& op, std::span<const Operand> operands, Attrs attrs) {
  return apply_form(OperandForm::kPlain, op, operands, std::move(attrs));
}

Array apply_numpy(const OpDef& op, std::span<const Operand> operands, Attrs attrs) {
  return std::move(apply_form(OperandForm::kNumpy, op, operands, std::move(attrs))[0]);
}

Array apply_nullary(const OpDef& op, Attrs attrs, const Location& at) {
  const Location place = effective_location(at);
  if (TraceState* trace = current_trace()) {
    const LocationScope scope(trace->builder, place);
    return wrap(*trace, trace->builder.emit(op, {}, std::move(attrs)));
  }
  return run_eagerly(OperandForm::kPlain, op, {}, attrs)[0];
}

void fail(const Operand& operand, const std::string& message) {
  std::string whole = message;
  const Array* array = operand.pointer();
  const TraceState* trace = current_trace();
  const ArrayState* state = array ? ArrayAccess::state(*array) : nullptr;
  if (trace && state && !state->buffer && state->trace == trace->identity) {
    whole += "\n  operand " + describe(trace->builder.graph(), state->value);
  }
  const Location at = effective_location(operand.at());
  if (at.known()) whole += "\n  at " + to_string(at);
  throw TypeError(whole);
}

std::int64_t resolve_axis(const char* what, std::int64_t axis, std::int64_t rank) {
  if (axis < -rank || axis >= rank) {
    throw TypeError(fmt::format("{}: axis {} is out of range for rank {}", what, axis, rank));
  }
  return axis < 0 ? axis + rank : axis;
}

Array scalar_array(const Operand& scalar, DType dtype) {
  return to_array(to_literal(scalar, dtype));
}

Array to_array(const Literal& literal) {
  BufferPtr buffer = Buffer::allocate(literal.byte_size());
  if (literal.byte_size() > 0) std::memcpy(buffer->data(), literal.bytes(), literal.byte_size());
  return ArrayAccess::make(literal.type(), std::move(buffer));
}

Array view(const Array& array, Dims shape) {
  const ArrayState* state = ArrayAccess::state(array);
  return ArrayAccess::make({state->type.dtype, std::move(shape)}, state->buffer);
}

}  // namespace adze::detail
