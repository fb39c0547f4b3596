#include "passes/memory_plan.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "ir/text.h"
#include "passes/arena_packing.h"
#include "support/graph_kit.h"
#include "support/literals.h"
#include "support/plan_checker.h"
#include "support/random_graph.h"
#include "support/random_values.h"

namespace adze {
namespace {

using namespace testing;
using Place = loop::BufferRef::Place;

struct Planned {
  Graph graph;
  std::vector<KernelGroup> groups;
  MemoryPlan plan;
};

/// Fuses (or not), orders, plans, and checks the plan in every way there is.
Planned planned(Graph graph, bool donate, bool fused = true, bool share = true) {
  Planned p{std::move(graph), {}, {}};
  p.groups = order_kernels(p.graph, fused ? fuse(p.graph) : group_each_node(p.graph));
  verify(p.graph, p.groups);
  const std::vector<bool> donated(p.graph.parameters().size(), donate);
  p.plan = plan_memory(p.graph, p.groups, donated, share);
  check_plan(p.graph, p.groups, donated, p.plan);
  const std::vector<Literal> arguments = random_arguments(p.graph, 3);
  const std::vector<Literal> expected = interpret(p.graph, arguments);
  const std::vector<Literal> actual = run_plan(p.graph, p.groups, p.plan, arguments);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(difference(actual[i], expected[i]), "") << "result " << i << '\n' << print(p.graph, p.plan);
  }
  return p;
}

using Alias = std::optional<std::size_t>;

// --- can_alias ---

bool first_can_alias(GraphKit& k, std::vector<ValueId> results, std::size_t input = 0,
                     std::size_t output = 0) {
  const Graph graph = k.b.finish(std::move(results));
  const std::vector<KernelGroup> groups = fuse(graph);
  EXPECT_EQ(groups.size(), 1U) << print(graph, groups);
  return can_alias(groups[0], input, output);
}

TEST(CanAlias, ElementwiseAtTheSameIndex) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), y = k.input({4, 6});
  EXPECT_TRUE(first_can_alias(k, {k.exp(k.add(x, y))}, 1));
}

TEST(CanAlias, NotAtAnotherIndex) {
  GraphKit k;
  const ValueId x = k.input({4, 4});
  EXPECT_FALSE(first_can_alias(k, {k.exp(k.transpose(x, {1, 0}))}));
}

TEST(CanAlias, NotWhereReadAtASecondIndexToo) {
  GraphKit k;
  const ValueId x = k.input({4, 4});
  EXPECT_FALSE(first_can_alias(k, {k.add(x, k.transpose(x, {1, 0}))}));
}

TEST(CanAlias, NotAcrossTypes) {
  GraphKit k;
  const ValueId x = k.input({4, 4});
  EXPECT_FALSE(first_can_alias(k, {k.reshape(k.exp(x), {16})}));
  GraphKit bits;
  EXPECT_FALSE(first_can_alias(bits, {emit_convert(bits.b, bits.input({4}), DType::kI32)}));
}

TEST(CanAlias, TransposedTwiceIsTheSameIndex) {
  GraphKit k;
  const ValueId x = k.input({4, 6});
  EXPECT_TRUE(first_can_alias(k, {k.transpose(k.exp(k.transpose(x, {1, 0})), {1, 0})}));
}

TEST(CanAlias, SoftmaxInPlace) {
  GraphKit k;
  EXPECT_TRUE(first_can_alias(k, {k.softmax(k.input({4, 6}))}));
}

TEST(CanAlias, RowValuesOverRowInputs) {
  GraphKit k;
  const ValueId g = k.input({4, 6}), b = k.input({6});
  EXPECT_TRUE(first_can_alias(k, {k.sub(b, k.sum(g, {0}))}, 1));
}

TEST(CanAlias, NotOverRowInputsThatFullValuesRead) {
  GraphKit k;
  const ValueId g = k.input({4, 6}), b = k.input({6});
  EXPECT_FALSE(first_can_alias(k, {k.sub(b, k.sum(k.mul(g, b), {0}))}, 1));
}

TEST(CanAlias, EpilogueOverItsOwnElements) {
  GraphKit k;
  const ValueId x = k.input({4, 4}), y = k.input({4, 4}), w = k.input({4, 4});
  EXPECT_TRUE(first_can_alias(k, {k.sub(w, k.dot(x, y))}, 2));
}

