#include "bench/workload.h"

// W1: MLP 784-128-10, ReLU, softmax cross-entropy; a whole training step.

namespace adze::bench {
namespace {

struct Mlp {
  nn::Linear hidden, out;
  Array operator()(const Array& x) const { return out(relu(hidden(x))); }
};

Array loss(const Mlp& model, const Array& x, const Array& labels) {
  return mean(nn::softmax_cross_entropy(model(x), labels));
}

template <class Optimizer>
Workload workload(std::string id, std::int64_t batch, Optimizer optimizer, const char* name) {
  return {std::move(id), "MLP 784-128-10, batch " + std::to_string(batch) + ", " + name,
          [=](const Setting& setting) {
            auto [k1, k2, kx, ky] = random::split<4>(random::key(1));
            Mlp model{nn::linear(k1, 784, 128), nn::linear(k2, 128, 10)};
            auto state = optimizer.init(model);
            auto step = training_step(setting, loss, optimizer);
            return train(setting, step, model, state, random::uniform(kx, {batch, 784}),
                         random::randint(ky, {batch}, 0, 10));
          }};
}

}  // namespace

std::vector<Workload> w1_mlp_classifier() {
  const auto sgd = optim::sgd({.learning_rate = 0.01f});
  return {workload("W1-B64", 64, sgd, "SGD"), workload("W1-B1", 1, sgd, "SGD"),
          workload("W1-B256", 256, sgd, "SGD"),
          workload("W1-B64-adam", 64, optim::adam({.learning_rate = 1e-3f}), "Adam")};
}

}  // namespace adze::bench
