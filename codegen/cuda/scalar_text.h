#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ir/loop_ir.h"

/// Single scalar values and instructions as CUDA C++.
namespace adze::cuda {

std::string_view type_name(DType dtype);  ///< "float", "long long"
/// "float4", "longlong2": `lanes` (2 or 4) neighbouring elements; "" where the device has no such access.
std::string_view vector_name(DType dtype, int lanes);
/// A literal of exactly that type and those bits.
std::string constant(DType dtype, std::uint64_t bits);

/// The CUDA column of ir/scalar_ops.def with its operands filled in; `dtype` is theirs (of the two values for
/// select), and each is an expression of exactly that type that binds tighter than any operator.
std::string apply(loop::ScalarOp op, DType dtype, std::span<const std::string> operands);

/// An identifier that reads like `name`; it may be a keyword, so callers append a number.
std::string identifier(std::string_view name);

}  // namespace adze::cuda
