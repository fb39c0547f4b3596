#include "adze/optim.h"

namespace adze::optim::detail {

Array adam_mean(const AdamOptions& options, const Array& mean, const Array& gradient) {
  return options.beta1 * mean + (1 - options.beta1) * gradient;
}

Array adam_variance(const AdamOptions& options, const Array& variance, const Array& gradient) {
  return options.beta2 * variance + (1 - options.beta2) * square(gradient);
}

Array adam_update(const AdamOptions& options, const Array& w, const Array& mean, const Array& variance,
                  const Array& step) {
  const Array t = astype(step, w.dtype());
  // The corrections are scalars: computed once, in the dtype of the weights.
  const Array mean_scale = options.learning_rate / (1 - pow(options.beta1, t));
  const Array variance_scale = rsqrt(1 - pow(options.beta2, t));
  return w - mean_scale * mean / (sqrt(variance) * variance_scale + options.epsilon);
}

}  // namespace adze::optim::detail
