#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/loop_checks.h"
#include "support/op_samples.h"
#include "support/programs.h"
#include "support/random_graph.h"

namespace adze::testing {
namespace {

// Sizes around the lanes of every target.
constexpr int kSizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67, 130};
constexpr Tolerance kReordered{.relative = 2e-5};

TEST(ScheduleCpu, ElementwiseOfAnySize) {
  for (const int n : kSizes) {
    SCOPED_TRACE(n);
    check_loops(fmt::format(R"(
func @f(%x: f32[3,{0}], %b: f32[{0}], %s: f32[3]) -> (f32[3,{0}], f32[{0},3]) {{
  %0 = broadcast_in_dim %b {{dims = [1], shape = [3,{0}]}} : f32[3,{0}]
  %1 = broadcast_in_dim %s {{dims = [0], shape = [3,{0}]}} : f32[3,{0}]
  %2 = mul %x, %0 : f32[3,{0}]
  %3 = sub %2, %1 : f32[3,{0}]
  %4 = transpose %3 {{permutation = [1,0]}} : f32[{0},3]
  return %3, %4
}}
)",
                            n));
  }
}

TEST(ScheduleCpu, MovementAcrossTheLanes) {
  for (const int n : {5, 16, 21}) {
    SCOPED_TRACE(n);
    check_loops(fmt::format(R"(
func @f(%x: f32[{0}], %y: f32[{0}], %v: f32[]) -> f32[{2}] {{
  %0 = reverse %x {{dims = [0]}} : f32[{0}]
  %1 = concatenate %0, %y, %x {{dimension = 0}} : f32[{1}]
  %2 = pad %1, %v {{low = [2], high = [3], interior = [0]}} : f32[{2}]
  %3 = exp %2 : f32[{2}]
  return %3
}}
)",
                            n, 3 * n, 3 * n + 5));
  }
}

TEST(ScheduleCpu, MixedWidthsShareTheirLanes) {
  check_loops(R"(
func @f(%x: f32[37], %y: f64[37], %k: i64[37], %p: bool[37]) -> (f64[37], bool[37], i32[37]) {
  %0 = convert %x {dtype = f64} : f64[37]
  %1 = add %0, %y : f64[37]
  %2 = convert %k {dtype = f64} : f64[37]
  %3 = lt %1, %2 : bool[37]
  %4 = and %3, %p : bool[37]
  %5 = select %4, %1, %2 : f64[37]
  %6 = convert %k {dtype = i32} : i32[37]
  return %5, %4, %6
}
)");
}

TEST(ScheduleCpu, RowsOfAnySize) {
  for (const int rows : {1, 5, 18}) {
    for (const int n : {1, 3, 10, 16, 17, 67, 130}) {
      SCOPED_TRACE(fmt::format("{} rows of {}", rows, n));
      check_loops(fmt::format(R"(
func @f(%x: f32[{0},{1}]) -> (f32[{0},{1}], f32[{0}], f32[]) {{
  %0 = reduce_max %x {{axes = [1]}} : f32[{0}]
  %1 = broadcast_in_dim %0 {{dims = [0], shape = [{0},{1}]}} : f32[{0},{1}]
  %2 = sub %x, %1 : f32[{0},{1}]
  %3 = exp %2 : f32[{0},{1}]
  %4 = reduce_sum %3 {{axes = [1]}} : f32[{0}]
  %5 = broadcast_in_dim %4 {{dims = [0], shape = [{0},{1}]}} : f32[{0},{1}]
  %6 = div %3, %5 : f32[{0},{1}]
  %7 = log %4 : f32[{0}]
  %8 = reduce_sum %7 {{axes = [0]}} : f32[]
  return %6, %7, %8
}}
)",
                              rows, n),
                  kReordered);
    }
  }
}

