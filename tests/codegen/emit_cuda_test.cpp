// The text of single statements as CUDA.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "codegen/cuda/embedded.h"
#include "codegen/cuda/emit_cuda.h"
#include "codegen/cuda/nvrtc.h"
#include "codegen/cuda/scalar_text.h"
#include "ir/scalar_eval.h"
#include "tests/support/native_kernels.h"

namespace adze {
namespace {

using namespace loop;
using testing::KernelBuilder;

/// What is printed behind the prelude for the body of a kernel whose only thread runs `body`.
std::string text_of(KernelBuilder& b, std::vector<Stmt> body) {
  const VarId g = b.e.new_var("g", 1), t = b.e.new_var("t", 256);
  b.kernel.body = {
      Stmt::make_for(g, 1, LoopKind::kGrid, {Stmt::make_for(t, 256, LoopKind::kBlock, std::move(body))})};
  verify(b.kernel);
  Program program = testing::program_of(b.kernel);
  program.launch = {Launch::Mode::kGraph, 1, 256};
  const std::string text = emit_cuda(program).text;
  EXPECT_TRUE(text.starts_with(kCudaPrelude));
  return text.substr(kCudaPrelude.size());
}

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << part << "\nis not in\n" << text;
}
void expect_no_part(const std::string& text, const std::string& part) {
  EXPECT_EQ(text.find(part), std::string::npos) << part << "\nis in\n" << text;
}

/// out[outer * 8 + shift + lane] = x[same], over `lanes` lanes.
std::string copy_text(DType dtype, std::int64_t lanes, std::int64_t shift, std::int64_t limit = 0) {
  KernelBuilder b;
  const BufferId x = b.input("x", dtype, 1000), out = b.output("out", dtype, 1000);
  const VarId i = b.e.new_var("i", 4), lane = b.e.new_var("lane", lanes);
  const ExprId at = b.e.add(b.e.add(b.e.mul(b.e.var(i), 8), b.e.var(lane)), shift);
  const ExprId bound = limit > 0 ? b.e.add(b.e.mul(b.e.var(i), -3), limit) : ExprId{};
  return text_of(b, {b.serial(i, {b.vector(lane, {Stmt::make_store(out, at, b.load(x, at))}, bound)})});
}

TEST(EmitCuda, AlignedNeighboursAreOneAccess) {
  const std::string four = copy_text(DType::kF32, 4, 16);
  expect_part(four, "const float4 v2 = adze_load4(x_b0, v1);");
  expect_part(four, "adze_store4(out_b1, v1, float4{v2.x, v2.y, v2.z, v2.w});");
  const std::string eight = copy_text(DType::kI32, 8, 0);
  expect_part(eight, "const int4 v1 = adze_load4(x_b0, v0);");
  expect_part(eight, "const int4 v3 = adze_load4(x_b0, v2);");
  expect_part(copy_text(DType::kF32, 4, 2), "const float2 v4 = adze_load2(x_b0, v3);");  // aligned to two
  expect_part(copy_text(DType::kF64, 4, 4), "const double2 v2 = adze_load2(x_b0, v1);");
  expect_part(copy_text(DType::kI64, 2, 0), "longlong2{v1.x, v1.y}");
  expect_part(copy_text(DType::kBool, 4, 0), "uchar4{(v1.x != 0), (v1.y != 0), (v1.z != 0), (v1.w != 0)}");
  const std::string odd = copy_text(DType::kF32, 4, 1);
  expect_no_part(odd, "adze_load");
  expect_part(odd, "const float v8 = x_b0[v7];");
  expect_no_part(copy_text(DType::kF32, 3, 0), "adze_load");
}

TEST(EmitCuda, LanesBeyondTheLimitAreNotTouched) {
  const std::string wide = copy_text(DType::kF32, 4, 0, 5);
  expect_part(wide, "if (((i_0 * (-3)) + 5) > 0) {");
  expect_part(wide, "const float4 v2 = adze_load4(x_b0, v1, v0);");
  expect_part(wide, "adze_store4(out_b1, v1, float4{v2.x, v2.y, v2.z, v2.w}, v0);");
  const std::string scalar = copy_text(DType::kF32, 3, 1, 5);
  expect_part(scalar, "? x_b0[");
  expect_part(scalar, "if (");
}

TEST(EmitCuda, LanesAreReadBeforeAnyIsWritten) {
  KernelBuilder b;
  const BufferId x = b.output("x", DType::kF32, 4);
  const VarId lane = b.e.new_var("lane", 4);
  const ExprId mirrored = b.e.add(b.e.mul(b.e.var(lane), -1), 3);
  const std::string text =
      text_of(b, {b.vector(lane, {Stmt::make_store(x, b.e.var(lane), b.load(x, mirrored))})});
  expect_part(text, "adze_store4(x_b0, 0, float4{v0, v1, v2, v3});");
}

/// out[0] = x[...] of a large array.
std::string index_text(std::int64_t extent, std::int64_t factor) {
  KernelBuilder b;
  const BufferId x = b.input("x", DType::kF32, std::int64_t{1} << 40);
  const BufferId out = b.output("out", DType::kF32, 1);
  const VarId i = b.e.new_var("i", extent);
  const ExprId at = b.e.add(b.e.mul(b.e.var(i), factor), 7);
  return text_of(b, {b.serial(i, {Stmt::make_store(out, b.e.index(0), b.load(x, at))})});
}

TEST(EmitCuda, IndicesAreIntWhereTheyFit) {
  expect_part(index_text(1000, 1000), "x_b0[((i_0 * 1000) + 7)]");
  expect_no_part(index_text(1000, 1000), "long long");
  const std::string wide = index_text(1000, std::int64_t{1} << 22);
  expect_part(wide, "for (int i_0 = 0;");
  expect_part(wide, "x_b0[((static_cast<long long>(i_0) * 4194304ll) + 7ll)]");
  expect_part(index_text(std::int64_t{1} << 33, 1), "for (long long i_0 = 0; i_0 < 8589934592; ++i_0) {");
}

TEST(EmitCuda, UserIntegersWrap) {
  KernelBuilder b;
  const BufferId x = b.output("x", DType::kI64, 2), y = b.output("y", DType::kI32, 2);
  const ExprId zero = b.e.index(0), first = b.load(x, zero), second = b.load(x, b.e.index(1));
  const std::string text =
      text_of(b, {Stmt::make_store(x, zero, b.e.add(first, second)),
                  Stmt::make_accumulate(y, zero, Combine::kSum, b.load(y, b.e.index(1)))});
  expect_part(text, "adze_add(x_b0[0], x_b0[1])");
  expect_part(text, "adze_add(y_b1[0], y_b1[1])");
}

TEST(EmitCuda, Constants) {
  const auto text = []<class T>(T value) { return cuda::constant(dtype_of<T>(), to_bits(value)); };
  EXPECT_EQ(text(1.0f), "1.0f");
  EXPECT_EQ(text(-0.0f), "(-0.0f)");
  EXPECT_EQ(text(0.1f), "0.1f");
  EXPECT_EQ(text(1e-45f), "1e-45f");
  EXPECT_EQ(text(16777216.0f), "16777216.0f");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(-1e300), "(-1e+300)");
  EXPECT_EQ(text(std::numeric_limits<float>::infinity()), "__int_as_float(0x7f800000)");
  EXPECT_EQ(text(-std::numeric_limits<double>::infinity()), "__longlong_as_double(0xfff0000000000000ll)");
  EXPECT_EQ(text(std::numeric_limits<std::int32_t>::min()), "(-2147483647 - 1)");
  EXPECT_EQ(text(std::numeric_limits<std::int64_t>::min()), "(-9223372036854775807ll - 1)");
  EXPECT_EQ(text(std::uint32_t{4294967295u}), "4294967295u");
  EXPECT_EQ(text(true), "true");
}

