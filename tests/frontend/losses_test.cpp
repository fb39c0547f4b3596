#include <cmath>
#include <limits>

#include "support/arrays.h"
#include "support/gradient_checks.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;
using testing::expect_gradient;

Array logits() {
  return Array({1.0, 2.0, 3.0, 0.5, -1.0, 0.25}, {2, 3});
}
Array probabilities() {
  return Array({0.2, 0.3, 0.5, 1.0, 0.0, 0.0}, {2, 3});
}

TEST(Losses, LabelSmoothing) {
  // optax.softmax_cross_entropy(z, optax.smooth_labels(y, 0.1))
  expect_array(nn::softmax_cross_entropy(logits(), Array({0, 2}, {2}), {.label_smoothing = 0.1}), "f64[2]",
               {2.3076059644443805, 0.9774455197352477}, 1e-15);
  expect_array(nn::softmax_cross_entropy(logits(), probabilities(), {.label_smoothing = 0.1}), "f64[2]",
               {1.1376059644443801, 0.7524455197352476}, 1e-15);
  expect_array(nn::softmax_cross_entropy(logits(), Array({-1, 3}, {2}), {.label_smoothing = 0.1}), "f64[2]",
               {0, 0});
}

TEST(Losses, KlDivergence) {
  // optax.losses.kl_divergence
  expect_array(nn::kl_divergence(log_softmax(logits()), probabilities()), "f64[2]",
               {0.07795295037980665, 0.6941121864019144}, 1e-15);
  // Where p is 0, q may be too, and the gradient is a number.
  const double inf = std::numeric_limits<double>::infinity();
  const Array log_q({0.0, -inf}, {2}), p({1.0, 0.0}, {2});
  expect_array(nn::kl_divergence(log_q, p), "f64[]", {0});
  expect_array(grad<1>([](const Array& a, const Array& b) { return nn::kl_divergence(a, b); })(log_q, p),
               "f64[2]", {1, 0});
}

TEST(Losses, HuberAndHinge) {
  expect_array(nn::huber(Array({0.3, -2.0, 4.0}, {3}), Array({0.0, 0.0, 1.0}, {3}), 1.5), "f64[3]",
               {0.5 * 0.3 * 0.3, 1.5 * (2 - 0.75), 1.5 * (3 - 0.75)}, 1e-15);
  expect_array(nn::hinge(Array({0.3, -2.0, 4.0}, {3}), Array({1.0, 1.0, -1.0}, {3})), "f64[3]", {0.7, 3, 5},
               1e-15);
  expect_array(nn::hinge(Array({2.0, 0.5}, {2}), Array({1, -1}, {2})), "f64[2]", {0, 1.5});
}

TEST(Losses, Gradients) {
  const Array labels({0, 2}, {2});
  expect_gradient(
      [&](const Array& z) { return sum(nn::softmax_cross_entropy(z, labels, {.label_smoothing = 0.2})); },
      logits());
  expect_gradient([](const Array& z) { return sum(nn::softmax_cross_entropy(z, probabilities())); },
                  logits());
  expect_gradient([](const Array& z) { return sum(nn::sigmoid_cross_entropy(z, probabilities())); },
                  logits());
  expect_gradient([](const Array& z) { return sum(nn::kl_divergence(log_softmax(z), probabilities())); },
                  logits());
  expect_gradient([](const Array& z) { return sum(nn::huber(z, 0.1, 0.8)); }, logits());
  expect_gradient([](const Array& z) { return nn::mse(z, 0.1); }, logits());
}

TEST(Losses, Errors) {
  EXPECT_EQ(error_of<TypeError>([] {
              nn::softmax_cross_entropy(logits(), probabilities(), {.label_smoothing = 1.5});
            }).substr(0, 66),
            "softmax_cross_entropy: label smoothing is in [0, 1], not 1.5\n  at ");
  EXPECT_EQ(error_of<TypeError>([] {
              nn::softmax_cross_entropy(logits(), Array({1, 2, 0}, {3}));
            }).substr(0, 63),
            "softmax_cross_entropy: labels i32[3] do not fit logits f64[2,3]");
}

}  // namespace
}  // namespace adze
