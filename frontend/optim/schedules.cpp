#include "adze/optim/schedules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "adze/ops.h"

namespace adze::optim {
namespace {

void check_period(const char* what, const char* name, std::int64_t period) {
  if (period <= 0) throw TypeError(fmt::format("optim::{}: {} must be positive, not {}", what, name, period));
}

}  // namespace

Array Schedule::operator()(const Array& step, DType dtype) const {
  if (is_constant()) return full({}, constant_, dtype);
  const Array rate = function_(astype(step, dtype));
  if (rate.rank() != 0) {
    throw TypeError("optim: a schedule gives a scalar, this one gave " + to_string(rate.type()));
  }
  return astype(rate, dtype);
}

Schedule constant(double rate) {
  return rate;
}

Schedule inverse_sqrt_decay(double rate) {
  return [=](const Array& n) { return rate * rsqrt(n + 1); };
}

Schedule step_decay(double rate, double factor, std::int64_t period) {
  check_period("step_decay", "the period", period);
  return [=](const Array& n) { return rate * pow(factor, floor(n / static_cast<double>(period))); };
}

Schedule exponential_decay(double rate, double factor, std::int64_t period) {
  check_period("exponential_decay", "the period", period);
  return [=](const Array& n) { return rate * pow(factor, n / static_cast<double>(period)); };
}

Schedule cosine_decay(double rate, std::int64_t steps, double floor) {
  check_period("cosine_decay", "the number of steps", steps);
  return [=](const Array& n) {
    constexpr double kPi = 3.14159265358979323846;
    const Array angle = kPi * minimum(n / static_cast<double>(steps), 1);
    return rate * ((1 - floor) * (0.5 * (1 + cos(angle))) + floor);
  };
}

Schedule linear(double first, double last, std::int64_t steps) {
  check_period("linear", "the number of steps", steps);
  return [=](const Array& n) { return first + (last - first) * minimum(n / static_cast<double>(steps), 1); };
}

Schedule join(std::vector<Schedule> parts, std::vector<std::int64_t> boundaries) {
  if (parts.size() != boundaries.size() + 1 || !std::is_sorted(boundaries.begin(), boundaries.end())) {
    throw TypeError(
        fmt::format("optim::join: {} schedules need one boundary less, in ascending order; there are {}",
                    parts.size(), boundaries.size()));
  }
  return [parts = std::move(parts), boundaries = std::move(boundaries)](const Array& n) {
    Array rate = parts[0](n, n.dtype());
    for (std::size_t i = 0; i < boundaries.size(); ++i) {
      // A part is never asked about a time before its own.
      const Array own = maximum(n - boundaries[i], 0);
      rate = where(n < boundaries[i], rate, parts[i + 1](own, n.dtype()));
    }
    return rate;
  };
}

Schedule warmup_cosine_decay(double peak, std::int64_t warmup, std::int64_t steps, double first,
                             double last) {
  check_period("warmup_cosine_decay", "the warm-up", warmup);
  if (steps <= warmup) {
    throw TypeError(
        fmt::format("optim::warmup_cosine_decay: {} steps leave none after a warm-up of {}", steps, warmup));
  }
  return join({linear(first, peak, warmup), cosine_decay(peak, steps - warmup, peak == 0 ? 0 : last / peak)},
              {warmup});
}

}  // namespace adze::optim
