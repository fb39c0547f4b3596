// Kernels that no schedule writes, printed as CUDA and executed on the host, against the loop interpreter;
// and kernels that are wrong, which must be noticed.
#include <gtest/gtest.h>

#include "passes/schedule_gpu.h"
#include "tests/support/gpu_kernels.h"
#include "tests/support/random_kernels.h"

namespace adze {
namespace {

using namespace loop;
using namespace testing;
using Mode = Launch::Mode;

void expect_equal(const Kernel& kernel, const Arrays& expected, const Arrays& actual) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(same_elements(kernel.buffers[i].type.dtype, expected[i], actual[i]))
        << "argument " << kernel.buffers[i].name << "\n"
        << print(kernel);
  }
}

Arrays interpreted(const std::vector<Kernel>& kernels, const Arrays& arrays) {
  Arrays expected = arrays;
  std::vector<std::byte*> pointers;
  for (auto& array : expected) pointers.push_back(array.data());
  for (const Kernel& kernel : kernels) interpret(kernel, pointers);
  return expected;
}

/// In both modes, against the loop interpreter. Returns the arrays after.
Arrays expect_as_interpreted(const std::vector<Kernel>& kernels, const Arrays& arrays) {
  const Arrays expected = interpreted(kernels, arrays);
  for (const Mode mode : {Mode::kPersistent, Mode::kGraph}) {
    Arrays actual = arrays;
    run_on_cuda_host(gpu_program_of(kernels, mode), actual);
    expect_equal(kernels[0], expected, actual);
  }
  return expected;
}

/// What running it says.
std::string failure(const std::vector<Kernel>& kernels, const Arrays& arrays, Mode mode) {
  Arrays changed = arrays;
  try {
    run_on_cuda_host(gpu_program_of(kernels, mode), changed);
  } catch (const RuntimeError& error) {
    return error.what();
  }
  return "nothing";
}

TEST(CudaHostKernels, RandomNestsEqualTheInterpreter) {
  const char* count = std::getenv("ADZE_TEST_RANDOM_KERNELS");  // more, after a change to the emitter
  const unsigned seeds = count == nullptr ? 24u : static_cast<unsigned>(std::atoi(count));
  const Target target = cuda_host_device().target();
  std::vector<Program> programs;
  for (unsigned seed = 0; seed < seeds; ++seed) {
    Kernel kernel = on_one_thread(random_kernels::RandomKernel(seed, false).build(), target);
    verify(kernel);
    programs.push_back(gpu_program_of({std::move(kernel)}, seed % 2 == 0 ? Mode::kPersistent : Mode::kGraph));
  }
  std::vector<const Program*> pointers;
  for (const Program& program : programs) pointers.push_back(&program);
  CompileContext context;
  const auto loaded = load_on_cuda_host(pointers, context);
  const Arrays arrays = random_kernels::arguments();
  for (std::size_t i = 0; i < programs.size(); ++i) {
    Arrays actual = arrays;
    run_on_cuda_host(programs[i], *loaded[i], actual);
    expect_equal(programs[i].kernels[0], interpreted(programs[i].kernels, arrays), actual);
    if (HasFailure()) break;
  }
}

constexpr std::int64_t kThreads = 256, kBlocks = 5;

/// out[i] = x of the thread `distance` further on in the block, through shared memory.
Kernel through_shared(bool barrier) {
  GpuKernelBuilder b(kBlocks);
  const BufferId x = b.input("x", DType::kF32, kBlocks * kThreads);
  const BufferId out = b.output("out", DType::kF32, kBlocks * kThreads);
  const BufferId tile = b.shared("tile", DType::kF32, kThreads);
  const ExprId own = b.e.add(b.e.mul(b.g(), kThreads), b.t());
  std::vector<Stmt> body{Stmt::make_store(tile, b.t(), b.load(x, own))};
  if (barrier) body.push_back(Stmt::make_barrier());
  body.push_back(Stmt::make_store(out, own, b.load(tile, b.e.rem(b.e.add(b.t(), 37), kThreads))));
  return b.build(std::move(body));
}

Arrays x_and_out() {
  return {to_bytes(numbers<float>(kBlocks * kThreads)), to_bytes(std::vector<float>(kBlocks * kThreads))};
}

