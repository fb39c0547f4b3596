#pragma once

#include <cstdint>

#include "adze/array.h"
#include "adze/ops.h"

/// Layers and losses. A layer is an aggregate of Arrays with a call operator: write your own the same way.
namespace adze::nn {

/// y = x W + b over the last axis of x.
struct Linear {
  Array weight;  ///< [in, out]
  Array bias;    ///< [out]
  Array operator()(Operand x) const;
};

/// Weights normal with standard deviation 1/sqrt(in) (LeCun et al., "Efficient BackProp", 1998), biases zero.
Linear linear(const Array& key, std::int64_t in, std::int64_t out, DType dtype = DType::kF32);

/// -sum(p log softmax(logits)) over the last axis, one loss an example: shape logits.shape without the last
/// axis. `labels` are integer classes of that shape (one out of range gives 0), or probabilities of the shape
/// of the logits.
Array softmax_cross_entropy(Operand logits, Operand labels);
/// The same for independent binary labels: max(z, 0) - z y + log(1 + exp(-|z|)), elementwise.
Array sigmoid_cross_entropy(Operand logits, Operand labels);
/// The mean squared difference, a scalar.
Array mse(Operand prediction, Operand target);
/// The share of rows of `logits` whose largest element is at the label, a scalar f32.
Array accuracy(Operand logits, Operand labels);

using adze::elu;
using adze::gelu;
using adze::leaky_relu;
using adze::log_softmax;
using adze::relu;
using adze::sigmoid;
using adze::silu;
using adze::softmax;
using adze::softplus;
using adze::tanh;

}  // namespace adze::nn
