#include "passes/fusion.h"

#include <gtest/gtest.h>

#include <map>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "support/graph_kit.h"
#include "support/literals.h"
#include "support/random_graph.h"
#include "support/random_values.h"

namespace adze {
namespace {

using namespace testing;

/// Kinds of the groups in order, with the names of what they compute: "contraction(dot_general add)
/// loop(exp)". What only moves data or is constant is left out.
std::string shape_of(const std::vector<KernelGroup>& groups) {
  std::string text;
  for (const KernelGroup& group : groups) {
    std::string names;
    for (const Node& node : group.body.nodes()) {
      if (node.op->pattern == OpPattern::kIndexMap || node.op->pattern == OpPattern::kConstant) continue;
      names += (names.empty() ? "" : " ") + std::string(node.op->name);
    }
    text += text.empty() ? "" : " ";
    text += group.kind == GroupKind::kLoop        ? "loop("
            : group.kind == GroupKind::kReduction ? "reduction("
                                                  : "contraction(";
    text += names + ")";
  }
  return text;
}

std::vector<Literal> run_groups(const Graph& graph, const std::vector<KernelGroup>& groups,
                                const std::vector<Literal>& arguments) {
  std::map<std::uint32_t, Literal> values;
  for (std::size_t i = 0; i < arguments.size(); ++i) values[graph.parameters()[i].value.index] = arguments[i];
  for (const Node& node : graph.nodes()) {
    if (node.op->pattern == OpPattern::kConstant)
      values[node.result.index] = *node.attrs.get<ConstantRef>("value");
  }
  for (const KernelGroup& group : groups) {
    std::vector<Literal> inputs;
    for (const ValueId input : group.inputs) inputs.push_back(values.at(input.index));
    const std::vector<Literal> outputs = interpret(group.body, inputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) values[group.outputs[i].index] = outputs[i];
  }
  std::vector<Literal> results;
  for (const ValueId result : graph.results()) results.push_back(values.at(result.index));
  return results;
}

/// The groups are legal and mean what the graph means, bit for bit.
void expect_valid(const Graph& graph, const std::vector<KernelGroup>& groups) {
  ASSERT_NO_THROW(verify(graph, groups));
  const std::vector<Literal> arguments = random_arguments(graph, 7);
  const std::vector<Literal> expected = interpret(graph, arguments);
  const std::vector<Literal> actual = run_groups(graph, groups, arguments);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(difference(actual[i], expected[i]), "") << "result " << i << '\n' << print(graph, groups);
  }
}

std::string fused(GraphKit& k, std::vector<ValueId> results, const FusionLimits& limits = {}) {
  const Graph graph = k.b.finish(std::move(results));
  const std::vector<KernelGroup> groups = fuse(graph, limits);
  expect_valid(graph, groups);
  expect_valid(graph, group_each_node(graph));
  return shape_of(groups);
}

// --- Loops ---

TEST(Fusion, AChainIsOneLoop) {
  GraphKit k;
  const ValueId x = k.input({4, 6});
  EXPECT_EQ(fused(k, {k.tanh(k.exp(k.add(x, x)))}), "loop(add exp tanh)");
}

TEST(Fusion, ADiamondIsOneLoop) {
  GraphKit k;
  const ValueId e = k.exp(k.input({4, 6}));
  const ValueId left = k.tanh(e), right = k.add(e, e);
  EXPECT_EQ(fused(k, {k.mul(left, right)}), "loop(exp tanh add mul)");
}

TEST(Fusion, ResultsOfOneShapeShareALoop) {
  GraphKit k;
  const ValueId e = k.exp(k.input({4, 6}));
  EXPECT_EQ(fused(k, {e, k.tanh(e), k.add(e, e)}), "loop(exp tanh add)");
}

TEST(Fusion, ReadersOfOneValueShareAKernelOfOneSpace) {
  GraphKit k;
  const ValueId g = k.input({4, 6}), x = k.input({4, 6});
  EXPECT_EQ(fused(k, {k.sum(g, {0}), k.sum(k.mul(g, x), {0})}), "reduction(reduce_sum mul reduce_sum)");
  GraphKit other;
  const ValueId y = other.input({4, 6});
  EXPECT_EQ(fused(other, {other.sum(y, {0}), other.sum(y, {1})}),
            "reduction(reduce_sum) reduction(reduce_sum)");
}

TEST(Fusion, IndependentChainsStayApart) {
  GraphKit k;
  EXPECT_EQ(fused(k, {k.exp(k.input({4})), k.exp(k.input({6}))}), "loop(exp) loop(exp)");
}

TEST(Fusion, AValueNeededAtTwoIndicesIsWritten) {
  GraphKit k;
  const ValueId e = k.exp(k.input({4, 4}));
  EXPECT_EQ(fused(k, {k.add(e, k.transpose(e, {1, 0}))}), "loop(exp) loop(add)");
}

TEST(Fusion, AValueNeededAtOneOtherIndexIsNot) {
  GraphKit k;
  const ValueId x = k.input({4, 4});
  EXPECT_EQ(fused(k, {k.add(x, k.transpose(k.exp(x), {1, 0}))}), "loop(exp add)");
}

TEST(Fusion, NothingExpensiveIsComputedUnderABroadcast) {
  GraphKit k;
  const ValueId x = k.input({16, 6}), v = k.input({6});
  EXPECT_EQ(fused(k, {k.add(x, k.exp(v))}), "loop(exp) loop(add)");
}

TEST(Fusion, CheapArithmeticUnderABroadcastIsRepeated) {
  GraphKit k;
  const ValueId x = k.input({16, 6}), v = k.input({6});
  EXPECT_EQ(fused(k, {k.add(x, k.scale(v, 3))}), "loop(mul add)");
}

TEST(Fusion, ButOnlyAsMuchAsIsCheap) {
  GraphKit k;
  const ValueId x = k.input({16, 6});
  ValueId v = k.input({6});
  for (int i = 0; i < 6; ++i) v = k.scale(k.add(v, v), 0.25);
  const std::string text = fused(k, {k.add(x, v)});
  EXPECT_EQ(text.find("loop("), 0U);
  EXPECT_NE(text.find(") loop(", 0), std::string::npos) << text;
}

TEST(Fusion, ValuesOfOuterDimsAreComputedOncePerRow) {
  GraphKit k;  // the index of exp(v) does not change in the inner loop
  const ValueId x = k.input({16, 6}), v = k.input({16});
  EXPECT_EQ(fused(k, {k.add(x, k.spread_rows(k.exp(v), {16, 6}))}), "loop(exp add)");
}

TEST(Fusion, AReshapeAtTheEndIsPartOfTheLoop) {
  GraphKit k;
  const ValueId e = k.exp(k.input({4, 6}));
  EXPECT_EQ(fused(k, {k.reshape(e, {24}), k.tanh(e)}), "loop(exp tanh)");
}

TEST(Fusion, TheSpaceIsTheShapeBeforeAReshape) {
  GraphKit k;
  const ValueId e = k.exp(k.input({4, 6}));
  const Graph graph = k.b.finish({k.reshape(e, {24})});
  const std::vector<KernelGroup> groups = fuse(graph);
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(kernel_space(groups[0]).shape, (Dims{4, 6}));
}

TEST(Fusion, PadsAndConcatenationsComputeTheirOperands) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), y = k.input({4, 6});
  const ValueId both = k.op(op_concatenate, {k.exp(x), k.tanh(y)}, {{"dimension", std::int64_t{0}}});
  EXPECT_EQ(fused(k, {both}), "loop(exp tanh)");
}

