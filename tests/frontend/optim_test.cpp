#include <cmath>
#include <functional>

#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;
using testing::values_of;

using Numbers = std::vector<double>;

/// Two Arrays of f64, five elements in all.
struct Model {
  Array a, b;
};

Model model() {
  return {Array({1.0, -2.0, 0.5}, {3}), Array({0.0, 3.0}, {2, 1})};
}

Numbers flat(const Model& m) {
  Numbers values = values_of(m.a);
  for (const double x : values_of(m.b)) values.push_back(x);
  return values;
}

/// The gradient of update t = 1, 2, ...: of a quadratic bowl, and something that changes sign.
Numbers gradient_at(const Numbers& w, int t) {
  Numbers g;
  for (std::size_t i = 0; i < w.size(); ++i) {
    g.push_back(0.3 * static_cast<double>(i + 1) * w[i] + std::cos(t + static_cast<double>(i)));
  }
  return g;
}

/// One plain step: changes w in place, given g and t.
using Reference = std::function<void(Numbers& w, Numbers g, int t)>;

/// 100 steps as one compiled program each, beside the plain ones.
template <class Optimizer>
void expect_path(const char* name, const Optimizer& optimizer, const Reference& reference) {
  SCOPED_TRACE(name);
  const auto step = compile([&](Model m, auto state, Model g) { return optimizer.apply(m, g, state); });
  Model m = model();
  auto state = optimizer.init(m);
  Numbers w = flat(m);
  for (int t = 1; t <= 100; ++t) {
    const Numbers g = gradient_at(w, t);
    reference(w, g, t);
    const Model gradients{Array({g[0], g[1], g[2]}, {3}), Array({g[3], g[4]}, {2, 1})};
    std::tie(m, state) = step(std::move(m), std::move(state), gradients);
    const Numbers actual = flat(m);
    for (std::size_t i = 0; i < w.size(); ++i) {
      ASSERT_NEAR(actual[i], w[i], 1e-12) << "element " << i << " after step " << t;
    }
  }
  EXPECT_EQ(step.specialisations(), 1u);
}

/// What a reference remembers of each weight.
struct Slots {
  Numbers s = Numbers(5, 0.0), d = Numbers(5, 0.0);
};

TEST(OptimizerPaths, Sgd) {
  expect_path("sgd", optim::sgd({.learning_rate = 0.05}), [](Numbers& w, Numbers g, int) {
    for (std::size_t i = 0; i < 5; ++i) w[i] -= 0.05 * g[i];
  });
  expect_path("inverse square root", optim::sgd(optim::inverse_sqrt_decay(0.1)),
              [](Numbers& w, Numbers g, int t) {
                for (std::size_t i = 0; i < 5; ++i) w[i] -= 0.1 / std::sqrt(t) * g[i];
              });
}

TEST(OptimizerPaths, Momentum) {
  expect_path("momentum", optim::momentum({.learning_rate = 0.05, .momentum = 0.8}),
              [k = Slots()](Numbers& w, Numbers g, int) mutable {
                for (std::size_t i = 0; i < 5; ++i) {
                  k.s[i] = 0.8 * k.s[i] + 0.05 * g[i];
                  w[i] -= k.s[i];
                }
              });
  // The learning rate is part of the velocity.
  expect_path("scheduled", optim::momentum({.learning_rate = optim::step_decay(0.1, 0.5, 30)}),
              [k = Slots()](Numbers& w, Numbers g, int t) mutable {
                for (std::size_t i = 0; i < 5; ++i) {
                  k.s[i] = 0.9 * k.s[i] + 0.1 * std::pow(0.5, (t - 1) / 30) * g[i];
                  w[i] -= k.s[i];
                }
              });
  // Optax's sgd(nesterov=True) and PyTorch's: v' = mu v + g; w' = w - eta (g + mu v').
  expect_path("nesterov", optim::nesterov({.learning_rate = 0.05, .momentum = 0.8}),
              [k = Slots()](Numbers& w, Numbers g, int) mutable {
                for (std::size_t i = 0; i < 5; ++i) {
                  k.s[i] = 0.8 * k.s[i] + g[i];
                  w[i] -= 0.05 * (g[i] + 0.8 * k.s[i]);
                }
              });
}

TEST(OptimizerPaths, Adagrad) {
  expect_path("adagrad", optim::adagrad({.learning_rate = 0.3, .epsilon = 1e-6, .initial_accumulator = 0.1}),
              [k = Slots{Numbers(5, 0.1), {}}](Numbers& w, Numbers g, int) mutable {
                for (std::size_t i = 0; i < 5; ++i) {
                  k.s[i] += g[i] * g[i];
                  w[i] -= 0.3 * g[i] / (std::sqrt(k.s[i]) + 1e-6);
                }
              });
}

TEST(OptimizerPaths, RmsProp) {
  expect_path("rmsprop", optim::rmsprop({.learning_rate = 0.02, .decay = 0.8, .epsilon = 1e-6}),
              [k = Slots()](Numbers& w, Numbers g, int) mutable {
                for (std::size_t i = 0; i < 5; ++i) {
                  k.s[i] = 0.8 * k.s[i] + (1 - 0.8) * g[i] * g[i];
                  w[i] -= 0.02 * g[i] / (std::sqrt(k.s[i]) + 1e-6);
                }
              });
}

