#include "ir/text.h"
#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;
using testing::expect_close;

Array cubic(const Array& x) {
  return sum(x * x * x);
}

struct Weights {
  Array w, b;
};

Array network(const Weights& p, const Array& x) {
  return sum(tanh(matmul(x, p.w) + p.b));
}

Weights weights() {
  return {Array({0.1, -0.2, 0.3, 0.4, -0.5, 0.6}, {3, 2}), Array({0.05, -0.05}, {2})};
}
Array inputs() {
  return Array({1.0, 2.0, -1.0, 0.5, -0.5, 1.5}, {2, 3});
}

TEST(Trace, NamesParametersByTheirPaths) {
  const Graph graph = trace(network, {.name = "network", .arguments = {"params", "x"}}, weights(), inputs());
  EXPECT_EQ(
      print(graph),
      "func @network(%0: f64[3,2] \"params.w\", %1: f64[2] \"params.b\", %2: f64[2,3] \"x\") -> f64[] {\n"
      "  %3 = dot_general %2, %0 {contract = [1] x [0]} : f64[2,2]\n"
      "  %4 = broadcast_in_dim %1 {dims = [1], shape = [2,2]} : f64[2,2]\n"
      "  %5 = add %3, %4 : f64[2,2]\n"
      "  %6 = tanh %5 : f64[2,2]\n"
      "  %7 = reduce_sum %6 {axes = [0,1]} : f64[]\n"
      "  return %7\n"
      "}\n");
  EXPECT_EQ(trace(cubic, Array(1.0f)).parameters()[0].name, "arg0");
}

TEST(Trace, CapturesLargeArraysAndEmbedsSmallOnes) {
  const Array big({1.f, 2.f}, {2}), small(3.0f);
  const Graph graph = trace([&](const Array& x) { return (x + big) * small + big; }, Array({0.f, 0.f}, {2}));
  ASSERT_EQ(graph.parameters().size(), 2u);
  EXPECT_EQ(graph.parameters()[1].name, "captured0");
}

TEST(Grad, OfTreesHasTheirType) {
  const Weights g = grad(network)(weights(), inputs());
  const double h = 1e-6;
  const auto at = [&](double dw, double db) {
    Weights p = weights();
    p.w = p.w + dw * Array({1.0, 0.0, 0.0, 0.0, 0.0, 0.0}, {3, 2});
    p.b = p.b + db * Array({0.0, 1.0}, {2});
    return network(p, inputs()).item<double>();
  };
  EXPECT_NEAR(g.w.data<double>()[0], (at(h, 0) - at(-h, 0)) / (2 * h), 1e-8);
  EXPECT_NEAR(g.b.data<double>()[1], (at(0, h) - at(0, -h)) / (2 * h), 1e-8);
}

TEST(Grad, ByNumberedArguments) {
  const auto f = [](const Array& x, const Array& y, const Array& z) { return sum(x * y + y * z * z); };
  const Array x(2.0), y(3.0), z(5.0);
  EXPECT_EQ(grad<1>(f)(x, y, z).item<double>(), 27.0);
  const auto [dz, dx] = grad<2, 0>(f)(x, y, z);
  EXPECT_EQ(dx.item<double>(), 3.0);
  EXPECT_EQ(dz.item<double>(), 30.0);
  const auto [value, gradient] = value_and_grad<1>(f)(x, y, z);
  EXPECT_EQ(value.item<double>(), 81.0);
  EXPECT_EQ(gradient.item<double>(), 27.0);
}

TEST(Grad, AuxiliaryResults) {
  const auto f = [](const Array& x) { return std::pair(sum(x * x), std::tuple(x + 1, x * 2)); };
  const auto [g, aux] = grad(f)(Array(3.0));
  EXPECT_EQ(g.item<double>(), 6.0);
  EXPECT_EQ(std::get<1>(aux).item<double>(), 6.0);
  const auto [result, g2] = value_and_grad(f)(Array(3.0));
  EXPECT_EQ(result.first.item<double>(), 9.0);
  EXPECT_EQ(std::get<0>(result.second).item<double>(), 4.0);
  EXPECT_EQ(g2.item<double>(), 6.0);
  const auto three = [](const Array& x) { return std::tuple(sum(x * x), x + 1); };
  EXPECT_EQ(grad(three)(Array(3.0)).second.item<double>(), 4.0);
}

