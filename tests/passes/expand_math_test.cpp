#include "passes/expand_math.h"

#include <gtest/gtest.h>

#include "runtime/loop_interpreter.h"
#include "tests/support/ulp.h"

namespace adze {
namespace {

using loop::ScalarOp;

void run_interpreter(const loop::Kernel& kernel, const std::vector<std::byte*>& arguments) {
  interpret(kernel, arguments);
}

struct Case {
  ScalarOp op;
  DType dtype;
  bool has_fma;
};

class ExpandMath : public testing::TestWithParam<Case> {};

TEST_P(ExpandMath, IsWithinFourUlp) {
  const auto [op, dtype, has_fma] = GetParam();
  const ulp::Result worst = ulp::measure(op, dtype, has_fma, 1 << 16, run_interpreter);
  EXPECT_LE(worst.max_ulp, 4) << std::hexfloat << "at x = " << worst.x << ", y = " << worst.y << ": "
                              << worst.value;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& [op, dtype] : ulp::expanded_functions()) {
    cases.push_back({op, dtype, true});
    cases.push_back({op, dtype, false});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, ExpandMath, testing::ValuesIn(all_cases()), [](const auto& row) {
  return std::string(to_string(row.param.op)) + "_" + std::string(to_string(row.param.dtype)) +
         (row.param.has_fma ? "_fma" : "_no_fma");
});

// How many scalar instructions of one element stay after expansion; fails where a function is left.
int instruction_count(ScalarOp op, DType dtype) {
  const loop::Kernel kernel =
      dtype == DType::kF32 ? ulp::make_kernel<float>(op, 64, true) : ulp::make_kernel<double>(op, 64, true);
  verify(kernel);
  const loop::ExprId root = kernel.body[0].body[0].body[0].value;
  std::vector<bool> seen(kernel.exprs.size(), false);
  std::vector<loop::ExprId> stack = {root};
  int count = 0;
  while (!stack.empty()) {
    const loop::ExprId id = stack.back();
    stack.pop_back();
    if (!id || seen[id.index]) continue;
    seen[id.index] = true;
    const loop::Expr& expr = kernel.exprs[id];
    if (expr.kind == loop::ExprKind::kLoad) continue;
    if (expr.kind == loop::ExprKind::kScalar) {
      EXPECT_FALSE(calls_libm(expr.op, expr.dtype)) << to_string(expr.op);
      ++count;
    }
    if (expr.kind == loop::ExprKind::kConvert) ++count;
    stack.insert(stack.end(), expr.args.begin(), expr.args.end());
  }
  return count;
}

TEST(ExpandMathCost, HotFunctionsStayShort) {
  EXPECT_LE(instruction_count(ScalarOp::exp, DType::kF32), 24);
  EXPECT_LE(instruction_count(ScalarOp::tanh, DType::kF32), 24);
  EXPECT_LE(instruction_count(ScalarOp::logistic, DType::kF32), 28);
}

TEST(ExpandMathCost, NothingCallsLibmAfterwards) {
  for (const auto& [op, dtype] : ulp::expanded_functions()) EXPECT_GT(instruction_count(op, dtype), 5);
}

TEST(ExpandMathPass, LeavesOtherCodeAlone) {
  loop::Kernel kernel;
  kernel.name = "k";
  kernel.argument_count = 2;
  kernel.written = {false, true};
  const loop::BufferId x = kernel.add_buffer("x", {DType::kF64, {8}, {}}, loop::Scope::kArgument);
  const loop::BufferId out = kernel.add_buffer("out", {DType::kF64, {8}, {}}, loop::Scope::kArgument);
  loop::Exprs& e = kernel.exprs;
  const loop::VarId i = e.new_var("i", 8);
  const loop::ExprId value =
      e.apply(ScalarOp::sin, {e.apply(ScalarOp::sqrt, {e.load(x, DType::kF64, e.var(i))})});
  kernel.body = {
      loop::Stmt::make_for(i, 8, loop::LoopKind::kSerial, {loop::Stmt::make_store(out, e.var(i), value)})};
  const std::string before = print(kernel);
  const std::size_t size = e.size();
  const loop::Kernel after = expand_math(kernel, true);
  EXPECT_EQ(print(after), before) << "sin of f64 stays a call";
  EXPECT_EQ(after.exprs.size(), size);
  EXPECT_FALSE(can_expand(ScalarOp::sin, DType::kF64));
  EXPECT_TRUE(calls_libm(ScalarOp::sin, DType::kF64));
  EXPECT_FALSE(calls_libm(ScalarOp::sqrt, DType::kF64));
}

TEST(ExpandMathPass, RewritesLetsLimitsAndWhatUsesThem) {
  loop::Kernel kernel;
  kernel.name = "k";
  kernel.argument_count = 2;
  kernel.written = {false, true};
  const loop::BufferId x = kernel.add_buffer("x", {DType::kF32, {8}, {}}, loop::Scope::kArgument);
  const loop::BufferId out = kernel.add_buffer("out", {DType::kF32, {8}, {}}, loop::Scope::kArgument);
  loop::Exprs& e = kernel.exprs;
  const loop::VarId i = e.new_var("i", 8), t = e.new_var("t", 0, DType::kF32);
  const loop::ExprId exponential = e.apply(ScalarOp::exp, {e.load(x, DType::kF32, e.var(i))});
  kernel.body = {loop::Stmt::make_for(
      i, 8, loop::LoopKind::kSerial,
      {loop::Stmt::make_let(t, e.apply(ScalarOp::tanh, {exponential})),
       loop::Stmt::make_store(out, e.var(i), e.apply(ScalarOp::add, {e.var(t, DType::kF32), exponential}))})};
  const loop::Kernel after = expand_math(kernel, false);
  verify(after);
  EXPECT_EQ(print(after).find("exp("), std::string::npos);
  EXPECT_EQ(print(after).find("tanh("), std::string::npos);
  EXPECT_EQ(print(after).find("fma("), std::string::npos);
  std::vector<float> in = {-3, -2, -1, 0, 1, 2, 3, 4}, result(8);
  interpret(after, std::vector{reinterpret_cast<std::byte*>(in.data()),
                               reinterpret_cast<std::byte*>(result.data())});
  for (std::size_t k = 0; k < 8; ++k) {
    EXPECT_NEAR(result[k], std::tanh(std::exp(in[k])) + std::exp(in[k]), 1e-5 * std::exp(in[k]));
  }
}

}  // namespace
}  // namespace adze
