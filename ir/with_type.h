#pragma once

#include <string>
#include <utility>

#include "ir/errors.h"
#include "ir/types.h"

namespace adze {

/// Calls f.operator()<T>() with T the C++ type that elements of `dtype` are stored as. TypeError for the
/// dtypes that have none yet (f16, bf16).
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kBool:
      return f.template operator()<bool>();
    case DType::kI32:
      return f.template operator()<std::int32_t>();
    case DType::kI64:
      return f.template operator()<std::int64_t>();
    case DType::kU32:
      return f.template operator()<std::uint32_t>();
    case DType::kF32:
      return f.template operator()<float>();
    case DType::kF64:
      return f.template operator()<double>();
    case DType::kF16:
    case DType::kBF16:
      break;
  }
  throw TypeError("dtype " + std::string(to_string(dtype)) + " is not supported yet");
}

}  // namespace adze
