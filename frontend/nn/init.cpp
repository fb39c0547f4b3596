#include "adze/nn/init.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "adze/ops.h"
#include "adze/random.h"
#include "frontend/emit.h"

namespace adze::nn::init {
namespace {

double fan_of(const Dims& shape, Fan fan, const FanOptions& options) {
  const std::int64_t rank = static_cast<std::int64_t>(shape.size());
  const auto size = [&](std::int64_t axis) {
    return static_cast<double>(
        shape[static_cast<std::size_t>(adze::detail::resolve_axis("nn::init: weights", axis, rank))]);
  };
  const double in = size(options.in_axis), out = size(options.out_axis);
  double field = 1;
  for (const std::int64_t extent : shape) field *= static_cast<double>(extent);
  field /= in * out;
  if (fan == Fan::kIn) return in * field;
  if (fan == Fan::kOut) return out * field;
  return (in + out) / 2 * field;
}

FanOptions with_fan(FanOptions options, Fan fan) {
  options.fan = options.fan.value_or(fan);
  return options;
}

}  // namespace

Array variance_scaling(const Array& key, Dims shape, double scale, Distribution distribution,
                       const FanOptions& options) {
  if (element_count(shape) == 0) return adze::zeros(std::move(shape), options.dtype);
  const double variance = scale / fan_of(shape, options.fan.value_or(Fan::kIn), options);
  switch (distribution) {
    case Distribution::kNormal:
      return random::normal(key, std::move(shape), options.dtype) * std::sqrt(variance);
    case Distribution::kTruncatedNormal: {
      constexpr double kStddevOfTruncated = 0.87962566103423978;
      return random::truncated_normal(key, std::move(shape), -2, 2, options.dtype) *
             (std::sqrt(variance) / kStddevOfTruncated);
    }
    case Distribution::kUniform:
      break;
  }
  return random::uniform(key, std::move(shape), -1, 1, options.dtype) * std::sqrt(3 * variance);
}

Array xavier_uniform(const Array& key, Dims shape, const FanOptions& options) {
  return variance_scaling(key, std::move(shape), 1, Distribution::kUniform, with_fan(options, Fan::kAverage));
}
Array xavier_normal(const Array& key, Dims shape, const FanOptions& options) {
  return variance_scaling(key, std::move(shape), 1, Distribution::kTruncatedNormal,
                          with_fan(options, Fan::kAverage));
}
Array he_uniform(const Array& key, Dims shape, const FanOptions& options) {
  return variance_scaling(key, std::move(shape), 2, Distribution::kUniform, options);
}
Array he_normal(const Array& key, Dims shape, const FanOptions& options) {
  return variance_scaling(key, std::move(shape), 2, Distribution::kTruncatedNormal, options);
}
Array lecun_uniform(const Array& key, Dims shape, const FanOptions& options) {
  return variance_scaling(key, std::move(shape), 1, Distribution::kUniform, options);
}
Array lecun_normal(const Array& key, Dims shape, const FanOptions& options) {
  return variance_scaling(key, std::move(shape), 1, Distribution::kTruncatedNormal, options);
}

namespace {

/// Makes the n columns of a row-major m x n matrix orthonormal, n <= m: Q of A = Q R with a positive diagonal
/// of R. Each column is made orthogonal to those before twice, which is enough (Giraud et al., 2005).
void orthonormalise(std::vector<double>& a, std::size_t m, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t j = 0; j < k; ++j) {
        double dot = 0;
        for (std::size_t i = 0; i < m; ++i) dot += a[i * n + j] * a[i * n + k];
        for (std::size_t i = 0; i < m; ++i) a[i * n + k] -= dot * a[i * n + j];
      }
    }
    double square = 0;
    for (std::size_t i = 0; i < m; ++i) square += a[i * n + k] * a[i * n + k];
    for (std::size_t i = 0; i < m; ++i) a[i * n + k] /= std::sqrt(square);
  }
}

}  // namespace

Array orthogonal(const Array& key, Dims shape, double gain, DType dtype) {
  if (shape.size() < 2) {
    throw TypeError("nn::init::orthogonal: weights need two axes or more, got " + adze::to_string(shape));
  }
  if (element_count(shape) == 0) return adze::zeros(std::move(shape), dtype);
  const std::int64_t columns = shape.back(), rows = element_count(shape) / columns;
  const std::int64_t m = std::max(rows, columns), n = std::min(rows, columns);
  const Array draws = random::normal(key, {m, n}, dtype);
  if (draws.traced()) {
    throw RuntimeError(
        "nn::init::orthogonal: made on the host, not inside a traced function; make it before and "
        "pass it in");
  }
  std::vector<double> matrix = astype(draws, DType::kF64).to_vector<double>();
  orthonormalise(matrix, static_cast<std::size_t>(m), static_cast<std::size_t>(n));
  const Array q = gain * Array(matrix, {m, n});
  return astype(reshape(rows < columns ? transpose(q) : q, std::move(shape)), dtype);
}

Array normal(const Array& key, Dims shape, double stddev, DType dtype) {
  return random::normal(key, std::move(shape), dtype) * stddev;
}
Array truncated_normal(const Array& key, Dims shape, double stddev, double low, double high, DType dtype) {
  return random::truncated_normal(key, std::move(shape), low, high, dtype) * stddev;
}
Array uniform(const Array& key, Dims shape, double low, double high, DType dtype) {
  return random::uniform(key, std::move(shape), low, high, dtype);
}
Array zeros(Dims shape, DType dtype) {
  return adze::zeros(std::move(shape), dtype);
}
Array ones(Dims shape, DType dtype) {
  return adze::ones(std::move(shape), dtype);
}
Array constant(Dims shape, double value, DType dtype) {
  return full(std::move(shape), value, dtype);
}

}  // namespace adze::nn::init
