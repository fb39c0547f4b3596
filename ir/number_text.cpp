#include "ir/number_text.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace adze {
namespace {

static_assert(std::endian::native == std::endian::little, "literals are read as little-endian bytes");

constexpr std::uint16_t kNanF16 = 0x7e00, kNanBF16 = 0x7fc0;
constexpr std::uint32_t kNanF32 = 0x7fc00000;
constexpr std::uint64_t kNanF64 = 0x7ff8000000000000;

std::string hex_bits(DType dtype, std::uint64_t bits) {
  return fmt::format("0x{:0{}x}", bits, byte_size(dtype) * 2);
}

template <class T, class Bits>
std::string format_float(DType dtype, Bits bits, Bits canonical_nan) {
  const T value = std::bit_cast<T>(bits);
  if (!std::isnan(value)) return fmt::format("{}", value);
  return bits == canonical_nan ? "nan" : hex_bits(dtype, bits);
}

/// Halves have no formatting of their own: the fewest decimal digits that read back.
template <class T>
std::string format_half(DType dtype, std::uint16_t bits, std::uint16_t canonical_nan) {
  const float value = T::from_bits(bits);
  if (std::isnan(value)) return bits == canonical_nan ? "nan" : hex_bits(dtype, bits);
  if (std::isinf(value)) return fmt::format("{}", value);
  for (int digits = 1;; ++digits) {
    const std::string text = fmt::format("{:.{}e}", value, digits - 1);
    double decimal = 0;
    std::from_chars(text.data(), text.data() + text.size(), decimal);
    if (T(decimal).bits == bits) return fmt::format("{}", decimal);
  }
}

/// The whole of `text` as T, or why not.
template <class T>
std::errc parse_all(std::string_view text, T& value, int base = 10) {
  std::from_chars_result result{};
  if constexpr (std::is_floating_point_v<T>) {
    result = std::from_chars(text.data(), text.data() + text.size(), value);
  } else {
    result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  }
  if (result.ec == std::errc::invalid_argument || result.ptr != text.data() + text.size()) {
    return std::errc::invalid_argument;
  }
  return result.ec;
}

ParsedNumber failure(std::errc code, DType dtype) {
  if (code == std::errc::result_out_of_range) return {0, "does not fit " + std::string(to_string(dtype))};
  return {0, is_float(dtype) ? "is not a number" : "is not an integer"};
}

template <class T>
ParsedNumber parse_integer(DType dtype, std::string_view text) {
  T value = 0;
  // from_chars takes no sign for unsigned types, and "-1" is out of range rather than malformed.
  if constexpr (std::is_unsigned_v<T>) {
    std::int64_t wide = 0;
    if (text.starts_with('-') && parse_all(text, wide) != std::errc::invalid_argument) {
      return failure(std::errc::result_out_of_range, dtype);
    }
  }
  if (const std::errc code = parse_all(text, value); code != std::errc()) return failure(code, dtype);
  return {static_cast<std::uint64_t>(static_cast<std::make_unsigned_t<T>>(value)), {}};
}

/// Halves are read as f64 and rounded.
template <class T, class Bits>
ParsedNumber parse_float(DType dtype, std::string_view text, Bits canonical_nan) {
  if (text == "nan") return {canonical_nan, {}};
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text == "inf") return {std::bit_cast<Bits>(static_cast<T>(kInfinity)), {}};
  if (text == "-inf") return {std::bit_cast<Bits>(static_cast<T>(-kInfinity)), {}};
  // from_chars also knows "infinity", "nan(...)": one spelling each is enough.
  const std::size_t first = text.find_first_not_of('-');
  if (first == std::string_view::npos ||
      !(text[first] == '.' || (text[first] >= '0' && text[first] <= '9'))) {
    return failure(std::errc::invalid_argument, dtype);
  }
  using Read = std::conditional_t<is_half_type<T>, double, T>;
  Read value = 0;
  if (const std::errc code = parse_all(text, value); code != std::errc()) return failure(code, dtype);
  const T result = static_cast<T>(value);
  if (std::isinf(static_cast<float>(result)) && std::isfinite(value) && is_half_type<T>) {
    return failure(std::errc::result_out_of_range, dtype);
  }
  return {std::bit_cast<Bits>(result), {}};
}

}  // namespace

