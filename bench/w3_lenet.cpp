#include "bench/workload.h"

// W3: LeNet-5 on images of 28x28 padded by 2: two convolutions 5x5 with ReLU and max-pooling, then 120-84-10;
// softmax cross-entropy, SGD; a whole training step.

namespace adze::bench {
namespace {

struct LeNet {
  nn::Conv first, second;
  nn::Linear a, b, c;
  Array operator()(const Array& images) const {
    const Array small = nn::max_pool(relu(first(images)), {2, 2});
    const Array smaller = nn::max_pool(relu(second(small)), {2, 2});  // [batch, 5, 5, 16]
    return c(relu(b(relu(a(reshape(smaller, {images.shape()[0], -1}))))));
  }
};

Array loss(const LeNet& model, const Array& images, const Array& labels) {
  return mean(nn::softmax_cross_entropy(model(images), labels));
}

Workload workload(std::int64_t batch) {
  return {"W3-B" + std::to_string(batch), "LeNet-5, batch " + std::to_string(batch) + ", SGD",
          [=](const Setting& setting) {
            auto [k1, k2, k3, k4, k5, kx, ky] = random::split<7>(random::key(3));
            const LeNet model{nn::conv(k1, {5, 5}, 1, 6, {.padding = nn::Padding::by({2, 2})}),
                              nn::conv(k2, {5, 5}, 6, 16, {.padding = nn::Padding::valid()}),
                              nn::linear(k3, 400, 120), nn::linear(k4, 120, 84), nn::linear(k5, 84, 10)};
            const auto sgd = optim::sgd({.learning_rate = 0.01f});
            auto step = training_step(setting, loss, sgd);
            return train(setting, step, model, sgd.init(model), random::uniform(kx, {batch, 28, 28, 1}),
                         random::randint(ky, {batch}, 0, 10));
          }};
}

}  // namespace

std::vector<Workload> w3_lenet() {
  return {workload(64), workload(1)};
}

}  // namespace adze::bench
