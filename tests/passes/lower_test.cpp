#include <gtest/gtest.h>

#include "support/loop_checks.h"

namespace adze::testing {
namespace {

/// The only kernel of a graph, unscheduled, without simplification.
std::string lowered(std::string_view text) {
  const loop::Program program = lower_program(parse_graph(text), {.simplify = false});
  EXPECT_EQ(program.kernels.size(), 1u) << loop::print(program);
  return "\n" + loop::print(program.kernels.at(0));
}

TEST(LowerToLoops, InlinesElementwiseOpsAndIndexMaps) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4,3], %b: f32[3]) -> f32[3,4] {
  %0 = broadcast_in_dim %b {dims = [1], shape = [4,3]} : f32[4,3]
  %1 = add %x, %0 : f32[4,3]
  %2 = transpose %1 {permutation = [1,0]} : f32[3,4]
  return %2
}
)"),
            "");
}

TEST(LowerToLoops, NamesWhatIsUsedTwice) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4]) -> f32[4] {
  %0 = exp %x : f32[4]
  %1 = mul %0, %0 : f32[4]
  return %1
}
)"),
            "");
}

TEST(LowerToLoops, AllLoadsComeBeforeTheStores) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4], %y: f32[4]) -> (f32[4], f32[4]) {
  %0 = add %x, %y : f32[4]
  %1 = sub %x, %y : f32[4]
  return %0, %1
}
)"),
            "");
}

TEST(LowerToLoops, GuardsReachTheLoads) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4], %v: f32[]) -> f32[7] {
  %0 = neg %x : f32[4]
  %1 = pad %0, %v {high = [2], low = [1]} : f32[7]
  return %1
}
)"),
            "");
}

TEST(LowerToLoops, RowsAreFinishedOneByOne) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4,3]) -> (f32[4,3], f32[4], f32[]) {
  %0 = reduce_max %x {axes = [1]} : f32[4]
  %1 = broadcast_in_dim %0 {dims = [0], shape = [4,3]} : f32[4,3]
  %2 = sub %x, %1 : f32[4,3]
  %3 = exp %2 : f32[4,3]
  %4 = reduce_sum %3 {axes = [1]} : f32[4]
  %5 = log %4 : f32[4]
  %6 = reduce_sum %5 {axes = [0]} : f32[]
  return %2, %5, %6
}
)"),
            "");
}

TEST(LowerToLoops, IndependentReductionsShareASweep) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4,3]) -> (f32[4], f32[4]) {
  %0 = reduce_max %x {axes = [1]} : f32[4]
  %1 = reduce_min %x {axes = [1]} : f32[4]
  return %0, %1
}
)"),
            "");
}

TEST(LowerToLoops, ArgmaxIsTheFirstPositionOfTheMaximum) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[5]) -> i32[] {
  %0 = argmax %x {axis = 0, dtype = i32} : i32[]
  return %0
}
)"),
            "");
}

TEST(LowerToLoops, ContractionWithPrologueAndEpilogue) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4,5], %w: f32[5,3], %b: f32[3]) -> f32[4,3] {
  %0 = dot_general %x, %w {contract = [1] x [0]} : f32[4,3]
  %1 = broadcast_in_dim %b {dims = [1], shape = [4,3]} : f32[4,3]
  %2 = add %0, %1 : f32[4,3]
  return %2
}
)"),
            "");
}

TEST(LowerToLoops, EqualKernelsAreSharedAndCopiesAreKernels) {
  const loop::Program program = lower_program(parse_graph(R"(
func @f(%x: f32[4], %y: f32[4], %z: f32[5]) -> (f32[4], f32[4], f32[4]) {
  %0 = exp %x : f32[4]
  %1 = exp %y : f32[4]
  return %0, %1, %x
}
)"),
                                              {.fuse = false});
  EXPECT_EQ(loop::print(program), "");
}

}  // namespace
}  // namespace adze::testing
