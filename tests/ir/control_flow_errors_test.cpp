// What ops with subgraphs say about bodies that do not fit.
#include <gtest/gtest.h>

#include "ir/graph_builder.h"
#include "ir/op.h"
#include "ir/text.h"

namespace adze {
namespace {

const TensorType kScalar{DType::kF32, {}}, kVector{DType::kF32, {3}}, kIndex{DType::kI32, {}};

GraphRef body(std::string_view text) {
  return std::make_shared<const Graph>(parse_graph(text));
}

std::string error_of(const OpDef& op, const std::vector<TensorType>& operands, Attrs attrs) {
  GraphBuilder builder;
  std::vector<ValueId> ids;
  for (const TensorType& type : operands) ids.push_back(builder.parameter(type));
  try {
    builder.emit_multi(op, ids, std::move(attrs));
  } catch (const TypeError& error) {
    const std::string message = error.what();
    return message.substr(0, message.find('\n'));
  }
  return "no error";
}

TEST(ControlFlowErrors, Scan) {
  const auto scan = [](std::string_view text, std::vector<TensorType> operands, std::int64_t length,
                       std::int64_t consts, std::int64_t carries) {
    return error_of(
        op_scan, operands,
        {{"body", body(text)}, {"length", length}, {"num_consts", consts}, {"num_carry", carries}});
  };
  constexpr std::string_view kSame = "func @f(%h: f32[3]) -> f32[3] { return %h }";
  EXPECT_EQ(scan(kSame, {kVector}, 2, 0, 1), "no error");
  EXPECT_EQ(scan(kSame, {kVector}, -1, 0, 1), "scan: length must not be negative, got -1");
  EXPECT_EQ(scan(kSame, {kVector}, 2, 2, 0), "scan: num_consts must be in [0, 1], got 2");
  EXPECT_EQ(scan(kSame, {kVector}, 2, 0, -1), "scan: num_carry must be in [0, 1], got -1");
  EXPECT_EQ(scan(kSame, {kVector, kVector}, 3, 0, 1), "scan: body must take 2 parameters, but takes 1");
  EXPECT_EQ(scan(kSame, {kScalar}, 2, 0, 1),
            "scan: parameter 0 (h) of body is f32[3], but must be f32[], the type of the initial carry 0");
  EXPECT_EQ(scan(kSame, {kVector}, 2, 0, 0), "scan: x 0 must have a leading dim of the length 2, got f32[3]");
  EXPECT_EQ(scan(kSame, {kScalar}, 2, 0, 0), "scan: x 0 must have a leading dim of the length 2, got f32[]");
  EXPECT_EQ(
      scan("func @f(%h: f32[3]) -> f32[] { %s = reduce_sum %h {axes = [0]} return %s }", {kVector}, 2, 0, 1),
      "scan: result 0 of body is f32[], but must be f32[3], the type that carry 0 has on entry: a carry "
      "keeps its type");
  EXPECT_EQ(scan("func @f(%h: f32[3]) -> () { return }", {kVector}, 2, 0, 1),
            "scan: body must return at least 1 values, but returns 0");
  EXPECT_EQ(scan("func @f(%h: f32[3]) -> () { return }", {kVector}, 2, 1, 0),
            "scan: body returns nothing: there is nothing to compute");
}

TEST(ControlFlowErrors, While) {
  const auto loop = [](std::string_view cond, std::string_view step, std::vector<TensorType> operands) {
    return error_of(op_while_, operands, {{"cond", body(cond)}, {"body", body(step)}});
  };
  constexpr std::string_view kCond =
      "func @c(%x: f32[]) -> bool[] { %n = constant {value = f32[] 9} %p = lt %x, %n return %p }";
  constexpr std::string_view kStep = "func @b(%x: f32[]) -> f32[] { %y = add %x, %x return %y }";
  EXPECT_EQ(loop(kCond, kStep, {kScalar}), "no error");
  EXPECT_EQ(loop(kStep, kStep, {kScalar}),
            "while: result 0 of cond is f32[], but must be bool[], the predicate");
  EXPECT_EQ(
      loop(kCond, kCond, {kScalar}),
      "while: result 0 of body is bool[], but must be f32[], the type that carry 0 has on entry: a carry "
      "keeps its type");
  EXPECT_EQ(loop(kCond, kStep, {kVector}),
            "while: parameter 0 (x) of cond is f32[], but must be f32[3], the type of the initial carry 0");
  EXPECT_EQ(loop(kCond, kStep, {}), "while: must have a carry: without one it would end at once or never");
}

TEST(ControlFlowErrors, Cond) {
  constexpr std::string_view kSame = "func @f(%h: f32[3]) -> f32[3] { return %h }";
  constexpr std::string_view kSum =
      "func @g(%h: f32[3]) -> f32[] { %s = reduce_sum %h {axes = [0]} return %s }";
  EXPECT_EQ(error_of(op_cond, {kIndex, kVector}, {{"branches", GraphList{}}}),
            "cond: branches must not be empty");
  EXPECT_EQ(error_of(op_cond, {kScalar, kVector}, {{"branches", GraphList{body(kSame)}}}),
            "cond: index must be i32[], got f32[]");
  EXPECT_EQ(error_of(op_cond, {kIndex, kVector}, {{"branches", GraphList{body(kSame), body(kSum)}}}),
            "cond: result 0 of branch 1 is f32[], but must be f32[3], the type of result 0 of branch 0");
  EXPECT_EQ(error_of(op_cond, {kIndex, kScalar}, {{"branches", GraphList{body(kSame)}}}),
            "cond: parameter 0 (h) of branch 0 is f32[3], but must be f32[], the type of operand 1");
  EXPECT_EQ(error_of(op_cond, {kIndex}, {{"branches", GraphList{nullptr}}}),
            "cond: branch 0 must not be null");
}

TEST(ControlFlowErrors, CallsAndCustomDerivatives) {
  constexpr std::string_view kSame = "func @f(%h: f32[3]) -> f32[3] { return %h }";
  EXPECT_EQ(error_of(op_call, {kScalar}, {{"body", body(kSame)}}),
            "call: parameter 0 (h) of body is f32[3], but must be f32[], the type of operand 0");
  EXPECT_EQ(error_of(op_call, {kVector}, {{"body", GraphRef{}}}), "call: body must not be null");
  EXPECT_EQ(error_of(op_checkpoint, {kVector}, {{"body", body(kSame)}, {"policy", std::string("some")}}),
            "checkpoint: there is no policy 'some'; there are nothing_saveable, dots_saveable, "
            "dots_with_no_batch_dims_saveable, everything_saveable");
  EXPECT_EQ(error_of(op_custom_jvp_call, {kVector}, {{"body", body(kSame)}, {"jvp", body(kSame)}}),
            "custom_jvp_call: jvp must take 2 parameters, but takes 1");
  EXPECT_EQ(error_of(op_custom_vjp_call, {kVector},
                     {{"body", body(kSame)},
                      {"forward", body("func @f(%h: f32[3]) -> (f32[3], f32[3]) { return %h, %h }")},
                      {"backward", body("func @b(%r: f32[3], %g: f32[3]) -> f32[] { %s = reduce_sum %g {axes "
                                        "= [0]} return %s }")}}),
            "custom_vjp_call: result 0 of backward is f32[], but must be f32[3], the type of operand 0: its "
            "cotangent");
}

TEST(ControlFlowErrors, NameTheOperands) {
  GraphBuilder builder;
  const ValueId h = builder.parameter(kScalar, "model.state");
  try {
    builder.emit_multi(op_scan, {h},
                       {{"body", body("func @f(%h: f32[3]) -> f32[3] { return %h }")},
                        {"length", std::int64_t{2}},
                        {"num_carry", std::int64_t{1}}},
                       Location{"dir/net.cpp", 42, ""});
    FAIL();
  } catch (const TypeError& error) {
    EXPECT_NE(std::string(error.what()).find("%0 f32[] model.state\n  at net.cpp:42"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace adze