TEST(EmitCuda, SharedValuesHaveNamesAndChainsDoNotNestForever) {
  KernelBuilder b;
  const BufferId x = b.input("x", DType::kF32, 1), out = b.output("out", DType::kF32, 2);
  const ExprId zero = b.e.index(0);
  const ExprId once = b.e.apply(ScalarOp::exp, {b.load(x, zero)});
  const std::string shared =
      text_of(b, {Stmt::make_store(out, zero, b.e.apply(ScalarOp::mul, {once, once}))});
  expect_part(shared, "const float v0 = exp(x_b0[0]);");
  expect_part(shared, "adze_store(out_b1, 0, (v0 * v0));");

  KernelBuilder chain;
  const BufferId from = chain.input("x", DType::kF32, 1), to = chain.output("out", DType::kF32, 1);
  const ExprId first = chain.e.index(0);
  ExprId value = chain.load(from, first);
  for (int i = 0; i < 5000; ++i) value = chain.e.apply(ScalarOp::tanh, {value});
  const std::string text = text_of(chain, {Stmt::make_store(to, first, value)});
  std::size_t longest = 0;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    longest = std::max(longest, end - at);
  }
  EXPECT_LT(longest, 400u);
}

TEST(EmitCuda, NamesAreIdentifiers) {
  KernelBuilder b("while.body 1");
  const BufferId x = b.input("int", DType::kF32, 4), out = b.output("a.b", DType::kF32, 4);
  const VarId i = b.e.new_var("for", 4);
  const std::string text =
      text_of(b, {b.serial(i, {Stmt::make_store(out, b.e.var(i), b.load(x, b.e.var(i)))})});
  expect_part(text, "ADZE_KERNEL while_body_1_k0(");
  expect_part(text, "adze_store(a_b_b1, for_0, int_b0[for_0]);");
  if (nvrtc_problem().empty()) {
    CompileContext context;
    EXPECT_FALSE(
        compile_cuda(std::string(kCudaPrelude) + text, "names", 90, CudaCode::kPtx, context).empty());
  }
}

}  // namespace
}  // namespace adze
