#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "ir/literal.h"

namespace adze {

/// For GoogleTest messages: "f32[2,2] {1, 2, 3, 4}".
inline void PrintTo(const Literal& literal, std::ostream* out) {
  *out << to_string(literal.type()) << " {";
  out->precision(17);
  for (std::int64_t i = 0; i < literal.size() && i < 64; ++i) *out << (i ? ", " : "") << literal.as_double(i);
  *out << (literal.size() > 64 ? ", ...}" : "}");
}

}  // namespace adze

namespace adze::testing {

/// A literal from its elements: tensor<float>({2, 2}, {1, 2, 3, 4}).
template <class T>
Literal tensor(Dims shape, std::initializer_list<T> values) {
  Literal result(TensorType{dtype_of<T>(), std::move(shape)});
  EXPECT_EQ(static_cast<std::size_t>(result.size()), values.size());
  std::copy(values.begin(), values.end(), result.data<T>().begin());
  return result;
}
template <class T>
Literal scalar(T value) {
  return tensor<T>({}, {value});
}

/// A number of one of the 16-bit formats by its place in their order; the sign of a zero counts.
inline double half_place(DType dtype, double x) {
  const auto bits = static_cast<std::int16_t>(dtype == DType::kF16 ? Half(x).bits : BFloat16(x).bits);
  return bits >= 0 ? bits : -(bits & 0x7fff) - 1;
}

/// Distance in units in the last place between two numbers of one float type; 0 for two NaNs of any kind,
/// infinite where only one is NaN. Zeros of different sign are 1 apart, so that 0 means the same bits.
template <class T>
double ulp_distance(T a, T b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) && std::isnan(b) ? 0 : std::numeric_limits<double>::infinity();
  using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  const auto place = [](T x) {  // -0.0 is -1, 0.0 is 0: consecutive numbers have consecutive places
    const auto bits = std::bit_cast<Bits>(x);
    return static_cast<double>(bits >= 0 ? bits : std::numeric_limits<Bits>::min() - bits - 1);
  };
  if (std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b)) return 0;
  const double distance = std::fabs(place(a) - place(b));
  return distance > 0 ? distance : 1;  // beyond 2^53 close places may round to one double
}

/// How far `actual` may be from `expected`: the fields of OpSample.
struct Tolerance {
  double max_ulp = 0;
  double relative = 0;  ///< |a - b| <= relative * max(1, |b|), instead of max_ulp
};

/// Empty when close, else the first difference.
inline std::string difference(const Literal& actual, const Literal& expected, Tolerance tolerance = {}) {
  std::ostringstream out;
  out.precision(17);
  if (actual.type() != expected.type()) {
    out << "type " << to_string(actual.type()) << " instead of " << to_string(expected.type());
    return out.str();
  }
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    const double a = actual.as_double(i);
    const double e = expected.as_double(i);
    bool close = true;
    double ulp = 0;
    if (!is_float(expected.type().dtype)) {
      close = actual.as_int(i) == expected.as_int(i);
    } else if (tolerance.relative > 0) {
      const bool same = a == e || (std::isnan(a) && std::isnan(e));
      close = same || std::fabs(a - e) <= tolerance.relative * std::max(1.0, std::fabs(e));
    } else {
      const DType dtype = expected.type().dtype;
      const bool numbers = !std::isnan(a) && !std::isnan(e);
      ulp = dtype == DType::kF32        ? ulp_distance(static_cast<float>(a), static_cast<float>(e))
            : is_half(dtype) && numbers ? std::fabs(half_place(dtype, a) - half_place(dtype, e))
                                        : ulp_distance(a, e);
      // A zero's sign only matters where the bits must be the same.
      close = ulp <= tolerance.max_ulp || (tolerance.max_ulp > 0 && a == e);
    }
    if (close) continue;
    out << "element " << i << " of " << to_string(expected.type()) << " is " << a << " instead of " << e;
    if (ulp > 0) out << " (" << ulp << " ULP)";
    return out.str();
  }
  return {};
}

}  // namespace adze::testing
