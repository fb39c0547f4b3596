#include "ir/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "ir/errors.h"
#include "ir/graph_builder.h"
#include "ir/op.h"

namespace adze {
namespace {

/// What parse_graphs(text) throws, or "no error".
std::string error_of(std::string_view text) {
  try {
    parse_graphs(text, "f.adze");
  } catch (const IoError& error) {
    return error.what();
  }
  return "no error";
}

void expect_round_trip(const Graph& graph) {
  const std::string text = print(graph);
  EXPECT_TRUE(parse_graph(text) == graph) << text;
  EXPECT_EQ(print(parse_graph(text)), text);
}

TEST(Text, PrintsTheFormOfTheDesign) {
  constexpr std::string_view text =
      R"(func @loss(%0: f32[2,3] "x", %1: f32[3] "model.hidden.bias") -> f32[2,3] {
  %2 = broadcast_in_dim %1 {dims = [1], shape = [2,3]} : f32[2,3]
  %3 = add %0, %2 : f32[2,3]
  return %3
}
)";
  EXPECT_EQ(print(parse_graph(text)), text);
}

TEST(Text, KeepsTheIdsOfParametersThatComeLate) {
  GraphBuilder b;
  const ValueId x = b.parameter({DType::kF32, {4}}, "x");
  const ValueId y = b.emit(op_neg, {x});
  const ValueId late = b.parameter({DType::kF32, {4}}, "captured");
  const ValueId unused = b.parameter({DType::kF64, {}});
  const Graph graph = b.finish({b.emit(op_add, {y, late}), unused});
  EXPECT_EQ(print(graph), R"(func @main(%0: f32[4] "x", %2: f32[4] "captured", %3: f64[]) -> (f32[4], f64[]) {
  %1 = neg %0 : f32[4]
  %4 = add %1, %2 : f32[4]
  return %4, %3
}
)");
  expect_round_trip(graph);
}

TEST(TextErrors, UnknownOp) {
  EXPECT_EQ(error_of("func @f(%x: f32[4]) -> f32[4] {\n  %y = ad %x, %x : f32[4]\n  return %y\n}\n"),
            "f.adze:2:8: there is no op 'ad'; did you mean 'add'?\n"
            "    %y = ad %x, %x : f32[4]\n"
            "         ^");
}

}  // namespace
}  // namespace adze
