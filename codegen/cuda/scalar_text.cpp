#include "codegen/cuda/scalar_text.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>

#include "ir/errors.h"
#include "ir/number_text.h"
#include "ir/scalar_eval.h"

namespace adze::cuda {
namespace {

constexpr std::string_view kForms[] = {
#define ADZE_SCALAR_OP(name, arity, rule, domain, cost, llvm, cuda, host) cuda,
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP
};

/// The shortest decimal number that reads back as `value`.
template <class T>
std::string float_literal(T value, std::string_view suffix) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  text += suffix;
  return text[0] == '-' ? "(" + text + ")" : text;
}

template <class T>
std::string integer_literal(T value, std::string_view suffix) {
  if (value == std::numeric_limits<T>::min() && value != 0)  // its magnitude has no literal
    return fmt::format("({}{} - 1)", value + 1, suffix);
  return value < 0 ? fmt::format("({}{})", value, suffix) : fmt::format("{}{}", value, suffix);
}

}  // namespace

std::string_view type_name(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "bool";
    case DType::kI8:
      return "signed char";
    case DType::kI16:
      return "short";
    case DType::kI32:
      return "int";
    case DType::kI64:
      return "long long";
    case DType::kU8:
      return "unsigned char";
    case DType::kU16:
      return "unsigned short";
    case DType::kU32:
      return "unsigned";
    case DType::kU64:
      return "unsigned long long";
    case DType::kF16:
      return "AdzeHalf";
    case DType::kBF16:
      return "AdzeBfloat16";
    case DType::kF32:
      return "float";
    case DType::kF64:
      return "double";
  }
  internal_error(__FILE__, __LINE__, "unknown dtype");
}

std::string_view vector_name(DType dtype, int lanes) {
  const bool four = lanes == 4;
  switch (dtype) {
    case DType::kBool:
    case DType::kU8:
      return four ? "uchar4" : "uchar2";
    case DType::kI8:
      return four ? "char4" : "char2";
    case DType::kI16:
      return four ? "short4" : "short2";
    case DType::kU16:
      return four ? "ushort4" : "ushort2";
    case DType::kF16:
      return four ? "AdzeHalf4" : "AdzeHalf2";
    case DType::kBF16:
      return four ? "AdzeBfloat16_4" : "AdzeBfloat16_2";
    case DType::kI32:
      return four ? "int4" : "int2";
    case DType::kU32:
      return four ? "uint4" : "uint2";
    case DType::kF32:
      return four ? "float4" : "float2";
    case DType::kI64:
      return four ? "" : "longlong2";
    case DType::kU64:
      return four ? "" : "ulonglong2";
    case DType::kF64:
      return four ? "" : "double2";
  }
  internal_error(__FILE__, __LINE__, "unknown dtype");
}

std::string constant(DType dtype, std::uint64_t bits) {
  switch (dtype) {
    case DType::kBool:
      return bits != 0 ? "true" : "false";
    case DType::kI32:
      return integer_literal(loop::from_bits<std::int32_t>(bits), "");
    case DType::kI64:
      return integer_literal(loop::from_bits<std::int64_t>(bits), "ll");
    case DType::kU32:
      return fmt::format("{}u", loop::from_bits<std::uint32_t>(bits));
    case DType::kU64:
      return fmt::format("{}ull", bits);
    case DType::kI8:
    case DType::kI16:
    case DType::kU8:
    case DType::kU16:  // C++ has no literals of these
      return fmt::format("static_cast<{}>({})", type_name(dtype), format_number(dtype, bits));
    case DType::kF16:
    case DType::kBF16:
      return fmt::format("{}{{{:#x}}}", type_name(dtype), bits);
    case DType::kF32: {
      const auto value = loop::from_bits<float>(bits);
      if (std::isfinite(value)) return float_literal(value, "f");
      return fmt::format("__int_as_float({:#x})", static_cast<std::uint32_t>(bits));
    }
    case DType::kF64: {
      const auto value = loop::from_bits<double>(bits);
      if (std::isfinite(value)) return float_literal(value, "");
      return fmt::format("__longlong_as_double({:#x}ll)", bits);
    }
  }
  internal_error(__FILE__, __LINE__, "unknown dtype");
}

std::string apply(loop::ScalarOp op, DType dtype, std::span<const std::string> operands) {
  std::string_view form = kForms[static_cast<std::size_t>(op)];
  if (const std::size_t split = form.find('|'); split != std::string_view::npos) {
    form = is_float(dtype) ? form.substr(0, split) : form.substr(split + 1);
  }
  std::string text;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '{') {
      text += form[i];
      continue;
    }
    const auto operand = static_cast<std::size_t>(form[i + 1] - '0');
    ADZE_CHECK(operand < operands.size() && form[i + 2] == '}',
               "the CUDA column of " + std::string(loop::to_string(op)) + " in ir/scalar_ops.def");
    text += operands[operand];
    i += 2;
  }
  return text;
}

std::string identifier(std::string_view name) {
  std::string result;
  for (const char c : name) result += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (result.empty() || std::isalpha(static_cast<unsigned char>(result[0])) == 0) result.insert(0, 1, 'n');
  return result;
}

}  // namespace adze::cuda
