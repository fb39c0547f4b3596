#include "bench/workload.h"

// W8: a critic 64-256-256-8, tanh, mean squared error, Adam; a whole training step.

namespace adze::bench {
namespace {

struct Critic {
  nn::Linear a, b, c;
  Array operator()(const Array& x) const { return c(tanh(b(tanh(a(x))))); }
};

Array loss(const Critic& critic, const Array& x, const Array& target) {
  return nn::mse(critic(x), target);
}

Report run(const Setting& setting) {
  auto [k1, k2, k3, kx, ky] = random::split<5>(random::key(8));
  Critic critic{nn::linear(k1, 64, 256), nn::linear(k2, 256, 256), nn::linear(k3, 256, 8)};
  const auto adam = optim::adam({.learning_rate = 1e-3f});
  auto step = training_step(setting, loss, adam);
  return train(setting, step, critic, adam.init(critic), random::normal(kx, {256, 64}),
               random::normal(ky, {256, 8}));
}

}  // namespace

std::vector<Workload> w8_critic() {
  return {{"W8", "critic 64-256-256-8, tanh, batch 256, Adam", run}};
}

}  // namespace adze::bench
