// Derivatives of graphs that nobody wrote by hand.
#include <gtest/gtest.h>

#include "support/derivative_checks.h"
#include "support/random_graph.h"
#include "support/random_values.h"

namespace adze {
namespace {

class RandomGraphs : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomGraphs, JvpVjpAndFiniteDifferencesAgreeToSecondOrder) {
  const Graph graph = testing::random_graph(GetParam(), {.nodes = 20, .smooth = true});
  const std::vector<Literal> x = testing::random_arguments(graph, GetParam(), -1, 1);
  testing::check_derivatives(graph, testing::float_parameters(graph), x, 2);
}

INSTANTIATE_TEST_SUITE_P(, RandomGraphs, ::testing::Range<std::uint64_t>(0, 40));

}  // namespace
}  // namespace adze
