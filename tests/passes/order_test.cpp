#include <gtest/gtest.h>

#include "ir/text.h"
#include "passes/fusion.h"
#include "passes/memory_plan.h"
#include "support/graph_kit.h"

namespace adze {
namespace {

using namespace testing;

std::vector<ValueId> first_outputs(const std::vector<KernelGroup>& groups) {
  std::vector<ValueId> outputs;
  for (const KernelGroup& group : groups) outputs.push_back(group.outputs[0]);
  return outputs;
}

std::int64_t peak(const Graph& graph, const std::vector<KernelGroup>& groups) {
  return plan_memory(graph, groups, {}).lower_bound_bytes;
}

TEST(OrderKernels, ConsumesWhatItMadeBeforeMakingMore) {
  // Four products of [32,32], each reduced to [32]: written in the order all products, all sums.
  GraphKit k;
  const ValueId x = k.input({32, 32});
  std::vector<ValueId> products, sums;
  for (int i = 0; i < 4; ++i) products.push_back(k.dot(x, k.input({32, 32})));
  for (const ValueId product : products) sums.push_back(k.sum(product, {1}));
  const Graph graph = k.b.finish(sums);
  std::vector<KernelGroup> groups = fuse(graph);
  ASSERT_EQ(groups.size(), 8U);
  EXPECT_EQ(peak(graph, groups), 4 * 32 * 32 * 4);
  groups = order_kernels(graph, std::move(groups));
  verify(graph, groups);
  EXPECT_EQ(peak(graph, groups), 32 * 32 * 4);
}

TEST(OrderKernels, KeepsTheOrderWhereNothingIsGained) {
  GraphKit k;
  const ValueId a = k.exp(k.input({4})), b = k.exp(k.input({6})), c = k.exp(k.input({8}));
  const Graph graph = k.b.finish({c, b, a});
  EXPECT_EQ(first_outputs(order_kernels(graph, fuse(graph))), (std::vector<ValueId>{a, b, c}));
}

TEST(OrderKernels, AnUpdateWaitsForTheOtherReaders) {
  GraphKit k;
  const ValueId x = k.input({4, 4}), w = k.input({4, 4});
  const ValueId updated = k.sub(w, k.scalar(1));
  const ValueId product = k.dot(x, w);
  const Graph graph = k.b.finish({updated, product});
  std::vector<KernelGroup> groups = fuse(graph);
  EXPECT_EQ(first_outputs(groups), (std::vector<ValueId>{updated, product}));
  EXPECT_EQ(first_outputs(order_kernels(graph, std::move(groups))), (std::vector<ValueId>{product, updated}));
}

TEST(OrderKernels, AnUpdateThatLeadsToAReaderGoesFirst) {
  GraphKit k;
  const ValueId x = k.input({4, 4}), w = k.input({4, 4});
  const ValueId updated = k.sub(w, k.scalar(1));
  const ValueId product = k.dot(k.dot(x, updated), w);
  const Graph graph = k.b.finish({updated, product});
  const std::vector<KernelGroup> groups = order_kernels(graph, fuse(graph));
  verify(graph, groups);
  EXPECT_EQ(groups[0].outputs[0], updated);
}

TEST(OrderKernels, TwoUpdatesThatReadEachOther) {
  GraphKit k;  // each would like to be last
  const ValueId v = k.input({4, 4}), w = k.input({4, 4});
  const Graph graph = k.b.finish({k.add(k.dot(v, v), w), k.add(k.dot(w, w), v)});
  const std::vector<KernelGroup> groups = order_kernels(graph, fuse(graph));
  verify(graph, groups);
  EXPECT_EQ(groups.size(), 2U);
}

TEST(OrderKernels, NoGroups) {
  GraphKit k;
  const ValueId x = k.input({4});
  EXPECT_TRUE(order_kernels(k.b.finish({x}), {}).empty());
}

}  // namespace
}  // namespace adze