TEST(ScheduleCpu, ReductionsOverEveryAxis) {
  for (const char* axes : {"[0]", "[1]", "[2]", "[0,1]", "[0,2]", "[1,2]", "[0,1,2]"}) {
    const Dims shape{5, 3, 18};
    Dims kept = shape;
    for (int axis = 2; axis >= 0; --axis)
      if (std::string(axes).find(std::to_string(axis)) != std::string::npos) kept.erase(kept.begin() + axis);
    for (const char* op : {"reduce_sum", "reduce_max"}) {
      SCOPED_TRACE(axes);
      check_loops(fmt::format(R"(
func @f(%x: f32[5,3,18]) -> f32{1} {{
  %0 = {2} %x {{axes = {0}}} : f32{1}
  return %0
}}
)",
                              axes, to_string(kept), op),
                  kReordered);
    }
  }
}

TEST(ScheduleCpu, IntegerReductionsAreExact) {
  for (const char* dtype : {"i32", "i64", "u32"}) {
    check_loops(fmt::format(R"(
func @f(%x: {0}[7,37]) -> ({0}[7], {0}[37], {0}[]) {{
  %0 = reduce_sum %x {{axes = [1]}} : {0}[7]
  %1 = reduce_prod %x {{axes = [0]}} : {0}[37]
  %2 = reduce_max %x {{axes = [0,1]}} : {0}[]
  return %0, %1, %2
}}
)",
                            dtype));
  }
}

TEST(ScheduleCpu, ArgmaxFindsTheFirstOfEqualsAndOfNans) {
  for (const int n : {3, 16, 50}) {
    SCOPED_TRACE(n);
    const Graph graph = parse_graph(fmt::format(R"(
func @f(%x: f32[4,{0}]) -> (i32[4], i32[{0}]) {{
  %0 = argmax %x {{axis = 1}} : i32[4]
  %1 = argmin %x {{axis = 0}} : i32[{0}]
  return %0, %1
}}
)",
                                                n));
    std::vector<std::vector<Literal>> inputs{random_arguments(graph, 1), random_arguments(graph, 2)};
    for (std::int64_t i = 0; i < inputs[0][0].size(); ++i)
      inputs[0][0].set_double(i, static_cast<double>(i % 3));
    inputs[1][0].set_double(2, std::nan(""));
    inputs[1][0].set_double(n + 1, std::nan(""));
    check_loops(graph, inputs);
  }
}

/// Rows x columns x steps; which operand is transposed; batch dims.
TEST(ScheduleCpu, ContractionsOfAnySize) {
  const int sizes[][3] = {{1, 1, 1},   {1, 16, 5},  {2, 3, 4},   {5, 10, 7},  {10, 64, 3}, {7, 17, 9},
                          {13, 48, 2}, {29, 33, 4}, {64, 10, 6}, {3, 130, 5}, {1, 128, 8}, {31, 1, 40}};
  for (const auto& [m, n, k] : sizes) {
    for (const char* form : {"nn", "nt", "tn", "tt"}) {
      const bool lt = form[0] == 't', rt = form[1] == 't';
      SCOPED_TRACE(fmt::format("{}x{}x{} {}", m, n, k, form));
      check_loops(
          fmt::format(R"(
func @f(%x: f32[{3},{4}], %w: f32[{5},{6}], %b: f32[{1}]) -> f32[{0},{1}] {{
  %0 = dot_general %x, %w {{contract = [{7}] x [{8}]}} : f32[{0},{1}]
  %1 = broadcast_in_dim %b {{dims = [1], shape = [{0},{1}]}} : f32[{0},{1}]
  %2 = add %0, %1 : f32[{0},{1}]
  %3 = tanh %2 : f32[{0},{1}]
  return %3
}}
)",
                      m, n, k, lt ? k : m, lt ? m : k, rt ? n : k, rt ? k : n, lt ? 0 : 1, rt ? 1 : 0),
          kReordered);
    }
  }
}

