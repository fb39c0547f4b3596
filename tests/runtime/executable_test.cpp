#include "runtime/executable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "codegen/host_target.h"
#include "ir/text.h"
#include "runtime/kernel_cache.h"
#include "support/native_code.h"
#include "support/temp_dir.h"

namespace adze {
namespace {

CompileContext context() {
  CompileContext result = CompileContext::from_environment();
  result.target = host_target();
  return result;
}

std::shared_ptr<const Executable> build(const char* text, std::vector<bool> donated = {},
                                        Device device = Device::kCpu) {
  CompileContext settings = context();
  return Executable::build(parse_graph(text), donated, device, settings);
}

BufferPtr buffer(std::vector<float> values) {
  BufferPtr result = Buffer::allocate(values.size() * sizeof(float));
  if (!values.empty()) std::memcpy(result->data(), values.data(), values.size() * sizeof(float));
  return result;
}

std::vector<float> values(const BufferPtr& buffer) {
  std::vector<float> result(buffer->size() / sizeof(float));
  if (!result.empty()) std::memcpy(result.data(), buffer->data(), buffer->size());
  return result;
}

std::vector<BufferPtr> run(const Executable& executable, std::vector<Executable::Argument> arguments) {
  return executable.run(arguments);
}

template <class E>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// Two outputs, a row sum between them, a constant.
constexpr const char* kProgram = R"(
func @centre(%x: f32[2,3], %scale: f32[]) -> (f32[2,3], f32[2]) {
  %sum = reduce_sum %x {axes = [1]}
  %wide = broadcast_in_dim %sum {dims = [0], shape = [2,3]}
  %rest = sub %x, %wide
  %factor = broadcast_in_dim %scale {dims = [], shape = [2,3]}
  %y = mul %rest, %factor
  return %y, %sum
}
)";

// The result may live in the memory of %x where that is donated.
constexpr const char* kStep = R"(
func @step(%x: f32[4], %g: f32[4]) -> f32[4] {
  %y = sub %x, %g
  return %y
}
)";

