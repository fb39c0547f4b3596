#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "adze/array.h"

namespace adze::optim {

/// A learning rate (or any factor) that may change from update to update: a number, one of the functions
/// below, or your own function of the number of updates done before, a float scalar. A schedule is part of
/// the optimizer, so a program compiled with it computes the rate itself.
///
///   optim::adamw({.learning_rate = optim::warmup_cosine_decay(1e-3, 100, 10000)})
///   optim::sgd([](const Array& step) { return 0.1 / (1 + 0.01 * step); })
class Schedule {
 public:
  using Function = std::function<Array(const Array& step)>;

  Schedule(double rate) : constant_(rate) {}  // NOLINT: implicit on purpose
  template <class F>
  requires(!std::same_as<F, Schedule> && !std::is_convertible_v<F, double> &&
           std::is_invocable_r_v<Array, const F&, const Array&>)
      Schedule(F function)  // NOLINT: implicit on purpose
      : function_(std::move(function)) {}

  bool is_constant() const { return function_ == nullptr; }
  /// The rate, a scalar of `dtype` (a float dtype), of the update that follows `step` others. `step` is an
  /// integer scalar.
  Array operator()(const Array& step, DType dtype) const;

 private:
  double constant_ = 0;
  Function function_;
};

// In these, n is the number of updates done before, from 0. TypeError where a period is not positive.

/// `rate`, always.
Schedule constant(double rate);
/// rate / sqrt(t), with t = n + 1. Zinkevich, "Online convex programming", 2003.
Schedule inverse_sqrt_decay(double rate);
/// rate factor^floor(n / period).
Schedule step_decay(double rate, double factor, std::int64_t period);
/// rate factor^(n / period).
Schedule exponential_decay(double rate, double factor, std::int64_t period = 1);
/// rate ((1 - floor) (1 + cos(pi n / steps)) / 2 + floor), from n = steps on rate floor.
/// Loshchilov and Hutter, "SGDR", 2017, equation 5.
Schedule cosine_decay(double rate, std::int64_t steps, double floor = 0);
/// From `first` to `last` on a straight line in `steps` updates, then `last`: a warm-up where first < last.
Schedule linear(double first, double last, std::int64_t steps);
/// parts[0] before n = boundaries[0], then parts[1] with n counted from there, ... TypeError unless there is
/// one part more than boundaries, and these ascend.
Schedule join(std::vector<Schedule> parts, std::vector<std::int64_t> boundaries);
/// From `first` straight to `peak` in `warmup` updates, then by a cosine to `last` at n = steps.
Schedule warmup_cosine_decay(double peak, std::int64_t warmup, std::int64_t steps, double first = 0,
                             double last = 0);

}  // namespace adze::optim