TEST(OptimizerPaths, Adadelta) {
  expect_path("adadelta", optim::adadelta({.learning_rate = 0.7, .decay = 0.95, .epsilon = 1e-4}),
              [k = Slots()](Numbers& w, Numbers g, int) mutable {
                for (std::size_t i = 0; i < 5; ++i) {
                  k.s[i] = 0.95 * k.s[i] + (1 - 0.95) * g[i] * g[i];
                  const double change = std::sqrt(k.d[i] + 1e-4) / std::sqrt(k.s[i] + 1e-4) * g[i];
                  k.d[i] = 0.95 * k.d[i] + (1 - 0.95) * change * change;
                  w[i] -= 0.7 * change;
                }
              });
}

/// Adam's step with rate eta_t, and decay of the weights w[from], ...
Reference adam_reference(std::function<double(int t)> rate, double decay, std::size_t from) {
  return [=, k = Slots()](Numbers& w, Numbers g, int t) mutable {
    for (std::size_t i = 0; i < 5; ++i) {
      k.s[i] = 0.9 * k.s[i] + (1 - 0.9) * g[i];
      k.d[i] = 0.99 * k.d[i] + (1 - 0.99) * g[i] * g[i];
      const double direction =
          (k.s[i] / (1 - std::pow(0.9, t))) / (std::sqrt(k.d[i] / (1 - std::pow(0.99, t))) + 1e-8);
      w[i] -= rate(t) * (direction + (i >= from ? decay * w[i] : 0));
    }
  };
}

TEST(OptimizerPaths, Adam) {
  expect_path("adam", optim::adam({.learning_rate = 0.02, .beta2 = 0.99}),
              adam_reference([](int) { return 0.02; }, 0, 0));
  const auto cosine = [](int t) {
    const int n = t - 1;  // linear to 0.05 in 10 updates, then a cosine to 0.005 at 60
    if (n < 10) return 0.05 * n / 10;
    return 0.05 * (0.9 * 0.5 * (1 + std::cos(M_PI * std::min(n - 10, 50) / 50)) + 0.1);
  };
  const optim::Schedule schedule = optim::warmup_cosine_decay(0.05, 10, 60, 0, 0.005);
  expect_path("adamw", optim::adamw({.learning_rate = schedule, .beta2 = 0.99, .weight_decay = 0.1}),
              adam_reference(cosine, 0.1, 0));
  const auto only_b = [](std::string_view path, const Array& w) { return path == "b" && w.rank() == 2; };
  expect_path(
      "adamw with a mask",
      optim::adamw({.learning_rate = schedule, .beta2 = 0.99, .weight_decay = 0.1, .decay_mask = only_b}),
      adam_reference(cosine, 0.1, 3));
  expect_path("its parts",
              optim::chain(optim::scale_by_adam({.beta2 = 0.99}), optim::add_decayed_weights(0.1, only_b),
                           optim::scale_by_learning_rate(schedule)),
              adam_reference(cosine, 0.1, 3));
}

TEST(OptimizerPaths, Chains) {
  const auto clipped = [](Numbers g) {
    double norm = 0;
    for (const double x : g) norm += x * x;
    norm = std::sqrt(norm);
    for (double& x : g) x *= norm < 1.5 ? 1 : 1.5 / norm;
    return g;
  };
  expect_path(
      "clip_by_global_norm, adam",
      optim::chain(optim::clip_by_global_norm(1.5), optim::adam({.learning_rate = 0.02, .beta2 = 0.99})),
      [=, adam = adam_reference([](int) { return 0.02; }, 0, 0)](Numbers& w, Numbers g, int t) {
        adam(w, clipped(g), t);
      });
  expect_path("clip, decay, scale",
              optim::chain(optim::clip(0.5), optim::add_decayed_weights(0.01), optim::scale(2),
                           optim::scale_by_schedule([](const Array& n) { return -0.1 / (1 + n); })),
              [](Numbers& w, Numbers g, int t) {
                for (std::size_t i = 0; i < 5; ++i) {
                  w[i] -= 0.1 / t * 2 * (std::min(std::max(g[i], -0.5), 0.5) + 0.01 * w[i]);
                }
              });
}

double at(const optim::Schedule& schedule, int step) {
  return schedule(Array(step), DType::kF64).item<double>();
}

