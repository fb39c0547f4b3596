// Derivatives of whole functions: against closed forms, against finite differences, against each other.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "passes/ad/ad.h"
#include "support/derivative_checks.h"
#include "support/programs.h"
#include "support/random_values.h"

namespace adze {
namespace {

using testing::check_derivatives;

struct ClosedForm {
  std::string_view name;
  std::string_view body;  ///< of y from x, both f64[]
  std::function<double(double)> first, second;
};

class ClosedForms : public ::testing::TestWithParam<ClosedForm> {};

TEST_P(ClosedForms, FirstAndSecondDerivative) {
  const Graph f =
      parse_graph("func @f(%x: f64[]) -> f64[] {\n" + std::string(GetParam().body) + "  return %y\n}\n");
  const Graph first = gradient_graph(f, {true}, false);
  const Graph second = gradient_graph(first, {true}, false);
  for (const double x : {0.25, 0.5, 1.0, 1.75}) {
    const Literal at = Literal::full({DType::kF64, {}}, x);
    EXPECT_NEAR(interpret(first, {&at, 1})[0].as_double(0), GetParam().first(x), 1e-12) << x;
    EXPECT_NEAR(interpret(second, {&at, 1})[0].as_double(0), GetParam().second(x), 1e-12) << x;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , ClosedForms,
    ::testing::Values(
        ClosedForm{"cube", "  %s = mul %x, %x : f64[]\n  %y = mul %s, %x : f64[]\n",
                   [](double x) { return 3 * x * x; }, [](double x) { return 6 * x; }},
        ClosedForm{"reciprocal", "  %o = constant {value = f64[] 1} : f64[]\n  %y = div %o, %x : f64[]\n",
                   [](double x) { return -1 / (x * x); }, [](double x) { return 2 / (x * x * x); }},
        ClosedForm{"tanh", "  %y = tanh %x : f64[]\n",
                   [](double x) { return 1 - std::tanh(x) * std::tanh(x); },
                   [](double x) { return -2 * std::tanh(x) * (1 - std::tanh(x) * std::tanh(x)); }},
        ClosedForm{"softplus",
                   "  %e = exp %x : f64[]\n  %o = constant {value = f64[] 1} : f64[]\n"
                   "  %s = add %e, %o : f64[]\n  %y = log %s : f64[]\n",
                   [](double x) { return 1 / (1 + std::exp(-x)); },
                   [](double x) { return std::exp(-x) / ((1 + std::exp(-x)) * (1 + std::exp(-x))); }},
        ClosedForm{"sin_of_square", "  %s = mul %x, %x : f64[]\n  %y = sin %s : f64[]\n",
                   [](double x) { return 2 * x * std::cos(x * x); },
                   [](double x) { return 2 * std::cos(x * x) - 4 * x * x * std::sin(x * x); }},
        ClosedForm{"through_vectors",
                   "  %b = broadcast_in_dim %x {dims = [], shape = [4]} : f64[4]\n"
                   "  %s = mul %b, %b : f64[4]\n  %y = reduce_sum %s {axes = [0]} : f64[]\n",
                   [](double x) { return 8 * x; }, [](double) { return 8.0; }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Networks, MlpLossToThirdOrder) {
  const Graph loss = parse_graph(testing::kMlpLoss);
  const std::vector<bool> weights = {false, false, true, true, true, true};
  check_derivatives(loss, weights, testing::random_arguments(loss, 3), 3);
}

TEST(Networks, RowSoftmax) {
  check_derivatives(testing::kRowSoftmax, 2);
}

TEST(Networks, InputsToo) {
  const Graph loss = parse_graph(testing::kMlpLoss);
  check_derivatives(loss, testing::float_parameters(loss), testing::random_arguments(loss, 4), 1);
}

TEST(Networks, SeveralResultsAndSharedValues) {
  check_derivatives(R"(
func @f(%x: f64[3,4], %y: f64[4], %unused: f64[2]) -> (f64[3,4], f64[4], f64[], f64[4]) {
  %yb = broadcast_in_dim %y {dims = [1], shape = [3,4]} : f64[3,4]
  %p = mul %x, %yb : f64[3,4]
  %q = mul %p, %p : f64[3,4]
  %r = add %q, %p : f64[3,4]
  %s = reduce_sum %r {axes = [0]} : f64[4]
  %t = reduce_sum %s {axes = [0]} : f64[]
  return %r, %s, %t, %y
}
)",
                    2);
}

TEST(Networks, MovementOps) {
  check_derivatives(R"(
func @f(%x: f64[3,4], %y: f64[2,4]) -> f64[4,3] {
  %c = concatenate %x, %y {dimension = 0} : f64[5,4]
  %s = slice %c {limit = [5,4], start = [1,0], strides = [2,1]} : f64[2,4]
  %zero = constant {value = f64[] 0.5} : f64[]
  %p = pad %s, %zero {high = [1,-1], interior = [0,0], low = [0,1]} : f64[3,4]
  %r = reverse %p {dims = [1]} : f64[3,4]
  %t = transpose %r {permutation = [1,0]} : f64[4,3]
  %xr = reshape %x {shape = [4,3]} : f64[4,3]
  %m = mul %t, %xr : f64[4,3]
  return %m
}
)",
                    2);
}

TEST(Networks, IntegersPassThrough) {
  const Graph f = parse_graph(R"(
func @f(%x: f64[4], %n: i32[4]) -> (i32[4], f64[4]) {
  %m = add %n, %n : i32[4]
  %w = convert %m {dtype = f64} : f64[4]
  %y = mul %x, %w : f64[4]
  return %m, %y
}
)");
  check_derivatives(f, {true, false}, testing::random_arguments(f, 5), 2);
  const Graph vjp = vjp_graph(f, {true, false});
  EXPECT_EQ(vjp.parameters().size(), 3u);  // x, n, the cotangent of y
  EXPECT_EQ(vjp.results().size(), 3u);     // m, y, the cotangent of x
}

TEST(Networks, NoDerivativeThroughIntegersAndComparisons) {
  const Graph gradient = gradient_graph(parse_graph(R"(
func @f(%x: f64[]) -> f64[] {
  %n = convert %x {dtype = i32} : i32[]
  %y = convert %n {dtype = f64} : f64[]
  return %y
}
)"),
                                        {true}, false);
  const Literal x = Literal::full({DType::kF64, {}}, 1.5);
  EXPECT_EQ(interpret(gradient, {&x, 1})[0].as_double(0), 0);
}

TEST(Networks, VjpOfJvpIsJvpOfVjp) {
  // The Hessian is symmetric: <u, H v> either way, for the scalar loss.
  const Graph loss = parse_graph(testing::kMlpLoss);
  const std::vector<bool> weights = {false, false, true, true, true, true};
  const std::vector<Literal> x = testing::random_arguments(loss, 11);
  const testing::Directions u = testing::random_directions(loss, weights, 12);
  const testing::Directions v = testing::random_directions(loss, weights, 13);

  // d/dt grad(x + t u), against v.
  const Graph gradient = gradient_graph(loss, weights, false);
  const double forward_over_reverse = testing::by_jvp(gradient, weights, x, testing::Directions{u.u, v.u});

  // The gradient of <grad(x), u> = jvp along u, against v: differentiate the tangent result only.
  const Graph jvp = jvp_graph(loss, weights);
  std::vector<Literal> point = x;
  point.insert(point.end(), u.u.begin(), u.u.end());
  std::vector<bool> flags = weights;
  flags.resize(point.size(), false);
  testing::Directions d{v.u, {Literal::full({DType::kF64, {}}, 0), Literal::full({DType::kF64, {}}, 1)}};
  const double reverse_over_forward = testing::by_vjp(jvp, flags, point, d);

  EXPECT_NEAR(forward_over_reverse, reverse_over_forward, 1e-12);
  EXPECT_GT(std::abs(forward_over_reverse), 1e-3);  // not a comparison of zeros
}

}  // namespace
}  // namespace adze
