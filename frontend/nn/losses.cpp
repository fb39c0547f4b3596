#include "adze/nn/losses.h"

#include <fmt/format.h>

#include "adze/ops.h"
#include "frontend/emit.h"

namespace adze::nn {

Array softmax_cross_entropy(Operand logits, Operand labels, CrossEntropyOptions options) {
  const Composition here("softmax_cross_entropy", logits.at());
  const TensorType type = logits.type(), label_type = labels.type();
  if (type.shape.empty()) {
    adze::detail::fail(logits,
                       "softmax_cross_entropy: logits need a last axis of classes, got " + to_string(type));
  }
  const double smoothing = options.label_smoothing;
  if (!(smoothing >= 0 && smoothing <= 1)) {
    adze::detail::fail(logits,
                       fmt::format("softmax_cross_entropy: label smoothing is in [0, 1], not {}", smoothing));
  }
  const std::int64_t classes = type.shape.back();
  const Array log_p = log_softmax(logits, -1);
  if (is_integer(label_type.dtype)) {
    if (label_type.shape != Dims(type.shape.begin(), type.shape.end() - 1)) {
      adze::detail::fail(labels, fmt::format("softmax_cross_entropy: labels {} do not fit logits {}",
                                             to_string(label_type), to_string(type)));
    }
    // Selected, not multiplied: a probability of 0 elsewhere must not give 0 * inf.
    const Array chosen = sum(where(one_hot(labels, classes, DType::kBool), log_p, 0), -1);
    if (smoothing == 0) return -chosen;
    const Array valid = (labels >= 0) & (labels < classes);
    return where(valid, -(1 - smoothing) * chosen - smoothing * mean(log_p, -1), 0);
  }
  const Array cross = -sum(labels * log_p, -1);
  return smoothing == 0 ? cross : (1 - smoothing) * cross - smoothing * mean(log_p, -1);
}

Array sigmoid_cross_entropy(Operand logits, Operand labels) {
  const Composition here("sigmoid_cross_entropy", logits.at());
  return maximum(logits, 0) - logits * labels + log1p(exp(minimum(logits, -logits)));
}

Array mse(Operand prediction, Operand target) {
  const Composition here("mse", prediction.at());
  return mean(square(prediction - target));
}

Array huber(Operand prediction, Operand target, double delta) {
  const Composition here("huber", prediction.at());
  const Array distance = abs(prediction - target);
  const Array inner = minimum(distance, delta);
  return 0.5 * square(inner) + delta * (distance - inner);
}

Array hinge(Operand scores, Operand labels) {
  const Composition here("hinge", scores.at());
  return maximum(1 - labels * scores, 0);
}

Array kl_divergence(Operand log_q, Operand p) {
  const Composition here("kl_divergence", log_q.at());
  const Array present = p > 0;
  // What is not present is replaced before, too: derivatives there would be 0 * inf.
  return sum(where(present, p * (log(where(present, p, 1)) - where(present, log_q, 0)), 0), -1);
}

Array accuracy(Operand logits, Operand labels) {
  const Composition here("accuracy", logits.at());
  return mean(argmax(logits, -1) == labels);
}

}  // namespace adze::nn
