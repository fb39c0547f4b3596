// vmap of graphs: every op's rule against a loop over the batch, and collectives.
#include "passes/batching.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "passes/ad/ad.h"
#include "passes/pipeline.h"
#include "support/literals.h"
#include "support/op_samples.h"
#include "support/random_graph.h"
#include "support/random_values.h"

namespace adze {
namespace {

using testing::difference;
using testing::sample_graph;
using Literals = std::vector<Literal>;

/// Members of a batch, stacked along a new dim 0. `like` is the type where there are none.
Literal stacked(const Literals& members, const TensorType& like) {
  TensorType type = like;
  type.shape.insert(type.shape.begin(), static_cast<std::int64_t>(members.size()));
  Literal result(type);
  std::byte* to = result.bytes();
  for (const Literal& member : members) to = std::copy_n(member.bytes(), member.byte_size(), to);
  return result;
}

/// `graph` over batches of `size`, of which member m takes `members[m]`, equals the loop over the members.
/// Where a parameter is not batched all take it from `base`.
void expect_loop(const Graph& graph, const std::vector<bool>& batched, const Literals& base,
                 const std::vector<Literals>& members, testing::Tolerance tolerance,
                 const std::string& axis_name = {}) {
  const std::vector<bool> all(graph.results().size(), true);
  const BatchedGraph batch =
      batch_graph(graph, batched, static_cast<std::int64_t>(members.size()), axis_name, all);
  verify(batch.graph);
  ASSERT_EQ(batch.batched, all);

  Literals inputs;
  for (std::size_t i = 0; i < base.size(); ++i) {
    Literals column;
    for (const Literals& member : members) column.push_back(member[i]);
    inputs.push_back(batched[i] ? stacked(column, base[i].type()) : base[i]);
  }
  std::vector<Literals> expected(graph.results().size());
  for (const Literals& member : members) {
    Literals own = base;
    for (std::size_t i = 0; i < base.size(); ++i) {
      if (batched[i]) own[i] = member[i];
    }
    const Literals results = interpret(graph, own);
    for (std::size_t k = 0; k < results.size(); ++k) expected[k].push_back(results[k]);
  }
  const Literals actual = interpret(batch.graph, inputs);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t k = 0; k < actual.size(); ++k) {
    ASSERT_EQ(difference(actual[k], stacked(expected[k], graph.type(graph.results()[k])), tolerance), "")
        << print(graph) << "over a batch of " << members.size() << " is\n"
        << print(batch.graph);
  }
}

class OpBatching : public ::testing::TestWithParam<const OpDef*> {};

TEST_P(OpBatching, HasARule) {
  const OpDef& op = *GetParam();
  const bool never_batched = op.operand_names.empty() && !op.variadic && op.pattern != OpPattern::kCollective;
  EXPECT_TRUE(op.batch || op.pattern == OpPattern::kElementwise || never_batched);
}

TEST_P(OpBatching, EqualsTheLoop) {
  const OpDef& op = *GetParam();
  if (op.pattern == OpPattern::kCollective || op.traits.only_transposed) return;  // no values of their own
  for (const OpSample& sample : op.samples()) {
    const std::size_t count = sample.operands.size();
    if (count == 0) continue;
    std::vector<std::vector<bool>> subsets = {std::vector<bool>(count, true)};
    for (std::size_t i = 0; i < count && count > 1; ++i) {
      subsets.emplace_back(count, false);
      subsets.back()[i] = true;
    }
    const Graph graph = sample_graph(op, sample);
    for (const std::vector<bool>& batched : subsets) {
      for (const std::uint32_t size : {0U, 1U, 3U}) {
        std::vector<Literals> members;
        for (std::uint32_t m = 0; m < size; ++m) members.push_back(testing::random_inputs(sample, 11 + m));
        expect_loop(graph, batched, testing::random_inputs(sample, 10), members,
                    {sample.max_ulp, sample.relative_tolerance});
        if (HasFatalFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllOps, OpBatching, ::testing::ValuesIn(all_ops().begin(), all_ops().end()),
                         [](const auto& parameter) { return std::string(parameter.param->name); });

/// The ops of `text` over a batch, by name, in order.
std::string batched_ops(std::string_view text, const std::vector<bool>& batched) {
  const BatchedGraph batch = batch_graph(parse_graph(text), batched, 3);
  std::string names;
  for (const Node& node : batch.graph.nodes()) names += std::string(node.op->name) + " ";
  return names;
}

TEST(Batching, ContractionsStayOneContraction) {
  const char* matmul = R"(func @f(%x: f32[2,5], %y: f32[5,7]) -> f32[2,7] {
    %z = dot_general %x, %y {contract = [1] x [0]}
    return %z
  })";
  EXPECT_EQ(batched_ops(matmul, {true, true}), "dot_general ");
  EXPECT_EQ(batched_ops(matmul, {true, false}), "dot_general ");
  EXPECT_EQ(batched_ops(matmul, {false, true}), "dot_general transpose ");
}

TEST(Batching, WhatDoesNotDependOnTheBatchIsComputedOnce) {
  const char* text = R"(func @f(%x: f32[4], %y: f32[4]) -> (f32[4], f32[4]) {
    %a = exp %y
    %b = mul %x, %a
    return %b, %a
  })";
  const BatchedGraph batch = batch_graph(parse_graph(text), {true, false}, 3);
  EXPECT_EQ(batch.batched, (std::vector<bool>{true, false}));
  EXPECT_EQ(batch.graph.type(batch.graph.nodes()[0].result), (TensorType{DType::kF32, {4}}));
  EXPECT_EQ(batched_ops(text, {true, false}), "exp broadcast_in_dim mul ");
}

TEST(Batching, PadBatchesItsValueOnlyWhereItMust) {
  const char* text = R"(func @f(%x: f32[4], %v: f32[]) -> f32[7] {
    %y = pad %x, %v {low = [1], high = [2]}
    return %y
  })";
  EXPECT_EQ(batched_ops(text, {true, false}), "pad ");
}

