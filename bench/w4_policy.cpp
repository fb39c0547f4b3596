#include "bench/workload.h"

// W4: a control policy 17-64-64-6, tanh, forward only. The cost of the call counts: bound once, then called.

namespace adze::bench {
namespace {

struct Policy {
  nn::Linear a, b, c;
  Array operator()(const Array& x) const { return c(tanh(b(tanh(a(x))))); }
};

Workload workload(std::string id, std::int64_t batch) {
  return {std::move(id), "policy 17-64-64-6, tanh, forward, batch " + std::to_string(batch),
          [=](const Setting& setting) {
            auto [k1, k2, k3, kx] = random::split<4>(random::key(4));
            const Policy policy{nn::linear(k1, 17, 64), nn::linear(k2, 64, 64), nn::linear(k3, 64, 6)};
            const Array x = random::normal(kx, {batch, 17});
            return forward(
                setting, [](const Policy& p, const Array& observation) { return p(observation); }, policy, x);
          }};
}

}  // namespace

std::vector<Workload> w4_policy() {
  return {workload("W4-B1", 1), workload("W4-B256", 256)};
}

}  // namespace adze::bench
