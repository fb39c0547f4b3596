#pragma once

#include <cstdint>
#include <utility>

#include "adze/array.h"

namespace adze::nn {

/// y = x W + b over the last axis of x.
struct Linear {
  Array weight;  ///< [in, out]
  Array bias;    ///< [out]
  Array operator()(Operand x) const;
};
/// Weights normal with standard deviation 1/sqrt(in) (LeCun et al., "Efficient BackProp", 1998), biases zero.
Linear linear(const Array& key, std::int64_t in, std::int64_t out, DType dtype = DType::kF32);

/// Row i of the table for each i: integers [...] to [..., features]. One out of range gives NaN.
struct Embedding {
  Array table;  ///< [count, features]
  Array operator()(Operand ids) const;
  /// x [..., features] times each row: [..., count], such as logits that share the table's weights.
  Array attend(Operand x) const;
};
/// Weights normal with standard deviation 1/sqrt(features).
Embedding embedding(const Array& key, std::int64_t count, std::int64_t features, DType dtype = DType::kF32);

/// y = (x - mean) / sqrt(variance + epsilon) scale + bias, with mean and variance (divided by n) over the
/// last axes of x, as many as `scale` has. Ba, Kiros and Hinton, "Layer normalization", 2016.
struct LayerNorm {
  Array scale, bias;  ///< the shape that is normalised, such as [features]
  double epsilon = 1e-5;
  Array operator()(Operand x) const;
};
/// Scale one, bias zero.
LayerNorm layer_norm(Dims shape, DType dtype = DType::kF32);

/// y = x / sqrt(mean(x^2) + epsilon) scale, with the mean over the last axes of x, as many as `scale` has.
/// Zhang and Sennrich, "Root mean square layer normalization", 2019.
struct RmsNorm {
  Array scale;
  double epsilon = 1e-6;
  Array operator()(Operand x) const;
};
RmsNorm rms_norm(Dims shape, DType dtype = DType::kF32);

/// What batch normalisation knows of the data so far: not differentiated, handed from step to step.
struct BatchNormState {
  Array mean, variance;  ///< [features]
};
/// y = (x - mean) / sqrt(variance + epsilon) scale + bias for each feature, the last axis of x. Ioffe and
/// Szegedy, "Batch normalization", 2015.
///
///   auto [y, state2] = norm.train(x, state);   // mean and variance (divided by n) of this batch
///   auto y = norm(x, state);                   // those of the state
///
/// state2 = momentum state + (1 - momentum) the batch's, as in Flax (PyTorch's momentum is one minus it).
struct BatchNorm {
  Array scale, bias;  ///< [features]
  double momentum = 0.9;
  double epsilon = 1e-5;
  std::pair<Array, BatchNormState> train(Operand x, const BatchNormState& state) const;
  Array operator()(Operand x, const BatchNormState& state) const;
};
/// Scale one, bias zero.
BatchNorm batch_norm(std::int64_t features, DType dtype = DType::kF32);
/// Mean zero, variance one.
BatchNormState batch_norm_state(std::int64_t features, DType dtype = DType::kF32);

/// Zeroes each element with probability `rate` while training. Srivastava et al., "Dropout", 2014. What
/// stays is scaled by 1 / (1 - rate), so that nothing is left to do afterwards; with `classic`, as in the
/// paper, it is not, and calls scale by 1 - rate instead.
struct Dropout {
  double rate = 0.5;
  bool classic = false;
  Array train(Operand x, const Array& key) const;
  Array operator()(Operand x) const;
};

}  // namespace adze::nn
