#include "passes/canonicalize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "ir/graph_builder.h"
#include "ir/op.h"
#include "support/pass_checks.h"
#include "support/programs.h"

namespace adze {
namespace {

void expect_canonical(std::string_view before, std::string_view after) {
  testing::expect_pass(canonicalize, before, after);
}
void expect_unchanged(std::string_view text) {
  testing::expect_unchanged(canonicalize, text);
}

TEST(Canonicalize, RemovesDeadAndDuplicateNodes) {
  expect_canonical(R"(
func @f(%x: f32[4]) -> (f32[4], f32[4]) {
  %dead = exp %x : f32[4]
  %a = neg %x : f32[4]
  %b = neg %x : f32[4]
  return %a, %b
}
)",
                   R"(
func @f(%x: f32[4]) -> (f32[4], f32[4]) {
  %a = neg %x : f32[4]
  return %a, %a
}
)");
}

TEST(Canonicalize, KeepsUnusedParameters) {
  expect_unchanged("func @f(%x: f32[4], %y: f32[]) -> f32[4] {\n  return %x\n}\n");
}

TEST(Canonicalize, EvaluatesSmallConstants) {
  expect_canonical(R"(
func @f(%x: f32[3]) -> f32[3] {
  %a = constant {value = f32[3] [1, 2, 4]} : f32[3]
  %b = constant {value = f32[3] [0.5, 8, -1]} : f32[3]
  %c = mul %a, %b : f32[3]
  %d = sub %c, %b : f32[3]
  %y = add %x, %d : f32[3]
  return %y
}
)",
                   R"(
func @f(%x: f32[3]) -> f32[3] {
  %d = constant {value = f32[3] [0, 8, -3]} : f32[3]
  %y = add %x, %d : f32[3]
  return %y
}
)");
}

TEST(Canonicalize, LeavesLargeConstantsAlone) {
  GraphBuilder b;
  Literal large(TensorType{DType::kF32, {100}});
  for (std::int64_t i = 0; i < 100; ++i) large.set_double(i, static_cast<double>(i));
  const Graph graph = b.finish({b.emit(op_neg, {b.constant(std::move(large))})});
  EXPECT_TRUE(canonicalize(graph) == graph);
}

TEST(Canonicalize, DropsStopGradient) {
  expect_canonical(R"(
func @f(%x: f32[4]) -> f32[4] {
  %s = stop_gradient %x : f32[4]
  %y = exp %s : f32[4]
  return %y
}
)",
                   R"(
func @f(%x: f32[4]) -> f32[4] {
  %y = exp %x : f32[4]
  return %y
}
)");
}

TEST(Canonicalize, SplatLiteralsBecomeBroadcastScalars) {
  expect_canonical(R"(
func @f() -> f32[2,2] {
  %c = constant {value = f32[2,2] [[3, 3], [3, 3]]} : f32[2,2]
  return %c
}
)",
                   R"(
func @f() -> f32[2,2] {
  %s = constant {value = f32[] 3} : f32[]
  %c = broadcast_in_dim %s {dims = [], shape = [2,2]} : f32[2,2]
  return %c
}
)");
}

TEST(Canonicalize, ZerosOfBothSignsAreNoSplat) {
  expect_unchanged(R"(
func @f() -> f32[2] {
  %c = constant {value = f32[2] [0, -0]} : f32[2]
  return %c
}
)");
}

TEST(Canonicalize, ComputesOnTheSourcesOfBroadcasts) {
  expect_canonical(R"(
func @f(%x: f32[3], %y: f32[3]) -> f32[3,5] {
  %a = broadcast_in_dim %x {dims = [0], shape = [3,5]} : f32[3,5]
  %b = broadcast_in_dim %y {dims = [0], shape = [3,5]} : f32[3,5]
  %c = div %a, %b : f32[3,5]
  return %c
}
)",
                   R"(
func @f(%x: f32[3], %y: f32[3]) -> f32[3,5] {
  %a = div %x, %y : f32[3]
  %c = broadcast_in_dim %a {dims = [0], shape = [3,5]} : f32[3,5]
  return %c
}
)");
}

