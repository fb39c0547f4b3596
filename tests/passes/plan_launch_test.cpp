#include "passes/plan_launch.h"

#include <gtest/gtest.h>

#include <optional>

#include "ir/errors.h"
#include "passes/schedule_gpu.h"

// Phases: which calls may run at once. Launches: who waits between them.

namespace adze {
namespace {

using loop::BufferRef;
using loop::Launch;
using loop::Stmt;
using Place = BufferRef::Place;

/// out[i] = in[i] over `size` elements, as the only work of one thread or of `blocks` blocks.
loop::Kernel copy_kernel(std::int64_t size, std::int64_t blocks = 0) {
  loop::Kernel kernel;
  kernel.name = "copy";
  const auto in = kernel.add_buffer("in", {DType::kF32, {size}, {}}, loop::Scope::kArgument);
  const auto out = kernel.add_buffer("out", {DType::kF32, {size}, {}}, loop::Scope::kArgument);
  kernel.argument_count = 2;
  kernel.written = {false, true};
  loop::Exprs& e = kernel.exprs;
  if (blocks == 0) {
    const loop::VarId i = e.new_var("i", size);
    kernel.body = {Stmt::make_for(i, size, loop::LoopKind::kSerial,
                                  {Stmt::make_store(out, e.var(i), e.load(in, DType::kF32, e.var(i)))})};
    return on_one_thread(std::move(kernel), gpu_target(90, 132));
  }
  const loop::VarId g = e.new_var("g", blocks), t = e.new_var("t", 256);
  const loop::ExprId at = e.add(e.mul(e.var(g), 256), e.var(t));
  std::vector<Stmt> body{Stmt::make_store(out, at, e.load(in, DType::kF32, at))};
  body = {Stmt::make_for(t, 256, loop::LoopKind::kBlock, std::move(body))};
  kernel.body = {Stmt::make_for(g, blocks, loop::LoopKind::kGrid, std::move(body))};
  return kernel;
}

/// Calls of one kernel over 16 elements.
std::vector<std::size_t> phases(const std::vector<std::pair<BufferRef, BufferRef>>& calls,
                                const std::vector<std::optional<std::size_t>>& aliases = {},
                                bool share = true) {
  loop::Program program;
  program.kernels.push_back(copy_kernel(16));
  for (const auto& [in, out] : calls) program.calls.push_back({0, {in, out}});
  plan_phases(program, aliases, share);
  std::vector<std::size_t> result;
  for (const loop::KernelCall& call : program.calls) result.push_back(call.phase);
  return result;
}

const BufferRef kX{Place::kParameter, 0}, kY{Place::kParameter, 1}, kR{Place::kResult, 0},
    kS{Place::kResult, 1};
BufferRef arena(std::int64_t offset) {
  return {Place::kArena, offset};
}
using Phases = std::vector<std::size_t>;

TEST(PlanPhases, CallsThatShareNothingRunAtOnce) {
  EXPECT_EQ(phases({{kX, arena(0)}, {kY, arena(64)}}), (Phases{0, 0}));
  EXPECT_EQ(phases({{kX, kR}, {kX, kS}}), (Phases{0, 0}));
}

TEST(PlanPhases, AReaderWaitsForItsWriter) {
  EXPECT_EQ(phases({{kX, arena(0)}, {arena(0), kR}}), (Phases{0, 1}));
}

TEST(PlanPhases, AWriterWaitsForReadersAndWriters) {
  EXPECT_EQ(phases({{kX, kR}, {kY, kX}}), (Phases{0, 1}));
  EXPECT_EQ(phases({{kX, arena(0)}, {kY, arena(0)}}), (Phases{0, 1}));
}

TEST(PlanPhases, ArenaRangesOverlapByBytes) {
  EXPECT_EQ(phases({{kX, arena(0)}, {kY, arena(63)}}), (Phases{0, 1}));
  EXPECT_EQ(phases({{kX, arena(64)}, {kY, arena(1)}}), (Phases{0, 1}));
}

TEST(PlanPhases, AResultThatLivesInAParameterIsThatParameter) {
  EXPECT_EQ(phases({{kX, kS}, {kY, kR}}), (Phases{0, 0}));
  EXPECT_EQ(phases({{kX, kS}, {kY, kR}}, {std::size_t{0}, std::nullopt}), (Phases{0, 1}));
}

TEST(PlanPhases, OnlyTheCurrentPhaseCounts) {
  EXPECT_EQ(phases({{kX, arena(0)}, {arena(0), arena(64)}, {kX, arena(128)}, {arena(128), kR}}),
            (Phases{0, 1, 1, 2}));
}

TEST(PlanPhases, OffEveryCallIsOne) {
  EXPECT_EQ(phases({{kX, arena(0)}, {kY, arena(64)}}, {}, false), (Phases{0, 1}));
}

TEST(PlanPhases, ScratchIsWritten) {
  loop::Program program;
  loop::Kernel kernel = copy_kernel(16);
  const auto shared = kernel.add_buffer("s", {DType::kF32, {16}, {}}, loop::Scope::kShared);
  kernel.body = {Stmt::make_alloc(shared, std::move(kernel.body))};
  program.kernels.push_back(std::move(kernel));
  program.calls = {
      {0, {kX, kR}, 64}, {0, {kX, kS}, 64}, {0, {kX, arena(0)}, 128}, {0, {kX, arena(128)}, 256}};
  plan_phases(program, {});
  EXPECT_EQ(program.calls[0].phase, 0u);
  EXPECT_EQ(program.calls[1].phase, 1u);
  EXPECT_EQ(program.calls[2].phase, 1u);
  EXPECT_EQ(program.calls[3].phase, 2u);  // into the scratch of the call before
}

/// Calls that share nothing, with a region around some of them.
loop::Program with_region(loop::Region region, std::size_t calls) {
  loop::Program program;
  program.kernels.push_back(copy_kernel(16));
  program.parameter_types = {{DType::kF32, {16}}};
  program.arena_bytes = 1024;
  for (std::size_t i = 0; i < calls; ++i) {
    program.calls.push_back({0, {kX, arena(static_cast<std::int64_t>(64 * i))}});
  }
  program.regions.push_back(std::move(region));
  plan_phases(program, {});
  return program;
}

TEST(PlanPhases, ARegionHasPhasesOfItsOwn) {
  const loop::Program program = with_region({.begin = 1, .end = 3, .count = 2}, 4);
  EXPECT_EQ(program.calls[0].phase, 0u);
  EXPECT_EQ(program.calls[1].phase, 1u);
  EXPECT_EQ(program.calls[2].phase, 1u);
  EXPECT_EQ(program.calls[3].phase, 2u);
}

TEST(PlanPhases, AWriterWaitsUntilThePredicateIsRead) {
  using Kind = loop::Region::Kind;
  // The second call writes where the predicate is; the first of a region may not.
  const loop::Program after =
      with_region({.kind = Kind::kWhile, .begin = 0, .end = 2, .predicate = arena(64)}, 2);
  EXPECT_EQ(after.calls[1].phase, 1u);
  const loop::Program elsewhere =
      with_region({.kind = Kind::kWhile, .begin = 0, .end = 2, .predicate = arena(512)}, 2);
  EXPECT_EQ(elsewhere.calls[1].phase, 0u);
}

TEST(PlanPhases, SlicesOfOneIterationAreApart) {
  loop::Program program;
  program.kernels.push_back(copy_kernel(16));
  program.parameter_types = {{DType::kF32, {8, 16}}};
  program.arena_bytes = 1024;
  const auto row = [](std::int64_t offset, std::int64_t stride) {
    return BufferRef{Place::kParameter, 0, offset, {{0, stride}}};
  };
  program.calls = {{0, {row(0, 128), row(64, 128)}},
                   {0, {row(0, 128), arena(0)}},
                   {0, {row(64, 128), arena(64)}},
                   {0, {row(256, -64), arena(128)}}};
  program.regions.push_back({.begin = 0, .end = 4, .count = 4});
  plan_phases(program, {});
  EXPECT_EQ(program.calls[1].phase, 0u);  // the other half of the pair of rows
  EXPECT_EQ(program.calls[2].phase, 1u);  // the row that was written
  EXPECT_EQ(program.calls[3].phase, 1u);
  program.calls.erase(program.calls.begin() + 1, program.calls.begin() + 3);
  program.regions[0].end = 2;
  plan_phases(program, {});
  EXPECT_EQ(program.calls[1].phase, 1u);  // rows that move differently may be the same
}

TEST(PlanLaunch, LoopsAreOneLaunch) {
  loop::Program program = with_region({.begin = 0, .end = 2, .count = 1000000}, 2);
  program.kernels = {copy_kernel(16, 0)};
  plan_launch(program, gpu_target(90, 132), Launch::Mode::kGraph);
  EXPECT_EQ(program.launch->mode, Launch::Mode::kPersistent);
  program.parameter_types.resize(kMostLaunchBuffers + 1, {DType::kF32, {16}});
  EXPECT_THROW(plan_launch(program, gpu_target(90, 132)), CompileError);
}

loop::Program chain(std::size_t length, std::int64_t blocks) {
  loop::Program program;
  program.kernels.push_back(copy_kernel(blocks * 256, blocks));
  for (std::size_t i = 0; i < length; ++i) {
    program.calls.push_back({0, {arena(i % 2 ? blocks * 1024 : 0), arena(i % 2 ? 0 : blocks * 1024)}});
  }
  program.arena_bytes = blocks * 2048;
  plan_phases(program, {});
  return program;
}

TEST(PlanLaunch, SmallStepsInARowAreOneLaunch) {
  loop::Program program = chain(10, 4);
  plan_launch(program, gpu_target(90, 132));
  EXPECT_EQ(program.launch->mode, Launch::Mode::kPersistent);
  EXPECT_EQ(program.launch->blocks, 4);
  loop::verify(program);
}

TEST(PlanLaunch, LargeWorkIsAGraph) {
  loop::Program program = chain(3, 1 << 20);
  plan_launch(program, gpu_target(90, 132));
  EXPECT_EQ(program.launch->mode, Launch::Mode::kGraph);
}

TEST(PlanLaunch, NeverMoreBlocksThanRunAtOnce) {
  loop::Program program = chain(10, 1000);
  plan_launch(program, gpu_target(80, 108), Launch::Mode::kPersistent);
  EXPECT_EQ(program.launch->mode, Launch::Mode::kPersistent);
  EXPECT_EQ(program.launch->blocks, 108);
}

TEST(PlanLaunch, CanBeToldOtherwise) {
  loop::Program program = chain(10, 4);
  plan_launch(program, gpu_target(90, 132), Launch::Mode::kGraph);
  EXPECT_EQ(program.launch->mode, Launch::Mode::kGraph);
}

TEST(PlanLaunch, TooManyBuffersForOneLaunchAreAGraph) {
  loop::Program program = chain(10, 4);
  program.parameter_types.resize(kMostLaunchBuffers + 1);
  plan_launch(program, gpu_target(90, 132), Launch::Mode::kPersistent);
  EXPECT_EQ(program.launch->mode, Launch::Mode::kGraph);
}

}  // namespace
}  // namespace adze