TEST(Executable, RunsOnBothDevices) {
  ADZE_NEEDS_NATIVE_CODE();
  for (const Device device : {Device::kCpu, Device::kInterpreter}) {
    const auto executable = build(kProgram, {}, device);
    const BufferPtr x = buffer({1, 2, 3, 4, 5, 6});
    const auto results = run(*executable, {{x}, {buffer({2})}});
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(values(results[0]), (std::vector<float>{-10, -8, -6, -22, -20, -18}));
    EXPECT_EQ(values(results[1]), (std::vector<float>{6, 15}));
    EXPECT_EQ(values(x), (std::vector<float>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(executable->parameter_types()[0], (TensorType{DType::kF32, {2, 3}}));
    EXPECT_EQ(executable->result_types()[1], (TensorType{DType::kF32, {2}}));
    EXPECT_EQ(executable->entry() != nullptr, device == Device::kCpu);
  }
}

TEST(Executable, DonatedMemoryIsTakenOver) {
  ADZE_NEEDS_NATIVE_CODE();
  const auto executable = build(kStep, {true, false});
  BufferPtr x = buffer({1, 2, 3, 4});
  const std::byte* memory = x->data();
  std::vector<Executable::Argument> arguments{{std::move(x), true}, {buffer({1, 1, 1, 2})}};
  const auto results = executable->run(arguments);
  EXPECT_EQ(values(results[0]), (std::vector<float>{0, 1, 2, 2}));
  EXPECT_EQ(results[0]->data(), memory);
  EXPECT_EQ(arguments[0].buffer, nullptr);
}

TEST(Executable, MemoryThatIsNotDonatedIsLeftAlone) {
  const auto executable = build(kStep, {true, false});
  const BufferPtr g = buffer({1, 1, 1, 2});
  const BufferPtr kept = buffer({1, 2, 3, 4});
  // Not donated in this call; donated but referred to elsewhere; not donated when built.
  for (const bool donated : {false, true}) {
    const auto results = run(*executable, {{kept, donated}, {g}});
    EXPECT_EQ(values(results[0]), (std::vector<float>{0, 1, 2, 2}));
    EXPECT_NE(results[0], kept);
    EXPECT_EQ(values(kept), (std::vector<float>{1, 2, 3, 4}));
  }
  const auto results = run(*build(kStep), {{buffer({1, 2, 3, 4}), true}, {g}});
  EXPECT_EQ(values(results[0]), (std::vector<float>{0, 1, 2, 2}));
}

TEST(Executable, OneBufferForTwoParameters) {
  const auto executable = build(kStep, {true, false});
  BufferPtr x = buffer({1, 2, 3, 4});
  std::vector<Executable::Argument> arguments{{x, true}, {x, false}};
  x.reset();
  EXPECT_EQ(values(executable->run(arguments)[0]), (std::vector<float>{0, 0, 0, 0}));
}

TEST(Executable, ResultsThatAreParametersOrConstants) {
  const auto executable = build(R"(
func @same(%x: f32[3], %y: f32[0]) -> (f32[3], f32[3], f32[2], f32[0]) {
  %c = constant {value = f32[2] [7, 8]}
  return %x, %x, %c, %y
}
)");
  const BufferPtr x = buffer({1, 2, 3});
  const auto results = run(*executable, {{x}, {buffer({})}});
  EXPECT_EQ(values(results[0]), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(values(results[1]), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(values(results[2]), (std::vector<float>{7, 8}));
  EXPECT_EQ(results[3]->size(), 0u);
  EXPECT_NE(results[0], x);
  EXPECT_NE(results[0], results[1]);
}

TEST(Executable, SeveralThreadsRunItAtOnce) {
  const auto executable = build(kProgram);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto first = static_cast<float>(t);
      for (int i = 0; i < 200; ++i) {
        const auto results = run(*executable, {{buffer({first, 2, 3, 4, 5, 6})}, {buffer({1})}});
        wrong += values(results[1]) != std::vector<float>{first + 5, 15};
        wrong += values(results[0])[0] != -5;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Executable, NumberOfArguments) {
  const auto executable = build(kStep);
  EXPECT_EQ(message_of<RuntimeError>([&] {
              run(*executable, {{buffer({1, 2, 3, 4})}});
            }),
            "step takes 2 arguments, not 1");
}

TEST(Executable, TimesItsCompilationOnly) {
  ADZE_NEEDS_NATIVE_CODE();
  CompileContext settings = context();
  settings.timings.push_back({"before", 1e6});
  const auto executable = Executable::build(parse_graph(kStep), {}, Device::kCpu, settings);
  EXPECT_EQ(executable->timings().front().pass, "decompose");
  EXPECT_EQ(executable->timings().back().pass, "link");
  EXPECT_GT(executable->compile_milliseconds(), 0);
  EXPECT_LT(executable->compile_milliseconds(), 1e6);
}

TEST(Executable, FromTheKernelCacheIsTheSame) {
  ADZE_NEEDS_NATIVE_CODE();
  const testing::TempDir directory;
  std::vector<std::vector<float>> results;
  std::vector<bool> found;
  for (int i = 0; i < 3; ++i) {
    KernelCache cache({directory / "cache"});  // another process, as far as it can tell
    CompileContext settings = context();
    settings.cache = &cache;
    if (i == 2) settings.disabled = {"schedule_cpu"};  // other code for the same graph
    const auto executable = Executable::build(parse_graph(kStep), {}, Device::kCpu, settings);
    results.push_back(values(run(*executable, {{buffer({1, 2, 3, 4})}, {buffer({5, 6, 7, 8})}})[0]));
    found.push_back(std::any_of(settings.timings.begin(), settings.timings.end(),
                                [](const auto& timing) { return timing.pass == "cached object"; }));
  }
  EXPECT_EQ(found, (std::vector<bool>{false, true, false}));
  EXPECT_EQ(results[1], results[0]);
  EXPECT_EQ(results[2], results[0]);
}

TEST(Buffers, AreAlignedAndNeverEmpty) {
  const BufferPtr none = Buffer::allocate(0), other = Buffer::allocate(0), some = Buffer::allocate(65);
  EXPECT_NE(none->data(), nullptr);
  EXPECT_NE(none->data(), other->data());
  EXPECT_EQ(none->size(), 0u);
  EXPECT_EQ(some->size(), 65u);
  for (const BufferPtr& each : {none, other, some}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(each->data()) % kAlignment, 0u);
  }
}

TEST(Buffers, TooLarge) {
  EXPECT_EQ(message_of<RuntimeError>([] { Buffer::allocate(SIZE_MAX); }),
            "out of memory: cannot allocate 18446744073709551615 bytes");
  EXPECT_EQ(message_of<RuntimeError>([] { Buffer::allocate(SIZE_MAX / 2); }),
            "out of memory: cannot allocate 9223372036854775807 bytes");
}

}  // namespace
}  // namespace adze