TEST(Jvp, OneAndSeveralArguments) {
  const auto [y, dy] = jvp(cubic, Array(2.0), Array(1.0));
  EXPECT_EQ(y.item<double>(), 8.0);
  EXPECT_EQ(dy.item<double>(), 12.0);
  const auto f = [](const Array& a, const Array& b) { return std::pair(a * b, a + b); };
  const auto [value, tangent] =
      jvp(f, std::tuple(Array(2.0), Array(3.0)), std::tuple(Array(1.0), Array(10.0)));
  EXPECT_EQ(value.first.item<double>(), 6.0);
  EXPECT_EQ(tangent.first.item<double>(), 23.0);
  EXPECT_EQ(tangent.second.item<double>(), 11.0);
}

TEST(Jvp, IntegerResultsHaveZeroTangents) {
  const auto f = [](const Array& x) { return std::pair(x * 2, x > 0); };
  const auto [value, tangent] = jvp(f, Array(2.0), Array(1.0));
  EXPECT_EQ(tangent.first.item<double>(), 2.0);
  EXPECT_EQ(to_string(tangent.second), "bool[] false");
}

TEST(Vjp, PullsBackAndAgreesWithJvp) {
  const auto f = [](const Array& x, const Array& y) { return sin(x) * y; };
  const Array x({0.3, -0.7}, {2}), y({1.5, 2.5}, {2});
  const Array dx({0.2, 0.4}, {2}), dy({-1.0, 3.0}, {2}), u({0.9, -0.1}, {2});
  const auto [value, pullback] = vjp(f, x, y);
  expect_close(value, sin(x) * y, 1e-15);
  const auto [ux, uy] = pullback(u);
  const Array forward = jvp(f, std::tuple(x, y), std::tuple(dx, dy)).second;
  EXPECT_NEAR(sum(u * forward).item<double>(), (sum(ux * dx) + sum(uy * dy)).item<double>(), 1e-15);
}

TEST(Nesting, EveryPairOfTransformations) {
  const Array x(2.0), one(1.0);
  const auto f = [](const Array& a) { return sum(a * a * a * a); };  // 4 x^3 = 32, 12 x^2 = 48, 24 x = 48
  EXPECT_EQ(grad(grad(f))(x).item<double>(), 48.0);
  EXPECT_EQ(grad(grad(grad(f)))(x).item<double>(), 48.0);
  EXPECT_EQ(jvp(grad(f), x, one).second.item<double>(), 48.0);
  const auto forward = [&](const Array& a) { return jvp(f, a, ones_like(a)).second; };
  EXPECT_EQ(grad(forward)(x).item<double>(), 48.0);
  EXPECT_EQ(jvp(forward, x, one).second.item<double>(), 48.0);
  EXPECT_EQ(std::get<0>(vjp(grad(f), x).second(one)).item<double>(), 48.0);
  const auto pulled = [&](const Array& a) { return std::get<0>(vjp(f, a).second(ones_like(a))); };
  EXPECT_EQ(grad(pulled)(x).item<double>(), 48.0);
  EXPECT_EQ(jvp(pulled, x, one).second.item<double>(), 48.0);
  EXPECT_EQ(value_and_grad(grad(f))(x).second.item<double>(), 48.0);
}

