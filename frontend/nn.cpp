#include "adze/nn.h"

#include <fmt/format.h>

#include <cmath>

#include "adze/random.h"
#include "frontend/emit.h"

namespace adze::nn {

Array Linear::operator()(Operand x) const {
  const Composition here("linear", x.at());
  return matmul(x, weight) + bias;
}

Linear linear(const Array& key, std::int64_t in, std::int64_t out, DType dtype) {
  const double scale = 1 / std::sqrt(static_cast<double>(in));
  return {random::normal(key, {in, out}, dtype) * scale, zeros({out}, dtype)};
}

Array softmax_cross_entropy(Operand logits, Operand labels) {
  const Composition here("softmax_cross_entropy", logits.at());
  const TensorType type = logits.type(), label_type = labels.type();
  if (type.shape.empty()) {
    adze::detail::fail(logits,
                       "softmax_cross_entropy: logits need a last axis of classes, got " + to_string(type));
  }
  const Array log_p = log_softmax(logits, -1);
  if (is_integer(label_type.dtype)) {
    if (label_type.shape != Dims(type.shape.begin(), type.shape.end() - 1)) {
      adze::detail::fail(labels, fmt::format("softmax_cross_entropy: labels {} do not fit logits {}",
                                             to_string(label_type), to_string(type)));
    }
    // Selected, not multiplied: a probability of 0 elsewhere must not give 0 * inf.
    return -sum(where(one_hot(labels, type.shape.back(), DType::kBool), log_p, 0), -1);
  }
  return -sum(labels * log_p, -1);
}

Array sigmoid_cross_entropy(Operand logits, Operand labels) {
  const Composition here("sigmoid_cross_entropy", logits.at());
  return maximum(logits, 0) - logits * labels + log1p(exp(minimum(logits, -logits)));
}

Array mse(Operand prediction, Operand target) {
  const Composition here("mse", prediction.at());
  return mean(square(prediction - target));
}

Array accuracy(Operand logits, Operand labels) {
  const Composition here("accuracy", logits.at());
  return mean(argmax(logits, -1) == labels);
}

}  // namespace adze::nn
