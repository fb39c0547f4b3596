#include "frontend/random/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace adze::random::host {
namespace {

Key counter_at(std::int64_t i) {
  const auto wide = static_cast<std::uint64_t>(i);
  return {static_cast<std::uint32_t>(wide >> 32), static_cast<std::uint32_t>(wide)};
}

std::uint32_t bits_at(Key key, std::int64_t i) {
  const Key word = threefry2x32(key, counter_at(i));
  return word.a ^ word.b;
}

std::uint64_t wide_bits_at(Key key, std::int64_t i) {
  const Key word = threefry2x32(key, counter_at(i));
  return std::uint64_t{word.a} << 32 | word.b;
}

template <class T, class F>
Array generate(Dims shape, F&& element) {
  const std::int64_t count = element_count(shape);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = element(i);
  return Array(values, std::move(shape));
}

/// In [0, 1): the bits as the mantissa of a number in [1, 2).
float unit_float(Key key, std::int64_t i) {
  return std::bit_cast<float>(bits_at(key, i) >> 9 | 0x3F800000u) - 1;
}
double unit_double(Key key, std::int64_t i) {
  return std::bit_cast<double>(wide_bits_at(key, i) >> 12 | 0x3FF0000000000000u) - 1;
}

float scale(float unit, float low, float high) {
  // The product is exact in double, so that one rounding to float follows, whether or not the machine fuses.
  const auto product = static_cast<float>(static_cast<double>(unit) * static_cast<double>(high - low));
  return std::max(low, product + low);
}
double scale(double unit, double low, double high) {
  const double product = unit * (high - low);
  return std::max(low, product + low);
}

template <std::size_t N>
double polynomial(const std::array<double, N>& coefficients, double x) {
  double sum = 0;
  for (std::size_t i = N; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

/// Natural logarithm by basic operations alone, so that it is the same on every machine (after fdlibm's
/// e_log.c).
double portable_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752440) {
    mantissa *= 2;
    --exponent;
  }
  const double f = mantissa - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  constexpr std::array kSeries{6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                               2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                               1.479819860511658591e-01};
  const double rest = z * polynomial(kSeries, z);
  const double half_square = 0.5 * f * f;
  constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;
  return exponent * kLn2High - ((half_square - (s * (half_square + rest) + exponent * kLn2Low)) - f);
}

/// sqrt(2) erf_inv(u) for u in (-1, 1): the normal quantile at (1 + u) / 2.
/// Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988 (PPND16).
double normal_quantile(double u) {
  constexpr std::array kCentralTop{
      3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
      4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3};
  constexpr std::array kCentralBottom{1.0,
                                      4.2313330701600911252e+1,
                                      6.8718700749205790830e+2,
                                      5.3941960214247511077e+3,
                                      2.1213794301586595867e+4,
                                      3.9307895800092710610e+4,
                                      2.8729085735721942674e+4,
                                      5.2264952788528545610e+3};
  constexpr std::array kMiddleTop{1.42343711074968357734e0,  4.63033784615654529590e0,
                                  5.76949722146069140550e0,  3.64784832476320460504e0,
                                  1.27045825245236838258e0,  2.41780725177450611770e-1,
                                  2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr std::array kMiddleBottom{1.0,
                                     2.05319162663775882187e0,
                                     1.67638483018380384940e0,
                                     6.89767334985100004550e-1,
                                     1.48103976427480074590e-1,
                                     1.51986665636164571966e-2,
                                     5.47593808499534494600e-4,
                                     1.05075007164441684324e-9};
  constexpr std::array kTailTop{6.65790464350110377720e0,  5.46378491116411436990e0,
                                1.78482653991729133580e0,  2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr std::array kTailBottom{1.0,
                                   5.99832206555887937690e-1,
                                   1.36929880922735805310e-1,
                                   1.48753612908506148525e-2,
                                   7.86869131145613259100e-4,
                                   1.84631831751005468180e-5,
                                   1.42151175831644588870e-7,
                                   2.04426310338993978564e-15};
  const double q = u / 2;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(kCentralTop, r) / polynomial(kCentralBottom, r);
  }
  const double r = std::sqrt(-portable_log(0.5 - std::abs(q)));
  const double magnitude = r <= 5 ? polynomial(kMiddleTop, r - 1.6) / polynomial(kMiddleBottom, r - 1.6)
                                  : polynomial(kTailTop, r - 5) / polynomial(kTailBottom, r - 5);
  return q < 0 ? -magnitude : magnitude;
}

}  // namespace

Key threefry2x32(Key key, Key counter) {
  constexpr std::array<std::array<int, 4>, 2> kRotations{{{13, 15, 26, 6}, {17, 29, 16, 24}}};
  const std::array<std::uint32_t, 3> schedule{key.a, key.b, key.a ^ key.b ^ 0x1BD11BDAu};
  std::uint32_t x = counter.a + schedule[0];
  std::uint32_t y = counter.b + schedule[1];
  for (std::uint32_t round = 0; round < 5; ++round) {
    for (const int rotation : kRotations[round % 2]) {
      x += y;
      y = std::rotl(y, rotation) ^ x;
    }
    x += schedule[(round + 1) % 3];
    y += schedule[(round + 2) % 3] + round + 1;
  }
  return {x, y};
}

Key read_key(const Array& key) {
  const std::span<const std::uint32_t> words = key.data<std::uint32_t>();
  return {words[0], words[1]};
}

Array to_array(Key key) {
  return Array({key.a, key.b}, {2});
}

Array bits(Key key, Dims shape) {
  return generate<std::uint32_t>(std::move(shape), [&](std::int64_t i) { return bits_at(key, i); });
}

Array uniform(Key key, Dims shape, double low, double high, DType dtype) {
  if (dtype == DType::kF64) {
    return generate<double>(std::move(shape),
                            [&](std::int64_t i) { return scale(unit_double(key, i), low, high); });
  }
  const auto least = static_cast<float>(low), most = static_cast<float>(high);
  return generate<float>(std::move(shape),
                         [&](std::int64_t i) { return scale(unit_float(key, i), least, most); });
}

Array normal_between(Key key, Dims shape, double low, double high, DType dtype) {
  if (dtype == DType::kF64) {
    return generate<double>(std::move(shape), [&](std::int64_t i) {
      return normal_quantile(scale(unit_double(key, i), low, high));
    });
  }
  const auto least = static_cast<float>(low), most = static_cast<float>(high);
  return generate<float>(std::move(shape), [&](std::int64_t i) {
    return static_cast<float>(normal_quantile(static_cast<double>(scale(unit_float(key, i), least, most))));
  });
}

Array bernoulli(Key key, double p, Dims shape) {
  const std::int64_t count = element_count(shape);
  const auto values = std::make_unique<bool[]>(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = unit_float(key, i) < static_cast<float>(p);
  }
  return Array(std::span<const bool>(values.get(), static_cast<std::size_t>(count)), std::move(shape));
}

Array randint(Key key, Dims shape, std::int32_t low, const RandintSpan& span) {
  const Key upper = threefry2x32(key, {0, 0}), lower = threefry2x32(key, {0, 1});
  return generate<std::int32_t>(std::move(shape), [&](std::int64_t i) {
    const std::uint32_t offset =
        (bits_at(upper, i) % span.size * span.multiplier + bits_at(lower, i) % span.size) % span.size;
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(low) + offset);
  });
}

Array permutation(Key key, std::int64_t n, int rounds) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int round = 0; round < rounds; ++round) {
    const Key draw = threefry2x32(key, {0, 1});
    key = threefry2x32(key, {0, 0});
    std::vector<std::pair<std::uint32_t, std::int32_t>> keyed;
    keyed.reserve(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      keyed.emplace_back(bits_at(draw, static_cast<std::int64_t>(i)), order[i]);
    }
    std::stable_sort(keyed.begin(), keyed.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = keyed[i].second;
  }
  return Array(order, {n});
}

}  // namespace adze::random::host