TEST(CudaHostKernels, ThreadsExchangeThroughSharedMemory) {
  const Arrays after = expect_as_interpreted({through_shared(true)}, x_and_out());
  EXPECT_EQ(from_bytes<float>(after[1])[256], numbers<float>(kBlocks * kThreads)[256 + 37]);
}

TEST(CudaHostKernels, AMissingBarrierIsARace) {
  for (const Mode mode : {Mode::kPersistent, Mode::kGraph}) {
    const std::string message = failure({through_shared(false)}, x_and_out(), mode);
    EXPECT_NE(message.find("race"), std::string::npos) << message;
    EXPECT_NE(message.find("tile"), std::string::npos) << message;
    EXPECT_NE(message.find("thread"), std::string::npos) << message;
  }
}

/// Every group of `threads` threads folds its values; all of them keep the result.
template <class T>
Kernel fold_kernel(Combine combine, std::int64_t threads) {
  GpuKernelBuilder b(kBlocks);
  const DType dtype = dtype_of<T>();
  const BufferId x = b.input("x", dtype, kBlocks * kThreads);
  const BufferId out = b.output("out", dtype, kBlocks * kThreads);
  const BufferId sum = b.registers("sum", dtype, 1);
  const ExprId own = b.e.add(b.e.mul(b.g(), kThreads), b.t());
  return b.build(
      {Stmt::make_alloc(sum, {Stmt::make_store(sum, b.e.index(0), b.e.bits(dtype, identity(combine, dtype))),
                              Stmt::make_accumulate(sum, b.e.index(0), combine, b.load(x, own), threads),
                              Stmt::make_store(out, own, b.load(sum, b.e.index(0)))})});
}

TEST(CudaHostKernels, ThreadsFoldInAFixedOrder) {
  Arrays floats = x_and_out();
  std::vector<float> x = numbers<float>(kBlocks * kThreads);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 7 == 0 ? 0.0f : i % 5 == 0 ? -0.0f : x[i] / 3;
  floats[0] = to_bytes(x);
  for (const std::int64_t threads : {2, 8, 32}) {
    for (const Combine combine : {Combine::kSum, Combine::kProd, Combine::kMax, Combine::kMin}) {
      expect_as_interpreted({fold_kernel<float>(combine, threads)}, floats);
    }
  }
  const Arrays zeros{to_bytes([] {
                       std::vector<float> values(kBlocks * kThreads, -0.0f);
                       for (std::size_t i = 0; i < values.size(); i += 3) values[i] = 0.0f;
                       return values;
                     }()),
                     floats[1]};
  expect_as_interpreted({fold_kernel<float>(Combine::kMax, 32)}, zeros);  // which zero is a matter of order
  std::vector<std::uint8_t> flags(kBlocks * kThreads);
  for (std::size_t i = 0; i < flags.size(); ++i) flags[i] = i % 9 < 7;
  expect_as_interpreted({fold_kernel<bool>(Combine::kAnd, 8)}, {to_bytes(flags), to_bytes(flags)});
  const auto wide = to_bytes(numbers<std::int64_t>(kBlocks * kThreads));
  expect_as_interpreted({fold_kernel<std::int64_t>(Combine::kMin, 16)}, {wide, wide});
  const auto doubles = to_bytes(numbers<double>(kBlocks * kThreads));
  expect_as_interpreted({fold_kernel<double>(Combine::kSum, 32)}, {doubles, doubles});
}

TEST(CudaHostKernels, LanesFoldInAFixedOrder) {
  for (const std::int64_t lanes : {4, 7, 8}) {
    GpuKernelBuilder b(kBlocks);
    const BufferId x = b.input("x", DType::kF32, kBlocks * kThreads * 8);
    const BufferId out = b.output("out", DType::kF32, kBlocks * kThreads);
    const ExprId own = b.e.add(b.e.mul(b.g(), kThreads), b.t());
    const VarId lane = b.e.new_var("lane", lanes);
    const ExprId value = b.load(x, b.e.add(b.e.mul(own, 8), b.e.var(lane)));
    const ExprId limit = b.e.add(b.e.rem(b.t(), 9), -1);  // -1 to 7: at times no lane is active
    const Kernel kernel = b.build({Stmt::make_store(out, own, b.f32(-1)),
                                   b.vector(lane, {Stmt::make_accumulate(out, own, Combine::kSum, value)},
                                            lanes == 8 ? limit : ExprId{})});
    std::vector<float> values = numbers<float>(kBlocks * kThreads * 8);
    for (float& v : values) v /= 3;
    expect_as_interpreted({kernel}, {to_bytes(values), to_bytes(std::vector<float>(kBlocks * kThreads))});
  }
}

