#include <cmath>
#include <limits>

#include "support/arrays.h"

namespace adze {
namespace {

using testing::expect_array;
using testing::expect_close;

// The program of the design, as a user writes it.

struct Mlp {
  nn::Linear hidden, out;
  Array operator()(const Array& x) const { return out(relu(hidden(x))); }
};

Array loss(const Mlp& model, const Array& x, const Array& labels) {
  return mean(nn::softmax_cross_entropy(model(x), labels));
}

Mlp make_model() {
  auto [k1, k2] = random::split<2>(random::key(0));
  return {nn::linear(k1, 16, 32), nn::linear(k2, 32, 4)};
}

TEST(Training, TheProgramOfTheDesign) {
  Mlp model = make_model();
  auto adam = optim::adam({.learning_rate = 1e-2});
  auto state = adam.init(model);
  auto step = compile([&](Mlp m, auto s, Array x, Array y) {
    auto [l, g] = value_and_grad(loss)(m, x, y);
    auto [m2, s2] = adam.apply(m, g, s);
    return std::tuple(l, m2, s2);
  });
  const Array x = random::normal(random::key(1), {24, 16}), y = random::randint(random::key(2), {24}, 0, 4);
  Array l;
  const float before = loss(model, x, y).item<float>();
  for (int i = 0; i < 60; ++i) std::tie(l, model, state) = step(std::move(model), std::move(state), x, y);
  EXPECT_GT(before, 1.2f);
  EXPECT_LT(l.item<float>(), 0.05f);
  EXPECT_EQ(state.step.item<int>(), 60);
  // The first call got Arrays nobody else held, as did all later ones: one program.
  EXPECT_EQ(step.specialisations(), 1u);
}

template <class Optimizer>
void expect_same_steps_everywhere(const Optimizer& optimizer) {
  const Array x = random::normal(random::key(1), {24, 16}), y = random::randint(random::key(2), {24}, 0, 4);
  const auto step = [&](const Mlp& m, const auto& s) {
    const auto [l, g] = value_and_grad(loss)(m, x, y);
    const auto [m2, s2] = optimizer.apply(m, g, s);
    return std::tuple(l, m2, s2);
  };
  const auto run = [&](const auto& f) {
    Mlp m = make_model();
    auto s = optimizer.init(m);
    Array l;
    for (int i = 0; i < 3; ++i) std::tie(l, m, s) = f(m, s);
    return std::tuple(l, m);
  };
  const auto [eager_loss, eager] = run(step);
  const auto [compiled_loss, compiled] = run(compile(step));
  const auto [reference_loss, reference] = run(compile(step, {.device = Device::kInterpreter}));
  expect_close(eager_loss, reference_loss, 1e-5);
  expect_close(compiled_loss, reference_loss, 1e-5);
  for (std::size_t i = 0; i < 4; ++i) {
    expect_close(tree_leaves(eager)[i], tree_leaves(reference)[i], 2e-5);
    expect_close(tree_leaves(compiled)[i], tree_leaves(reference)[i], 2e-5);
  }
}

TEST(Training, EagerCompiledAndInterpretedStepsAgree) {
  expect_same_steps_everywhere(optim::sgd({.learning_rate = 0.1}));
  expect_same_steps_everywhere(optim::momentum({.learning_rate = 0.1}));
  expect_same_steps_everywhere(optim::adam());
}

TEST(Optimizers, ByHand) {
  const Array w(1.0), g(0.5);
  const auto sgd = optim::sgd({.learning_rate = 0.1});
  EXPECT_DOUBLE_EQ(sgd.apply(w, g, sgd.init(w)).first.item<double>(), 0.95);

  const auto momentum = optim::momentum({.learning_rate = 0.1, .momentum = 0.9});
  const auto [w1, s1] = momentum.apply(w, g, momentum.init(w));
  const auto [w2, s2] = momentum.apply(w1, g, s1);
  EXPECT_DOUBLE_EQ(w1.item<double>(), 0.95);
  EXPECT_DOUBLE_EQ(s2.velocity.item<double>(), 0.9 * 0.05 + 0.05);
  EXPECT_DOUBLE_EQ(w2.item<double>(), 0.95 - 0.095);

  const auto adam = optim::adam({.learning_rate = 0.1, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8});
  double mean = 0, variance = 0, expected = 1;
  Array weight(1.0);
  auto state = adam.init(weight);
  for (int t = 1; t <= 5; ++t) {
    const double gradient = std::cos(t);
    mean = 0.9 * mean + 0.1 * gradient;
    variance = 0.99 * variance + 0.01 * gradient * gradient;
    expected -=
        0.1 * (mean / (1 - std::pow(0.9, t))) / (std::sqrt(variance / (1 - std::pow(0.99, t))) + 1e-8);
    std::tie(weight, state) = adam.apply(weight, Array(gradient), state);
    EXPECT_NEAR(weight.item<double>(), expected, 1e-14);
  }
}

TEST(Losses, ByHand) {
  const Array logits({1.0, 2.0, 3.0, 0.0, 0.0, 1000.0}, {2, 3});
  const double lse = 3 + std::log1p(std::exp(-1.0) + std::exp(-2.0));
  expect_array(nn::softmax_cross_entropy(logits, Array({0, 2}, {2})), "f64[2]", {lse - 1, 0}, 1e-15);
  expect_array(nn::softmax_cross_entropy(logits, Array({0, 7}, {2})), "f64[2]", {lse - 1, 0}, 1e-15);
  expect_array(nn::softmax_cross_entropy(logits, Array({0.5, 0.5, 0.0, 0.0, 0.0, 1.0}, {2, 3})), "f64[2]",
               {lse - 1.5, 0}, 1e-15);
  // An impossible class elsewhere must not spoil the loss.
  const Array masked({0.0, -std::numeric_limits<double>::infinity()}, {1, 2});
  expect_array(nn::softmax_cross_entropy(masked, Array({0}, {1})), "f64[1]", {0});
  expect_array(nn::sigmoid_cross_entropy(Array({2.0, -200.0}, {2}), Array({1.0, 0.0}, {2})), "f64[2]",
               {std::log1p(std::exp(-2.0)), 0}, 1e-15);
  expect_array(nn::mse(Array({1.0, 3.0}, {2}), 2), "f64[]", {1});
  expect_array(nn::accuracy(logits, Array({2, 0}, {2})), "f32[]", {0.5});
}

TEST(Linear, InitialisesByFanIn) {
  const nn::Linear layer = nn::linear(random::key(0), 100, 50);
  EXPECT_EQ(to_string(layer.weight.type()), "f32[100,50]");
  EXPECT_EQ(to_string(layer.bias.type()), "f32[50]");
  EXPECT_NEAR(stddev(layer.weight).item<double>(), 0.1, 5e-3);
  expect_array(layer(ones({100})) - sum(layer.weight, 0), "f32[50]", std::vector<double>(50, 0), 1e-4);
  EXPECT_EQ(layer(ones({2, 3, 100})).shape(), (Dims{2, 3, 50}));
}

}  // namespace
}  // namespace adze
