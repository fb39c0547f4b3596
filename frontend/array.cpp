#include "adze/array.h"

#include <fmt/format.h>

#include <cstring>
#include <ostream>

#include "array_state.h"
#include "ir/number_text.h"
#include "ir/with_type.h"

namespace adze {
namespace {

using detail::ArrayAccess;
using detail::ArrayState;

thread_local const Composition* current_composition = nullptr;

const ArrayState& concrete_state(const Array& array, const char* what) {
  const ArrayState* state = ArrayAccess::state(array);
  if (!state) {
    throw RuntimeError(fmt::format(
        "{}: this Array is empty: never assigned, moved from, or donated to a compiled function", what));
  }
  if (!state->buffer) {
    throw RuntimeError(fmt::format("{}: a traced Array has no elements to read: {} {}", what,
                                   to_string(state->type), detail::describe_traced(*state)));
  }
  return *state;
}

const ArrayState& single_element(const Array& array) {
  const ArrayState& state = concrete_state(array, "item");
  if (state.type.element_count() != 1) {
    throw RuntimeError(
        fmt::format("item: {} has {} elements, not one", to_string(state.type), state.type.element_count()));
  }
  return state;
}

/// Calls `f` with element i as its C++ type.
template <class F>
auto with_element(const ArrayState& state, std::int64_t i, F&& f) {
  const auto read = [&]<class T>(T value) {
    std::memcpy(&value, state.buffer->data() + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    return f(value);
  };
  return with_type(state.type.dtype, [&]<class T>() { return read(T{}); });
}

/// Prints dimension `dim` on, beginning at element `index`.
void print_elements(const ArrayState& state, std::size_t dim, std::int64_t index, std::string& out) {
  constexpr std::int64_t kShown = 8;
  if (dim == state.type.shape.size()) {
    out += with_element(state, index, [&]<class T>(T value) {
      if constexpr (is_half_type<T>) {
        const float wide = value;
        return wide == wide ? format_number(state.type.dtype, value.bits) : std::string("nan");
      } else {
        return fmt::format("{}", value);
      }
    });
    return;
  }
  const std::int64_t stride = row_major_strides(state.type.shape)[dim];
  const std::int64_t extent = state.type.shape[dim];
  out += '[';
  for (std::int64_t i = 0; i < extent && i < kShown; ++i) {
    if (i) out += ", ";
    print_elements(state, dim + 1, index + i * stride, out);
  }
  if (extent > kShown) out += ", ...";
  out += ']';
}

}  // namespace

Array::Array(DType dtype, Dims shape, const void* data, std::size_t count) {
  TensorType type{dtype, std::move(shape)};
  if (static_cast<std::size_t>(type.element_count()) != count) {
    throw RuntimeError(fmt::format("Array: shape {} needs {} elements, got {}", to_string(type.shape),
                                   type.element_count(), count));
  }
  const std::size_t bytes = static_cast<std::size_t>(type.byte_size());
  BufferPtr buffer = Buffer::allocate(bytes);
  if (bytes > 0) std::memcpy(buffer->data(), data, bytes);
  *this = ArrayAccess::make(std::move(type), std::move(buffer));
}

const TensorType& Array::type() const {
  if (!state_) {
    throw RuntimeError(
        "type: this Array is empty: never assigned, moved from, or donated to a compiled function");
  }
  return state_->type;
}

bool Array::traced() const {
  return state_ && !state_->buffer;
}

const void* Array::raw_data(DType dtype) const {
  const ArrayState& state = concrete_state(*this, "data");
  if (state.type.dtype != dtype) {
    throw RuntimeError(fmt::format("data: {} read as {}", to_string(state.type), to_string(dtype)));
  }
  return state.buffer->data();
}

double Array::item_as_double() const {
  return with_element(single_element(*this), 0, [](auto value) { return static_cast<double>(value); });
}

std::int64_t Array::item_as_int() const {
  const ArrayState& state = single_element(*this);
  if (!is_float(state.type.dtype)) {
    return with_element(state, 0, [](auto value) { return static_cast<std::int64_t>(value); });
  }
  const double value = item_as_double();
  if (!(value >= -0x1p63 && value < 0x1p63)) {
    throw RuntimeError(fmt::format("item: {} is no integer", value));
  }
  return static_cast<std::int64_t>(value);
}

Array::operator bool() const {
  if (traced()) {
    const ArrayState& state = *ArrayAccess::state(*this);
    throw TypeError(fmt::format(
        "bool: {} {} has no value while the function is traced, so C++ cannot branch on it\n  use cond or "
        "switch_ to run one of several functions, where to choose between values, while_loop to repeat",
        to_string(state.type), detail::describe_traced(state)));
  }
  return item_as_double() != 0;
}

std::string to_string(const Array& array) {
  const ArrayState* state = ArrayAccess::state(array);
  if (!state) return "(empty)";
  std::string out = to_string(state->type);
  if (!state->buffer) return out + " " + detail::describe_traced(*state);
  out += ' ';
  print_elements(*state, 0, 0, out);
  return out;
}

std::ostream& operator<<(std::ostream& out, const Array& array) {
  return out << to_string(array);
}

Array Operand::array() const {
  switch (kind_) {
    case Kind::kArray:
      return *array_;
    case Kind::kBool:
      return Array(integer_ != 0);
    case Kind::kInt:
      return Array(static_cast<std::int32_t>(integer_));
    case Kind::kFloat:
      break;
  }
  return Array(static_cast<float>(real_));
}

TensorType Operand::type() const {
  switch (kind_) {
    case Kind::kArray:
      return array_->type();
    case Kind::kBool:
      return {DType::kBool, {}};
    case Kind::kInt:
      return {DType::kI32, {}};
    case Kind::kFloat:
      break;
  }
  return {DType::kF32, {}};
}

Composition::Composition(const char* label, Location at)
    : location_(current_composition ? current_composition->location_ : at.labelled(label)),
      outer_(current_composition) {
  current_composition = this;
}

Composition::~Composition() {
  current_composition = outer_;
}

namespace detail {

Location effective_location(const Location& at) {
  return current_composition ? ArrayAccess::location(*current_composition) : at;
}

NoComposition::NoComposition() : saved_(std::exchange(current_composition, nullptr)) {}

NoComposition::~NoComposition() {
  current_composition = saved_;
}

std::string describe_traced(const ArrayState& state) {
  std::string out = "made";
  if (state.location.known()) out += " at " + to_string(state.location);
  return out + " while tracing " + state.trace->name;
}

}  // namespace detail
}  // namespace adze