TEST(Fusion, AConcatenationOfManyReadsThem) {
  GraphKit k;  // each would be computed for all of the result
  std::vector<ValueId> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(k.exp(k.input({4})));
  EXPECT_EQ(fused(k, {k.op(op_concatenate, parts, {{"dimension", std::int64_t{0}}})}),
            "loop(exp) loop(exp) loop(exp) loop()");
}

TEST(Fusion, ViewsAreInlinedIntoEveryReader) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({4, 6});
  const ValueId t = k.transpose(x, {1, 0});
  EXPECT_EQ(fused(k, {k.dot(t, w), k.exp(t)}), "contraction(dot_general) loop(exp)");
}

TEST(Fusion, AViewThatIsAResultIsACopy) {
  GraphKit k;
  const ValueId x = k.input({4, 6});
  EXPECT_EQ(fused(k, {k.transpose(x, {1, 0})}), "loop()");
}

TEST(Fusion, ParametersAndConstantsAsResultsHaveNoGroup) {
  GraphKit k;
  const ValueId x = k.input({4});
  EXPECT_EQ(fused(k, {x, k.scalar(2), x}), "");
}

TEST(Fusion, DeadNodesAreNotComputed) {
  GraphKit k;
  const ValueId x = k.input({4});
  k.exp(x);
  EXPECT_EQ(fused(k, {k.tanh(x)}), "loop(tanh)");
}

