#include <functional>

#include "support/arrays.h"

namespace adze {
namespace {

using testing::expect_close;

/// A function of x f32[3,4] and y f32[4].
struct Case {
  const char* name;
  std::function<Array(const Array&, const Array&)> f;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"arithmetic", [](const Array& x, const Array& y) { return (x + y) * x - y / (x * x + 1); }},
      {"elementary", [](const Array& x, const Array& y) { return exp(sin(x)) + log1p(square(y)) * tanh(x); }},
      {"softmax", [](const Array& x, const Array&) { return softmax(x) * log_softmax(x, 0); }},
      {"logsumexp", [](const Array& x, const Array& y) { return logsumexp(x * y, 1) + softplus(sum(x, 1)); }},
      {"matmul", [](const Array& x, const Array& y) { return matmul(x, y) + matmul(x, swapaxes(x, 0, 1)); }},
      {"layer", [](const Array& x, const Array& y) { return relu(matmul(transpose(x), x) + y); }},
      {"gelu", [](const Array& x, const Array& y) { return gelu(x) + silu(y) - elu(x) * sigmoid(x); }},
      {"reductions",
       [](const Array& x, const Array& y) { return max(x, 0) - min(x, 0) + mean(x) * y + prod(y); }},
      {"variance",
       [](const Array& x, const Array&) { return (x - mean(x, 1, true)) / sqrt(var(x, 1, true) + 1e-5); }},
      {"select", [](const Array& x, const Array& y) { return where(x > y, x, 2 * y) + clip(x, -0.5, 0.5); }},
      {"indexing",
       [](const Array& x, const Array& y) {
         return concatenate({slice_axis(x, 1, 1), pad(index(x, 0) + y, {0}, {-1}) + zeros({3, 1})}, 1);
       }},
      {"movement",
       [](const Array& x, const Array& y) {
         return reverse(reshape(x, {4, 3}), 0) * expand_dims(y, 1);
       }},
      {"one_hot",
       [](const Array& x, const Array&) { return x * one_hot(argmax(x, 1), 4) + stop_gradient(x * x); }},
      {"powers", [](const Array& x, const Array& y) { return pow(x, 3) + pow(abs(y) + 1, x); }},
      {"layer_norm",
       [](const Array& x, const Array& y) {
         return nn::LayerNorm{y, y}(x) + nn::RmsNorm{y}(x);
       }},
      {"attention",
       [](const Array& x, const Array& y) {
         const Array heads = reshape(x, {3, 2, 2});
         return nn::dot_product_attention(heads, heads, heads * 2, {.causal = true}) + reshape(y, {2, 2});
       }},
      {"einsum", [](const Array& x, const Array& y) { return einsum("ij,kj,j->ik", x, x, y); }},
      {"random",
       [](const Array& x, const Array& y) {
         const Array key = random::fold_in(random::key(1), 2);
         return nn::Dropout{.rate = 0.4}.train(x, key) * random::uniform(key, {4}) + y;
       }},
      {"norm", [](const Array& x, const Array& y) { return outer(y, y) * norm(x) + cos(index(x, 1) * 3.0); }},
  };
  return table;
}

Array first() {
  return random::normal(random::key(11), {3, 4});
}
Array second() {
  return random::normal(random::key(12), {4});
}

TEST(Modes, EagerCompiledAndInterpretedAgree) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Array x = first(), y = second();
    const Array reference = compile(c.f, {.device = Device::kInterpreter})(x, y);
    expect_close(c.f(x, y), reference, 1e-5);
    expect_close(compile(c.f)(x, y), reference, 1e-5);
  }
}

TEST(Modes, AndSoDoTheirGradients) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Array x = first(), y = second();
    const auto gradient = grad<0, 1>([&](const Array& a, const Array& b) { return sum(sin(c.f(a, b))); });
    const auto [rx, ry] = compile(gradient, {.device = Device::kInterpreter})(x, y);
    const auto [ex, ey] = gradient(x, y);
    const auto [cx, cy] = compile(gradient)(x, y);
    expect_close(ex, rx, 2e-5);
    expect_close(ey, ry, 2e-5);
    expect_close(cx, rx, 2e-5);
    expect_close(cy, ry, 2e-5);
  }
}

TEST(Modes, CompiledCallsGiveTheSameBitsEachTime) {
  const auto f = compile(cases()[3].f);
  const Array x = first(), y = second();
  const std::vector<float> once = f(x, y).to_vector<float>();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(f(x, y).to_vector<float>(), once);
}

}  // namespace
}  // namespace adze
