// f16 and bf16 in whole programs: each op rounds once, however it is fused, scheduled and vectorised; sums
// round at their end. check_loops asks for the bits of the interpreter, which runs op by op.
#include <gtest/gtest.h>

#include "support/loop_checks.h"

namespace adze::testing {
namespace {

constexpr std::string_view kHalves[] = {"bf16", "f16"};

std::string with_dtype(std::string text, std::string_view dtype) {
  for (std::size_t at = text.find("HALF"); at != std::string::npos; at = text.find("HALF", at)) {
    text.replace(at, 4, dtype);
  }
  return text;
}

TEST(Halves, FusedOpsRoundInBetween) {
  for (const std::string_view dtype : kHalves) {
    const std::string text = with_dtype(R"(
func @f(%x: HALF[5,37], %y: HALF[5,37], %b: HALF[37]) -> (HALF[5,37], bool[5,37]) {
  %p = mul %x, %y
  %s = add %p, %x
  %t = div %s, %y
  %u = broadcast_in_dim %b {dims = [1], shape = [5,37]}
  %v = sub %t, %u
  %w = abs %v
  %r = sqrt %w
  %c = gt %r, %y
  %z = select %c, %r, %x
  return %z, %c
}
)",
                                        dtype);
    check_loops(text);
    EXPECT_EQ(fuse(parse_graph(text)).size(), 1u);
  }
}

TEST(Halves, ExtremesAndPositionsAreExact) {
  for (const std::string_view dtype : kHalves) {
    check_loops(with_dtype(R"(
func @f(%x: HALF[7,33], %y: HALF[7,33]) -> (HALF[7], HALF[33], i32[7]) {
  %p = mul %x, %y
  %a = reduce_max %p {axes = [1]}
  %b = reduce_min %p {axes = [0]}
  %c = argmax %p {axis = 1}
  return %a, %b, %c
}
)",
                           dtype));
  }
}

TEST(Halves, SumsAddUpInF32) {
  for (const std::string_view dtype : kHalves) {
    // 3000 ones: a sum in bf16 would stay at 256, in f16 at 2048.
    const Graph graph = parse_graph(with_dtype(R"(
func @f(%x: HALF[2,3000], %w: HALF[3000,2]) -> (HALF[2], HALF[2,2], f32[2,2]) {
  %a = reduce_sum %x {axes = [1]}
  %b = dot_general %x, %w {contract = [1] x [0]}
  %c = dot_general %x, %w {contract = [1] x [0], preferred_element_type = f32}
  return %a, %b, %c
}
)",
                                               dtype));
    std::vector<Literal> ones;
    for (const Parameter& parameter : graph.parameters())
      ones.push_back(Literal::full(graph.type(parameter.value), 1));
    check_loops(graph, {ones});
    const double rounded = dtype == "f16" ? 3000 : 3008;
    const std::vector<Literal> results = interpret(graph, ones);
    EXPECT_EQ(results[0].as_double(0), rounded);
    EXPECT_EQ(results[1].as_double(3), rounded);
    EXPECT_EQ(results[2].as_double(0), 3000);
  }
}

TEST(Halves, NarrowIntegersWrapInLoops) {
  check_loops(R"(
func @f(%x: u16[67], %y: u16[67], %a: i8[3,23], %b: i8[3,23]) -> (u16[67], i8[3,23], i8[3]) {
  %c = constant {value = u16[] 65535}
  %d = broadcast_in_dim %c {dims = [], shape = [67]}
  %p = sub %d, %x
  %q = mul %p, %p
  %r = mul %q, %y
  %e = constant {value = i8[] 120}
  %f = broadcast_in_dim %e {dims = [], shape = [3,23]}
  %s = add %a, %f
  %t = add %s, %b
  %u = add %t, %f
  %v = reduce_sum %u {axes = [1]}
  return %r, %u, %v
}
)");
}

}  // namespace
}  // namespace adze::testing