TEST(CanAlias, NotOverAnOperandOfTheContraction) {
  GraphKit k;
  const ValueId x = k.input({4, 4}), y = k.input({4, 4});
  EXPECT_FALSE(first_can_alias(k, {k.sub(x, k.dot(x, y))}, 0));
  GraphKit one;  // not even where all indices are zero
  const ValueId a = one.input({1, 1}), b = one.input({1, 1});
  EXPECT_FALSE(first_can_alias(one, {one.sub(a, one.dot(a, b))}, 0));
}

TEST(CanAlias, ScalarsOfALoopOfOne) {
  GraphKit k;
  EXPECT_TRUE(first_can_alias(k, {k.add(k.input({}), k.scalar(1))}));
}

// --- Places ---

TEST(MemoryPlan, DeadBuffersAreReused) {
  GraphKit k;
  ValueId x = k.input({16, 16});
  const ValueId w = k.input({16, 16});
  for (int i = 0; i < 5; ++i) x = k.dot(x, w);
  const Planned p = planned(k.b.finish({x}), false);
  EXPECT_EQ(p.groups.size(), 5U);
  EXPECT_EQ(p.plan.arena_bytes, 2 * 16 * 16 * 4);
  EXPECT_EQ(p.plan.lower_bound_bytes, 2 * 16 * 16 * 4);
}

TEST(MemoryPlan, ElementwiseInPlace) {
  GraphKit k;
  const ValueId x = k.input({16, 16});
  const Planned p = planned(k.b.finish({k.tanh(k.exp(k.tanh(k.exp(x))))}), false, /*fused=*/false);
  EXPECT_EQ(p.groups.size(), 4U);
  EXPECT_EQ(p.plan.arena_bytes, 16 * 16 * 4);  // the last is the result
}

TEST(MemoryPlan, WithoutSharingEachHasItsOwnMemory) {
  GraphKit k;
  const ValueId x = k.input({16, 16});
  const Planned p = planned(k.b.finish({k.tanh(k.exp(k.tanh(k.exp(x))))}), true, false, /*share=*/false);
  EXPECT_EQ(p.plan.arena_bytes, 3 * 16 * 16 * 4);
  EXPECT_EQ(p.plan.result_aliases, (std::vector<Alias>{{}}));
}

TEST(MemoryPlan, ResultsAreWrittenInPlaceEvenWhenReadLater) {
  GraphKit k;
  const ValueId x = k.input({4, 6}), w = k.input({6, 6});
  const ValueId h = k.dot(x, w);
  const Planned p = planned(k.b.finish({k.dot(h, w), h}), false);
  EXPECT_EQ(p.plan.arena_bytes, 0);
  EXPECT_EQ(p.plan.places.at(h.index), (loop::BufferRef{Place::kResult, 1}));
}

TEST(MemoryPlan, ConstantsAndParametersAsResultsAreCopied) {
  GraphKit k;
  const ValueId x = k.input({4}), c = k.scalar(2);
  const ValueId e = k.exp(x);
  const Planned p = planned(k.b.finish({x, c, e, e}), false);
  const std::vector<std::pair<std::size_t, ValueId>> copies{{0, x}, {1, c}, {3, e}};
  EXPECT_EQ(p.plan.copies, copies);
  EXPECT_EQ(p.plan.constants.size(), 1U);
}

// --- Donation ---

TEST(MemoryPlan, AnUpdateTakesOverItsParameter) {
  GraphKit k;
  const ValueId w = k.input({4, 6}), g = k.input({4, 6});
  const Planned p = planned(k.b.finish({k.sub(w, k.exp(g))}), true);
  EXPECT_EQ(p.plan.result_aliases, (std::vector<Alias>{0}));
}

TEST(MemoryPlan, NothingIsTakenFromAnArgumentThatIsKept) {
  GraphKit k;
  const ValueId w = k.input({4, 6}), g = k.input({4, 6});
  const Planned p = planned(k.b.finish({k.sub(w, k.exp(g))}), false);
  EXPECT_EQ(p.plan.result_aliases, (std::vector<Alias>{{}}));
}

TEST(MemoryPlan, AParameterReadLaterIsNotOverwritten) {
  GraphKit k;  // the second product needs all of w after the first result is made
  const ValueId x = k.input({4, 4}), w = k.input({4, 4});
  const ValueId first = k.add(k.dot(x, x), w);
  const Planned p = planned(k.b.finish({first, k.dot(first, w)}), true);
  // The first result may not take w, and x only after its own reads: neither.
  EXPECT_EQ(p.plan.result_aliases[0], Alias{});
  EXPECT_EQ(p.plan.result_aliases[1], Alias{0});
}

