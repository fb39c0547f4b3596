#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

/// The 16-bit floats as C++ types: storage and conversions. They have no arithmetic of their own: they
/// convert to float, which is what Adze computes them in, and back with one rounding.
namespace adze {

namespace detail {

/// The 16 bits of `x` in the format with one sign bit, `exponent_bits`, and the rest mantissa, rounded to
/// nearest even. NaN stays NaN: quiet, with the leading bits of its payload.
constexpr std::uint16_t round_to_16_bits(double x, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits;
  const int dropped = 52 - mantissa_bits;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto sign = static_cast<std::uint16_t>(bits >> 63 << 15);
  const std::uint64_t magnitude = bits & ~(std::uint64_t{1} << 63);
  const std::uint64_t infinity = ((std::uint64_t{1} << exponent_bits) - 1) << mantissa_bits;
  constexpr std::uint64_t kInfinity64 = std::uint64_t{0x7ff} << 52;
  if (magnitude > kInfinity64) {
    const std::uint64_t payload = (magnitude >> dropped) & ((std::uint64_t{1} << mantissa_bits) - 1);
    const std::uint64_t quiet = std::uint64_t{1} << (mantissa_bits - 1);
    return static_cast<std::uint16_t>(sign | infinity | quiet | payload);
  }
  // The mantissa with its leading one, shifted further right where the result is subnormal.
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(magnitude >> 52) - 1023 + bias;  // of the result, biased
  const int shift = exponent > 0 ? dropped : dropped + 1 - exponent;
  if (shift > 54) return sign;
  const std::uint64_t mantissa =
      (magnitude & ((std::uint64_t{1} << 52) - 1)) | (magnitude >> 52 != 0 ? std::uint64_t{1} << 52 : 0);
  const std::uint64_t rest = mantissa & ((std::uint64_t{1} << shift) - 1);
  const std::uint64_t tie = std::uint64_t{1} << (shift - 1);
  std::uint64_t rounded = mantissa >> shift;
  if (rest > tie || (rest == tie && rounded % 2 == 1)) ++rounded;
  // A carry out of the mantissa goes into the exponent, as it should; the leading one adds 1 to it.
  if (exponent > 0) rounded += static_cast<std::uint64_t>(exponent - 1) << mantissa_bits;
  return static_cast<std::uint16_t>(sign | (rounded < infinity ? rounded : infinity));
}

/// An integer as the f64 that every narrower format rounds to the same number as the integer itself: where
/// it takes more than 53 bits the ones that are cut off leave their trace in the last bit.
template <class T>
constexpr double to_sticky_double(T value) {
  std::uint64_t magnitude = static_cast<std::uint64_t>(value);
  bool negative = false;
  if constexpr (std::is_signed_v<T>) {
    negative = value < 0;
    if (negative) magnitude = 0 - magnitude;
  }
  double scale = negative ? -1 : 1;
  while (magnitude >> 53 != 0) {
    magnitude = (magnitude >> 1) | (magnitude & 1);
    scale *= 2;
  }
  return scale * static_cast<double>(magnitude);
}

}  // namespace detail

/// IEEE binary16: 5 bits of exponent, 10 of mantissa. Largest finite number 65504.
struct Half {
  std::uint16_t bits;

  Half() = default;
  template <class T>
  requires(std::is_arithmetic_v<T>) explicit constexpr Half(T value) {
    if constexpr (std::is_integral_v<T>)
      bits = detail::round_to_16_bits(detail::to_sticky_double(value), 5);
    else
      bits = detail::round_to_16_bits(static_cast<double>(value), 5);
  }
  static constexpr Half from_bits(std::uint16_t bits) {
    Half half{};
    half.bits = bits;
    return half;
  }
  /// Exact; a NaN becomes quiet.
  constexpr operator float() const {  // NOLINT: implicit on purpose
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
    const std::uint32_t magnitude = bits & 0x7fff;
    if (magnitude >= 0x7c00) {
      const std::uint32_t quiet = magnitude > 0x7c00 ? 0x400000 : 0;
      return std::bit_cast<float>(sign | 0x7f800000 | magnitude << 13 | quiet);
    }
    // Read as the float of the same fields it is too small by the difference of the exponents' biases.
    const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
  }
};

/// bfloat16: the upper half of an f32. 8 bits of exponent, 7 of mantissa.
struct BFloat16 {
  std::uint16_t bits;

  BFloat16() = default;
  template <class T>
  requires(std::is_arithmetic_v<T>) explicit constexpr BFloat16(T value) {
    if constexpr (std::is_integral_v<T>)
      bits = detail::round_to_16_bits(detail::to_sticky_double(value), 8);
    else
      bits = detail::round_to_16_bits(static_cast<double>(value), 8);
  }
  static constexpr BFloat16 from_bits(std::uint16_t bits) {
    BFloat16 half{};
    half.bits = bits;
    return half;
  }
  /// Exact.
  constexpr operator float() const {  // NOLINT: implicit on purpose
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

template <class T>
inline constexpr bool is_half_type = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
/// float, double and the halves.
template <class T>
inline constexpr bool is_float_type = std::is_floating_point_v<T> || is_half_type<T>;

}  // namespace adze