TEST(Nesting, WithCompileAtEveryDepth) {
  const Array x(2.0);
  const auto f = [](const Array& a) { return sum(a * a * a * a); };
  EXPECT_EQ(compile(grad(f))(x).item<double>(), 32.0);
  EXPECT_EQ(grad(compile(f))(x).item<double>(), 32.0);
  EXPECT_EQ(compile(grad(compile(f)))(x).item<double>(), 32.0);
  EXPECT_EQ(compile(grad(compile(grad(compile(f)))))(x).item<double>(), 48.0);
  EXPECT_EQ(jvp(compile(grad(compile(f))), x, Array(1.0)).second.item<double>(), 48.0);
  EXPECT_EQ(compile([&](const Array& a) { return jvp(grad(f), a, ones_like(a)).second; })(x).item<double>(),
            48.0);
  EXPECT_EQ(
      compile([&](const Array& a) { return std::get<0>(vjp(compile(grad(f)), a).second(ones_like(a))); })(x)
          .item<double>(),
      48.0);
}

TEST(Nesting, InnerFunctionsSeeOuterTracedValues) {
  // d/dx of (d/dy x^2 y^2 at y = 3) = d/dx 6 x^2 = 12 x
  const auto outer = [](const Array& x) {
    return grad([&](const Array& y) { return x * x * y * y; })(Array(3.0));
  };
  EXPECT_EQ(grad(outer)(Array(2.0)).item<double>(), 24.0);
  EXPECT_EQ(compile(grad(outer))(Array(2.0)).item<double>(), 24.0);
  // Captured through two levels, and a vector at that.
  const Array weights({1.0, 2.0}, {2});
  const auto deep = [&](const Array& x) {
    return grad([&](const Array& y) {
      return grad([&](const Array& z) { return sum(weights * x * y * z * z); })(Array(1.0)) * y;
    })(Array(1.0));
  };
  EXPECT_EQ(deep(Array(5.0)).item<double>(), 60.0);  // 2 * 3 x y * y -> 12 x
  EXPECT_EQ(grad(deep)(Array(5.0)).item<double>(), 12.0);
  EXPECT_EQ(compile(grad(deep))(Array(5.0)).item<double>(), 12.0);
}

TEST(Nesting, HessianVectorProductOfANetwork) {
  const Array x = inputs();
  const auto loss = [&](const Weights& p) { return network(p, x); };
  const Weights direction{ones({3, 2}, DType::kF64), ones({2}, DType::kF64)};
  const auto product = [&](const Weights& p) { return jvp(grad(loss), p, direction).second; };
  const Weights eager = product(weights());
  const Weights compiled = compile(product)(weights());
  expect_close(compiled.w, eager.w, 1e-12);
  const double h = 1e-5;
  const auto moved = [&](double t) {
    return grad(loss)(
        tree_map([&](const Array& w, const Array& d) { return w + t * d; }, weights(), direction));
  };
  const Array difference = (moved(h).w - moved(-h).w) / (2 * h);
  expect_close(eager.w, difference, 1e-7);
}

TEST(GradErrors, SayWhatIsWrong) {
  const auto vector = [](const Array& x) { return x * 2; };
  const Array x({1.f, 2.f}, {2});
  int line = __LINE__ + 1;
  std::string error = error_of<TypeError>([&] { grad(vector)(x); });
  EXPECT_EQ(error,
            "grad: the function must return a float scalar, got f32[2]\n"
            "  while tracing the function of grad called at transforms_test.cpp:" +
                std::to_string(line));
  const auto scaled = [](const std::pair<Array, Array>& p) { return sum(p.first) * p.second; };
  const auto gradient = grad(scaled, {.name = "scaled", .arguments = {"p"}});
  line = __LINE__ + 1;
  error = error_of<CompileError>([&] { gradient(std::pair(Array(1.0f), Array(2))); });
  EXPECT_EQ(error,
            "grad: p[1] is i32[]; only float Arrays have gradients\n"
            "  while tracing scaled called at transforms_test.cpp:" +
                std::to_string(line));
  EXPECT_EQ(error_of<TypeError>([&] { jvp(vector, Array(1.0f), Array(1.0)); }),
            "jvp: the tangent of arg0 must be f32[], got f64[]");
  EXPECT_EQ(error_of<TypeError>([&] {
              vjp(vector, Array(1.0f)).second(Array({1.f, 2.f}, {2}));
            }),
            "vjp: the cotangent of result 0 must be f32[], got f32[2]");
}

}  // namespace
}  // namespace adze
