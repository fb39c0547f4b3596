// Derivatives of loops and branches as graphs: their size, what they store, and what they refuse.
#include <gtest/gtest.h>

#include <algorithm>

#include "ir/control_flow.h"
#include "ir/text.h"
#include "passes/ad/ad.h"
#include "passes/canonicalize.h"
#include "tests/support/derivative_checks.h"

namespace adze {
namespace {

/// Nodes, those of subgraphs included.
std::size_t size_of(const Graph& graph) {
  std::size_t size = 0;
  for (const Node& node : graph.nodes()) {
    ++size;
    for (const auto& [name, value] : node.attrs) {
      if (const auto* subgraph = std::get_if<GraphRef>(&value)) size += size_of(**subgraph);
      if (const auto* list = std::get_if<GraphList>(&value))
        for (const GraphRef& each : *list) size += size_of(*each);
    }
  }
  return size;
}

std::size_t count(const Graph& graph, std::string_view op) {
  return static_cast<std::size_t>(std::count_if(graph.nodes().begin(), graph.nodes().end(),
                                                [&](const Node& node) { return node.op->name == op; }));
}

constexpr std::string_view kRnn = R"(
func @rnn(%w: f64[3,3], %u: f64[2,3], %b: f64[3], %h: f64[3], %xs: f64[5,2]) -> f64[] {
  %last, %all = scan %w, %u, %b, %h, %xs {length = 5, num_consts = 3, num_carry = 1,
    body = func @cell(%w: f64[3,3], %u: f64[2,3], %b: f64[3], %h: f64[3], %x: f64[2]) -> (f64[3], f64[3]) {
      %1 = dot_general %h, %w {contract = [0] x [0]}
      %2 = dot_general %x, %u {contract = [0] x [0]}
      %3 = add %1, %2
      %4 = add %3, %b
      %5 = tanh %4
      %6 = mul %5, %5
      return %5, %6
    }
  }
  %s = reduce_sum %all {axes = [0,1]}
  %m = mul %last, %last
  %t = reduce_sum %m {axes = [0]}
  %loss = add %s, %t
  return %loss
})";
const std::vector<bool> kWeights = {true, true, true, false, false};

TEST(ControlFlowDerivatives, OfAnRnnToSecondOrder) {
  const Graph graph = parse_graph(kRnn);
  testing::check_derivatives(graph, kWeights, testing::random_arguments(graph, 5, -1, 1), 2);
}

TEST(ControlFlowDerivatives, GradientOfAScanHasAtMostFourTimesItsNodes) {
  const Graph graph = parse_graph(kRnn);
  const Graph gradient = gradient_graph(graph, kWeights, true);
  EXPECT_LE(size_of(gradient), 4 * size_of(graph)) << print(gradient);
  EXPECT_LE(size_of(canonicalize(gradient)), 4 * size_of(graph));
  EXPECT_EQ(count(gradient, "scan"), 2u);
}

TEST(ControlFlowDerivatives, EachOrderIsAtMostFourTimesTheLast) {
  Graph graph = parse_graph(kRnn);
  std::vector<bool> active = kWeights;
  for (int order = 1; order <= 3; ++order) {
    const std::size_t before = size_of(graph);
    graph = vjp_graph(graph, active);
    active.resize(graph.parameters().size(), false);
    EXPECT_LE(size_of(graph), 4 * before) << order;
  }
}

TEST(ControlFlowDerivatives, AScanStoresOnlyWhatChanges) {
  const Graph gradient = gradient_graph(parse_graph(kRnn), kWeights, true);
  const Node* forward = nullptr;
  for (const Node& node : gradient.nodes())
    if (!forward && node.op == &op_scan) forward = &node;
  ASSERT_NE(forward, nullptr);
  const ScanLayout s = scan_layout(forward->attrs, forward->operands.size());
  // y itself, and of the body: h on entry, tanh, and 1 - tanh^2 at most.
  EXPECT_LE(s.ys, 4u) << print(gradient);
  const Graph* body = s.body;
  for (std::size_t k = s.carries; k < body->results().size(); ++k) {
    const TensorType& type = body->type(body->results()[k]);
    EXPECT_EQ(type.rank(), 1) << "weights are not stored for each iteration: " << print(gradient);
  }
}

TEST(ControlFlowDerivatives, ReverseModeOfAWhileIsAnError) {
  const Graph graph = parse_graph(R"(
func @f(%x: f64[]) -> f64[] {
  %y = while %x {
    cond = func @c(%x: f64[]) -> bool[] { %n = constant {value = f64[] 10} %p = lt %x, %n return %p },
    body = func @b(%x: f64[]) -> f64[] { %y = add %x, %x return %y }
  }
  return %y
})");
  EXPECT_NO_THROW(jvp_graph(graph, {true}));
  try {
    gradient_graph(graph, {true}, false);
    FAIL() << "no error";
  } catch (const CompileError& error) {
    EXPECT_NE(std::string(error.what()).find("use scan"), std::string::npos) << error.what();
  }
}

TEST(ControlFlowDerivatives, CheckpointComputesAgainInACall) {
  const auto graph = [](std::string_view policy) {
    return parse_graph(std::string(R"(
func @f(%x: f64[4,4], %w: f64[4,4]) -> f64[] {
  %y = checkpoint %x, %w {policy = ")") +
                       std::string(policy) + R"(",
    body = func @layers(%x: f64[4,4], %w: f64[4,4]) -> f64[4,4] {
      %1 = dot_general %x, %w {contract = [1] x [0]}
      %2 = tanh %1
      %3 = dot_general %2, %w {contract = [1] x [0]}
      %4 = tanh %3
      return %4
    }
  }
  %s = reduce_sum %y {axes = [0,1]}
  return %s
})");
  };
  const auto in_call = [](const Graph& gradient, std::string_view op) {
    for (const Node& node : gradient.nodes())
      if (node.op == &op_call) return count(*node.attrs.get<GraphRef>("body"), op);
    ADD_FAILURE() << "no call: " << print(gradient);
    return std::size_t{0};
  };
  // Of the reverse pass four products are the derivatives'; tanh and two products come again without a policy
  // (the last product's value is needed by tanh).
  const Graph nothing = gradient_graph(graph("nothing_saveable"), {true, true}, false);
  EXPECT_EQ(in_call(nothing, "tanh"), 2u);
  EXPECT_EQ(in_call(nothing, "dot_general"), 6u);
  const Graph dots = gradient_graph(graph("dots_saveable"), {true, true}, false);
  EXPECT_EQ(in_call(dots, "tanh"), 2u);
  EXPECT_EQ(in_call(dots, "dot_general"), 4u);
  const Graph everything = gradient_graph(graph("everything_saveable"), {true, true}, false);
  EXPECT_EQ(in_call(everything, "tanh"), 0u);
}

TEST(ControlFlowDerivatives, SixthDerivativeOfATanhMlp) {
  Graph graph = parse_graph(R"(
func @mlp(%x: f64[], %w: f64[8], %v: f64[8,8], %u: f64[8]) -> f64[] {
  %0 = broadcast_in_dim %x {shape = [8], dims = []}
  %1 = mul %0, %w
  %2 = tanh %1
  %3 = dot_general %2, %v {contract = [0] x [0]}
  %4 = tanh %3
  %5 = dot_general %4, %u {contract = [0] x [0]}
  return %5
})");
  const std::vector<bool> by_x = {true, false, false, false};
  std::vector<std::size_t> sizes = {graph.nodes().size()};
  for (int order = 1; order <= 6; ++order) {
    graph = canonicalize(gradient_graph(graph, by_x, false));
    sizes.push_back(graph.nodes().size());
    EXPECT_EQ(count(graph, "tanh"), 2u) << order;
    EXPECT_LE(sizes.back(), 3 * sizes[sizes.size() - 2]) << order;
  }
  EXPECT_LE(sizes.back(), 500u) << ::testing::PrintToString(sizes);
}

}  // namespace
}  // namespace adze