TEST(Schedules, ByHand) {
  EXPECT_DOUBLE_EQ(at(optim::constant(0.3), 17), 0.3);
  EXPECT_DOUBLE_EQ(at(0.25, 17), 0.25);
  EXPECT_DOUBLE_EQ(at(optim::inverse_sqrt_decay(0.3), 0), 0.3);
  EXPECT_DOUBLE_EQ(at(optim::inverse_sqrt_decay(0.3), 8), 0.1);
  EXPECT_DOUBLE_EQ(at(optim::step_decay(0.8, 0.5, 10), 9), 0.8);
  EXPECT_DOUBLE_EQ(at(optim::step_decay(0.8, 0.5, 10), 10), 0.4);
  EXPECT_DOUBLE_EQ(at(optim::step_decay(0.8, 0.5, 10), 35), 0.1);
  EXPECT_NEAR(at(optim::exponential_decay(0.8, 0.25, 10), 5), 0.4, 1e-15);
  EXPECT_NEAR(at(optim::cosine_decay(0.8, 100), 50), 0.4, 1e-15);
  EXPECT_NEAR(at(optim::cosine_decay(0.8, 100, 0.5), 100), 0.4, 1e-15);
  EXPECT_NEAR(at(optim::cosine_decay(0.8, 100, 0.5), 1000), 0.4, 1e-15);
  EXPECT_DOUBLE_EQ(at(optim::linear(0.1, 0.5, 4), 1), 0.2);
  EXPECT_DOUBLE_EQ(at(optim::linear(0.1, 0.5, 4), 9), 0.5);
  const optim::Schedule joined = optim::join({0.1, optim::linear(1, 0, 10), 0.7}, {5, 10});
  EXPECT_DOUBLE_EQ(at(joined, 4), 0.1);
  EXPECT_DOUBLE_EQ(at(joined, 5), 1.0);
  EXPECT_DOUBLE_EQ(at(joined, 9), 0.6);
  EXPECT_DOUBLE_EQ(at(joined, 10), 0.7);
  // optax.warmup_cosine_decay_schedule(0.1, 1.0, 10, 50, 0.2)(30)
  EXPECT_NEAR(at(optim::warmup_cosine_decay(1.0, 10, 50, 0.1, 0.2), 30), 0.6, 1e-15);
  EXPECT_DOUBLE_EQ(at(optim::warmup_cosine_decay(1.0, 10, 50, 0.1, 0.2), 5), 0.55);
}

TEST(Schedules, Errors) {
  EXPECT_EQ(error_of<TypeError>([] { optim::step_decay(0.1, 0.5, 0); }),
            "optim::step_decay: the period must be positive, not 0");
  EXPECT_EQ(error_of<TypeError>([] {
              optim::join({0.1, 0.2}, {3, 4});
            }),
            "optim::join: 2 schedules need one boundary less, in ascending order; there are 2");
  EXPECT_EQ(error_of<TypeError>([] { optim::warmup_cosine_decay(0.1, 10, 10); }),
            "optim::warmup_cosine_decay: 10 steps leave none after a warm-up of 10");
  EXPECT_EQ(error_of<TypeError>([] { at([](const Array& n) { return n + zeros({2}); }, 0); }),
            "optim: a schedule gives a scalar, this one gave f64[2]");
}

TEST(Optimizers, GlobalNormClipping) {
  const auto clip = optim::clip_by_global_norm(2.5);
  const auto update = [&](double scale) {
    const Model g{Array({3 * scale, 0.0, 0.0}, {3}), Array({0.0, 4 * scale}, {2, 1})};
    return clip.update(g, optim::NoState{}, g).first;
  };
  EXPECT_DOUBLE_EQ(optim::global_norm(update(1)).item<double>(), 2.5);
  expect_array(update(1).a, "f64[3]", {1.5, 0, 0});
  expect_array(update(0.1).b, "f64[2,1]", {0, 0.4});
  expect_array(update(0).a, "f64[3]", {0, 0, 0});
  EXPECT_TRUE(std::isnan(values_of(update(std::nan("")).a)[0]));
}

TEST(Optimizers, ConstantRatesCountNothing) {
  const auto leaves = [](const auto& optimizer) { return tree_paths(optimizer.init(model())); };
  EXPECT_EQ(leaves(optim::sgd(0.1)), std::vector<std::string>());
  EXPECT_EQ(leaves(optim::sgd(optim::cosine_decay(0.1, 10))), std::vector<std::string>({"step"}));
  EXPECT_EQ(leaves(optim::momentum(0.1)), std::vector<std::string>({"velocity.a", "velocity.b"}));
  EXPECT_EQ(leaves(optim::adam()),
            std::vector<std::string>({"mean.a", "mean.b", "variance.a", "variance.b", "step"}));
}

TEST(Optimizers, UpdatesKeepTheDtypeOfTheWeights) {
  const Array w(1.0f), g(0.5f);
  const auto rate = optim::inverse_sqrt_decay(0.1);
  const auto expect_f32 = [&](const auto& optimizer) {
    const auto [next, state] = optimizer.apply(w, g, optimizer.init(w));
    EXPECT_EQ(next.dtype(), DType::kF32);
    for (const Array& leaf : tree_leaves(state)) {
      EXPECT_TRUE(leaf.dtype() == DType::kF32 || leaf.dtype() == DType::kI32);
    }
  };
  expect_f32(optim::sgd(rate));
  expect_f32(optim::nesterov({.learning_rate = rate}));
  expect_f32(optim::adagrad(rate));
  expect_f32(optim::rmsprop(rate));
  expect_f32(optim::adadelta({.learning_rate = rate}));
  expect_f32(optim::chain(optim::clip_by_global_norm(0.1), optim::adamw(rate)));
}

}  // namespace
}  // namespace adze