TEST(MemoryPlan, AnUpdateWaitsForOtherReaders) {
  GraphKit k;  // w - 1 comes first in the graph, yet after the product that reads w
  const ValueId x = k.input({4, 4}), w = k.input({4, 4});
  const ValueId updated = k.sub(w, k.scalar(1));
  const Planned p = planned(k.b.finish({updated, k.dot(x, w)}), true);
  EXPECT_EQ(p.plan.result_aliases[0], Alias{1});
  EXPECT_EQ(p.groups[1].outputs, std::vector<ValueId>{updated});
}

TEST(MemoryPlan, ADonatedParameterThatIsAResultStaysWhereItIs) {
  GraphKit k;
  const ValueId x = k.input({4});
  const Planned p = planned(k.b.finish({k.exp(x), x, x}), true);
  EXPECT_EQ(p.plan.result_aliases, (std::vector<Alias>{{}, 0, {}}));
  const std::vector<std::pair<std::size_t, ValueId>> copies{{2, x}};
  EXPECT_EQ(p.plan.copies, copies);
}

TEST(MemoryPlan, AValueReturnedTwiceTakesOneParameter) {
  GraphKit k;
  const ValueId e = k.exp(k.input({4}));
  const Planned p = planned(k.b.finish({e, e}), true);
  EXPECT_EQ(p.plan.result_aliases, (std::vector<Alias>{0, {}}));
}

TEST(MemoryPlan, TypesOfOneSizeShareOnlyWhenTheParameterIsDead) {
  GraphKit k;
  const ValueId x = k.input({4});
  const Planned in_one_kernel = planned(k.b.finish({emit_convert(k.b, x, DType::kI32)}), true);
  EXPECT_EQ(in_one_kernel.plan.result_aliases, (std::vector<Alias>{{}}));

  GraphKit later;  // x is dead when the result of another type is written
  const ValueId y = later.input({4, 4});
  const ValueId product = later.dot(later.dot(y, y), later.input({4, 2}));
  const Planned p =
      planned(later.b.finish({later.reshape(later.dot(product, product, {1}, {1}), {16})}), true);
  EXPECT_EQ(p.plan.result_aliases, (std::vector<Alias>{0}));
}

TEST(MemoryPlan, SizesThatDifferShareNothing) {
  GraphKit k;
  const Planned p = planned(k.b.finish({k.sum(k.input({4, 6}), {0})}), true);
  EXPECT_EQ(p.plan.result_aliases, (std::vector<Alias>{{}}));
}

TEST(MemoryPlan, ParametersThatNobodyReadsAreFree) {
  GraphKit k;
  k.input({4, 4});
  const ValueId x = k.input({4, 4});
  const Planned p = planned(k.b.finish({k.dot(x, x)}), true);
  EXPECT_EQ(p.plan.result_aliases, (std::vector<Alias>{0}));
}

TEST(MemoryPlan, TrainingStepsUpdateInPlace) {
  for (const Optimizer optimizer : {Optimizer::kSgd, Optimizer::kMomentum, Optimizer::kAdam}) {
    const Planned p = planned(mlp_step(optimizer, 8, 6, 7, 3), true);
    // w1 b1 w2 b2 and their state each live on in their own memory; the loss is new.
    const std::size_t states = optimizer == Optimizer::kSgd ? 0 : optimizer == Optimizer::kMomentum ? 4 : 8;
    EXPECT_EQ(p.plan.result_aliases[0], Alias{});
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(p.plan.result_aliases[1 + i], Alias{i});
    for (std::size_t i = 0; i < states; ++i) EXPECT_TRUE(p.plan.result_aliases[5 + i].has_value());
    EXPECT_LE(static_cast<double>(p.plan.arena_bytes), 1.10 * static_cast<double>(p.plan.lower_bound_bytes));
  }
}

