// `logb` is no instruction of the loop IR; here it is, by one row that tests/new_scalar_op.cmake adds to a
// copy of the table. The interpreter and both back ends know it.
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/cuda/emit_cuda.h"
#include "codegen/cuda/nvrtc.h"
#include "passes/schedule_gpu.h"
#include "tests/support/gpu_kernels.h"
#include "tests/support/native_code.h"

namespace adze {
namespace {

using namespace loop;

constexpr std::int64_t kSize = 200;

/// y[i] = logb(x[i]), in one loop.
template <class T>
Kernel logb_kernel() {
  testing::KernelBuilder b("exponents");
  const BufferId x = b.input("x", dtype_of<T>(), kSize), y = b.output("y", dtype_of<T>(), kSize);
  const VarId i = b.e.new_var("i", kSize);
  b.kernel.body = {
      b.serial(i, {Stmt::make_store(y, b.e.var(i), b.e.apply(ScalarOp::logb, {b.load(x, b.e.var(i))}))})};
  verify(b.kernel);
  return std::move(b.kernel);
}

template <class T>
testing::Arrays inputs() {
  return {testing::to_bytes(testing::numbers<T>(kSize)), testing::to_bytes(std::vector<T>(kSize))};
}

template <class T>
void expect_exponents(const testing::Arrays& arrays) {
  const std::vector<T> x = testing::from_bytes<T>(arrays[0]), y = testing::from_bytes<T>(arrays[1]);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], std::logb(x[i])) << x[i];
}

loop::Program gpu_program(const Kernel& kernel) {
  return testing::gpu_program_of({on_one_thread(kernel, cuda_host_device().target())},
                                 Launch::Mode::kPersistent);
}

template <class T>
class NewScalarOp : public ::testing::Test {};
using Floats = ::testing::Types<float, double>;
TYPED_TEST_SUITE(NewScalarOp, Floats);

TYPED_TEST(NewScalarOp, TheInterpreterKnowsIt) {
  testing::Arrays arrays = inputs<TypeParam>();
  interpret(logb_kernel<TypeParam>(), std::vector{arrays[0].data(), arrays[1].data()});
  expect_exponents<TypeParam>(arrays);
}

TYPED_TEST(NewScalarOp, CudaSourceSaysIt) {
  const loop::Program program = gpu_program(logb_kernel<TypeParam>());
  EXPECT_NE(emit_cuda(program).text.find(" logb(x_b0["), std::string::npos);
  testing::Arrays arrays = inputs<TypeParam>();
  testing::run_on_cuda_host(program, arrays);
  expect_exponents<TypeParam>(arrays);
}

TYPED_TEST(NewScalarOp, NvrtcCompilesIt) {
  if (const std::string problem = nvrtc_problem(); !problem.empty()) GTEST_SKIP() << problem;
  CompileContext context;
  const std::string text = emit_cuda(gpu_program(logb_kernel<TypeParam>())).text;
  EXPECT_FALSE(compile_cuda(text, "exponents", 90, CudaCode::kCubin, context).empty());
}

TYPED_TEST(NewScalarOp, MachineCodeCallsIt) {
  ADZE_NEEDS_NATIVE_CODE();
  testing::Arrays arrays = inputs<TypeParam>();
  testing::run_native(testing::program_of(logb_kernel<TypeParam>()), "host", arrays);
  expect_exponents<TypeParam>(arrays);
}

}  // namespace
}  // namespace adze
