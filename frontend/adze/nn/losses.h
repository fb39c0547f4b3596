#pragma once

#include "adze/array.h"

namespace adze::nn {

struct CrossEntropyOptions {
  /// a: the labels y become (1 - a) y + a / classes. Szegedy et al., "Rethinking the inception architecture",
  /// 2016, section 7.
  double label_smoothing = 0;
};
/// -sum(y log softmax(logits)) over the last axis, one loss an example: shape logits.shape without the last
/// axis. `labels` are integer classes of that shape (one out of range gives 0), or probabilities of the shape
/// of the logits.
Array softmax_cross_entropy(Operand logits, Operand labels, CrossEntropyOptions options = {});
/// Binary cross entropy of independent labels in [0, 1], elementwise: max(z, 0) - z y + log(1 + exp(-|z|)).
Array sigmoid_cross_entropy(Operand logits, Operand labels);
/// The mean squared difference, a scalar.
Array mse(Operand prediction, Operand target);
/// d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), elementwise with d = prediction - target. Huber,
/// "Robust estimation of a location parameter", 1964.
Array huber(Operand prediction, Operand target, double delta = 1);
/// max(0, 1 - y z), elementwise, for scores z and labels y of -1 and 1.
Array hinge(Operand scores, Operand labels);
/// The Kullback-Leibler divergence sum(p (log p - log q)) over the last axis, with 0 log 0 = 0. `log_q`: of
/// the model, such as log_softmax gives; `p`: probabilities.
Array kl_divergence(Operand log_q, Operand p);
/// The share of rows of `logits` whose largest element is at the label, a scalar f32.
Array accuracy(Operand logits, Operand labels);

}  // namespace adze::nn
