#include "passes/fusion.h"

#include <gtest/gtest.h>

#include "ir/text.h"
#include "passes/memory_plan.h"
#include "tests/support/graph_kit.h"

namespace adze {
namespace {
using namespace test;

TEST(Fusion, MlpTrainingStepHasFewKernels) {
  for (const Optimizer optimizer : {Optimizer::kSgd, Optimizer::kMomentum, Optimizer::kAdam}) {
    const Graph g = mlp_step(optimizer, 64, 64, 128, 10);
    const auto groups = fuse(g);
    verify(g, groups);
    EXPECT_EQ(groups.size(), optimizer == Optimizer::kAdam ? 9U : 8U) << print(g, groups);
  }
}

}  // namespace
}  // namespace adze
