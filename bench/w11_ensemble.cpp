#include <algorithm>
#include <cmath>

#include "bench/workload.h"

// W11: 256 networks 2-64-64-1, tanh, each trained for 100 steps of Adam on a batch of 64: `vmap` over a
// `scan`, one call.

namespace adze::bench {
namespace {

constexpr std::int64_t kMembers = 256, kSteps = 100;

struct Mlp {
  nn::Linear a, b, c;
  Array operator()(const Array& x) const { return c(tanh(b(tanh(a(x))))); }
};

Array loss(const Mlp& model, const Array& x, const Array& target) {
  return nn::mse(model(x), target);
}

/// Trains one network; the loss before each step.
Array losses(const Mlp& model, const Array& x, const Array& target) {
  const auto adam = optim::adam({.learning_rate = 1e-3f});
  const auto initial = std::pair(model, adam.init(model));
  const auto step = [&](const auto& state, std::tuple<>) {
    auto [l, gradient] = value_and_grad(loss)(state.first, x, target);
    return std::pair(adam.apply(state.first, gradient, state.second), l);
  };
  return scan(step, initial, std::tuple<>(), {.length = kSteps}).second;
}

/// Weights of all members, stacked.
nn::Linear linears(const Array& key, std::int64_t in, std::int64_t out) {
  return {random::normal(key, {kMembers, in, out}) / std::sqrt(static_cast<double>(in)),
          zeros({kMembers, out})};
}

Report run(const Setting& setting) {
  auto [k1, k2, k3, kx] = random::split<4>(random::key(11));
  const Mlp members{linears(k1, 2, 64), linears(k2, 64, 64), linears(k3, 64, 1)};
  const Array x = random::uniform(kx, {64, 2}, -1, 1);
  const Array target = sin(3 * sum(x, 1, true));
  const auto training = vmap(losses, {.in_axes = {0, std::nullopt, std::nullopt}});
  // The mean over the members, of the first steps.
  const auto first = [](const Array& all) {
    const Array means = slice_axis(mean(all, 0), 0, 0, 10);
    return std::vector<double>(means.data<float>().begin(), means.data<float>().end());
  };
  Setting few = setting;  // a call takes about a second
  few.warm_up = std::min(few.warm_up, 1);
  few.least = std::min(few.least, 3);
  return calls(few, first, training, members, x, target);
}

}  // namespace

std::vector<Workload> w11_ensemble() {
  return {{"W11", "256 networks 2-64-64-1, tanh, 100 steps of Adam, batch 64, one call", run}};
}

}  // namespace adze::bench
