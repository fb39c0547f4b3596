#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fake_cuda/fake_cuda.h"
#include "ir/errors.h"
#include "ir/text.h"
#include "runtime/executable.h"
#include "runtime/gpu_device.h"
#include "runtime/kernel_cache.h"

namespace adze::testing {

/// The fake driver and NVRTC, which this process uses from now on.
inline fake_cuda::Control& fake() {
  static fake_cuda::Control* const control = [] {
    setenv("ADZE_CACHE_DIR", "off", 1);
    setenv("ADZE_CUDA_DRIVER", FAKE_CUDA, 1);
    setenv("ADZE_NVRTC", FAKE_CUDA, 1);
    void* const library = dlopen(FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw RuntimeError(dlerror());
    const auto get = reinterpret_cast<fake_cuda::Control* (*)()>(dlsym(library, "fake_cuda_control"));
    return get();
  }();
  return *control;
}

/// Every test begins with a driver as new, and ends with nothing misused and nothing more alive than before.
class FakeCudaTest : public ::testing::Test {
 protected:
  FakeCudaTest() {
    fake().reset();
    before_ = fake().alive();
  }
  ~FakeCudaTest() override {
    EXPECT_EQ(fake().misuse(), std::vector<std::string>{});
    EXPECT_TRUE(fake().alive() == before_) << "something leaks: " << describe(fake().alive());
    fake().reset();
  }
  static std::string describe(const fake_cuda::Counters& c) {
    return std::to_string(c.contexts) + " contexts, " + std::to_string(c.blocks) + " blocks, " +
           std::to_string(c.host_blocks) + " pinned, " + std::to_string(c.streams) + " streams, " +
           std::to_string(c.events) + " events, " + std::to_string(c.modules) + " modules, " +
           std::to_string(c.graphs) + " graphs, " + std::to_string(c.graph_executables) + " executables, " +
           std::to_string(c.programs) + " programs";
  }
  static void fail(const std::string& function, CUresult with, int at = 1) {
    fake().settings().fail_function = function;
    fake().settings().fail_at = at;
    fake().settings().fail_with = with;
  }

 private:
  fake_cuda::Counters before_;
};

inline BufferPtr floats(const std::vector<float>& values) {
  BufferPtr result = Buffer::allocate(values.size() * sizeof(float));
  if (!values.empty()) std::memcpy(result->data(), values.data(), values.size() * sizeof(float));
  return result;
}

inline std::vector<float> floats(const Buffer& buffer) {
  std::vector<float> result(buffer.size() / sizeof(float));
  if (!result.empty()) std::memcpy(result.data(), buffer.data(), buffer.size());
  return result;
}

/// Compiled for the device; `launch`: instead of plan_launch's choice.
inline std::shared_ptr<const Executable> build_on(GpuDevice& device, const char* text,
                                                  const std::vector<bool>& donated = {},
                                                  std::optional<loop::Launch::Mode> launch = {}) {
  CompileContext context;
  context.launch = launch;
  context.cache = &process_kernel_cache();
  return Executable::build(parse_graph(text), donated, device, context);
}

inline std::vector<BufferPtr> run_on(const Executable& executable, std::vector<Argument> arguments) {
  return executable.run(arguments);
}

/// The message of what it throws.
template <class F>
std::string error_in(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace adze::testing
