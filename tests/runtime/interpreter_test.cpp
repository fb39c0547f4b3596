#include "ir/interpreter.h"

#include <gtest/gtest.h>

#include "ir/errors.h"
#include "ir/text.h"
#include "tests/support/literals.h"

namespace adze {
namespace {

using testing::scalar;
using testing::tensor;

std::vector<Literal> interpret_text(std::string_view text, const std::vector<Literal>& arguments) {
  return interpret(parse_graph(text), arguments);
}

TEST(Interpreter, RunsALayer) {
  const auto results =
      interpret_text(R"(
    func @layer(%x: f32[2,3] "x", %w: f32[3,2] "w", %b: f32[2] "b") -> (f32[2,2], f32[2,3]) {
      %3 = dot_general %x, %w {batch = [] x [], contract = [1] x [0]} : f32[2,2]
      %4 = broadcast_in_dim %b {dims = [1], shape = [2,2]} : f32[2,2]
      %5 = add %3, %4 : f32[2,2]
      return %5, %x
    })",
                     {tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6}), tensor<float>({3, 2}, {1, 0, 0, 1, 1, 1}),
                      tensor<float>({2}, {10, 20})});
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0], tensor<float>({2, 2}, {14, 25, 20, 31}));
  EXPECT_EQ(results[1], tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
}

TEST(Interpreter, KeepsValuesThatSeveralNodesAndResultsRead) {
  const auto results = interpret_text(R"(
    func @f(%x: f32[]) -> (f32[], f32[], f32[]) {
      %1 = neg %x : f32[]
      %2 = mul %1, %1 : f32[]
      %3 = add %2, %1 : f32[]
      return %3, %1, %1
    })",
                                      {scalar(3.0F)});
  EXPECT_EQ(results[0], scalar(6.0F));
  EXPECT_EQ(results[1], scalar(-3.0F));
  EXPECT_EQ(results[2], scalar(-3.0F));
}

TEST(Interpreter, ChecksItsArguments) {
  const auto error_of = [](const std::vector<Literal>& arguments) -> std::string {
    try {
      interpret_text(R"(func @f(%x: f32[2] "model.w", %y: i32[]) -> f32[2] { return %x })", arguments);
    } catch (const RuntimeError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(error_of({}), "f: takes 2 arguments, got 0");
  EXPECT_EQ(error_of({tensor<float>({3}, {1, 2, 3}), scalar(1)}),
            "f: argument 0 (model.w) must be f32[2], got f32[3]");
  EXPECT_EQ(error_of({tensor<float>({2}, {1, 2}), scalar(1.0F)}),
            "f: argument 1 (y) must be i32[], got f32[]");
}

}  // namespace
}  // namespace adze
