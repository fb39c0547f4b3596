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
            R"(
kernel @loop0(in0: f32[4,1,3], in1: f32[4,1,3], out0: out f32[4,1,3]) {
  for ia in 0..12 {
    out0[ia] = in0[ia] + in1[ia]
  }
}
)");
}

TEST(SimplifyLoops, KeepsLoopsThatABroadcastTellsApart) {
  EXPECT_EQ(simplified(R"(
func @f(%x: f32[4,3], %b: f32[3]) -> f32[4,3] {
  %0 = broadcast_in_dim %b {dims = [1], shape = [4,3]} : f32[4,3]
  %1 = add %x, %0 : f32[4,3]
  return %1
}
)"),
            R"(
kernel @loop0(in0: f32[4,3], in1: f32[3], out0: out f32[4,3]) {
  for ia in 0..4 {
    for ib in 0..3 {
      out0[3*ia + ib] = in0[3*ia + ib] + in1[ib]
    }
  }
}
)");
}

TEST(SimplifyLoops, MergesOnlyTheDimsThatMoveTogether) {
  EXPECT_EQ(simplified(R"(
func @f(%x: f32[2,3,4], %b: f32[2]) -> f32[2,3,4] {
  %0 = broadcast_in_dim %b {dims = [0], shape = [2,3,4]} : f32[2,3,4]
  %1 = add %x, %0 : f32[2,3,4]
  return %1
}
)"),
            R"(
kernel @loop0(in0: f32[2,3,4], in1: f32[2], out0: out f32[2,3,4]) {
  for ia in 0..2 {
    let h: f32 = in1[ia]
    for ib in 0..12 {
      out0[12*ia + ib] = in0[12*ia + ib] + h
    }
  }
}
)");
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
            R"(
kernel @loop0(in0: f32[4], in1: f32[], out0: out f32[4]) {
  let h: f32 = in1[0] * 0.5f
  for ia in 0..4 {
    out0[ia] = in0[ia] * h
  }
}
)");
}

TEST(SimplifyLoops, MergesReducedDims) {
  EXPECT_EQ(simplified(R"(
func @f(%x: f32[4,3,2]) -> f32[4] {
  %0 = reduce_sum %x {axes = [1,2]} : f32[4]
  return %0
}
)"),
            R"(
kernel @reduction0(in0: f32[4,3,2], out0: out f32[4]) {
  for ia in 0..4 {
    alloc acc0: register f32[1] {
      acc0[0] = 0.0f
      for k1a in 0..6 {
        acc0[0] += in0[6*ia + k1a]
      }
      let r: f32 = acc0[0]
      out0[ia] = r
    }
  }
}
)");
}

}  // namespace
}  // namespace adze::testing