TEST(Fusion, ScalarArithmeticOfParametersIsCopiedIntoItsReaders) {
  GraphKit k;
  const ValueId rate = k.input({}), step = k.input({});
  const ValueId factor = k.div(rate, k.sub(k.scalar(1), k.op(op_pow, {k.scalar(0.9), step})));
  EXPECT_EQ(fused(k, {k.mul(k.input({4}), factor), k.mul(k.input({6}), factor)}),
            "loop(pow sub div mul) loop(pow sub div mul)");
}

TEST(Fusion, AScalarResultIsWrittenOnceAndStillCopied) {
  GraphKit k;
  const ValueId next = k.add(k.input({}), k.scalar(1));
  EXPECT_EQ(fused(k, {next, k.mul(k.input({4}), next)}), "loop(add) loop(add mul)");
}

TEST(Fusion, LongScalarChainsAreComputedOnce) {
  GraphKit k;
  ValueId s = k.input({});
  for (int i = 0; i < 20; ++i) s = k.add(k.exp(s), s);
  const std::string text = fused(k, {k.mul(k.input({4}), s), k.mul(k.input({6}), s)});
  std::size_t exps = 0;
  for (std::size_t at = text.find("exp"); at != std::string::npos; at = text.find("exp", at + 1)) ++exps;
  EXPECT_LE(exps, 20U + 16U) << text;  // a free beginning may be there twice
}

TEST(Fusion, MasksOfIotasAreCopied) {
  GraphKit k;
  const auto iota = [&](std::int64_t dimension) {
    return k.op(op_iota, {}, {{"dtype", DType::kI32}, {"shape", Dims{4, 4}}, {"dimension", dimension}});
  };
  const ValueId mask = k.op(op_ge, {iota(0), iota(1)});
  const auto masked = [&](ValueId x) { return k.op(op_select, {mask, x, k.b.full(k.b.type(x), 0)}); };
  const ValueId first = masked(k.dot(k.input({4, 4}), k.input({4, 4})));
  EXPECT_EQ(fused(k, {masked(k.dot(first, k.input({4, 4})))}),
            "contraction(ge dot_general select) contraction(ge dot_general select)");
}

// --- Reductions ---

TEST(Fusion, SoftmaxIsOneKernel) {
  GraphKit k;
  EXPECT_EQ(fused(k, {k.softmax(k.input({4, 6}))}), "reduction(reduce_max sub exp reduce_sum div)");
}

TEST(Fusion, SoftmaxOverAnOuterAxisToo) {
  GraphKit k;
  const ValueId x = k.input({6, 4});
  const ValueId e = k.exp(k.sub(x, k.spread(k.max(x, {0}), {6, 4})));
  EXPECT_EQ(fused(k, {k.div(e, k.spread(k.sum(e, {0}), {6, 4}))}),
            "reduction(reduce_max sub exp reduce_sum div)");
}

TEST(Fusion, SoftmaxWithKeptUnitDims) {
  GraphKit k;
  const ValueId x = k.input({4, 6});
  const auto keep = [&](ValueId row) { return emit_broadcast(k.b, k.reshape(row, {4, 1}), {4, 6}, {0, 1}); };
  const ValueId e = k.exp(k.sub(x, keep(k.max(x, {1}))));
  EXPECT_EQ(fused(k, {k.div(e, keep(k.sum(e, {1})))}), "reduction(reduce_max sub exp reduce_sum div)");
}

TEST(Fusion, ARowReadAcrossRowsIsAnotherKernel) {
  GraphKit k;  // the sum of row i is read by column i
  const ValueId x = k.input({4, 4});
  EXPECT_EQ(fused(k, {k.mul(x, k.spread(k.sum(x, {1}), {4, 4}))}), "reduction(reduce_sum) loop(mul)");
}

TEST(Fusion, DifferentAxesAreDifferentKernels) {
  GraphKit k;
  const ValueId e = k.exp(k.input({4, 6}));
  EXPECT_EQ(fused(k, {k.sum(e, {0}), k.sum(e, {1})}), "reduction(exp reduce_sum) reduction(reduce_sum)");
}

