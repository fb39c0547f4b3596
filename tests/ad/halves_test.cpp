// Derivatives of f16 and bf16, and of products in a preferred dtype.
#include <gtest/gtest.h>

#include "support/derivative_checks.h"

namespace adze::testing {
namespace {

TEST(Halves, GradientsOfANetworkAreThoseOfF64Rounded) {
  const std::string text = R"(
func @f(%x: T[5,8], %w: T[8,3]) -> T[5,3] {
  %y = dot_general %x, %w {contract = [1] x [0]}
  %z = tanh %y
  return %z
}
)";
  const auto gradient = [&](const std::string& dtype) {
    std::string typed = text;
    for (std::size_t at = typed.find("T["); at != std::string::npos; at = typed.find("T[", at + dtype.size()))
      typed.replace(at, 1, dtype);
    const Graph graph = vjp_graph(parse_graph(typed), {true, true});
    verify(graph);
    return interpret(graph, random_arguments(graph, 5, -0.5, 0.5));
  };
  const std::vector<Literal> exact = gradient("f64");
  for (const std::string dtype : {"bf16", "f16"}) {
    const std::vector<Literal> halves = gradient(dtype);
    ASSERT_EQ(halves.size(), exact.size());
    for (std::size_t k = 0; k < exact.size(); ++k) {
      EXPECT_EQ(to_string(halves[k].type().dtype), dtype);
      for (std::int64_t i = 0; i < exact[k].size(); ++i) {
        EXPECT_NEAR(halves[k].as_double(i), exact[k].as_double(i), dtype == "bf16" ? 0.02 : 0.003);
      }
    }
  }
}

/// A preferred dtype is the product of converted operands, and so are its derivatives.
TEST(Halves, DerivativesOfAProductInAPreferredDtype) {
  const Graph preferred = parse_graph(R"(
func @f(%x: bf16[3,4], %w: bf16[4,5]) -> f32[3,5] {
  %y = dot_general %x, %w {contract = [1] x [0], preferred_element_type = f32}
  return %y
}
)");
  const Graph converted = parse_graph(R"(
func @f(%x: bf16[3,4], %w: bf16[4,5]) -> f32[3,5] {
  %a = convert %x {dtype = f32}
  %b = convert %w {dtype = f32}
  %y = dot_general %a, %b {contract = [1] x [0]}
  return %y
}
)");
  const std::vector<bool> active = {true, true};
  const auto run = [&](const Graph& graph) {
    verify(graph);
    return interpret(graph, random_arguments(graph, 9));
  };
  EXPECT_EQ(run(vjp_graph(preferred, active)), run(vjp_graph(converted, active)));
  EXPECT_EQ(run(jvp_graph(preferred, active)), run(jvp_graph(converted, active)));
  EXPECT_EQ(run(jvp_graph(vjp_graph(preferred, active), {true, true, true})),
            run(jvp_graph(vjp_graph(converted, active), {true, true, true})));
}

}  // namespace
}  // namespace adze::testing
