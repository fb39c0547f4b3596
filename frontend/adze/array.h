#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "ir/errors.h"
#include "ir/location.h"
#include "ir/types.h"

namespace adze {

namespace detail {
struct ArrayState;
struct ArrayAccess;

template <class T>
concept Arithmetic = std::is_arithmetic_v<T>;
/// Scalars an Array can be made of: C++'s own, Half and BFloat16.
template <class T>
concept Element = Arithmetic<T> || is_half_type<T>;

/// The element type a C++ scalar is stored as: its own, or that of its size and sign (std::size_t and
/// unsigned long long u64). Characters become i32, long double f64.
template <Element T>
constexpr auto to_element(T value) {
  if constexpr (std::is_same_v<T, bool> || is_half_type<T> || std::is_same_v<T, float>) {
    return value;
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else if constexpr (std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::uint8_t> ||
                       std::is_same_v<T, std::int16_t> || std::is_same_v<T, std::uint16_t> ||
                       std::is_same_v<T, std::uint32_t>) {
    return value;
  } else if constexpr (sizeof(T) < 8) {
    return static_cast<std::int32_t>(value);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<std::int64_t>(value);
  } else {
    return static_cast<std::uint64_t>(value);
  }
}
}  // namespace detail

/// A tensor: a value handle, cheap to copy. Outside a trace it is a buffer in memory, inside one (while
/// `compile`, `grad`, ... run your function) a value of the graph under construction, whose shape and dtype
/// are known but whose elements are not. The elements never change once made.
///
/// A default-constructed Array, one that was moved from, and one whose memory was donated to a compiled
/// function is empty: every use but assignment throws RuntimeError.
class Array {
 public:
  Array() = default;
  /// Rank 0. float gives f32, double f64, Half f16, bool bool, int i32, std::uint8_t u8. (In mixed arithmetic
  /// a plain C++ scalar adopts the dtype of the other operand instead: see Operand.)
  template <detail::Element T>
  Array(T value) {  // NOLINT: implicit on purpose
    const auto element = detail::to_element(value);
    *this = Array(dtype_of<std::remove_cv_t<decltype(element)>>(), Dims{}, &element, 1);
  }
  /// Row-major `data` of the given shape. RuntimeError when their sizes differ.
  template <class T>
  Array(std::span<const T> data, Dims shape)
      : Array(dtype_of<T>(), std::move(shape), data.data(), data.size()) {}
  template <class T>
  requires(!std::is_same_v<T, bool>) Array(const std::vector<T>& data, Dims shape)
      : Array(std::span<const T>(data), std::move(shape)) {}
  template <class T>
  Array(std::initializer_list<T> data, Dims shape)
      : Array(std::span<const T>(data.begin(), data.size()), std::move(shape)) {}

  bool empty() const { return state_ == nullptr; }
  const Dims& shape() const { return type().shape; }
  DType dtype() const { return type().dtype; }
  const TensorType& type() const;
  std::int64_t rank() const { return type().rank(); }
  std::int64_t size() const { return type().element_count(); }  ///< number of elements
  bool traced() const;                                          ///< a value of a graph under construction

  /// The only element, converted to T. RuntimeError when there are more, or when traced.
  template <detail::Element T>
  T item() const {
    if constexpr (is_float_type<T>)
      return static_cast<T>(item_as_double());
    else if constexpr (std::is_same_v<T, bool>)
      return item_as_double() != 0;
    else
      return static_cast<T>(item_as_int());
  }
  /// Is the only element true (not zero)? For `if` and `while` on Arrays that hold a value; TypeError for one
  /// that is traced, whose value is not known while the function is recorded.
  explicit operator bool() const;
  /// The elements, row-major; valid as long as some copy of this Array lives. T must be the dtype's C++ type.
  /// RuntimeError when it is not, or when traced.
  template <class T>
  std::span<const T> data() const {
    return {static_cast<const T*>(raw_data(dtype_of<T>())), static_cast<std::size_t>(size())};
  }
  template <class T>
  std::vector<T> to_vector() const {
    const std::span<const T> elements = data<T>();
    return {elements.begin(), elements.end()};
  }

 private:
  friend struct detail::ArrayAccess;
  Array(DType dtype, Dims shape, const void* data, std::size_t count);
  const void* raw_data(DType dtype) const;
  double item_as_double() const;
  std::int64_t item_as_int() const;

  std::shared_ptr<detail::ArrayState> state_;
};

/// "f32[2,2] [[1, 2], [3, 4]]"; long ones are shortened; a traced Array prints its type and place in the
/// graph.
std::string to_string(const Array& array);
std::ostream& operator<<(std::ostream& out, const Array& array);

/// An argument of an op: an Array, or a C++ scalar that adopts the dtype of the other operands (an integer
/// scalar any dtype, a floating one the float dtype, f32 where the others are integers). Carries the caller's
/// file and line, which is why ops take it by implicit conversion. Not to be kept: it refers to the Array.
class Operand {
 public:
  Operand(const Array& array, Location at = Location::current())  // NOLINT: implicit on purpose
      : array_(&array), at_(at) {}
  template <detail::Arithmetic T>
  Operand(T value, Location at = Location::current()) : at_(at) {  // NOLINT: implicit on purpose
    if constexpr (std::is_same_v<T, bool>)
      kind_ = Kind::kBool;
    else if constexpr (std::is_integral_v<T>)
      kind_ = Kind::kInt;
    else
      kind_ = Kind::kFloat;
    if constexpr (std::is_floating_point_v<T>)
      real_ = static_cast<double>(value);
    else
      integer_ = static_cast<std::int64_t>(value);
    if constexpr (std::is_unsigned_v<T>) exceeds_i64_ = static_cast<std::uint64_t>(value) > INT64_MAX;
  }

  enum class Kind : std::uint8_t { kArray, kBool, kInt, kFloat };
  Kind kind() const { return kind_; }
  bool is_scalar() const { return kind_ != Kind::kArray; }
  const Location& at() const { return at_; }
  /// The Array; a scalar becomes one of its own dtype (bool, i32, f32).
  Array array() const;
  /// The shape and dtype `array()` has.
  TensorType type() const;
  /// Of a scalar: its value.
  double real() const {
    if (kind_ == Kind::kFloat) return real_;
    return exceeds_i64_ ? static_cast<double>(static_cast<std::uint64_t>(integer_))
                        : static_cast<double>(integer_);
  }
  std::int64_t integer() const { return integer_; }  ///< modulo 2^64
  bool exceeds_i64() const { return exceeds_i64_; }  ///< an integer of 2^63 or more
  const Array* pointer() const { return array_; }    ///< nullptr for a scalar

 private:
  const Array* array_ = nullptr;
  Kind kind_ = Kind::kArray;
  bool exceeds_i64_ = false;
  union {
    double real_;
    std::int64_t integer_ = 0;
  };
  Location at_;
};

/// While alive, ops on this thread carry `label` ("relu") and the place `at` instead of their own: what a
/// function made of ops opens with, so that errors and dumps name it and its caller's line. The outermost one
/// counts.
class Composition {
 public:
  Composition(const char* label, Location at);
  ~Composition();
  Composition(const Composition&) = delete;
  Composition& operator=(const Composition&) = delete;

 private:
  Location location_;
  const Composition* outer_;
  friend struct detail::ArrayAccess;
};

}  // namespace adze
