// The size of derived graphs: shared subexpressions stay shared, at any order.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "ir/op.h"
#include "ir/text.h"
#include "passes/ad/ad.h"
#include "passes/canonicalize.h"
#include "support/programs.h"

namespace adze {
namespace {

const std::vector<bool> kWeights = {false, false, true, true, true, true};

std::size_t count(const Graph& graph, std::string_view op) {
  return static_cast<std::size_t>(std::count_if(graph.nodes().begin(), graph.nodes().end(),
                                                [&](const Node& node) { return node.op->name == op; }));
}

TEST(Growth, GradientOfAnMlpHasAtMostFourTimesItsNodes) {
  const Graph loss = parse_graph(testing::kMlpLoss);
  const Graph gradient = gradient_graph(loss, kWeights, true);
  EXPECT_LE(gradient.nodes().size(), 4 * loss.nodes().size());
  EXPECT_LE(canonicalize(gradient).nodes().size(), 2 * loss.nodes().size());
}

TEST(Growth, ContractionsOfAnMlp) {
  // Forward 2; reverse: two for the weights, one for the hidden layer, none for the input.
  const Graph gradient = gradient_graph(parse_graph(testing::kMlpLoss), kWeights, true);
  EXPECT_EQ(count(gradient, "dot_general"), 5u);
  EXPECT_EQ(count(gradient, "exp"), 1u);
  EXPECT_EQ(count(gradient, "log"), 1u);
  EXPECT_EQ(count(gradient, "tanh"), 1u);
}

TEST(Growth, NestedDerivativesShareElementaryFunctions) {
  Graph graph = parse_graph(testing::kMlpLoss);
  std::vector<bool> active = kWeights;
  for (int order = 1; order <= 3; ++order) {
    graph = vjp_graph(graph, active);
    active.resize(graph.parameters().size(), false);
    EXPECT_EQ(count(graph, "tanh"), 1u) << order;
    EXPECT_EQ(count(graph, "exp"), 1u) << order;
    EXPECT_EQ(count(graph, "log"), 1u) << order;
  }
}

TEST(Growth, OneTanhAfterGradOfGrad) {
  const Graph f = parse_graph("func @f(%x: f64[]) -> f64[] {\n  %y = tanh %x : f64[]\n  return %y\n}\n");
  const Graph third =
      gradient_graph(gradient_graph(gradient_graph(f, {true}, false), {true}, false), {true}, false);
  EXPECT_EQ(count(third, "tanh"), 1u);
}

TEST(Growth, EachOrderIsAtMostFourTimesTheLast) {
  Graph graph = parse_graph(testing::kMlpLoss);
  std::vector<bool> active = kWeights;
  for (int order = 1; order <= 3; ++order) {
    const std::size_t before = graph.nodes().size();
    graph = vjp_graph(graph, active);
    active.resize(graph.parameters().size(), false);
    EXPECT_LE(graph.nodes().size(), 4 * before) << order;
  }
}

TEST(Growth, DeepGraphsNeedNoStack) {
  // 20,000 nodes in a chain: a recursion over the graph would overflow the stack.
  GraphBuilder b;
  const ValueId x = b.parameter({DType::kF64, {}});
  ValueId y = x;
  for (int i = 0; i < 10000; ++i) y = b.emit(op_mul, {b.emit(op_neg, {y}), x});
  const Graph chain = b.finish({y});
  const Graph gradient = gradient_graph(chain, {true}, false);
  EXPECT_LE(gradient.nodes().size(), 4 * chain.nodes().size());
}

}  // namespace
}  // namespace adze