TEST(Batching, RandomGraphsAnyDepth) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = testing::random_graph(seed, {.nodes = 20});
    std::vector<bool> batched;
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i < graph.parameters().size(); ++i) batched.push_back(random() % 2 == 0);
    const auto over = [&](const Graph& g, std::uint64_t first, std::size_t size) {
      std::vector<Literals> members;
      for (std::size_t m = 0; m < size; ++m) members.push_back(testing::random_arguments(g, first + m));
      expect_loop(g, batched, testing::random_arguments(g, first), members, {.relative = 1e-12});
    };
    over(graph, seed, 3);
    over(batch_graph(graph, batched, 2).graph, seed, 3);
    if (HasFatalFailure()) return;
  }
}

TEST(Batching, DerivativesAndBatchesCommute) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = testing::random_graph(seed, {.nodes = 15, .smooth = true});
    for (const bool forward : {true, false}) {
      const std::vector<bool> active(graph.parameters().size(), true);
      const auto derive = [&](const Graph& g) {
        return forward ? jvp_graph(g, active) : vjp_graph(g, active);
      };
      const Graph inside = derive(graph);
      const std::vector<bool> all(inside.parameters().size(), true), wanted(inside.results().size(), true);
      const BatchedGraph outer = batch_graph(inside, all, 3, {}, wanted);
      const Graph inner = derive(batch_graph(graph, std::vector<bool>(active.size(), true), 3, {},
                                             std::vector<bool>(graph.results().size(), true))
                                     .graph);
      const Literals inputs = testing::random_arguments(inner, seed, -1, 1);
      const Literals a = interpret(outer.graph, inputs), b = interpret(inner, inputs);
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t k = 0; k < a.size(); ++k)
        ASSERT_EQ(difference(a[k], b[k], {.relative = 1e-10}), "") << print(graph);
    }
  }
}

TEST(Batching, NegativeSizeIsAnError) {
  EXPECT_THROW(batch_graph(parse_graph("func @f(%x: f32[]) -> f32[] {\n return %x\n}"), {true}, -1),
               TypeError);
}

// Collectives.

Literals over_axis(std::string_view text, const Literals& inputs, std::vector<bool> batched,
                   std::int64_t size) {
  return interpret(batch_graph(parse_graph(text), batched, size, "i").graph, inputs);
}

TEST(Collectives, SpeakOfTheWholeBatch) {
  const char* text =
      R"(func @f(%x: f32[2], %y: f32[]) -> (f32[2], f32[2], f32[2], f32[2,3], i32[], f32[], f32[]) {
    %sum = psum %x {axis_name = "i"}
    %max = pmax %x {axis_name = "i"}
    %min = pmin %x {axis_name = "i"}
    %all = all_gather %x {axis_name = "i", axis_size = 3, dimension = 1}
    %me = axis_index {axis_name = "i"}
    %count = psum %y {axis_name = "i"}
    %same = pmax %y {axis_name = "i"}
    return %sum, %max, %min, %all, %me, %count, %same
  })";
  const BatchedGraph batch = batch_graph(parse_graph(text), {true, false}, 3, "i");
  EXPECT_EQ(batch.batched, (std::vector<bool>{false, false, false, false, true, false, false}));
  const Literals results = interpret(
      batch.graph, Literals{testing::tensor<float>({3, 2}, {1, 2, 3, 4, -5, 6}), testing::scalar<float>(2)});
  EXPECT_EQ(difference(results[0], testing::tensor<float>({2}, {-1, 12})), "");
  EXPECT_EQ(difference(results[1], testing::tensor<float>({2}, {3, 6})), "");
  EXPECT_EQ(difference(results[2], testing::tensor<float>({2}, {-5, 2})), "");
  EXPECT_EQ(difference(results[3], testing::tensor<float>({2, 3}, {1, 3, -5, 2, 4, 6})), "");
  EXPECT_EQ(difference(results[4], testing::tensor<std::int32_t>({3}, {0, 1, 2})), "");
  EXPECT_EQ(difference(results[5], testing::scalar<float>(6)), "");
  EXPECT_EQ(difference(results[6], testing::scalar<float>(2)), "");
}

