#include "ir/literal.h"

#include <cmath>
#include <limits>

#include "ir/with_type.h"

namespace adze {
namespace {

/// Calls `f` with a value of the dtype's C++ storage type.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  return with_type(dtype, [&]<class T>() { return f(T{}); });
}

/// float -> integer truncates and saturates, NaN -> 0; to bool: x != 0.
template <class To>
To from_double(double value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != 0;
  } else if constexpr (is_float_type<To>) {
    return static_cast<To>(value);
  } else {
    if (std::isnan(value)) return To{0};
    if (value <= static_cast<double>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    if (value >= static_cast<double>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    return static_cast<To>(value);
  }
}

}  // namespace

Literal::Literal(TensorType type) : type_(std::move(type)), count_(type_.element_count()) {
  const std::size_t bytes = static_cast<std::size_t>(count_) * adze::byte_size(type_.dtype);
  try {
    data_.resize(bytes);
  } catch (const std::exception&) {  // bad_alloc or length_error
    throw RuntimeError("out of memory: " + to_string(type_) + " takes " + std::to_string(bytes) + " bytes");
  }
}

Literal Literal::full(TensorType type, double value) {
  Literal result(std::move(type));
  for (std::int64_t i = 0; i < result.size(); ++i) result.set_double(i, value);
  return result;
}

double Literal::as_double(std::int64_t i) const {
  return dispatch(type_.dtype, [&](auto example) {
    decltype(example) value;
    std::memcpy(&value, data_.data() + static_cast<std::size_t>(i) * sizeof(value), sizeof(value));
    return static_cast<double>(value);
  });
}

std::int64_t Literal::as_int(std::int64_t i) const {
  return dispatch(type_.dtype, [&](auto example) {
    decltype(example) value;
    std::memcpy(&value, data_.data() + static_cast<std::size_t>(i) * sizeof(value), sizeof(value));
    if constexpr (is_float_type<decltype(example)>) {
      return from_double<std::int64_t>(static_cast<double>(value));
    } else {
      return static_cast<std::int64_t>(value);
    }
  });
}

void Literal::set_double(std::int64_t i, double value) {
  dispatch(type_.dtype, [&](auto example) {
    const auto converted = from_double<decltype(example)>(value);
    std::memcpy(data_.data() + static_cast<std::size_t>(i) * sizeof(converted), &converted,
                sizeof(converted));
  });
}

void Literal::set_int(std::int64_t i, std::int64_t value) {
  dispatch(type_.dtype, [&](auto example) {
    using T = decltype(example);
    T converted;
    if constexpr (std::is_same_v<T, bool>) {
      converted = value != 0;
    } else {
      converted = static_cast<T>(value);
    }
    std::memcpy(data_.data() + static_cast<std::size_t>(i) * sizeof(T), &converted, sizeof(T));
  });
}

}  // namespace adze
