#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ir/half.h"

namespace adze {

/// Element types. The halves, f16 and bf16, are what memory holds: they are computed in f32.
enum class DType : std::uint8_t {
  kBool,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kF16,
  kBF16,
  kF32,
  kF64
};

inline constexpr int kDTypeCount = 13;
/// All of them, in order.
std::span<const DType> all_dtypes();

std::size_t byte_size(DType dtype);
std::string_view to_string(DType dtype);  ///< "bool", "i32", ..., "f64"
std::optional<DType> parse_dtype(std::string_view name);
bool is_float(DType dtype);
bool is_half(DType dtype);     ///< f16, bf16
bool is_integer(DType dtype);  ///< i8 to i64, u8 to u64; not bool
bool is_signed(DType dtype);   ///< i8 to i64 and the floats
/// What values of `dtype` are computed in: f32 for the halves, else the dtype itself.
DType compute_dtype(DType dtype);

/// The DType of a C++ element type. bool is stored as one byte, 0 or 1.
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::kBool;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DType::kI8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DType::kI16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DType::kI32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::kI64;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::kU8;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return DType::kU16;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return DType::kU32;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return DType::kU64;
  else if constexpr (std::is_same_v<T, Half>)
    return DType::kF16;
  else if constexpr (std::is_same_v<T, BFloat16>)
    return DType::kBF16;
  else if constexpr (std::is_same_v<T, float>)
    return DType::kF32;
  else {
    static_assert(std::is_same_v<T, double>, "no DType for this C++ type");
    return DType::kF64;
  }
}

/// Sizes, axes, strides: any list of integers about dimensions.
using Dims = std::vector<std::int64_t>;

/// Product of the sizes; 1 for rank 0. Throws TypeError when negative or above 2^48 (nothing can be that
/// big).
std::int64_t element_count(const Dims& shape);
/// Row-major strides in elements.
Dims row_major_strides(const Dims& shape);
std::string to_string(const Dims& dims);  ///< "[64,10]"

/// dtype and static shape of a value, dense and row-major.
struct TensorType {
  DType dtype = DType::kF32;
  Dims shape;

  std::int64_t rank() const { return static_cast<std::int64_t>(shape.size()); }
  std::int64_t element_count() const { return adze::element_count(shape); }
  std::int64_t byte_size() const {
    return element_count() * static_cast<std::int64_t>(adze::byte_size(dtype));
  }
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

std::string to_string(const TensorType& type);  ///< "f32[64,10]"

/// 64-byte aligned storage for tensors: what vector loads of any target like best.
inline constexpr std::size_t kAlignment = 64;

}  // namespace adze
