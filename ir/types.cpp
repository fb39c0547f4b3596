#include "ir/types.h"

#include <array>
#include <limits>

#include "ir/errors.h"

namespace adze {
namespace {

struct DTypeInfo {
  std::string_view name;
  std::size_t bytes;
  bool is_float, is_integer, is_signed;
};

constexpr std::array<DTypeInfo, kDTypeCount> kDTypes = {{
    {"bool", 1, false, false, false},
    {"i8", 1, false, true, true},
    {"i16", 2, false, true, true},
    {"i32", 4, false, true, true},
    {"i64", 8, false, true, true},
    {"u8", 1, false, true, false},
    {"u16", 2, false, true, false},
    {"u32", 4, false, true, false},
    {"u64", 8, false, true, false},
    {"f16", 2, true, false, true},
    {"bf16", 2, true, false, true},
    {"f32", 4, true, false, true},
    {"f64", 8, true, false, true},
}};

constexpr std::array<DType, kDTypeCount> kAllDTypes = [] {
  std::array<DType, kDTypeCount> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<DType>(i);
  return all;
}();

const DTypeInfo& info(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)];
}

}  // namespace

std::span<const DType> all_dtypes() {
  return kAllDTypes;
}
std::size_t byte_size(DType dtype) {
  return info(dtype).bytes;
}
std::string_view to_string(DType dtype) {
  return info(dtype).name;
}
bool is_float(DType dtype) {
  return info(dtype).is_float;
}
bool is_half(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kBF16;
}
DType compute_dtype(DType dtype) {
  return is_half(dtype) ? DType::kF32 : dtype;
}
bool is_integer(DType dtype) {
  return info(dtype).is_integer;
}
bool is_signed(DType dtype) {
  return info(dtype).is_signed;
}

std::optional<DType> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::int64_t element_count(const Dims& shape) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 48;
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) throw TypeError("shape " + to_string(shape) + " has a negative size");
    if (size == 0) {
      empty = true;
    } else if (count > kLimit / size) {
      throw TypeError("shape " + to_string(shape) + " is too large (more than 2^48 elements)");
    } else {
      count *= size;
    }
  }
  return empty ? 0 : count;
}

Dims row_major_strides(const Dims& shape) {
  Dims strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::string to_string(const Dims& dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i) text += ",";
    text += std::to_string(dims[i]);
  }
  return text + "]";
}

std::string to_string(const TensorType& type) {
  return std::string(to_string(type.dtype)) + to_string(type.shape);
}

}  // namespace adze