/// x -> x + 1, element i by one block in even kernels and another in odd ones.
Kernel shifted_step(std::int64_t shift) {
  GpuKernelBuilder b(kBlocks);
  const BufferId x = b.output("x", DType::kF32, kBlocks * kThreads);
  const ExprId at = b.e.rem(b.e.add(b.e.add(b.e.mul(b.g(), kThreads), b.t()), shift), kBlocks * kThreads);
  return b.build({Stmt::make_store(x, at, b.e.apply(ScalarOp::add, {b.load(x, at), b.f32(1)}))});
}

TEST(CudaHostKernels, PhasesWaitForAllBlocks) {
  const Arrays arrays{to_bytes(numbers<float>(kBlocks * kThreads))};
  expect_as_interpreted({shifted_step(0), shifted_step(1000), shifted_step(77)}, arrays);
}

TEST(CudaHostKernels, TwoBlocksInOnePhaseAreARace) {
  for (const Mode mode : {Mode::kPersistent, Mode::kGraph}) {
    Program program = gpu_program_of({shifted_step(0), shifted_step(1000)}, mode);
    program.calls[1].phase = 0;
    Arrays arrays{to_bytes(numbers<float>(kBlocks * kThreads))};
    try {
      run_on_cuda_host(program, arrays);
      ADD_FAILURE() << "not noticed";
    } catch (const RuntimeError& error) {
      EXPECT_NE(std::string(error.what()).find(" x_b0["), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("block"), std::string::npos) << error.what();
    }
  }
}

/// Reads or writes element g * 256 + t + `beyond` of x or of shared memory.
Kernel out_of_bounds(std::int64_t beyond, bool write, bool shared) {
  GpuKernelBuilder b(kBlocks);
  const BufferId x = b.input("x", DType::kF32, kBlocks * kThreads);
  const BufferId out = b.output("out", DType::kF32, kBlocks * kThreads);
  const BufferId tile = b.shared("tile", DType::kF32, kThreads);
  const ExprId own = b.e.add(b.e.mul(b.g(), kThreads), b.t());
  std::vector<Stmt> body;
  if (shared) {
    body.push_back(Stmt::make_store(tile, b.e.add(b.t(), write ? beyond : 0), b.load(x, own)));
    body.push_back(Stmt::make_barrier());
    body.push_back(Stmt::make_store(out, own, b.load(tile, b.e.add(b.t(), write ? 0 : beyond))));
  } else {
    body.push_back(
        Stmt::make_store(out, b.e.add(own, write ? beyond : 0), b.load(x, b.e.add(own, write ? 0 : beyond))));
  }
  return b.build(std::move(body));
}

TEST(CudaHostKernels, AccessesOutOfBoundsAreNamed) {
  struct Case {
    std::int64_t beyond;
    bool write, shared;
    const char* message;
  };
  for (const Case& c :
       {Case{1, false, false, "reads x_b0[1280], which has 1280 elements, in thread 255 of block 4"},
        Case{-1, true, false, "writes out_b1[-1], which has 1280 elements, in thread 0 of block 0"},
        Case{1, true, true, "writes tile_b2[256], which has 256 elements, in thread 255 of block 0"},
        Case{-1, false, true, "reads tile_b2[-1], which has 256 elements, in thread 0 of block 0"}}) {
    const std::string message =
        failure({out_of_bounds(c.beyond, c.write, c.shared)}, x_and_out(), Mode::kGraph);
    EXPECT_NE(message.find(c.message), std::string::npos) << message;
  }
}

TEST(CudaHostKernels, SharedMemoryStartsUnspecified) {
  GpuKernelBuilder b(1);
  const BufferId out = b.output("out", DType::kF32, kThreads);
  const BufferId tile = b.shared("tile", DType::kF32, kThreads);
  const Kernel kernel = b.build({Stmt::make_store(out, b.t(), b.load(tile, b.t()))});
  Arrays arrays{to_bytes(std::vector<float>(kThreads))};
  run_on_cuda_host(gpu_program_of({kernel}, Mode::kGraph), arrays);
  for (const float value : from_bytes<float>(arrays[0])) EXPECT_LT(value, -1e30f);
}

}  // namespace
}  // namespace adze
