#pragma once

#include <cstdint>
#include <optional>

#include "adze/array.h"

/// Initial values of weights, as jax.nn.initializers gives them for the same key.
namespace adze::nn::init {

/// The number of inputs or outputs of a unit, or their mean.
enum class Fan : std::uint8_t { kIn, kOut, kAverage };
enum class Distribution : std::uint8_t {
  kNormal,
  kTruncatedNormal,  ///< a normal cut at two standard deviations, widened to the variance wanted
  kUniform,          ///< between -sqrt(3 variance) and sqrt(3 variance)
};

/// Which axes of the weights are inputs and outputs; the others are the receptive field of a convolution and
/// count in both fans. Where `fan` is left out, it is what the function says.
struct FanOptions {
  DType dtype = DType::kF32;
  std::optional<Fan> fan = {};
  std::int64_t in_axis = -2;
  std::int64_t out_axis = -1;
};
/// Mean 0, variance scale / fan; fan in where left out. TypeError unless `shape` has both axes.
Array variance_scaling(const Array& key, Dims shape, double scale, Distribution distribution,
                       const FanOptions& options = {});

/// Variance 1 / average fan. Glorot and Bengio, "Understanding the difficulty of training deep feedforward
/// neural networks", 2010 (Xavier). The normal forms of these are truncated, as in JAX; for a plain normal
/// see variance_scaling.
Array xavier_uniform(const Array& key, Dims shape, const FanOptions& options = {});
Array xavier_normal(const Array& key, Dims shape, const FanOptions& options = {});
/// Variance 2 / fan in: for relu. He et al., "Delving deep into rectifiers", 2015 (Kaiming).
Array he_uniform(const Array& key, Dims shape, const FanOptions& options = {});
Array he_normal(const Array& key, Dims shape, const FanOptions& options = {});
/// Variance 1 / fan in. LeCun et al., "Efficient BackProp", 1998.
Array lecun_uniform(const Array& key, Dims shape, const FanOptions& options = {});
Array lecun_normal(const Array& key, Dims shape, const FanOptions& options = {});

/// Rows or columns (whichever are fewer, with all axes but the last flattened) orthonormal, times `gain`;
/// uniformly distributed among such matrices. Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear
/// dynamics of learning", 2014.
Array orthogonal(const Array& key, Dims shape, double gain = 1, DType dtype = DType::kF32);

/// Mean 0.
Array normal(const Array& key, Dims shape, double stddev = 0.01, DType dtype = DType::kF32);
/// A standard normal between `low` and `high`, times `stddev` (which is not that of the result).
Array truncated_normal(const Array& key, Dims shape, double stddev = 0.01, double low = -2, double high = 2,
                       DType dtype = DType::kF32);
/// In [low, high).
Array uniform(const Array& key, Dims shape, double low, double high, DType dtype = DType::kF32);
Array zeros(Dims shape, DType dtype = DType::kF32);
Array ones(Dims shape, DType dtype = DType::kF32);
Array constant(Dims shape, double value, DType dtype = DType::kF32);

}  // namespace adze::nn::init