TEST(Canonicalize, ComputesOnTheSourcesOfBroadcastsAndScalars) {
  expect_canonical(R"(
func @f(%x: f32[3], %s: f32[]) -> f32[3,5] {
  %a = broadcast_in_dim %x {dims = [0], shape = [3,5]} : f32[3,5]
  %b = broadcast_in_dim %s {dims = [], shape = [3,5]} : f32[3,5]
  %c = div %b, %a : f32[3,5]
  return %c
}
)",
                   R"(
func @f(%x: f32[3], %s: f32[]) -> f32[3,5] {
  %b = broadcast_in_dim %s {dims = [], shape = [3]} : f32[3]
  %a = div %b, %x : f32[3]
  %c = broadcast_in_dim %a {dims = [0], shape = [3,5]} : f32[3,5]
  return %c
}
)");
}

TEST(Canonicalize, KeepsBroadcastsAlongDifferentDims) {
  expect_unchanged(R"(
func @f(%x: f32[4], %y: f32[4]) -> f32[4,4] {
  %a = broadcast_in_dim %x {dims = [0], shape = [4,4]} : f32[4,4]
  %b = broadcast_in_dim %y {dims = [1], shape = [4,4]} : f32[4,4]
  %c = add %a, %b : f32[4,4]
  return %c
}
)");
}

TEST(Canonicalize, DivisionByAPowerOfTwo) {
  expect_canonical(R"(
func @f(%x: f32[3]) -> f32[3] {
  %s = constant {value = f32[] -8} : f32[]
  %b = broadcast_in_dim %s {dims = [], shape = [3]} : f32[3]
  %y = div %x, %b : f32[3]
  return %y
}
)",
                   R"(
func @f(%x: f32[3]) -> f32[3] {
  %s = constant {value = f32[] -0.125} : f32[]
  %b = broadcast_in_dim %s {dims = [], shape = [3]} : f32[3]
  %y = mul %x, %b : f32[3]
  return %y
}
)");
}

TEST(Canonicalize, DivisionByAnythingElseStays) {
  const auto divide_by = [](const std::string& dtype, const std::string& divisor) {
    return "func @f(%x: " + dtype + "[]) -> " + dtype + "[] {\n  %s = constant {value = " + dtype + "[] " +
           divisor + "} : " + dtype + "[]\n  %y = div %x, %s : " + dtype + "[]\n  return %y\n}\n";
  };
  expect_unchanged(divide_by("f32", "6"));
  expect_unchanged(divide_by("f32", "0"));
  expect_unchanged(divide_by("f32", "inf"));
  expect_unchanged(divide_by("i32", "4"));      // truncates
  expect_unchanged(divide_by("f32", "2e-38"));  // the reciprocal could overflow
}

TEST(Canonicalize, IsIdempotentAndKeepsResults) {
  for (const std::string_view text : {testing::kMlpLoss, testing::kRowSoftmax}) {
    const Graph graph = parse_graph(text);
    const Graph once = canonicalize(graph);
    EXPECT_TRUE(canonicalize(once) == once);
    testing::expect_same_results(graph, once, {.relative = 1e-15});
  }
}

TEST(Canonicalize, FoldsNothingThatNanOrInfinityWouldShow) {
  const Graph graph = parse_graph(R"(
func @f(%x: f64[4]) -> (f64[4], f64[4], f64[4], f64[4]) {
  %z = constant {value = f64[] 0} : f64[]
  %zero = broadcast_in_dim %z {dims = [], shape = [4]} : f64[4]
  %a = mul %x, %zero : f64[4]
  %b = sub %x, %x : f64[4]
  %c = div %x, %x : f64[4]
  %d = add %x, %zero : f64[4]
  return %a, %b, %c, %d
}
)");
  const std::vector<double> special = {std::numeric_limits<double>::infinity(), std::nan(""), -0.0, 3};
  const Literal x = Literal::from<double>({4}, special);
  const std::vector<Literal> expected = interpret(graph, {&x, 1});
  const std::vector<Literal> actual = interpret(canonicalize(graph), {&x, 1});
  for (std::size_t i = 0; i < expected.size(); ++i) {
    for (std::int64_t k = 0; k < 4; ++k) {
      const double e = expected[i].as_double(k), a = actual[i].as_double(k);
      EXPECT_TRUE((std::isnan(e) && std::isnan(a)) || (e == a && std::signbit(e) == std::signbit(a)))
          << "result " << i << " element " << k;
    }
  }
}

}  // namespace
}  // namespace adze
