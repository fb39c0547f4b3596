// Solves Poisson's equation on the unit square with a network: -(u_xx + u_yy) = f inside, u = 0 on the
// border, where f = 2 pi^2 sin(pi x) sin(pi y), so that u = sin(pi x) sin(pi y). The network never sees u: it
// learns from its own second derivatives. The whole training step, the random points too, is one compiled
// function.

#include <adze/adze.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <numbers>
#include <tuple>

using namespace adze;

namespace {

struct Options {
  std::int64_t width = 32, points = 256, grid = 64;
  int steps = 2000, report_every = 200;
  double learning_rate = 5e-3;
  std::uint64_t seed = 0;
  std::string device = "cpu";
};

Array coordinate(const Array& point, std::int64_t axis) {
  return reshape(slice(point, {axis}, {axis + 1}), {});
}

/// u(x, y) at one point, f32[2] -> f32[]: x (1 - x) y (1 - y) N(x, y) with a tanh network N, which is 0 on
/// the border whatever N is (Lagaris, Likas and Fotiadis, "Artificial neural networks for solving ordinary
/// and partial differential equations", 1998).
struct Solution {
  nn::Linear a, b, c;
  Array operator()(const Array& point) const {
    const Array x = coordinate(point, 0), y = coordinate(point, 1);
    const Array network = c(tanh(b(tanh(a(reshape(point, {1, 2}))))));
    return x * (1 - x) * y * (1 - y) * reshape(network, {});
  }
};

/// u_xx + u_yy at one point: forward mode over forward mode along each axis.
Array laplacian(const Solution& u, const Array& point) {
  const auto second_derivative = [&](std::int64_t axis) {
    const Array along = reshape(eye(1, 2, DType::kF32, axis), {2});
    const auto first = [&](const Array& p) { return jvp(u, p, along).second; };
    return jvp(first, point, along).second;
  };
  return second_derivative(0) + second_derivative(1);
}

/// The solution at points f32[n, 2].
Array exact(const Array& points) {
  const Array waves = sin(std::numbers::pi * points);
  const std::int64_t count = points.shape()[0];
  return reshape(slice(waves, {0, 0}, {count, 1}) * slice(waves, {0, 1}, {count, 2}), {count});
}

/// The mean square of what is left of the equation at the points.
Array loss(const Solution& u, const Array& points) {
  const Array source = 2 * std::numbers::pi * std::numbers::pi * exact(points);
  const Array left = vmap([&](const Array& point) { return laplacian(u, point); })(points);
  return mean(square(left + source));
}

/// ||u - exact|| / ||exact|| over the midpoints of a grid of n x n cells.
Array relative_l2_error(const Solution& u, std::int64_t n) {
  const Array axis = (astype(iota({n}, 0, DType::kI32), DType::kF32) + 0.5) / static_cast<double>(n);
  const Array x = broadcast_to(reshape(axis, {n, 1, 1}), {n, n, 1});
  const Array y = broadcast_to(reshape(axis, {1, n, 1}), {n, n, 1});
  const Array points = reshape(concatenate({x, y}, 2), {n * n, 2});
  const Array truth = exact(points);
  const Array ours = vmap([&](const Array& point) { return u(point); })(points);
  return sqrt(sum(square(ours - truth)) / sum(square(truth)));
}

void train(const Options& options) {
  const Device device = parse_device(options.device);
  auto [ka, kb, kc, kx] = random::split<4>(random::key(options.seed));
  Solution u{nn::linear(ka, 2, options.width), nn::linear(kb, options.width, options.width),
             nn::linear(kc, options.width, 1)};
  const auto optimizer = optim::adam(optim::cosine_decay(options.learning_rate, options.steps));
  auto state = optimizer.init(u);
  auto step = compile(
      [&](Solution m, auto s, Array key) {
        auto [next, use] = random::split<2>(key);
        auto [l, gradient] = value_and_grad(loss)(m, random::uniform(use, {options.points, 2}));
        auto [m2, s2] = optimizer.apply(m, gradient, s);
        return std::tuple(l, m2, s2, next);
      },
      {.name = "training_step", .device = device});
  const auto error = compile([&](const Solution& m) { return relative_l2_error(m, options.grid); },
                             {.name = "error", .device = device});

  double first = 0, last = 0;
  Array key = kx;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < options.steps; ++i) {
    Array l;
    std::tie(l, u, state, key) = step(std::move(u), std::move(state), key);
    if (i == 0) first = l.item<double>();
    if ((i + 1) % options.report_every != 0 && i + 1 < options.steps) continue;
    last = l.item<double>();
    std::printf("step %5d  loss %.6f  relative L2 error %.4f %%\n", i + 1, last,
                100 * error(u).item<double>());
    std::fflush(stdout);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("relative_l2_error=%.6f first_loss=%.4f last_loss=%.6f steps=%d seconds=%.1f\n",
              error(u).item<double>(), first, last, options.steps, took.count());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{
      "Solves Poisson's equation on the unit square with a physics-informed network (2 - w - w - 1, tanh)."};
  const auto add = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str();
  };
  add("--width", options.width, "of the two hidden layers")->check(CLI::Range(1, 4096));
  add("--points", options.points, "random ones a step")->check(CLI::Range(1, 1000000));
  add("--grid", options.grid, "cells a side on which the error is taken")->check(CLI::Range(1, 1024));
  add("--steps", options.steps, "of training")->check(CLI::Range(1, 10000000));
  add("--report-every", options.report_every, "steps a line")->check(CLI::Range(1, 10000000));
  add("--learning-rate", options.learning_rate, "of Adam; it falls to 0 as a cosine");
  add("--seed", options.seed, "of weights and points");
  add("--device", options.device, "cpu, cuda or cuda:N (a GPU), cuda-host or interpreter");
  CLI11_PARSE(app, argc, argv);
  try {
    train(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