TEST(Fusion, LossAndItsGradientAreOneKernel) {
  GraphKit k;
  const ValueId logits = k.input({4, 6}), labels = k.input({4}, {}, DType::kI32);
  const Graph loss = k.b.finish({k.softmax_cross_entropy(logits, labels)});
  const Graph graph = rewrite(gradient_graph(loss, {true, false}, true), {}, {.fold = true});
  const std::vector<KernelGroup> groups = fuse(graph);
  expect_valid(graph, groups);
  EXPECT_EQ(groups.size(), 1U) << print(graph, groups);
}

TEST(Fusion, ATailFoldsTheRows) {
  GraphKit k;
  const ValueId x = k.input({4, 6});
  const ValueId loss = k.scale(k.sum(k.op(op_log, {k.sum(k.exp(x), {1})}), {0}), 0.25);
  EXPECT_EQ(fused(k, {loss}), "reduction(exp reduce_sum log reduce_sum mul)");
}

TEST(Fusion, ATailIsNotReadByTheRows) {
  GraphKit k;
  const ValueId e = k.exp(k.input({4, 6}));
  const ValueId total = k.sum(k.sum(e, {1}), {0});
  EXPECT_EQ(fused(k, {k.div(e, total)}), "reduction(exp reduce_sum reduce_sum) loop(div)");
}

TEST(Fusion, ArgmaxOfAllRowsIsNoTail) {
  GraphKit k;
  const ValueId rows = k.sum(k.input({4, 6}), {1});
  EXPECT_EQ(fused(k, {k.op(op_argmax, {rows}, {{"axis", std::int64_t{0}}})}),
            "reduction(reduce_sum) reduction(argmax)");
}

TEST(Fusion, WholeReductionsFeedTheirElements) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), t = k.input({4, 6});
  const ValueId d = k.sub(x, t);
  const ValueId norm = k.sum(k.mul(d, d), {0, 1});
  EXPECT_EQ(fused(k, {k.scale(norm, 1.0 / 24), k.div(d, norm)}), "reduction(sub mul reduce_sum mul div)");
}

TEST(Fusion, UpdatesFollowTheirReduction) {
  GraphKit k;
  const ValueId g = k.input({4, 6}), b = k.input({6});
  EXPECT_EQ(fused(k, {k.sub(b, k.scale(k.sum(g, {0}), 0.1))}), "reduction(reduce_sum mul sub)");
}

// --- Contractions ---

TEST(Fusion, BiasAndActivationAreAnEpilogue) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({6, 8}), b = k.input({8});
  EXPECT_EQ(fused(k, {k.tanh(k.add(k.dot(x, w), b))}), "contraction(dot_general add tanh)");
}

TEST(Fusion, CheapPrologueOfParameters) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({6, 8});
  EXPECT_EQ(fused(k, {k.dot(k.scale(x, 1.0 / 16), w)}), "contraction(mul dot_general)");
}

TEST(Fusion, NoExpensivePrologue) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({6, 8});
  EXPECT_EQ(fused(k, {k.dot(k.exp(x), w)}), "loop(exp) contraction(dot_general)");
}

TEST(Fusion, AnActivationBelongsToTheContractionBeforeIt) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({6, 8}), v = k.input({8, 3});
  EXPECT_EQ(fused(k, {k.dot(k.relu(k.dot(x, w)), v)}),
            "contraction(dot_general max) contraction(dot_general)");
}

TEST(Fusion, ABiasBelongsToTheContractionAndNotToTheSoftmax) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({6, 8}), b = k.input({8});
  EXPECT_EQ(fused(k, {k.softmax(k.add(k.dot(x, w), b))}),
            "contraction(dot_general add) reduction(reduce_max sub exp reduce_sum div)");
}

TEST(Fusion, AnEpilogueDoesNotReduce) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({6, 8});
  EXPECT_EQ(fused(k, {k.sum(k.dot(x, w), {1})}), "contraction(dot_general) reduction(reduce_sum)");
}

TEST(Fusion, TwoContractionsInOneSum) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({6, 8}), y = k.input({4, 3}), v = k.input({3, 8});
  EXPECT_EQ(fused(k, {k.add(k.dot(x, w), k.dot(y, v))}),
            "contraction(dot_general) contraction(dot_general add)");
}