TEST(ScheduleCpu, BatchesAndPrologues) {
  check_loops(R"(
func @f(%x: f32[3,9,12], %g: f32[3,9,12], %w: f32[3,12,20]) -> f32[3,9,20] {
  %zero = constant {value = f32[] 0} : f32[]
  %0 = broadcast_in_dim %zero {dims = [], shape = [3,9,12]} : f32[3,9,12]
  %1 = gt %x, %0 : bool[3,9,12]
  %2 = select %1, %g, %0 : f32[3,9,12]
  %3 = dot_general %2, %w {batch = [0] x [0], contract = [2] x [1]} : f32[3,9,20]
  return %3
}
)",
              kReordered);
  for (const char* dtype : {"i32", "i64"}) {
    check_loops(fmt::format(R"(
func @f(%x: {0}[6,12], %w: {0}[12,20], %v: {0}[12]) -> ({0}[6,20], {0}[6]) {{
  %0 = dot_general %x, %w {{contract = [1] x [0]}} : {0}[6,20]
  %1 = dot_general %x, %v {{contract = [1] x [0]}} : {0}[6]
  return %0, %1
}}
)",
                            dtype));
  }
}

TEST(ScheduleCpu, WholePrograms) {
  for (const std::string dtype : {"f32", "f64"}) {
    for (const std::string_view text : {kMlpLoss, kRowSoftmax}) {
      const Graph graph = parse_as(text, dtype);
      check_loops(graph, {random_arguments(graph, 1)}, kReordered);
    }
  }
}

TEST(ScheduleCpu, RandomGraphs) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = RandomGraph(seed, {.dtype = seed % 2 ? DType::kF32 : DType::kF64}).make();
    check_loops(graph, {random_arguments(graph, seed)}, {.relative = 1e-4});
    if (HasFatalFailure()) return;
  }
}

TEST(ScheduleCpu, DonatedMemoryIsUpdatedInPlace) {
  const Graph graph = parse_graph(R"(
func @f(%w: f32[20,33], %x: f32[7,20], %g: f32[7,33], %rate: f32[]) -> f32[20,33] {
  %0 = dot_general %x, %g {contract = [0] x [0]} : f32[20,33]
  %1 = broadcast_in_dim %rate {dims = [], shape = [20,33]} : f32[20,33]
  %2 = mul %0, %1 : f32[20,33]
  %3 = sub %w, %2 : f32[20,33]
  return %3
}
)");
  const Target target = avx512();
  const LoopOptions options{.target = &target, .donated = {true, false, false, false}};
  const loop::Program program = lower_program(graph, options);
  ASSERT_EQ(program.calls.size(), 1u);
  const std::vector<Literal> arguments = random_arguments(graph, 1);
  std::vector<Literal> memory = arguments;
  std::vector<std::byte*> buffers;
  for (Literal& literal : memory) buffers.push_back(literal.bytes());
  buffers.push_back(memory[0].bytes());  // the result lives in the donated parameter
  interpret(program, buffers, nullptr);
  EXPECT_EQ(difference(memory[0], interpret(graph, arguments)[0], kReordered), "");
}

TEST(ScheduleCpu, EverySampleOfEveryOp) {
  for (const OpDef* op : testing::ops_with_values()) {
    for (const OpSample& sample : op->samples()) {
      SCOPED_TRACE(std::string(op->name));
      check_loops(sample_graph(*op, sample), value_inputs(sample),
                  {.max_ulp = sample.max_ulp, .relative = sample.relative_tolerance});
      if (HasFatalFailure()) return;
    }
  }
}

// What the schedules look like.

std::string scheduled(std::string_view text, const Target& target) {
  const loop::Program program = lower_program(parse_graph(text), {.target = &target});
  EXPECT_EQ(program.kernels.size(), 1u) << loop::print(program);
  return "\n" + loop::print(program.kernels.at(0));
}

