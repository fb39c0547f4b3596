#include "adze/optim/optimizers.h"

#include <cmath>

namespace adze::optim {

using detail::like;
using detail::rate_at;

namespace {

Array moving_average(double decay, const Array& average, const Array& x) {
  return decay * average + (1 - decay) * x;
}

/// 1 - beta^t, of which no digits are lost where beta is near 1.
Array bias_correction(double beta, const Array& t) {
  return -expm1(std::log(beta) * t);
}

}  // namespace

Step detail::first_step(const Schedule& schedule) {
  return schedule.is_constant() ? Step() : Step(zeros({}, DType::kI32));
}

Step detail::next_step(const Step& step) {
  return step ? Step(*step + 1) : Step();
}

Array detail::rate_at(const Schedule& schedule, const Step& step, DType weights) {
  return schedule(step ? *step : Array(0), scalar_dtype(weights));
}

Array Sgd::step(const Array& gradient, const Step& step) const {
  return like(gradient, -rate_at(options_.learning_rate, step, gradient.dtype()) * gradient);
}

Array Momentum::velocity(const Array& velocity, const Array& gradient, const Step& step) const {
  const Array rate = rate_at(options_.learning_rate, step, gradient.dtype());
  return like(velocity, options_.momentum * velocity + rate * gradient);
}

Array Momentum::update_of(const Array& velocity, const Array& gradient, const Step& step) const {
  return options_.nesterov ? -this->velocity(velocity, gradient, step) : -velocity;
}

Array Adagrad::update_of(const Array& sum, const Array& gradient, const Step& step) const {
  const Array rate = rate_at(options_.learning_rate, step, gradient.dtype());
  return like(gradient, -rate * gradient / (sqrt(sum) + options_.epsilon));
}

Array RmsProp::mean_square(const Array& mean, const Array& gradient) const {
  return moving_average(options_.decay, mean, square(gradient));
}

Array RmsProp::update_of(const Array& mean, const Array& gradient, const Step& step) const {
  const Array rate = rate_at(options_.learning_rate, step, gradient.dtype());
  return like(gradient, -rate * gradient / (sqrt(mean) + options_.epsilon));
}

Array Adadelta::mean_square(const Array& mean, const Array& x) const {
  return moving_average(options_.decay, mean, square(x));
}

Array Adadelta::change(const Array& mean, const Array& change_mean, const Array& gradient) const {
  return sqrt(change_mean + options_.epsilon) * rsqrt(mean + options_.epsilon) * gradient;
}

Array Adadelta::update_of(const Array& change, const Step& step) const {
  return like(change, -rate_at(options_.learning_rate, step, change.dtype()) * change);
}

Array Adam::mean(const Array& mean, const Array& gradient) const {
  return moving_average(options_.beta1, mean, gradient);
}

Array Adam::variance(const Array& variance, const Array& gradient) const {
  return moving_average(options_.beta2, variance, square(gradient));
}

Array Adam::update_of(const Array& mean, const Array& variance, const Array& step) const {
  const DType dtype = detail::scalar_dtype(mean.dtype());
  const Array t = astype(step + 1, dtype);
  // The corrections and the rate are scalars: computed once.
  const Array mean_scale = -rate_at(options_.learning_rate, step, dtype) / bias_correction(options_.beta1, t);
  const Array variance_scale = rsqrt(bias_correction(options_.beta2, t));
  return like(mean, mean_scale * mean / (sqrt(variance) * variance_scale + options_.epsilon));
}

Array Adam::decayed(const Array& update, const Array& weights, const Array& step) const {
  const Array rate = rate_at(options_.learning_rate, step, weights.dtype());
  return like(weights, update - options_.weight_decay * rate * weights);
}

}  // namespace adze::optim
