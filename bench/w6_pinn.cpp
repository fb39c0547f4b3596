#include <numbers>

#include "bench/workload.h"

// W6: a physics-informed network. u(x, y) is an MLP 2-32-32-32-1 with tanh that is trained to solve
// u_xx + u_yy = -sin(pi x) sin(pi y) on random points of the unit square, with Adam: second derivatives by
// the points, and a first one of those by the weights.

namespace adze::bench {
namespace {

struct Solution {
  nn::Linear a, b, c, d;
  Array operator()(const Array& points) const { return d(tanh(c(tanh(b(tanh(a(points))))))); }
};

/// The second derivative of u along the axis, at every point: forward mode over forward mode. Points do not
/// see each other, so one tangent serves them all.
Array second_derivative(const Solution& u, const Array& points, std::int64_t axis) {
  const Array along = eye(1, 2, DType::kF32, axis) + zeros_like(points);
  const auto first = [&](const Array& p) { return jvp(u, p, along).second; };
  return jvp(first, points, along).second;
}

Array loss(const Solution& u, const Array& points) {
  const Array laplacian = second_derivative(u, points, 0) + second_derivative(u, points, 1);
  const Array waves = sin(std::numbers::pi * points);
  const Array source =
      slice(waves, {0, 0}, {points.shape()[0], 1}) * slice(waves, {0, 1}, {points.shape()[0], 2});
  return mean(square(laplacian + source));
}

Workload workload(std::int64_t batch) {
  return {"W6-B" + std::to_string(batch),
          "PINN 2-32-32-32-1, tanh, batch " + std::to_string(batch) + ", Adam", [=](const Setting& setting) {
            auto [k1, k2, k3, k4, kx] = random::split<5>(random::key(6));
            Solution u{nn::linear(k1, 2, 32), nn::linear(k2, 32, 32), nn::linear(k3, 32, 32),
                       nn::linear(k4, 32, 1)};
            const auto adam = optim::adam({.learning_rate = 1e-3f});
            auto step = training_step(setting, loss, adam);
            return train(setting, step, u, adam.init(u), random::uniform(kx, {batch, 2}));
          }};
}

}  // namespace

std::vector<Workload> w6_pinn() {
  return {workload(1024), workload(256)};
}

}  // namespace adze::bench
