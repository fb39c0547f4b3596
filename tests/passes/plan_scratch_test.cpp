#include "passes/plan_scratch.h"

#include <gtest/gtest.h>

// Scratch of kernels goes where the memory plan has room during their call.

namespace adze {
namespace {

using loop::Scope;
using loop::Stmt;

/// A kernel without arguments and with `bytes` of scratch.
loop::Kernel kernel_with_scratch(std::int64_t bytes) {
  loop::Kernel kernel;
  kernel.name = "k" + std::to_string(bytes);
  const loop::BufferId buffer = kernel.add_buffer("scratch", {DType::kF32, {bytes / 4}, {}}, Scope::kShared);
  kernel.body = {Stmt::make_alloc(buffer, {})};
  return kernel;
}

struct Case {
  loop::Program program;
  MemoryPlan plan;

  /// Calls with that much scratch, in order.
  explicit Case(const std::vector<std::int64_t>& scratch) {
    for (std::size_t i = 0; i < scratch.size(); ++i) {
      program.kernels.push_back(scratch[i] ? kernel_with_scratch(scratch[i]) : loop::Kernel{});
      program.calls.push_back({i, {}});
    }
  }
  void tenant(std::int64_t offset, std::int64_t bytes, std::size_t first, std::size_t last) {
    program.tenants.push_back({offset, offset + bytes, first, last});
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    program.arena_bytes = plan.arena_bytes;
  }
};

TEST(PlanScratch, UsesWhatIsFreeDuringTheCall) {
  Case c({0, 128, 128, 0});
  c.tenant(0, 128, 0, 1);
  c.tenant(128, 256, 1, 2);
  c.plan.lower_bound_bytes = 384;
  plan_scratch(c.program, c.plan);
  EXPECT_EQ(c.program.calls[0].scratch, -1);
  EXPECT_EQ(c.program.calls[1].scratch, 384);  // both are alive
  EXPECT_EQ(c.program.calls[2].scratch, 0);    // the first is dead by then
  EXPECT_EQ(c.plan.arena_bytes, 512);
  EXPECT_EQ(c.program.arena_bytes, 512);
  EXPECT_EQ(c.plan.lower_bound_bytes, 512);
}

TEST(PlanScratch, TakesTheLowestGapThatIsLargeEnough) {
  Case c({192});
  c.tenant(64, 64, 0, 0);
  c.tenant(192, 64, 0, 0);
  c.tenant(448, 64, 0, 0);
  plan_scratch(c.program, c.plan);
  EXPECT_EQ(c.program.calls[0].scratch, 256);
  EXPECT_EQ(c.plan.arena_bytes, 512);
}

TEST(PlanScratch, ValuesInPlaceOfEachOtherCountOnce) {
  Case c({64});
  c.tenant(0, 128, 0, 0);
  c.tenant(0, 128, 0, 0);
  plan_scratch(c.program, c.plan);
  EXPECT_EQ(c.program.calls[0].scratch, 128);
  EXPECT_EQ(c.plan.lower_bound_bytes, 192);
}

TEST(PlanScratch, LiesBehindTheArenaWhenNothingIsShared) {
  Case c({128, 64});
  c.tenant(0, 100, 1, 1);
  plan_scratch(c.program, c.plan, false);
  EXPECT_EQ(c.program.calls[0].scratch, 128);
  EXPECT_EQ(c.program.calls[1].scratch, 128);
  EXPECT_EQ(c.plan.arena_bytes, 256);
}

}  // namespace
}  // namespace adze
