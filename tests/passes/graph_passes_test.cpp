// The graph passes on graphs that nobody wrote by hand: same results, and nothing left to do the second time.
#include <gtest/gtest.h>

#include "passes/ad/ad.h"
#include "passes/canonicalize.h"
#include "passes/fold_layout.h"
#include "support/derivative_checks.h"
#include "support/pass_checks.h"
#include "support/random_graph.h"

namespace adze {
namespace {

class GraphPasses : public ::testing::TestWithParam<std::uint64_t> {};

void expect_sound(testing::GraphPass pass, const Graph& graph) {
  const Graph result = pass(graph);
  verify(result);
  // Sums may be taken in another order (of sums, of copies); everything else keeps its bits.
  testing::expect_same_results(graph, result, {.relative = 1e-11});
  EXPECT_TRUE(pass(result) == result) << print(result) << print(pass(result));
}

TEST_P(GraphPasses, KeepTheMeaning) {
  const Graph graph = testing::random_graph(GetParam());
  expect_sound(canonicalize, graph);
  expect_sound(fold_layout, graph);
}

TEST_P(GraphPasses, KeepTheMeaningOfDerivatives) {
  const Graph graph = testing::random_graph(GetParam(), {.nodes = 12});
  const Graph vjp = vjp_graph(graph, testing::float_parameters(graph));
  expect_sound(canonicalize, vjp);
  expect_sound(fold_layout, vjp);
}

INSTANTIATE_TEST_SUITE_P(, GraphPasses, ::testing::Range<std::uint64_t>(0, 60));

}  // namespace
}  // namespace adze
