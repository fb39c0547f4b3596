#include <gtest/gtest.h>

#include "support/loop_checks.h"

namespace adze::testing {
namespace {

std::string simplified(std::string_view text) {
  const loop::Program program = lower_program(parse_graph(text), {});
  EXPECT_EQ(program.kernels.size(), 1u) << loop::print(program);
  return "\n" + loop::print(program.kernels.at(0));
}

TEST(SimplifyLoops, MergesContiguousLoops) {
  EXPECT_EQ(simplified(R"(
func @f(%x: f32[4,1,3], %y: f32[4,1,3]) -> f32[4,1,3] {
  %0 = add %x, %y : f32[4,1,3]
  return %0
}
)"),
            "");
}

TEST(SimplifyLoops, KeepsLoopsThatABroadcastTellsApart) {
  EXPECT_EQ(simplified(R"(
func @f(%x: f32[4,3], %b: f32[3]) -> f32[4,3] {
  %0 = broadcast_in_dim %b {dims = [1], shape = [4,3]} : f32[4,3]
  %1 = add %x, %0 : f32[4,3]
  return %1
}
)"),
            "");
}

TEST(SimplifyLoops, MergesOnlyTheDimsThatMoveTogether) {
  EXPECT_EQ(simplified(R"(
func @f(%x: f32[2,3,4], %b: f32[2]) -> f32[2,3,4] {
  %0 = broadcast_in_dim %b {dims = [0], shape = [2,3,4]} : f32[2,3,4]
  %1 = add %x, %0 : f32[2,3,4]
  return %1
}
)"),
            "");
}

TEST(SimplifyLoops, HoistsScalarChains) {
  EXPECT_EQ(simplified(R"(
func @f(%x: f32[4], %rate: f32[]) -> f32[4] {
  %half = constant {value = f32[] 0.5} : f32[]
  %0 = mul %rate, %half : f32[]
  %1 = broadcast_in_dim %0 {dims = [], shape = [4]} : f32[4]
  %2 = mul %x, %1 : f32[4]
  return %2
}
)"),
            "");
}

TEST(SimplifyLoops, MergesReducedDims) {
  EXPECT_EQ(simplified(R"(
func @f(%x: f32[4,3,2]) -> f32[4] {
  %0 = reduce_sum %x {axes = [1,2]} : f32[4]
  return %0
}
)"),
            "");
}

}  // namespace
}  // namespace adze::testing
