// What GPU source executed on the host cannot get away with, in kernels written by hand: the loop IR has no
// way to say most of this. And the compiler behind it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "codegen/cuda/embedded.h"
#include "ir/errors.h"
#include "runtime/buffer.h"
#include "runtime/cuda_host/grid_runner.h"
#include "runtime/cuda_host/host_compiler.h"
#include "runtime/gpu_device.h"
#include "tests/support/temp_dir.h"

namespace adze {
namespace {

using cuda_host::GridRunner;
using cuda_host::HostModule;

constexpr std::uint32_t kThreads = 64, kBlocks = 2;

/// A source whose entry `k` has this body; pointers: 1024 floats, the state of a grid barrier.
CudaSource source_of(const std::string& body) {
  CudaSource source;
  source.entries.push_back({"k", 2, false});
  source.text =
      std::string(kCudaPrelude) +
      "ADZE_SHARED_MEMORY(1024);\nADZE_ENTRY(64) k(const AdzePointers<2> pointers) {\n" +
      "  ADZE_GLOBAL(float, x, 1024, pointers.at[0]);\n  const int t = threadIdx.x, b = blockIdx.x;\n" +
      body + "}\n";
  return source;
}

/// Runs it on two blocks of 64 threads that live at once; what is wrong with it, or "".
std::string run(const std::string& body, bool owned = true) {
  const CudaSource source = source_of(body);
  CompileContext context;
  const auto module = HostModule::compile({&source, 1}, context);
  GridRunner runner([&](const void*, std::size_t) { return owned; });
  module->attach(runner.host());
  alignas(64) std::array<float, 1024> x{};
  for (int again = 0; again < 2; ++again) {  // the runner goes on after an error
    std::array<std::uint32_t, 2> state{};
    void* pointers[] = {x.data(), state.data()};
    runner.forget();
    try {
      runner.run({module->entry(0, 0), pointers, kBlocks, kThreads, true});
    } catch (const RuntimeError& error) {
      if (again == 1) return error.what();
      continue;
    }
    if (again == 1) return "";
  }
  return "one run failed, the other did not";
}

TEST(CudaHostRunner, GoodKernelsRun) {
  EXPECT_EQ(run("adze_store(x, t + 64 * b, 1.0f);"), "");
  EXPECT_EQ(run(R"(
  ADZE_SHARED(float, s, 64, 0);
  adze_store(s, t, 1.0f);
  __syncthreads();
  const float v = s[(t + 1) % 64];
  __syncthreads();
  adze_store(s, t, v + adze_shuffle_xor(v, 4));
  adze_store(x, t + 64 * b, s[t]);
  adze_grid_barrier(pointers.at[1]);
  const float other = x[t + 64 * (1 - b)];
  adze_grid_barrier(pointers.at[1]);
  adze_store(x, t + 64 * b, other);
)"),
            "");
}

struct Bad {
  const char* name;
  const char* body;
  const char* message;
  friend void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }
};

class BadKernel : public ::testing::TestWithParam<Bad> {};

TEST_P(BadKernel, IsAnError) {
  const std::string message = run(GetParam().body);
  EXPECT_NE(message.find("cuda-host: "), std::string::npos) << message;
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
}

constexpr Bad kBad[] = {
    {"barrier_not_reached", "if (t != 7) __syncthreads();", "thread 7"},
    {"barrier_after_the_end", "if (t == 63) __syncthreads();",
     "a barrier, in thread 63 of block 0, that threads of the block ended without"},
    {"different_barriers", "if (t < 32) {\n  __syncthreads();\n} else {\n  __syncthreads();\n}",
     "wait at different barriers"},
    {"shuffle_not_reached", "if (t % 32 != 5) adze_shuffle_xor(1.0f, 1);", "in a shuffle"},
    {"shuffle_against_barrier", "if (t % 2) adze_shuffle_xor(1.0f, 1);\n  __syncthreads();",
     "threads wait for each other, thread 0 of block 0 at a barrier, thread 1 of block 0 in a shuffle"},
    {"grid_barrier_not_reached", "if (b == 0) adze_grid_barrier(pointers.at[1]);", "for other blocks"},
    {"grid_barrier_left_early",
     "if (t == 0) {\n  ADZE_GRID_BARRIER_REACHED();\n  ADZE_GRID_BARRIER_LEFT();\n}",
     "block 0 leaves a grid barrier that block 1 has not reached"},
    {"race_of_threads", "adze_store(x, t / 2 + 64 * b, 1.0f);",
     "k: race: thread 1 of block 0 writes x[0], which thread 0 of block 0 writes"},
    {"race_of_blocks", "adze_store(x, t, 1.0f);",
     "race: thread 0 of block 1 writes x[0], which thread 0 of block 0 writes"},
    {"read_then_written", "const float v = x[64 * b];\n  if (t == 3) adze_store(x, 64 * b, v);",
     "race: thread 3 of block 0 writes x[0], which thread 2 of block 0 reads"},
    {"read_by_another_block", "const float v = x[0];\n  if (b == 1) adze_store(x, 0, v);",
     "race: thread 0 of block 1 writes x[0], which thread 63 of block 0 reads"},
    {"barrier_of_the_block_is_not_of_the_grid",
     "adze_store(x, t + 64 * b, 1.0f);\n  __syncthreads();\n  adze_store(x, t, x[t + 64]);",
     " writes x[127], which thread 63 of block 0 reads"},
    {"shared_race",
     "ADZE_SHARED(float, s, 64, 0);\n  adze_store(s, t, 1.0f);\n  adze_store(x, t + 64 * b, s[63 - t]);",
     "race: thread 32 of block 0 writes s[32], which thread 31 of block 0 reads"},
    {"shared_taken_over",
     "{\n  ADZE_SHARED(float, s, 64, 0);\n  adze_store(s, t, 1.0f);\n  }\n  ADZE_SHARED(int, r, 32, 128);\n"
     "  if (t == 0) adze_store(r, 0, 1);",
     "takes over shared memory that was used since the last barrier"},
    {"shared_too_large", "ADZE_SHARED(float, s, 64, 1000);\n  adze_store(s, t, 1.0f);",
     "s ends behind the 1024 bytes of shared memory"},
    {"out_of_bounds", "adze_store(x, 1020 + t, 1.0f);",
     "k: writes x[1024], which has 1024 elements, in thread 4 of block 0"},
    {"last_lane_out_of_bounds", "adze_store4(x, 4 * t + 512 * b + 400, adze_load4(x, 0));",
     "k: writes x[1024], which has 1024 elements"},
    {"not_aligned", "adze_store4(x, 4 * t + 2, adze_load4(x, 0));",
     "4 elements at x[2], which is not aligned"},
    {"registers", "ADZE_REGISTERS(float, r, 4);\n  r[t] = 1.0f;",
     "k: r[4], which has 4 elements, in thread 4 of block 0"},
};

INSTANTIATE_TEST_SUITE_P(CudaHostRunner, BadKernel, ::testing::ValuesIn(kBad),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(CudaHostRunner, MemoryOfOthersIsRefused) {
  EXPECT_NE(run("adze_store(x, t, 1.0f);", false).find("x (4096 bytes) is not memory of the device"),
            std::string::npos);
}

/// ADZE_CXX for a while.
class Compiler {
 public:
  explicit Compiler(const std::string& command) {
    if (const char* old = std::getenv("ADZE_CXX")) old_ = old;
    setenv("ADZE_CXX", command.c_str(), 1);
  }
  ~Compiler() { old_.empty() ? unsetenv("ADZE_CXX") : setenv("ADZE_CXX", old_.c_str(), 1); }
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

 private:
  std::string old_;
};

TEST(CudaHostCompiler, MissingOrFailingIsSaid) {
  const CudaSource source = source_of("");
  CompileContext context;
  {
    const Compiler missing("/nowhere/c++");
    EXPECT_NE(cuda_host::host_compiler_problem().find("'/nowhere/c++' cannot be run"), std::string::npos);
    EXPECT_THROW(HostModule::compile({&source, 1}, context), RuntimeError);
  }
  const CudaSource wrong = source_of("this is no statement");
  try {
    HostModule::compile({&wrong, 1}, context);
    ADD_FAILURE() << "compiled";
  } catch (const CompileError& error) {
    EXPECT_NE(std::string(error.what()).find("this is no statement"), std::string::npos) << error.what();
  }
}

TEST(CudaHostCompiler, ObjectsAreCachedAndFilesRemoved) {
  struct Cache : CodeCache {
    std::map<std::string, std::string> code;
    int hits = 0;
    std::optional<std::string> find(std::string_view kind, std::string_view content) override {
      EXPECT_EQ(kind, "host");
      const auto at = code.find(std::string(content));
      if (at == code.end()) return std::nullopt;
      ++hits;
      return at->second;
    }
    void insert(std::string_view, std::string_view content, std::string_view object) noexcept override {
      code[std::string(content)] = object;
    }
  } cache;
  const testing::TempDir directory;
  setenv("TMPDIR", (directory / "").c_str(), 1);
  const CudaSource source = source_of("adze_store(x, t + 64 * b, 1.0f);");
  CompileContext context;
  context.cache = &cache;
  for (int i = 0; i < 2; ++i) {
    const auto module = HostModule::compile({&source, 1}, context);
    EXPECT_NE(module->entry(0, 0), nullptr);
  }
  unsetenv("TMPDIR");
  EXPECT_EQ(cache.code.size(), 1u);
  EXPECT_EQ(cache.hits, 1);
  EXPECT_EQ(directory.file_count(), 0u);
}

TEST(CudaHost, NeedsATemporaryDirectory) {
  setenv("TMPDIR", "/nowhere", 1);
  const CudaSource source = source_of("adze_store(x, t + 64 * b, 2.0f);");
  CompileContext context;
  try {
    HostModule::compile({&source, 1}, context);
    ADD_FAILURE() << "compiled";
  } catch (const RuntimeError& error) {
    EXPECT_TRUE(
        std::string(error.what()).starts_with("cuda-host: no temporary directory: TMPDIR is '/nowhere': "))
        << error.what();
  }
  unsetenv("TMPDIR");
}

/// Made before the device is first used, so it goes after all that is made later.
BufferPtr kept_until_exit;

TEST(CudaHost, MemoryMayOutliveEverythingElse) {
  kept_until_exit = Buffer::allocate(cuda_host_device(), 64);  // a device that goes first crashes at exit
  EXPECT_TRUE(kept_until_exit->on(cuda_host_device()));
}

}  // namespace
}  // namespace adze