TEST(MemoryPlan, NoGradientReachesMemory) {
  // SGD on 784-128-10: z and h of [64,128], logits of [64,10]; no buffer of a weight's size.
  const Graph graph = mlp_step(Optimizer::kSgd, 64, 784, 128, 10);
  const std::vector<KernelGroup> groups = order_kernels(graph, fuse(graph));
  const MemoryPlan plan = plan_memory(graph, groups, std::vector<bool>(graph.parameters().size(), true));
  check_plan(graph, groups, std::vector<bool>(graph.parameters().size(), true), plan);
  EXPECT_EQ(plan.arena_bytes, 2 * 64 * 128 * 4 + 64 * 10 * 4) << print(graph, plan);
  for (const MemoryPlan::Tenant& tenant : plan.arena) EXPECT_LE(tenant.bytes, 64 * 128 * 4);
}

Graph random_case(std::uint64_t seed) {
  const Graph graph = random_graph(seed, {.nodes = 15 + static_cast<int>(seed % 60), .smooth = seed % 4 < 2});
  return seed % 4 < 2 ? vjp_graph(graph, std::vector<bool>(graph.parameters().size(), true)) : graph;
}

TEST(MemoryPlan, RandomGraphs) {
  double worst = 0;
  for (std::uint64_t seed = 1000; seed < 1060; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Planned p = planned(random_case(seed), seed % 2 == 0, seed % 3 != 0);
    if (HasFailure()) FAIL() << print(p.graph) << print(p.graph, p.groups);
    if (p.plan.lower_bound_bytes > 0) {
      worst = std::max(
          worst, static_cast<double>(p.plan.arena_bytes) / static_cast<double>(p.plan.lower_bound_bytes));
    }
  }
  EXPECT_LE(worst, 1.10);
}

TEST(MemoryPlan, Print) {
  GraphKit k;
  const ValueId x = k.input({4, 8}, "x"), w = k.input({8, 8}, "w");
  const ValueId y = k.dot(k.dot(x, w), w);
  const Graph graph = k.b.finish({k.sub(w, k.dot(y, y, {0}, {0})), x});
  const std::vector<KernelGroup> groups = fuse(graph);
  EXPECT_EQ(print(graph, plan_memory(graph, groups, {false, true})),
            "arena 256 bytes, lower bound 256\n"
            "  %2 f32[4,8] at arena +0, 128 bytes, alive in groups 0..1\n"
            "  %3 f32[4,8] at arena +128, 128 bytes, alive in groups 1..2\n"
            "  %5 f32[8,8] result 0, in the memory of param 1 \"w\"\n"
            "  %0 f32[4,8] result 1, copied from param 0\n");
}

// --- The checker itself ---

TEST(PlanChecker, FindsAnOverlap) {
  GraphKit k;
  ValueId x = k.input({16, 16});
  const ValueId w = k.input({16, 16});
  for (int i = 0; i < 3; ++i) x = k.dot(x, w);
  const Graph graph = k.b.finish({x});
  const std::vector<KernelGroup> groups = fuse(graph);
  MemoryPlan plan = plan_memory(graph, groups, {});
  for (auto& [value, place] : plan.places) {
    if (place.place == Place::kArena) place.position = 0;
  }
  EXPECT_NONFATAL_FAILURE(check_plan(graph, groups, {}, plan), "group 1 writes");
}

// --- Packing ---

TEST(ArenaPacking, LowerBound) {
  EXPECT_EQ(lower_bound_bytes({}), 0);
  EXPECT_EQ(lower_bound_bytes({{64, 0, 2}, {128, 1, 1}, {64, 3, 3}}), 192);
}

TEST(ArenaPacking, RandomIntervals) {
  std::mt19937_64 random(5);
  double worst = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<ArenaBuffer> buffers;
    const std::size_t count = 1 + random() % 60;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t first = random() % 40;
      buffers.push_back({64 * static_cast<std::int64_t>(1 + random() % 50), first, first + random() % 8, 0});
    }
    const std::int64_t bytes = pack(buffers);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_LE(buffers[i].offset + buffers[i].bytes, bytes);
      EXPECT_EQ(buffers[i].offset % 64, 0);
      for (std::size_t j = 0; j < i; ++j) {
        const bool in_time = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
        const bool in_space = buffers[i].offset < buffers[j].offset + buffers[j].bytes &&
                              buffers[j].offset < buffers[i].offset + buffers[i].bytes;
        EXPECT_FALSE(in_time && in_space);
      }
    }
    worst = std::max(worst, static_cast<double>(bytes) / static_cast<double>(lower_bound_bytes(buffers)));
  }
  EXPECT_LE(worst, 1.10);
}

}  // namespace
}  // namespace adze