TEST(ScheduleCpu, FlatLoopBecomesVectorsAndAMaskedTail) {
  EXPECT_EQ(scheduled(R"(
func @f(%x: f32[10,15]) -> f32[10,15] {
  %0 = neg %x : f32[10,15]
  return %0
}
)",
                      avx512()),
            R"(
kernel @loop0(in0: f32[10,15], out0: out f32[10,15]) {
  // schedule: vectorize ia 16 x4
  for iat in 0..2 {
    for iau in 0..4 unroll {
      for iav in 0..16 vector {
        out0[64*iat + 16*iau + iav] = -in0[64*iat + 16*iau + iav]
      }
    }
  }
  for iau_1 in 0..2 unroll {
    for iav_1 in 0..16 vector limit 22 - 16*iau_1 {
      out0[16*iau_1 + iav_1 + 128] = -in0[16*iau_1 + iav_1 + 128]
    }
  }
}
)");
}

TEST(ScheduleCpu, ColumnSumsKeepTheColumnsInLanes) {
  EXPECT_EQ(scheduled(R"(
func @f(%x: f32[50,64]) -> f32[64] {
  %0 = reduce_sum %x {axes = [0]} : f32[64]
  return %0
}
)",
                      avx512()),
            R"(
kernel @reduction0(in0: f32[50,64], out0: out f32[64]) {
  // schedule: tile ia 64
  alloc acc0: register f32[64] {
    for iau in 0..4 unroll {
      for iav in 0..16 vector {
        acc0[16*iau + iav] = 0.0f
      }
    }
    for k1a in 0..50 {
      for iau in 0..4 unroll {
        for iav in 0..16 vector {
          acc0[16*iau + iav] += in0[64*k1a + 16*iau + iav]
        }
      }
    }
    for iau in 0..4 unroll {
      for iav in 0..16 vector {
        let r: f32 = acc0[16*iau + iav]
        out0[16*iau + iav] = r
      }
    }
  }
}
)");
}

TEST(ScheduleCpu, RowSumsFoldTheirLanes) {
  EXPECT_EQ(scheduled(R"(
func @f(%x: f32[2,100]) -> f32[2] {
  %0 = reduce_sum %x {axes = [1]} : f32[2]
  return %0
}
)",
                      avx512()),
            R"(
kernel @reduction0(in0: f32[2,100], out0: out f32[2]) {
  // schedule: fold k1a 64
  for ia in 0..2 {
    alloc acc0: register f32[1] {
      acc0[0] = 0.0f
      alloc acc0v: register f32[64] {
        for k1au in 0..4 unroll {
          for k1av in 0..16 vector {
            acc0v[16*k1au + k1av] = 0.0f
          }
        }
        for k1au_1 in 0..4 unroll {
          for k1av_1 in 0..16 vector {
            acc0v[16*k1au_1 + k1av_1] += in0[100*ia + 16*k1au_1 + k1av_1]
          }
        }
        for k1au_2 in 0..3 unroll {
          for k1av_2 in 0..16 vector limit 36 - 16*k1au_2 {
            acc0v[16*k1au_2 + k1av_2] += in0[100*ia + 16*k1au_2 + k1av_2 + 64]
          }
        }
        for k1av_3 in 0..16 vector {
          acc0v[k1av_3] += acc0v[k1av_3 + 16]
        }
        for k1av_4 in 0..16 vector {
          acc0v[k1av_4] += acc0v[k1av_4 + 32]
        }
        for k1av_5 in 0..16 vector {
          acc0v[k1av_5] += acc0v[k1av_5 + 48]
        }
        for k1av_6 in 0..16 vector {
          acc0[0] += acc0v[k1av_6]
        }
      }
      let r: f32 = acc0[0]
      out0[ia] = r
    }
  }
}
)");
}

