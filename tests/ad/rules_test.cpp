// What differentiation emits, as text, and what it refuses.
#include <gtest/gtest.h>

#include "ir/errors.h"
#include "ir/graph_builder.h"
#include "ir/op.h"
#include "ir/text.h"
#include "passes/ad/ad.h"

namespace adze {
namespace {

constexpr std::string_view kProduct = R"(
func @product(%x: f32[3] "x", %y: f32[3] "y") -> f32[3] {
  %p = mul %x, %y : f32[3]
  return %p
}
)";

TEST(Jvp, AddsATangentParameterForEachActiveOne) {
  const Graph jvp = jvp_graph(parse_graph(R"(
func @f(%x: f32[3] "x", %y: f32[3] "y") -> (f32[3], f32[3]) {
  %a = neg %x : f32[3]
  %b = neg %y : f32[3]
  return %a, %b
}
)"),
                              {true, true});
  EXPECT_EQ(print(jvp), R"(func @f(%0: f32[3] "x", %1: f32[3] "y", %2: f32[3] "x.tangent", )"
                        R"(%3: f32[3] "y.tangent") -> (f32[3], f32[3], f32[3], f32[3]) {
  %4 = neg %0 : f32[3]
  %5 = neg %2 : f32[3]
  %6 = neg %1 : f32[3]
  %7 = neg %3 : f32[3]
  return %4, %6, %5, %7
}
)");
}

TEST(Jvp, EmitsNothingForASymbolicZero) {
  const Graph jvp = jvp_graph(parse_graph(kProduct), {false, true});
  EXPECT_EQ(print(jvp),
            R"(func @product(%0: f32[3] "x", %1: f32[3] "y", %2: f32[3] "y.tangent") -> (f32[3], f32[3]) {
  %3 = mul %0, %1 : f32[3]
  %4 = mul %0, %2 : f32[3]
  return %3, %4
}
)");
}

TEST(Jvp, OfAnInactiveGraphIsZeros) {
  const Graph jvp = jvp_graph(parse_graph(kProduct), {false, false});
  EXPECT_EQ(print(jvp), R"(func @product(%0: f32[3] "x", %1: f32[3] "y") -> (f32[3], f32[3]) {
  %2 = mul %0, %1 : f32[3]
  %3 = constant {value = f32[] 0} : f32[]
  %4 = broadcast_in_dim %3 {dims = [], shape = [3]} : f32[3]
  return %2, %4
}
)");
}

TEST(Jvp, ASumWithOneTangentEmitsNoZeros) {
  const Graph jvp = jvp_graph(parse_graph(R"(
func @f(%0: f32[3], %1: f32[3]) -> f32[3] {
  %s = add %0, %1 : f32[3]
  %d = sub %s, %1 : f32[3]
  return %d
}
)"),
                              {true, false});
  EXPECT_EQ(print(jvp), R"(func @f(%0: f32[3], %1: f32[3], %2: f32[3]) -> (f32[3], f32[3]) {
  %3 = add %0, %1 : f32[3]
  %4 = sub %3, %1 : f32[3]
  return %4, %2
}
)");
}

TEST(Vjp, AddsACotangentParameterForEachFloatResult) {
  const Graph vjp = vjp_graph(parse_graph(kProduct), {true, false});
  EXPECT_EQ(print(vjp), R"(func @product(%0: f32[3] "x", %1: f32[3] "y", %2: f32[3]) -> (f32[3], f32[3]) {
  %3 = mul %0, %1 : f32[3]
  %4 = mul %1, %2 : f32[3]
  return %3, %4
}
)");
}

TEST(Vjp, AccumulatesWhereAValueIsReadTwice) {
  const Graph vjp = vjp_graph(parse_graph(R"(
func @f(%0: f32[3]) -> f32[3] {
  %s = add %0, %0 : f32[3]
  return %s
}
)"),
                              {true});
  EXPECT_EQ(print(vjp), R"(func @f(%0: f32[3], %1: f32[3]) -> (f32[3], f32[3]) {
  %2 = add %0, %0 : f32[3]
  %3 = add %1, %1 : f32[3]
  return %2, %3
}
)");
}

TEST(Vjp, ResultsThatAreParametersOrRepeated) {
  const Graph vjp = vjp_graph(parse_graph(R"(
func @f(%0: f32[3], %1: i32[3]) -> (f32[3], i32[3], f32[3]) {
  return %0, %1, %0
}
)"),
                              {true, false});
  EXPECT_EQ(print(vjp),
            R"(func @f(%0: f32[3], %1: i32[3], %2: f32[3], %3: f32[3]) -> (f32[3], i32[3], f32[3], f32[3]) {
  %4 = add %2, %3 : f32[3]
  return %0, %1, %0, %4
}
)");
}

TEST(Vjp, OfAnUnusedParameterIsZeros) {
  const Graph vjp = vjp_graph(parse_graph(R"(
func @f(%0: f32[3], %1: f32[]) -> f32[3] {
  %y = neg %0 : f32[3]
  return %y
}
)"),
                              {true, true});
  EXPECT_EQ(print(vjp), R"(func @f(%0: f32[3], %1: f32[], %2: f32[3]) -> (f32[3], f32[3], f32[]) {
  %3 = neg %0 : f32[3]
  %4 = neg %2 : f32[3]
  %5 = constant {value = f32[] 0} : f32[]
  return %3, %4, %5
}
)");
}

constexpr std::string_view kWithAuxiliary = R"(
func @f(%0: f32[], %1: f32[], %2: i32[2]) -> (f32[], i32[2], f32[]) {
  %y = mul %0, %1 : f32[]
  %z = neg %0 : f32[]
  return %y, %2, %z
}
)";

