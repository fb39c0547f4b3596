#include "bench/workload.h"

// W5: a GRU of 32 inputs and 64 hidden units over 32 steps, a linear head on its last state, mean squared
// error, Adam on batches of 16; a whole training step. And one step of the cell alone.

namespace adze::bench {
namespace {

struct Recurrent {
  nn::GruCell cell;
  nn::Linear head;
};

Recurrent recurrent(const Array& key) {
  auto [kc, kh] = random::split<2>(key);
  return {nn::gru_cell(kc, 32, 64), nn::linear(kh, 64, 8)};
}

/// The sequence is [time, batch, inputs].
Array loss(const Recurrent& model, const Array& sequence, const Array& target) {
  const auto step = [&](const Array& state, const Array& x) {
    return std::pair(model.cell(state, x).first, std::tuple<>());
  };
  const Array last = scan(step, model.cell.initial_state({sequence.shape()[1]}), sequence).first;
  return nn::mse(model.head(last), target);
}

Report training(const Setting& setting) {
  auto [km, kx, ky] = random::split<3>(random::key(50));
  Recurrent model = recurrent(km);
  const auto adam = optim::adam({.learning_rate = 1e-3f});
  auto step = training_step(setting, loss, adam);
  return train(setting, step, model, adam.init(model), random::normal(kx, {32, 16, 32}),
               random::normal(ky, {16, 8}));
}

Report one_step(const Setting& setting) {
  auto [km, ks, kx] = random::split<3>(random::key(5));
  const Recurrent model = recurrent(km);
  const auto step = [](const Recurrent& m, const Array& state, const Array& x) {
    return m.cell(state, x).first;
  };
  return forward(setting, step, model, random::normal(ks, {1, 64}), random::normal(kx, {1, 32}));
}

}  // namespace

std::vector<Workload> w5_gru() {
  return {{"W5", "GRU 32-64 over 32 steps, linear head 8, batch 16, Adam", training},
          {"W5-step-B1", "GRU 32-64, one step forward, batch 1", one_step}};
}

}  // namespace adze::bench
