// What composite ops stand for, over their own samples.
#include "passes/decompose.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ir/interpreter.h"
#include "ir/op.h"
#include "ir/text.h"
#include "tests/support/literals.h"
#include "tests/support/op_samples.h"

namespace adze {
namespace {

class Decomposition : public ::testing::TestWithParam<const OpDef*> {};

TEST_P(Decomposition, MeansWhatTheOpMeans) {
  const OpDef& op = *GetParam();
  for (const OpSample& sample : op.samples()) {
    const Graph graph = testing::sample_graph(op, sample);
    const Graph simpler = decompose(graph);
    verify(simpler);
    for (const Node& node : simpler.nodes()) EXPECT_NE(node.op->pattern, OpPattern::kComposite);
    for (const auto& inputs : testing::value_inputs(sample)) {
      const std::vector<Literal> got = interpret(simpler, inputs), expected = interpret(graph, inputs);
      ASSERT_EQ(got.size(), expected.size());
      for (std::size_t k = 0; k < expected.size(); ++k) {
        EXPECT_EQ(testing::difference(got[k], expected[k], {sample.max_ulp, sample.relative_tolerance}), "")
            << print(graph) << print(simpler);
      }
    }
  }
}

std::vector<const OpDef*> composite_ops() {
  std::vector<const OpDef*> ops;
  for (const OpDef* op : testing::ops_with_values()) {
    if (op->pattern == OpPattern::kComposite) ops.push_back(op);
  }
  return ops;
}

INSTANTIATE_TEST_SUITE_P(CompositeOps, Decomposition, ::testing::ValuesIn(composite_ops()),
                         [](const auto& param) { return std::string(param.param->name); });

TEST(Decompose, ConvolutionsGatherNothingButTheirWindows) {
  // Features last: a product of windows and weights. One element a window: a plain product.
  const Graph graph = decompose(parse_graph(R"(
    func @conv(%x: f32[8,6,6,3], %w: f32[3,3,3,4], %v: f32[1,1,4,5]) -> f32[8,4,4,5] {
      %2 = conv_general_dilated %x, %w {lhs_spec = [0,3,1,2], rhs_spec = [3,2,0,1], out_spec = [0,3,1,2]}
      %3 = conv_general_dilated %2, %v {lhs_spec = [0,3,1,2], rhs_spec = [3,2,0,1], out_spec = [0,3,1,2]}
      return %3
    })"));
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes()) ops.emplace_back(node.op->name);
  const std::vector<std::string> expected = {"constant",    "broadcast_in_dim", "skew",
                                             "dot_general", "reshape",          "dot_general"};
  std::sort(ops.begin(), ops.end());
  std::vector<std::string> sorted = expected;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(ops, sorted) << print(graph);
}

}  // namespace
}  // namespace adze
