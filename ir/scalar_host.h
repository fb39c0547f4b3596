#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "ir/half.h"

/// The host meanings named in scalar_ops.def: what the interpreters run, and what generated code must equal
/// bit for bit (elementary functions excepted). T is bool, an integer of 8 to 64 bits, float or double. No
/// undefined behaviour: integer arithmetic goes through an unsigned type, so it wraps.
namespace adze::host {

template <class T>
using Unsigned = std::make_unsigned_t<T>;
/// What wraps: C++ computes narrow integers in int, where the product of two large u16 is undefined.
template <class T>
using Wrapping = std::conditional_t<(sizeof(T) < sizeof(unsigned)), unsigned, Unsigned<T>>;

template <class T>
T neg(T a) {
  if constexpr (std::is_floating_point_v<T>)
    return -a;
  else
    return static_cast<T>(Wrapping<T>{0} - static_cast<Wrapping<T>>(a));
}

template <class T>
T abs(T a) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fabs(a);
  else if constexpr (std::is_signed_v<T>)
    return a < 0 ? neg(a) : a;  // abs(min) = min
  else
    return a;
}

/// -1, 0, 1; keeps NaN and the sign of a zero.
template <class T>
T sign(T a) {
  if constexpr (std::is_floating_point_v<T>)
    return a > 0 ? T(1) : a < 0 ? T(-1) : a;
  else if constexpr (std::is_signed_v<T>)
    return static_cast<T>((a > 0) - (a < 0));
  else
    return static_cast<T>(a > 0);
}

template <class T>
T add(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a + b;
  else
    return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
}

template <class T>
T sub(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a - b;
  else
    return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
}

template <class T>
T mul(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a * b;
  else
    return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
}

/// Integers truncate; x/0 has all bits set, min/-1 = min.
template <class T>
T div(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a / b;
  } else {
    if (b == 0) return static_cast<T>(~Wrapping<T>{0});
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return neg(a);
    }
    return static_cast<T>(a / b);
  }
}

/// The sign of the dividend; x%0 = x, min%-1 = 0.
template <class T>
T rem(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fmod(a, b);
  } else {
    if (b == 0) return a;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return 0;
    }
    return static_cast<T>(a % b);
  }
}

/// NaN if either is NaN; b where the operands compare equal (only the sign of a zero can tell).
template <class T>
T max(T a, T b) {
  return a > b || a != a ? a : b;
}

template <class T>
T min(T a, T b) {
  return a < b || a != a ? a : b;
}

template <class T>
T bit_not(T a) {
  if constexpr (std::is_same_v<T, bool>)
    return !a;
  else
    return static_cast<T>(~a);
}

template <class T>
T bit_and(T a, T b) {
  if constexpr (std::is_same_v<T, bool>)
    return a && b;
  else
    return static_cast<T>(a & b);
}

template <class T>
T bit_or(T a, T b) {
  if constexpr (std::is_same_v<T, bool>)
    return a || b;
  else
    return static_cast<T>(a | b);
}

template <class T>
T bit_xor(T a, T b) {
  if constexpr (std::is_same_v<T, bool>)
    return a != b;
  else
    return static_cast<T>(a ^ b);
}

/// A count that is negative or at least the width gives 0.
template <class T>
T shl(T a, T b) {
  constexpr auto kWidth = static_cast<Unsigned<T>>(std::numeric_limits<Unsigned<T>>::digits);
  if (static_cast<Unsigned<T>>(b) >= kWidth) return 0;
  return static_cast<T>(static_cast<Wrapping<T>>(a) << b);
}

/// Arithmetic on signed types, logical on unsigned ones; a count that is negative or at least the width gives
/// 0.
template <class T>
T shr(T a, T b) {
  constexpr auto kWidth = static_cast<Unsigned<T>>(std::numeric_limits<Unsigned<T>>::digits);
  if (static_cast<Unsigned<T>>(b) >= kWidth) return 0;
  return static_cast<T>(a >> b);  // C++20: arithmetic for signed types
}

/// How many bits are one.
template <class T>
T popcnt(T a) {
  return static_cast<T>(std::popcount(static_cast<Unsigned<T>>(a)));
}

/// How many bits above the highest one are zero; the width for 0.
template <class T>
T clz(T a) {
  return static_cast<T>(std::countl_zero(static_cast<Unsigned<T>>(a)));
}

/// a * b + c, rounded once for floats.
template <class T>
T fma(T a, T b, T c) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fma(a, b, c);
  else
    return add(mul(a, b), c);
}

/// 1 / (1 + exp(-x)), to 2 ULP on both sides and into the subnormal numbers.
template <class T>
T logistic(T x) {
  if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(logistic(static_cast<double>(x)));
  } else {
    if (x >= 0) return T(1) / (T(1) + std::exp(-x));
    const T e = std::exp(x);  // tiny results stay exact to the last bit: 1 + e is close to 1
    return e / (T(1) + e);
  }
}

/// Conversion as in the loop IR: float to integer truncates and saturates, NaN becomes 0; integers wrap;
/// anything to bool is x != 0. From a half: by way of float, which is exact; to a half: rounded once.
template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (is_half_type<From>) {
    return convert<To>(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (x != x) return 0;
    // 2^digits is exact in every float type; max itself may not be.
    const From above = std::ldexp(From(1), std::numeric_limits<To>::digits);
    if (x >= above) return std::numeric_limits<To>::max();
    const From below = std::is_signed_v<To> ? -above : From(0);
    if (x <= below) return std::numeric_limits<To>::min();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace adze::host