TEST(Fusion, AnEpilogueMayWriteSeveralResults) {
  GraphKit k;
  const ValueId x = k.input({6, 4}), y = k.input({6, 3}), w = k.input({4, 3}), m = k.input({4, 3});
  const ValueId g = k.dot(x, y, {0}, {0});
  const ValueId velocity = k.add(k.scale(m, 0.9), g);
  EXPECT_EQ(fused(k, {k.sub(w, k.scale(velocity, 0.1)), velocity}),
            "contraction(dot_general mul add mul sub)");
}

// --- Shape of the whole ---

TEST(Fusion, MergingNeverMakesACycle) {
  GraphKit k;  // e is read by both ends of a path through a contraction
  const ValueId w = k.input({4, 4});
  const ValueId e = k.exp(k.input({4, 4}));
  const ValueId out = k.add(k.dot(k.tanh(e), w), e);
  EXPECT_EQ(fused(k, {out}), "loop(exp tanh) contraction(dot_general add)");
}

TEST(Fusion, AValueOfTwoKernelsIsWrittenByItsProducer) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({6, 6}), v = k.input({6, 6});
  const ValueId z = k.dot(x, w);
  const ValueId h = k.tanh(z);
  const ValueId left = k.dot(h, v), right = k.exp(z);
  EXPECT_EQ(fused(k, {k.mul(left, right)}), "contraction(dot_general tanh) contraction(dot_general exp mul)");
}

TEST(Fusion, LimitsAreKept) {
  GraphKit k;
  ValueId x = k.input({4});
  for (int i = 0; i < 30; ++i) x = k.tanh(x);
  const Graph graph = k.b.finish({x});
  const std::vector<KernelGroup> groups = fuse(graph, {.max_ops = 10});
  expect_valid(graph, groups);
  EXPECT_EQ(groups.size(), 3U);
  for (const KernelGroup& group : groups) EXPECT_LE(group.body.nodes().size(), 10U);

  GraphKit many;
  ValueId sum = many.input({4});
  for (int i = 0; i < 40; ++i) sum = many.add(sum, many.input({4}));
  const Graph wide = many.b.finish({sum});
  for (const KernelGroup& group : fuse(wide, {.max_inputs = 8})) {
    EXPECT_LE(group.inputs.size() + group.outputs.size(), 8U);
  }
  expect_valid(wide, fuse(wide, {.max_inputs = 8}));
}

TEST(Fusion, OneNodeBeyondTheLimitsIsStillAKernel) {
  GraphKit k;
  std::vector<ValueId> parts;
  for (int i = 0; i < 40; ++i) parts.push_back(k.input({4}));
  EXPECT_EQ(fused(k, {k.op(op_concatenate, parts, {{"dimension", std::int64_t{0}}})}), "loop()");
}

TEST(Fusion, MlpTrainingStepHasFewKernels) {
  for (const Optimizer optimizer : {Optimizer::kSgd, Optimizer::kMomentum, Optimizer::kAdam}) {
    const Graph graph = mlp_step(optimizer, 8, 6, 7, 3);
    const std::vector<KernelGroup> groups = fuse(graph);
    expect_valid(graph, groups);
    // Two forward contractions, the loss with its gradient, the way back, four updates, the step count.
    EXPECT_EQ(groups.size(), optimizer == Optimizer::kAdam ? 9U : 8U) << print(graph, groups);
  }
}

TEST(Fusion, ADeepChainIsHandledWithoutRecursion) {
  GraphKit k;
  ValueId x = k.input({2});
  for (int i = 0; i < 3000; ++i) x = k.tanh(x);
  const Graph graph = k.b.finish({x});
  EXPECT_EQ(fuse(graph).size(), 3000U / 256 + 1);
}

TEST(Fusion, EmptyArrays) {
  GraphKit k;
  const ValueId x = k.input({0, 3});
  EXPECT_EQ(fused(k, {k.exp(x), k.sum(x, {0}), k.sum(x, {1}), k.dot(x, x, {0}, {0})}),
            "loop(exp) reduction(reduce_sum) reduction(reduce_sum) contraction(dot_general)");
}

/// How often each op is computed, scalars and dead nodes apart.
void count_ops(const Graph& graph, std::map<std::string_view, int>& counts) {
  const std::vector<bool> live = live_values(graph);
  for (const Node& node : graph.nodes()) {
    const bool is_scalar =
        graph.type(node.result).shape.empty() && node.op->pattern == OpPattern::kElementwise;
    if (live[node.result.index] && !is_scalar) ++counts[node.op->name];
  }
}