TEST(ScheduleCpu, ContractionBecomesARegisterTile) {
  EXPECT_EQ(scheduled(R"(
func @f(%x: f32[8,5], %w: f32[5,32], %b: f32[32]) -> f32[8,32] {
  %0 = dot_general %x, %w {contract = [1] x [0]} : f32[8,32]
  %1 = broadcast_in_dim %b {dims = [1], shape = [8,32]} : f32[8,32]
  %2 = add %0, %1 : f32[8,32]
  return %2
}
)",
                      avx2()),
            R"(
kernel @contraction0(in0: f32[8,5], in1: f32[5,32], in2: f32[32], out0: out f32[8,32]) {
  // schedule: tile ia 4, ib 16
  for iat in 0..2 {
    for ibt in 0..2 {
      alloc acc0: register f32[64] {
        alloc p: register f32[16] {
          for iau in 0..4 unroll {
            for ibu in 0..2 unroll {
              for ibv in 0..8 vector {
                acc0[16*iau + 8*ibu + ibv] = 0.0f
              }
            }
          }
          for k1a in 0..5 {
            alloc p_1: register f32[16] {
              for ibu in 0..2 unroll {
                for ibv in 0..8 vector {
                  p_1[8*ibu + ibv] = in1[32*k1a + 16*ibt + 8*ibu + ibv]
                }
              }
              for iau in 0..4 unroll {
                let p_2: f32 = in0[20*iat + 5*iau + k1a]
                for ibu in 0..2 unroll {
                  for ibv in 0..8 vector {
                    acc0[16*iau + 8*ibu + ibv] = fma(p_2, p_1[8*ibu + ibv], acc0[16*iau + 8*ibu + ibv])
                  }
                }
              }
            }
          }
          for ibu in 0..2 unroll {
            for ibv in 0..8 vector {
              p[8*ibu + ibv] = in2[16*ibt + 8*ibu + ibv]
            }
          }
          for iau in 0..4 unroll {
            for ibu in 0..2 unroll {
              for ibv in 0..8 vector {
                let r: f32 = acc0[16*iau + 8*ibu + ibv]
                out0[128*iat + 32*iau + 16*ibt + 8*ibu + ibv] = r + p[8*ibu + ibv]
              }
            }
          }
        }
      }
    }
  }
}
)");
}

TEST(ScheduleCpu, StridedOperandIsPacked) {
  EXPECT_EQ(scheduled(R"(
func @f(%x: f32[8,5], %w: f32[16,5]) -> f32[8,16] {
  %0 = dot_general %x, %w {contract = [1] x [1]} : f32[8,16]
  return %0
}
)",
                      avx512()),
            R"(
kernel @contraction0(in0: f32[8,5], in1: f32[16,5], out0: out f32[8,16]) {
  // schedule: pack pack0 [5,16]; vectorize ibp 16; tile ia 8, ib 16
  alloc pack0: shared f32[5,16] {
    for k1ap in 0..5 {
      for ibpv in 0..16 vector {
        pack0[16*k1ap + ibpv] = in1[5*ibpv + k1ap]
      }
    }
    alloc acc0: register f32[128] {
      for iau in 0..8 unroll {
        for ibv in 0..16 vector {
          acc0[16*iau + ibv] = 0.0f
        }
      }
      for k1a in 0..5 {
        alloc p: register f32[16] {
          for ibv in 0..16 vector {
            p[ibv] = pack0[16*k1a + ibv]
          }
          for iau in 0..8 unroll {
            let p_1: f32 = in0[5*iau + k1a]
            for ibv in 0..16 vector {
              acc0[16*iau + ibv] = fma(p_1, p[ibv], acc0[16*iau + ibv])
            }
          }
        }
      }
      for iau in 0..8 unroll {
        for ibv in 0..16 vector {
          let r: f32 = acc0[16*iau + ibv]
          out0[16*iau + ibv] = r
        }
      }
    }
  }
}
)");
}

TEST(ScheduleCpu, KernelsThatCallLibmStayScalar) {
  EXPECT_EQ(scheduled(R"(
func @f(%x: f32[100], %y: f32[100]) -> f32[100] {
  %0 = rem %x, %y : f32[100]
  return %0
}
)",
                      avx512()),
            R"(
kernel @loop0(in0: f32[100], in1: f32[100], out0: out f32[100]) {
  // schedule: scalar: calls libm
  for ia in 0..100 {
    out0[ia] = in0[ia] % in1[ia]
  }
}
)");
}

}  // namespace
}  // namespace adze::testing
