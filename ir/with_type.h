#pragma once

#include "ir/errors.h"
#include "ir/types.h"

namespace adze {

/// Calls f.operator()<T>() with T the C++ type that elements of `dtype` are stored as.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kBool:
      return f.template operator()<bool>();
    case DType::kI8:
      return f.template operator()<std::int8_t>();
    case DType::kI16:
      return f.template operator()<std::int16_t>();
    case DType::kI32:
      return f.template operator()<std::int32_t>();
    case DType::kI64:
      return f.template operator()<std::int64_t>();
    case DType::kU8:
      return f.template operator()<std::uint8_t>();
    case DType::kU16:
      return f.template operator()<std::uint16_t>();
    case DType::kU32:
      return f.template operator()<std::uint32_t>();
    case DType::kU64:
      return f.template operator()<std::uint64_t>();
    case DType::kF16:
      return f.template operator()<Half>();
    case DType::kBF16:
      return f.template operator()<BFloat16>();
    case DType::kF32:
      return f.template operator()<float>();
    case DType::kF64:
      return f.template operator()<double>();
  }
  internal_error(__FILE__, __LINE__, "unknown dtype");
}

}  // namespace adze
