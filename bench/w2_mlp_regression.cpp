#include "bench/workload.h"

// W2: MLP 4-32-16-4, tanh, mean squared error, Adam; a whole training step.

namespace adze::bench {
namespace {

struct Mlp {
  nn::Linear a, b, c;
  Array operator()(const Array& x) const { return c(tanh(b(tanh(a(x))))); }
};

Array loss(const Mlp& model, const Array& x, const Array& target) {
  return mean(square(model(x) - target));
}

Workload workload(std::string id, std::int64_t batch) {
  return {std::move(id), "MLP 4-32-16-4, tanh, batch " + std::to_string(batch) + ", Adam",
          [=](const Setting& setting) {
            auto [k1, k2, k3, kx] = random::split<4>(random::key(2));
            Mlp model{nn::linear(k1, 4, 32), nn::linear(k2, 32, 16), nn::linear(k3, 16, 4)};
            const auto adam = optim::adam({.learning_rate = 1e-3f});
            auto step = training_step(setting, loss, adam);
            const Array x = random::normal(kx, {batch, 4});
            return train(setting, step, model, adam.init(model), x, sin(x));
          }};
}

}  // namespace

std::vector<Workload> w2_mlp_regression() {
  return {workload("W2-B64", 64), workload("W2-B10000", 10000)};
}

}  // namespace adze::bench
