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
            R"(
kernel @loop0(in0: f32[4,3], in1: f32[3], out0: out f32[3,4]) {
  for ia in 0..3 {
    for ib in 0..4 {
      out0[4*ia + ib] = in0[3*ib + ia] + in1[ia]
    }
  }
}
)");
}

TEST(LowerToLoops, NamesWhatIsUsedTwice) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4]) -> f32[4] {
  %0 = exp %x : f32[4]
  %1 = mul %0, %0 : f32[4]
  return %1
}
)"),
            R"(
kernel @loop0(in0: f32[4], out0: out f32[4]) {
  for ia in 0..4 {
    let t: f32 = exp(in0[ia])
    out0[ia] = t * t
  }
}
)");
}

TEST(LowerToLoops, AllLoadsComeBeforeTheStores) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4], %y: f32[4]) -> (f32[4], f32[4]) {
  %0 = add %x, %y : f32[4]
  %1 = sub %0, %y : f32[4]
  return %0, %1
}
)"),
            R"(
kernel @loop0(in0: f32[4], in1: f32[4], out0: out f32[4], out1: out f32[4]) {
  for ia in 0..4 {
    let t: f32 = in1[ia]
    let t_1: f32 = in0[ia] + t
    let o: f32 = t_1 - t
    out0[ia] = t_1
    out1[ia] = o
  }
}
)");
}

TEST(LowerToLoops, GuardsReachTheLoads) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4], %v: f32[]) -> f32[7] {
  %0 = neg %x : f32[4]
  %1 = pad %0, %v {high = [2], low = [1]} : f32[7]
  return %1
}
)"),
            R"(
kernel @loop0(in0: f32[4], in1: f32[], out0: out f32[7]) {
  for ia in 0..7 {
    %0 = ((ia - 1) >= 0) & ((ia - 1) <= 3)
    out0[ia] = select(%0, -in0[ia - 1 if %0], in1[0])
  }
}
)");
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
            R"(
kernel @reduction0(in0: f32[4,3], out0: out f32[4,3], out1: out f32[4], out2: out f32[]) {
  alloc acc0: register f32[1] {
    acc0[0] = 0.0f
    for ia in 0..4 {
      alloc acc1: register f32[1] {
        alloc acc2: register f32[1] {
          acc1[0] = -inff
          for k1a in 0..3 {
            acc1[0] max= in0[3*ia + k1a]
          }
          let r: f32 = acc1[0]
          acc2[0] = 0.0f
          for k2a in 0..3 {
            acc2[0] += exp(in0[3*ia + k2a] - r)
          }
          let r_1: f32 = acc2[0]
          for j3a in 0..3 {
            out0[3*ia + j3a] = in0[3*ia + j3a] - r
          }
          let t: f32 = log(r_1)
          out1[ia] = t
          acc0[0] += t
        }
      }
    }
    let r_2: f32 = acc0[0]
    out2[0] = r_2
  }
}
)");
}

TEST(LowerToLoops, IndependentReductionsShareASweep) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4,3]) -> f32[4] {
  %0 = reduce_max %x {axes = [1]} : f32[4]
  %1 = reduce_min %x {axes = [1]} : f32[4]
  %2 = sub %0, %1 : f32[4]
  return %2
}
)"),
            R"(
kernel @reduction0(in0: f32[4,3], out0: out f32[4]) {
  for ia in 0..4 {
    alloc acc0: register f32[1] {
      alloc acc1: register f32[1] {
        acc0[0] = -inff
        acc1[0] = inff
        for k1a in 0..3 {
          let t: f32 = in0[3*ia + k1a]
          acc0[0] max= t
          acc1[0] min= t
        }
        let r: f32 = acc0[0]
        let r_1: f32 = acc1[0]
        out0[ia] = r - r_1
      }
    }
  }
}
)");
}

TEST(LowerToLoops, ArgmaxIsTheFirstPositionOfTheMaximum) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[5]) -> i32[] {
  %0 = argmax %x {axis = 0} : i32[]
  return %0
}
)"),
            R"(
kernel @reduction0(in0: f32[5], out0: out i32[]) {
  alloc acc0: register f32[1] {
    alloc acc1: register i32[1] {
      acc0[0] = -inff
      for k1a in 0..5 {
        acc0[0] max= in0[k1a]
      }
      let r: f32 = acc0[0]
      acc1[0] = 2147483647i32
      for k2a in 0..5 {
        let t: f32 = in0[k2a]
        acc1[0] min= select((t == r) | (t != t), i32(k2a), 2147483647i32)
      }
      let r_1: i32 = acc1[0]
      out0[0] = r_1
    }
  }
}
)");
}

TEST(LowerToLoops, ContractionWithEpilogue) {
  EXPECT_EQ(lowered(R"(
func @f(%x: f32[4,5], %w: f32[5,3], %b: f32[3]) -> f32[4,3] {
  %0 = dot_general %x, %w {contract = [1] x [0]} : f32[4,3]
  %1 = broadcast_in_dim %b {dims = [1], shape = [4,3]} : f32[4,3]
  %2 = add %0, %1 : f32[4,3]
  return %2
}
)"),
            R"(
kernel @contraction0(in0: f32[4,5], in1: f32[5,3], in2: f32[3], out0: out f32[4,3]) {
  for ia in 0..4 {
    for ib in 0..3 {
      alloc acc0: register f32[1] {
        acc0[0] = 0.0f
        for k1a in 0..5 {
          acc0[0] = fma(in0[5*ia + k1a], in1[3*k1a + ib], acc0[0])
        }
        let r: f32 = acc0[0]
        out0[3*ia + ib] = r + in2[ib]
      }
    }
  }
}
)");
}

TEST(LowerToLoops, EqualKernelsAreSharedAndCopiesAreKernels) {
  const loop::Program program = lower_program(parse_graph(R"(
func @f(%x: f32[4], %y: f32[4]) -> (f32[4], f32[4], f32[4]) {
  %0 = exp %x : f32[4]
  %1 = exp %y : f32[4]
  return %0, %1, %x
}
)"),
                                              {.fuse = false});
  EXPECT_EQ(loop::print(program), R"(program @f(f32[4], f32[4]) -> (f32[4], f32[4], f32[4]) arena 0 {
  call @loop0(param 0, result 0)
  call @loop0(param 1, result 1)
  call @copy1(param 0, result 2)
}

kernel @loop0(in0: f32[4], out0: out f32[4]) {
  for ia in 0..4 {
    out0[ia] = exp(in0[ia])
  }
}

kernel @copy1(in0: f32[4], out0: out f32[4]) {
  for ia in 0..4 {
    out0[ia] = in0[ia]
  }
}
)");
}

}  // namespace
}  // namespace adze::testing
