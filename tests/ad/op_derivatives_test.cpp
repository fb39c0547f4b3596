// The derivative rules of every op, over its own samples and at every order they ask for: jvp against finite
// differences, vjp against jvp, in f64.
#include <gtest/gtest.h>

#include <array>

#include "ir/interpreter.h"
#include "ir/op.h"
#include "ir/text.h"
#include "passes/ad/ad.h"
#include "tests/support/literals.h"
#include "tests/support/op_samples.h"

namespace adze {
namespace {

using Literals = std::vector<Literal>;

bool is_float_at(const Graph& graph, ValueId value) {
  return is_float(graph.type(value).dtype);
}

/// Which parameters can be active.
std::vector<bool> float_parameters(const Graph& graph) {
  std::vector<bool> active;
  for (const Parameter& parameter : graph.parameters()) active.push_back(is_float_at(graph, parameter.value));
  return active;
}

Literal random_like(const TensorType& type, std::mt19937& engine) {
  Literal literal(type);
  for (std::int64_t i = 0; i < literal.size(); ++i) {
    literal.set_double(i, static_cast<double>(engine()) / 2147483648.0 - 1);
  }
  return literal;
}

/// One random tensor for each float parameter.
Literals random_tangents(const Graph& graph, std::mt19937& engine) {
  Literals tangents;
  for (const Parameter& p : graph.parameters()) {
    if (is_float_at(graph, p.value)) tangents.push_back(random_like(graph.type(p.value), engine));
  }
  return tangents;
}

Literals joined(Literals a, const Literals& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Literals float_results(const Graph& graph, const Literals& arguments) {
  Literals results;
  for (Literal& result : interpret(graph, arguments)) {
    if (is_float(result.type().dtype)) results.push_back(std::move(result));
  }
  return results;
}

/// `arguments` moved by `step` along `tangents`.
Literals moved(const Literals& arguments, const Literals& tangents, double step) {
  Literals result = arguments;
  std::size_t t = 0;
  for (Literal& literal : result) {
    if (!is_float(literal.type().dtype)) continue;
    for (std::int64_t i = 0; i < literal.size(); ++i) {
      literal.set_double(i, literal.as_double(i) + step * tangents[t].as_double(i));
    }
    ++t;
  }
  return result;
}

/// Directional derivatives by central differences of 6th order.
Literals finite_differences(const Graph& graph, const Literals& arguments, const Literals& tangents) {
  constexpr double kStep = 2e-3;
  constexpr std::array<double, 3> kWeights = {45.0 / 60, -9.0 / 60, 1.0 / 60};
  Literals sum;
  for (std::size_t k = 0; k < kWeights.size(); ++k) {
    for (const double sign : {1.0, -1.0}) {
      const double step = sign * kStep * static_cast<double>(k + 1);
      const Literals at = float_results(graph, moved(arguments, tangents, step));
      if (sum.empty()) {
        for (const Literal& literal : at) sum.emplace_back(literal.type());
      }
      for (std::size_t r = 0; r < at.size(); ++r) {
        for (std::int64_t i = 0; i < at[r].size(); ++i) {
          sum[r].set_double(i, sum[r].as_double(i) + sign * kWeights[k] / kStep * at[r].as_double(i));
        }
      }
    }
  }
  return sum;
}

double inner_product(const Literals& a, const Literals& b) {
  double sum = 0;
  EXPECT_EQ(a.size(), b.size());
  for (std::size_t r = 0; r < a.size(); ++r) {
    EXPECT_EQ(a[r].type(), b[r].type());
    for (std::int64_t i = 0; i < a[r].size(); ++i) sum += a[r].as_double(i) * b[r].as_double(i);
  }
  return sum;
}

/// Checks the derivatives of `graph` at `arguments`, then those of its derivatives, to `order`. What is
/// derived in the one mode an op has can be derived in both, but for a while, which stays one.
void check_derivatives(const Graph& graph, const Literals& arguments, int order, DerivativeModes modes,
                       std::mt19937& engine) {
  const bool forward = modes != DerivativeModes::kReverse;
  const bool reverse = modes != DerivativeModes::kForward;
  const std::vector<bool> active = float_parameters(graph);
  const Literals tangents = random_tangents(graph, engine);
  const Literals with_tangents = joined(arguments, tangents);
  const Literals expected = float_results(graph, arguments);
  const Literals differences = finite_differences(graph, arguments, tangents);
  const std::size_t count = expected.size();
  Literals cotangents;
  for (const Literal& value : expected) cotangents.push_back(random_like(value.type(), engine));
  const Literals with_cotangents = joined(arguments, cotangents);
  Graph jvp, vjp;
  Literals derivative;
  if (forward) {
    jvp = jvp_graph(graph, active);
    verify(jvp);
    const Literals results = float_results(jvp, with_tangents);
    // Non-float results come first in the jvp graph too, but were dropped: values, then tangents.
    ASSERT_EQ(results.size(), 2 * count);
    derivative.assign(results.begin() + static_cast<std::ptrdiff_t>(count), results.end());
    for (std::size_t r = 0; r < count; ++r) {
      EXPECT_EQ(testing::difference(results[r], expected[r], {.relative = 1e-14}), "") << print(jvp);
      EXPECT_EQ(testing::difference(derivative[r], differences[r], {.relative = 1e-7}), "") << print(jvp);
    }
  }
  if (reverse) {
    vjp = vjp_graph(graph, active);
    verify(vjp);
    const Literals results = float_results(vjp, with_cotangents);
    const Literals pulled_back(results.begin() + static_cast<std::ptrdiff_t>(count), results.end());
    const double by_vjp = inner_product(pulled_back, tangents);
    const double by_other = inner_product(cotangents, forward ? derivative : differences);
    EXPECT_NEAR(by_other, by_vjp, (forward ? 1e-12 : 1e-7) * std::max(1.0, std::fabs(by_other)))
        << print(vjp);
  }
  if (order <= 1 || ::testing::Test::HasFailure()) return;
  if (forward) check_derivatives(jvp, with_tangents, order - 1, modes, engine);
  if (reverse) check_derivatives(vjp, with_cotangents, order - 1, DerivativeModes::kBoth, engine);
}

class OpDerivatives : public ::testing::TestWithParam<const OpDef*> {};

TEST_P(OpDerivatives, AgreeWithFiniteDifferencesAndEachOther) {
  const OpDef& op = *GetParam();
  for (const OpSample& sample : op.samples()) {
    if (sample.derivative_order == 0) continue;
    std::mt19937 engine(5);
    const Graph graph = testing::sample_graph(op, sample);
    check_derivatives(graph, testing::random_inputs(sample, 4), sample.derivative_order,
                      sample.derivative_modes, engine);
  }
}

INSTANTIATE_TEST_SUITE_P(AllOps, OpDerivatives, ::testing::ValuesIn(testing::ops_with_values()),
                         [](const auto& param) { return std::string(param.param->name); });

}  // namespace
}  // namespace adze
