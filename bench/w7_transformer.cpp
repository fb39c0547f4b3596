#include "bench/workload.h"
#include "examples/transformer.h"

// W7: a decoder-only transformer, 2 layers, width 64, 4 heads, context 64, vocabulary 65, with Adam on
// batches of 8; a whole training step. And its forward pass on one context.

namespace adze::bench {
namespace {

using transformer::Transformer;

/// The model, what it reads, and what comes next.
std::tuple<Transformer, Array, Array> inputs(std::int64_t batch) {
  const transformer::Config config;
  auto [km, kx] = random::split<2>(random::key(7));
  const Array text =
      random::randint(kx, {batch, config.context + 1}, 0, static_cast<std::int32_t>(config.vocabulary));
  return {transformer::transformer(km, config), slice_axis(text, 1, 0, config.context),
          slice_axis(text, 1, 1)};
}

Report training(const Setting& setting) {
  auto [model, ids, next] = inputs(8);
  const auto adam = optim::adam({.learning_rate = 1e-3f});
  auto step = training_step(setting, transformer::loss, adam);
  auto state = adam.init(model);
  return train(setting, step, std::move(model), std::move(state), ids, next);
}

Report forward_pass(const Setting& setting) {
  const auto [model, ids, next] = inputs(1);
  return forward(
      setting, [](const Transformer& m, const Array& x) { return m(x); }, model, ids);
}

}  // namespace

std::vector<Workload> w7_transformer() {
  const std::string description = "transformer, 2 layers of width 64, context 64, ";
  return {{"W7", description + "batch 8, Adam", training},
          {"W7-fwd-B1", description + "forward, batch 1", forward_pass}};
}

}  // namespace adze::bench