TEST(Collectives, ThoseOfOtherAxesStay) {
  for (const OpDef* op : all_ops()) {
    if (op->pattern != OpPattern::kCollective || op->operand_names.empty()) continue;
    for (const OpSample& sample : op->samples()) {  // over "i"
      SCOPED_TRACE(op->name);
      const BatchedGraph other = batch_graph(sample_graph(*op, sample), {true}, 2, "j");
      ASSERT_EQ(other.graph.nodes().size(), 1u);
      EXPECT_EQ(other.graph.nodes()[0].op, op);
      // i inside, j outside: the same as j inside, i outside.
      const Graph a = batch_graph(other.graph, {true}, 3, "i", {true}).graph;
      const Graph b = batch_graph(batch_graph(sample_graph(*op, sample), {true}, 3, "i", {true}).graph,
                                  {true}, 2, "j", {true})
                          .graph;
      Literals inputs = testing::random_arguments(a, 1);  // [i, j, ...]
      const Literal from_a = interpret(a, inputs)[0];
      GraphBuilder builder;
      const ValueId x = builder.parameter(inputs[0].type());
      Dims swap = iota_dims(inputs[0].type().rank());
      std::swap(swap[0], swap[1]);
      const ValueId swapped = builder.emit(op_transpose, {x}, {{"permutation", swap}});
      const Literal from_b = interpret(b, interpret(builder.finish({swapped}), inputs))[0];
      EXPECT_EQ(from_a.size(), from_b.size());
      double sum_a = 0, sum_b = 0;
      for (std::int64_t e = 0; e < from_a.size(); ++e)
        sum_a += from_a.as_double(e), sum_b += from_b.as_double(e);
      EXPECT_NEAR(sum_a, sum_b, 1e-4);
    }
  }
}

/// Differentiating one member and batching it, and differentiating the batch, are the same.
TEST(Collectives, DerivativesAndBatchesCommute) {
  for (const OpDef* op : all_ops()) {
    if (op->pattern != OpPattern::kCollective || op->traits.zero_derivative) continue;
    for (const OpSample& sample : op->samples()) {
      if (sample.derivative_order == 0) continue;
      SCOPED_TRACE(op->name);
      const Graph graph = sample_graph(*op, sample);
      for (const bool forward : {true, false}) {
        const auto derive = [&](const Graph& g) {
          return forward ? jvp_graph(g, {true}) : vjp_graph(g, {true});
        };
        const Graph outer = batch_graph(derive(graph), {true, true}, 3, "i", {true, true}).graph;
        const Graph inner = derive(batch_graph(graph, {true}, 3, "i", {true}).graph);
        verify(outer);
        const Literals inputs = testing::random_arguments(inner, 5);
        const Literals a = interpret(outer, inputs), b = interpret(inner, inputs);
        for (std::size_t k = 0; k < 2; ++k)
          ASSERT_EQ(difference(a[k], b[k], {.relative = 1e-12}), "") << print(outer) << print(inner);
      }
    }
  }
}

std::string compile_error(const Graph& graph) {
  try {
    CompileContext context;
    lower(graph, {}, context);
  } catch (const CompileError& error) {
    return error.what();
  }
  return "none";
}

TEST(Collectives, LeftOverIsAnError) {
  for (const OpDef* op : all_ops()) {
    if (op->pattern != OpPattern::kCollective) continue;
    const OpSample sample = op->samples()[0];
    const Graph graph = sample_graph(*op, sample);
    const std::string expected = std::string(op->name) + ": axis 'i' is not bound by a vmap around it";
    EXPECT_EQ(compile_error(graph).substr(0, expected.size()), expected);
    try {
      interpret(graph, testing::random_inputs(sample, 1));
      FAIL() << op->name;
    } catch (const CompileError& error) {
      EXPECT_EQ(std::string(error.what()), expected);
    }
  }
}

TEST(Collectives, ChecksWhatItIsGiven) {
  EXPECT_THROW(over_axis("func @f(%x: f32[]) -> f32[4] {\n%y = all_gather %x {axis_name = \"i\", axis_size = "
                         "4}\nreturn %y\n}",
                         {testing::tensor<float>({3}, {1, 2, 3})}, {true}, 3),
               TypeError);
  EXPECT_THROW(parse_graph("func @f(%x: f32[]) -> f32[] {\n%y = psum %x {axis_name = \"\"}\nreturn %y\n}"),
               IoError);
}

}  // namespace
}  // namespace adze