TEST(Gradient, KeepsAuxiliaryResults) {
  const Graph with_value = gradient_graph(parse_graph(kWithAuxiliary), {true, false, false}, true);
  EXPECT_EQ(print(with_value), R"(func @f(%0: f32[], %1: f32[], %2: i32[2]) -> (f32[], i32[2], f32[], f32[]) {
  %3 = constant {value = f32[] 1} : f32[]
  %4 = mul %0, %1 : f32[]
  %5 = neg %0 : f32[]
  %6 = mul %1, %3 : f32[]
  return %4, %2, %5, %6
}
)");
}

TEST(Gradient, DropsTheValueUnlessAsked) {
  const Graph gradient = gradient_graph(parse_graph(kWithAuxiliary), {true, false, false}, false);
  EXPECT_EQ(print(gradient), R"(func @f(%0: f32[], %1: f32[], %2: i32[2]) -> (i32[2], f32[], f32[]) {
  %3 = constant {value = f32[] 1} : f32[]
  %4 = neg %0 : f32[]
  %5 = mul %1, %3 : f32[]
  return %2, %4, %5
}
)");
}

TEST(Gradient, DerivedOpsKeepTheLocationOfTheirPrimal) {
  GraphBuilder b;
  const ValueId x = b.parameter({DType::kF32, {}});
  const ValueId y = b.parameter({DType::kF32, {}});
  const Graph f = b.finish({b.emit(op_mul, {x, y}, {}, Location{"net.cpp", 12, ""})});
  const Graph vjp = vjp_graph(f, {true, true});
  ASSERT_EQ(vjp.nodes().size(), 3u);
  for (const Node& node : vjp.nodes()) EXPECT_EQ(to_string(node.location), "net.cpp:12");
}

template <class E, class F>
std::string message_of(F&& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}

TEST(GradientErrors, ResultIsNotAScalar) {
  EXPECT_EQ(message_of<TypeError>([] {
              gradient_graph(parse_graph(kProduct), {true, true}, true);
            }),
            "grad: the function must return a float scalar, but returns f32[3]");
}

TEST(GradientErrors, ResultIsNotFloat) {
  const Graph f = parse_graph("func @f(%n: i32[]) -> i32[] {\n  return %n\n}\n");
  EXPECT_EQ(message_of<TypeError>([&] { gradient_graph(f, {false}, true); }),
            "grad: the function must return a float scalar, but returns i32[]");
}

TEST(GradientErrors, NoResult) {
  EXPECT_EQ(message_of<TypeError>([&] { gradient_graph(GraphBuilder().finish({}), {}, true); }),
            "grad: the function must return a float scalar, but returns nothing");
}

TEST(GradientErrors, ParameterIsNotFloat) {
  const Graph f = parse_graph(kWithAuxiliary);
  EXPECT_EQ(message_of<CompileError>([&] {
              gradient_graph(f, {true, false, true}, true);
            }),
            "cannot differentiate with respect to %2 i32[2] parameter 2 <text>:2: only float parameters have "
            "derivatives");
}

/// An op without rules, not in the table; `linear` ones lack only the transpose rule.
OpDef op_without_rules(bool linear) {
  OpDef op;
  op.name = "mystery";
  op.traits.linear = linear;
  op.infer_types = [](InferContext& c) { return std::vector<TensorType>{c.operand(0)}; };
  return op;
}

Graph apply_op(const OpDef& op) {
  GraphBuilder b;
  const ValueId x = b.parameter({DType::kF32, {3}}, "x");
  return b.finish({b.emit(op, {x}, {}, Location{"net.cpp", 7, ""})});
}

TEST(AdErrors, OpWithoutDerivativeRule) {
  const OpDef op = op_without_rules(false);
  EXPECT_EQ(message_of<CompileError>([&] { jvp_graph(apply_op(op), {true}); }),
            "mystery: this op has no derivative rule\n  at %1 f32[3] mystery net.cpp:7");
  EXPECT_NO_THROW(jvp_graph(apply_op(op), {false}));
}

TEST(AdErrors, OpWithoutTransposeRule) {
  const OpDef op = op_without_rules(true);
  EXPECT_NO_THROW(jvp_graph(apply_op(op), {true}));
  EXPECT_EQ(message_of<CompileError>([&] { vjp_graph(apply_op(op), {true}); }),
            "mystery: this op has no transpose rule, so it cannot be differentiated in reverse mode\n"
            "  at %3 f32[3] mystery net.cpp:7");
}

TEST(Ad, SeveralResultsOfOneNode) {
  // (x, n) -> (x * x, n): a tangent for the float result only.
  OpDef op;
  op.name = "square_and_count";
  op.operand_names = {"x", "n"};
  op.infer_types = [](InferContext& c) { return std::vector<TensorType>{c.operand(0), c.operand(1)}; };
  op.jvp = [](JvpContext& c) {
    return ValueList{c.mul(c.tangent(0), c.add(c.primal(0), c.primal(0))), kNoValue};
  };
  GraphBuilder b;
  const ValueId x = b.parameter({DType::kF32, {}});
  const ValueId n = b.parameter({DType::kI32, {}});
  const Graph f = b.finish(b.emit_multi(op, {x, n}));
  const Graph vjp = vjp_graph(f, {true, false});
  EXPECT_EQ(print(vjp), R"(func @main(%0: f32[], %1: i32[], %2: f32[]) -> (f32[], i32[], f32[]) {
  %3, %4 = square_and_count %0, %1 : f32[], i32[]
  %5 = add %0, %0 : f32[]
  %6 = mul %2, %5 : f32[]
  return %3, %4, %6
}
)");
}

}  // namespace
}  // namespace adze