std::string format_number(DType dtype, std::uint64_t bits) {
  switch (dtype) {
    case DType::kBool:
      return bits ? "true" : "false";
    case DType::kI8:
      return fmt::format("{}", int{static_cast<std::int8_t>(bits)});
    case DType::kI16:
      return fmt::format("{}", static_cast<std::int16_t>(bits));
    case DType::kI32:
      return fmt::format("{}", static_cast<std::int32_t>(bits));
    case DType::kI64:
      return fmt::format("{}", static_cast<std::int64_t>(bits));
    case DType::kU8:
    case DType::kU16:
    case DType::kU32:
    case DType::kU64:
      return fmt::format("{}", bits);
    case DType::kF16:
      return format_half<Half>(dtype, static_cast<std::uint16_t>(bits), kNanF16);
    case DType::kBF16:
      return format_half<BFloat16>(dtype, static_cast<std::uint16_t>(bits), kNanBF16);
    case DType::kF32:
      return format_float<float>(dtype, static_cast<std::uint32_t>(bits), kNanF32);
    case DType::kF64:
      return format_float<double>(dtype, bits, kNanF64);
  }
  ADZE_CHECK(false, "unknown dtype");
}

ParsedNumber parse_number(DType dtype, std::string_view text) {
  if (text.starts_with("0x") && is_float(dtype)) {
    std::uint64_t bits = 0;
    std::errc code = parse_all(text.substr(2), bits, 16);
    if (code == std::errc() && text.size() - 2 > byte_size(dtype) * 2) code = std::errc::result_out_of_range;
    if (text.size() == 2) code = std::errc::invalid_argument;
    return code == std::errc() ? ParsedNumber{bits, {}} : failure(code, dtype);
  }
  switch (dtype) {
    case DType::kBool:
      if (text == "true" || text == "false") return {text == "true", {}};
      return {0, "is neither true nor false"};
    case DType::kI8:
      return parse_integer<std::int8_t>(dtype, text);
    case DType::kI16:
      return parse_integer<std::int16_t>(dtype, text);
    case DType::kI32:
      return parse_integer<std::int32_t>(dtype, text);
    case DType::kI64:
      return parse_integer<std::int64_t>(dtype, text);
    case DType::kU8:
      return parse_integer<std::uint8_t>(dtype, text);
    case DType::kU16:
      return parse_integer<std::uint16_t>(dtype, text);
    case DType::kU32:
      return parse_integer<std::uint32_t>(dtype, text);
    case DType::kU64:
      return parse_integer<std::uint64_t>(dtype, text);
    case DType::kF16:
      return parse_float<Half>(dtype, text, kNanF16);
    case DType::kBF16:
      return parse_float<BFloat16>(dtype, text, kNanBF16);
    case DType::kF32:
      return parse_float<float>(dtype, text, kNanF32);
    case DType::kF64:
      return parse_float<double>(dtype, text, kNanF64);
  }
  ADZE_CHECK(false, "unknown dtype");
}

std::string to_hex(const Literal& literal) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * literal.byte_size());
  for (std::size_t i = 0; i < literal.byte_size(); ++i) {
    const auto byte = static_cast<unsigned>(literal.bytes()[i]);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

bool from_hex(std::string_view text, Literal& literal) {
  if (text.size() != 2 * literal.byte_size()) return false;
  const char* at = text.data();
  for (std::size_t i = 0; i < literal.byte_size(); ++i, at += 2) {
    std::uint8_t byte = 0;
    if (std::from_chars(at, at + 2, byte, 16).ptr != at + 2) return false;
    literal.bytes()[i] = static_cast<std::byte>(byte);
  }
  return true;
}

std::uint64_t element_bits(const Literal& literal, std::int64_t i) {
  const std::size_t size = byte_size(literal.type().dtype);
  std::uint64_t bits = 0;
  std::memcpy(&bits, literal.bytes() + static_cast<std::size_t>(i) * size, size);
  return bits;
}

void set_element_bits(Literal& literal, std::int64_t i, std::uint64_t bits) {
  const std::size_t size = byte_size(literal.type().dtype);
  std::memcpy(literal.bytes() + static_cast<std::size_t>(i) * size, &bits, size);
}

}  // namespace adze