/// A random graph, or the pull-back of one: reductions, broadcasts and values with many readers.
Graph random_case(std::uint64_t seed) {
  const Graph graph =
      random_graph(seed, {.nodes = 15 + static_cast<int>(seed % 40), .smooth = seed % 2 == 0});
  return seed % 2 ? graph : vjp_graph(graph, std::vector<bool>(graph.parameters().size(), true));
}

TEST(Fusion, RandomGraphs) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Graph graph = random_case(seed);
    const std::vector<KernelGroup> groups = fuse(graph);
    expect_valid(graph, groups);
    if (seed % 10 == 0) expect_valid(graph, group_each_node(graph));
    if (HasFailure()) FAIL() << print(graph);

    // Nothing that costs is computed in two kernels.
    std::map<std::string_view, int> in_graph, in_groups;
    count_ops(graph, in_graph);
    for (const KernelGroup& group : groups) count_ops(group.body, in_groups);
    for (const char* name :
         {"exp", "tanh", "sin", "logistic", "dot_general", "reduce_sum", "reduce_max", "argmax"}) {
      EXPECT_EQ(in_groups[name], in_graph[name]) << name << '\n' << print(graph, groups);
    }
  }
}

TEST(Fusion, GroupEachNode) {
  GraphKit k;
  const ValueId x = k.input({4, 6});
  const Graph graph = k.b.finish({k.sum(k.exp(k.scale(x, 2)), {1})});
  const std::vector<KernelGroup> groups = group_each_node(graph);
  expect_valid(graph, groups);
  EXPECT_EQ(shape_of(groups), "loop() loop(mul) loop(exp) reduction(reduce_sum)");
}

TEST(Fusion, Print) {
  GraphKit k;
  const ValueId x = k.input({4, 6}, "x"), v = k.input({4}, "v");
  const Graph graph = k.b.finish({k.exp(k.mul(k.sum(x, {1}), v))});
  EXPECT_EQ(print(graph, fuse(graph)),
            "group 0: reduction over [4,6], folding axes [1]\n"
            "  reads %0 \"x\", %1 \"v\"\n"
            "  writes %4\n"
            "  func @kernel(%0: f32[4,6], %1: f32[4]) -> f32[4] {\n"
            "    %2 = reduce_sum %0 {axes = [1]} : f32[4]\n"
            "    %3 = mul %1, %2 : f32[4]\n"
            "    %4 = exp %3 : f32[4]\n"
            "    return %4\n"
            "  }\n");
}

// --- Verifier ---

TEST(Fusion, VerifyFindsBrokenGroups) {
  GraphKit k;
  const ValueId e = k.exp(k.input({4, 4}));
  const Graph graph = k.b.finish({k.add(e, k.transpose(e, {1, 0}))});
  const std::vector<KernelGroup> groups = fuse(graph);
  ASSERT_EQ(groups.size(), 2U);
  const auto message = [&](std::vector<KernelGroup> broken) -> std::string {
    try {
      verify(graph, broken);
    } catch (const InternalError& error) {
      std::string text = error.what();
      text.erase(0, std::string("internal error: ").size());
      return text.substr(0, std::min(text.find('\n'), text.find(" (")));
    }
    return "";
  };
  EXPECT_EQ(message(groups), "");
  EXPECT_EQ(message({groups[1], groups[0]}), "group 0: reads %1 before it is made");
  EXPECT_EQ(message({groups[0], groups[0], groups[1]}), "group 1: makes %1 a second time");
  EXPECT_EQ(message({groups[0]}), "result %3 is made by no group");
  std::vector<KernelGroup> wrong_kind = groups;
  wrong_kind[0].kind = GroupKind::kReduction;
  EXPECT_EQ(message(wrong_kind), "group 0: is not a reduction");
  std::vector<KernelGroup> no_input = groups;
  no_input[0].inputs.clear();
  EXPECT_EQ(message(no_input), "group 0: inputs and parameters differ in number");
  std::vector<KernelGroup> whole = groups;
  whole[0].body = graph;  // needs exp at two indices
  whole[0].outputs.assign(graph.results().begin(), graph.results().end());
  whole.pop_back();
  EXPECT_THROW(verify(graph, whole), InternalError);
}

}  // namespace
}  // namespace adze
