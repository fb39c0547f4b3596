#include <set>

#include "codegen/cuda/nvrtc.h"
#include "fake_device.h"
#include "runtime/cuda/cuda_driver.h"

namespace adze {
namespace {

using namespace testing;
using Mode = loop::Launch::Mode;

class CudaErrorsTest : public FakeCudaTest {};

// Two kernels, and a parameter that may be donated.
constexpr const char* kProgram = R"(
func @twice(%x: f32[8,8]) -> f32[8,8] {
  %h = dot_general %x, %x {batch = [] x [], contract = [1] x [0]}
  %row = constant {value = f32[8] [1, 2, 3, 4, 5, 6, 7, 8]}
  %b = broadcast_in_dim %row {dims = [1], shape = [8,8]}
  %y = dot_general %h, %b {batch = [] x [], contract = [1] x [0]}
  return %y
}
)";

std::vector<float> identity() {
  std::vector<float> values(64, 0.0f);
  for (std::size_t i = 0; i < 8; ++i) values[9 * i] = 1;
  return values;
}

/// Everything a device is asked to do, on one that is opened and closed again.
void use_a_device() {
  const auto device = open_cuda_device(0);
  for (const Mode mode : {Mode::kGraph, Mode::kPersistent}) {
    CompileContext context;
    context.launch = mode;
    const auto executable = Executable::build(parse_graph(kProgram), {true}, *device, context);
    for (int run = 0; run < 2; ++run) {
      BufferPtr x = floats(identity());
      x->copy_ahead(*device);
      const std::vector<Argument> arguments{{std::move(x), true}};
      std::vector<float> expected;
      for (std::size_t i = 0; i < 64; ++i) expected.push_back(static_cast<float>(i % 8 + 1));
      const std::vector<BufferPtr> results = run_on(*executable, arguments);
      BufferPtr copied = Buffer::allocate(*device, 256);
      device->copy_within(copied->data(*device), results[0]->data(*device), 256);
      EXPECT_EQ(floats(*copied), expected);
      run_on(*executable, {{copied, false}});
    }
  }
  device->synchronize();
}

/// Calls that only give something up: a failure is not worth an error.
bool is_release(const std::string& function) {
  for (const char* word : {"Free", "Destroy", "Release", "Unload", "Pop"}) {
    if (function.find(word) != std::string::npos) return true;
  }
  return false;
}

// Whichever call fails, it becomes an error that names it, nothing leaks, and the process goes on.
TEST_F(CudaErrorsTest, EveryCallInTurn) {
  use_a_device();  // opens the driver
  fake().forget();
  use_a_device();
  const std::vector<std::string> calls = fake().calls();
  ASSERT_GT(calls.size(), 100u);
  const fake_cuda::Counters none = fake().alive();
  std::set<std::string> failed;
  for (std::size_t n = 0; n < calls.size(); ++n) {
    // Without the context, who gives something up can do nothing.
    if (calls[n] == "cuCtxPushCurrent_v2" &&
        (is_release(calls[n + 1]) || calls[n + 1] == "cuStreamSynchronize")) {
      continue;
    }
    fake().reset();
    fail("*", CUDA_ERROR_UNKNOWN, static_cast<int>(n) + 1);
    const std::string message = error_in(use_a_device);
    ASSERT_GE(fake().calls().size(), n + 1);
    EXPECT_EQ(fake().calls()[n], calls[n]);
    EXPECT_EQ(fake().misuse(), std::vector<std::string>{}) << "call " << n << ", " << calls[n];
    if (message == "no error") {
      // Marks for later copies are done without, a destructor has nobody to tell.
      EXPECT_TRUE(is_release(calls[n]) || calls[n] == "cuEventRecord" || calls[n] == "cuStreamSynchronize")
          << "call " << n << ", " << calls[n] << ", failed silently";
    } else {
      std::string name =
          calls[n].starts_with("nvrtc") ? "NVRTC 99.0" : calls[n].substr(0, calls[n].find("_v"));
      name = name.substr(0, name.find("WithFlags"));
      EXPECT_NE(message.find(name), std::string::npos) << calls[n] << ": " << message;
      EXPECT_TRUE(message.find("CUDA_ERROR_UNKNOWN: unknown error") != std::string::npos ||
                  message.find("NVRTC_ERROR_INTERNAL_ERROR") != std::string::npos)
          << message;
      failed.insert(calls[n]);
    }
    EXPECT_TRUE(fake().alive() == none)
        << "call " << n << ", " << calls[n] << ": " << describe(fake().alive());
  }
  for (const char* function :
       {"cuMemAlloc_v2", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuLaunchCooperativeKernel",
        "cuGraphLaunch", "cuModuleLoadData", "cuStreamCreate", "cuMemHostAlloc", "cuGraphAddKernelNode_v2",
        "nvrtcCompileProgram"}) {
    EXPECT_TRUE(failed.contains(function)) << function;
  }
  fake().reset();
  use_a_device();
}

TEST_F(CudaErrorsTest, OutOfMemoryWherever) {
  use_a_device();
  const int calls = fake().count("cuMemAlloc_v2");
  for (int n = 1; n <= calls; ++n) {
    fake().reset();
    fail("cuMemAlloc_v2", CUDA_ERROR_OUT_OF_MEMORY, n);
    EXPECT_EQ(error_in(use_a_device), "no error") << "a second try may succeed";
  }
  fake().reset();
  fake().settings().memory = 1024;
  EXPECT_NE(error_in(use_a_device).find("out of memory on cuda:0 (Fake GPU 0): cannot allocate "),
            std::string::npos);
}

TEST_F(CudaErrorsTest, AKernelThatGoesWrongTakesTheDeviceAway) {
  const auto device = open_cuda_device(0);
  const auto executable = build_on(*device, kProgram, {}, Mode::kGraph);
  const BufferPtr x = floats(identity());
  BufferPtr y = run_on(*executable, {{x}})[0];
  fail("cuStreamSynchronize", CUDA_ERROR_LAUNCH_FAILED);
  const std::string first = error_in([&] { y->data(); });
  EXPECT_EQ(first,
            "cuda:0 (Fake GPU 0): cuStreamSynchronize failed while waiting for a copy from the device: "
            "CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure; a kernel has gone wrong and the device is "
            "lost to "
            "this process: start it again (compute-sanitizer finds the kernel)");
  fail("cuGraphLaunch", CUDA_ERROR_LAUNCH_FAILED);
  const std::string later = error_in([&] { run_on(*executable, {{x}}); });
  EXPECT_NE(later.find("cuGraphLaunch failed while launching 2 kernels of twice"), std::string::npos)
      << later;
  EXPECT_NE(later.find("lost to this process before: cuda:0 (Fake GPU 0): cuStreamSynchronize"),
            std::string::npos);
}

// The message says what to do.
TEST_F(CudaErrorsTest, Advice) {
  const auto device = open_cuda_device(0);
  fail("cuLaunchCooperativeKernel", CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  const auto executable = build_on(*device, kProgram, {}, Mode::kPersistent);
  const BufferPtr x = floats(identity());
  EXPECT_NE(error_in([&] { run_on(*executable, {{x}}); }).find("; ADZE_LAUNCH=graph launches its kernels"),
            std::string::npos);
  fail("cuModuleLoadData", CUDA_ERROR_INVALID_IMAGE);
  const std::string image = error_in([&] { build_on(*device, kProgram, {}, Mode::kPersistent); });
  EXPECT_NE(image.find("cuModuleLoadData failed while loading the code of twice: CUDA_ERROR_INVALID_IMAGE"),
            std::string::npos)
      << image;
  EXPECT_NE(image.find("the driver may be older than NVRTC"), std::string::npos) << image;
}

// The driver itself.

TEST_F(CudaErrorsTest, DriversThatCannotBeUsed) {
  fake().settings().driver_version = 11080;
  EXPECT_NE(
      error_in([] { CudaDriver driver; }).find("is too old: it is for CUDA 11.8, 12.0 or later is needed"),
      std::string::npos);
  fake().reset();
  fake().settings().devices = 0;
  EXPECT_NE(error_in([] { CudaDriver driver; }).find("cuda: no device: the driver"), std::string::npos);
  fake().reset();
  fail("cuInit", CUDA_ERROR_UNKNOWN);
  EXPECT_EQ(error_in([] { CudaDriver driver; }), "cuda: cuInit failed: CUDA_ERROR_UNKNOWN: unknown error");
  fail("cuDriverGetVersion", CUDA_ERROR_UNKNOWN);
  EXPECT_EQ(error_in([] { CudaDriver driver; }),
            "cuda: cuDriverGetVersion failed: CUDA_ERROR_UNKNOWN: unknown error");

  setenv("ADZE_CUDA_DRIVER", "/nowhere/libcuda.so", 1);
  EXPECT_EQ(error_in([] { CudaDriver driver; })
                .find("NVIDIA's driver (libcuda) cannot be loaded from /nowhere/libcuda.so (named by "
                      "ADZE_CUDA_DRIVER): "),
            0u);
  setenv("ADZE_CUDA_DRIVER", "libz.so.1", 1);  // a library that is no driver
  EXPECT_EQ(error_in([] { CudaDriver driver; }),
            "NVIDIA's driver (libcuda) (libz.so.1) is too old: it has no cuDriverGetVersion");
  unsetenv("ADZE_CUDA_DRIVER");
  const std::string message = error_in([] { CudaDriver driver; });
  EXPECT_TRUE(message == "no error" ||
              message.find("looked for libcuda.so.1, libcuda.so; ADZE_CUDA_DRIVER") != std::string::npos)
      << message;
  setenv("ADZE_CUDA_DRIVER", FAKE_CUDA, 1);
  EXPECT_EQ(error_in([] { CudaDriver driver; }), "no error");
}

// NVRTC.

std::string compile(const std::string& source, int capability = 90) {
  CompileContext context;
  return compile_cuda(source, "kernels", capability, CudaCode::kCubin, context);
}

TEST_F(CudaErrorsTest, SourcesThatDoNotCompile) {
  EXPECT_EQ(error_in([] { compile("int a;\n#error no\nint b;\n"); }),
            "NVRTC 99.0 cannot compile kernels.cu for sm_90: NVRTC_ERROR_COMPILATION\n"
            "  kernels.cu(2): error: #error directive\n"
            "      2 | #error no\n"
            "  1 error detected");
  EXPECT_EQ(error_in([] { compile("", 20); }), "NVRTC 99.0 cannot compile for sm_20; it knows sm_80, sm_90");
}

TEST_F(CudaErrorsTest, AnNvrtcWithoutMinimal) {
  fake().settings().knows_minimal = false;
  EXPECT_EQ(compile("int a;\n").find("fake cubin of sm_90\nint a;\n"), 0u);
  fake().forget();
  compile("int b;\n");
  EXPECT_EQ(fake().count("nvrtcCompileProgram"), 1) << "what it does not know is asked for once";
}

TEST_F(CudaErrorsTest, NoNvrtc) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";  // a process that has not loaded one yet
  const auto tell = [](const char* library) {
    setenv("ADZE_NVRTC", library, 1);
    std::fputs(nvrtc_problem().c_str(), stderr);
    std::exit(0);
  };
  EXPECT_EXIT(
      tell("/nowhere/libnvrtc.so"), ::testing::ExitedWithCode(0),
      "NVRTC .CUDA's run-time compiler. cannot be loaded from /nowhere/libnvrtc.so .named by ADZE_NVRTC.");
  EXPECT_EXIT(tell("libz.so.1"), ::testing::ExitedWithCode(0), "is too old: it has no nvrtc");
}

}  // namespace
}  // namespace adze
