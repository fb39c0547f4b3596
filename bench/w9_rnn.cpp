#include "bench/workload.h"

// W9: h' = tanh(h W + b), 16 wide, 1000 steps without input from one state, in one call: the last state, and
// the gradient of its sum by the weights.

namespace adze::bench {
namespace {

constexpr std::int64_t kSteps = 1000;

Array last_state(const nn::Linear& cell, const Array& state) {
  const auto step = [&](const Array& h, std::tuple<> none) { return std::pair(tanh(cell(h)), none); };
  return scan(step, state, std::tuple<>(), {.length = kSteps}).first;
}

template <class F>
Workload workload(std::string id, const char* what, F f) {
  return {std::move(id), std::string("RNN of width 16, 1000 steps, batch 1, ") + what,
          [=](const Setting& setting) {
            // A key with which the state neither vanishes nor remembers every rounding.
            auto [kw, kh] = random::split<2>(random::key(22));
            return forward(setting, f, nn::linear(kw, 16, 16), random::normal(kh, {1, 16}));
          }};
}

}  // namespace

std::vector<Workload> w9_rnn() {
  return {workload("W9-fwd", "forward", last_state),
          workload("W9-grad", "gradient", grad([](const nn::Linear& cell, const Array& state) {
                     return sum(last_state(cell, state));
                   }))};
}

}  // namespace adze::bench
