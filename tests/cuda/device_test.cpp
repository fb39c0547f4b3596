#include <algorithm>
#include <thread>

#include "fake_device.h"

namespace adze {
namespace {

using namespace testing;
using loop::Launch;
using Mode = Launch::Mode;

// Two products, the second after the first, and a constant: its two kernels cannot be one.
constexpr const char* kProducts = R"(
func @products(%x: f32[20,16]) -> f32[20,16] {
  %row = constant {value = f32[16] [1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, -5, -6, -7, -8]}
  %h = dot_general %x, %x {batch = [] x [], contract = [0] x [0]}
  %y = dot_general %x, %h {batch = [] x [], contract = [1] x [0]}
  %b = broadcast_in_dim %row {dims = [1], shape = [20,16]}
  %z = add %y, %b
  return %z
}
)";

constexpr const char* kStep = R"(
func @step(%x: f32[40], %g: f32[40]) -> f32[40] {
  %y = sub %x, %g
  return %y
}
)";

std::vector<float> ramp(std::size_t count, float from = 0, float by = 1) {
  std::vector<float> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(from + by * static_cast<float>(i % 17));
  return result;
}

/// What the interpreter makes of it.
std::vector<float> reference(const char* text, const std::vector<std::vector<float>>& arguments) {
  CompileContext context;
  std::vector<Argument> buffers;
  for (const std::vector<float>& values : arguments) buffers.push_back({floats(values), false});
  return floats(*Executable::build(parse_graph(text), {}, Device::kInterpreter, context)->run(buffers)[0]);
}

class CudaDeviceTest : public FakeCudaTest {};

TEST_F(CudaDeviceTest, SaysWhatItIs) {
  const auto device = open_cuda_device(1);
  EXPECT_EQ(device->name(), "cuda:1 (Fake GPU 1)");
  EXPECT_EQ(device->target().kind, TargetKind::kGpu);
  EXPECT_EQ(device->target().compute_capability, 90);
  EXPECT_EQ(device->target().multiprocessors, 4);
  EXPECT_EQ(cuda_device_count(), 2);
  EXPECT_EQ(error_in([] { open_cuda_device(2); }),
            "cuda:2: there is no such device, the driver shows cuda:0 to cuda:1");
  fake().settings().devices = 0;
  EXPECT_NE(error_in([] { open_cuda_device(0); }).find("no device"), std::string::npos);
}

TEST_F(CudaDeviceTest, CopiesAreInOrder) {
  const auto device = open_cuda_device(0);
  const std::vector<float> values = ramp(100);
  std::vector<float> read(100, -1);
  void* const a = device->allocate(400);
  void* const b = device->allocate(400);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a) % kAlignment, 0u);
  std::vector<float> source = values;
  device->copy_in(a, source.data(), 400);
  std::fill(source.begin(), source.end(), 0.0f);  // may be changed at once
  device->copy_within(b, a, 400);
  device->copy_out(read.data(), b, 400);
  EXPECT_EQ(read, values);
  device->free(a, 400);
  device->free(b, 400);
}

TEST_F(CudaDeviceTest, FreedMemoryIsUsedAgain) {
  const auto device = open_cuda_device(0);
  void* const a = device->allocate(1000);
  device->free(a, 1000);
  EXPECT_EQ(device->allocate(1010), a);
  device->free(a, 1010);
  EXPECT_EQ(fake().count("cuMemAlloc_v2"), 1);
  EXPECT_EQ(fake().count("cuMemFree_v2"), 0);
}

TEST_F(CudaDeviceTest, OutOfMemoryGivesBackWhatIsFreeFirst) {
  fake().settings().memory = 10000;
  const auto device = open_cuda_device(0);
  void* const kept = device->allocate(4096);
  device->free(device->allocate(5000), 5000);
  void* const other = device->allocate(3000);  // does not fit beside the 5000 bytes that are kept for reuse
  EXPECT_EQ(fake().count("cuMemFree_v2"), 1);
  EXPECT_EQ(
      error_in([&] { device->allocate(4000); }),
      "out of memory on cuda:0 (Fake GPU 0): cannot allocate 4000 bytes; 7168 are in use by this process");
  device->free(kept, 4096);
  device->free(device->allocate(4000), 4000);  // goes on working
  device->free(other, 3000);
}

TEST_F(CudaDeviceTest, RunsAGraphAndACooperativeLaunch) {
  const auto device = open_cuda_device(0);
  for (const Mode mode : {Mode::kGraph, Mode::kPersistent}) {
    fake().forget();
    const auto executable = build_on(*device, kProducts, {}, mode);
    ASSERT_GE(executable->lowered().program.calls.size(), 2u);
    for (int run = 0; run < 3; ++run) {
      const std::vector<float> x = ramp(320, static_cast<float>(run));
      const auto results = run_on(*executable, {{floats(x)}});
      EXPECT_TRUE(results[0]->on(*device));
      EXPECT_FALSE(results[0]->on_host());
      EXPECT_EQ(floats(*results[0]), reference(kProducts, {x}));
    }
    EXPECT_EQ(fake().count("cuGraphInstantiateWithFlags"), mode == Mode::kGraph ? 1 : 0);
    EXPECT_EQ(fake().count("cuGraphLaunch"), mode == Mode::kGraph ? 3 : 0);
    EXPECT_EQ(fake().count("cuLaunchCooperativeKernel"), mode == Mode::kGraph ? 0 : 3);
  }
}

TEST_F(CudaDeviceTest, AGraphWithTheSameAddressesIsLaunchedAsItIs) {
  const auto device = open_cuda_device(0);
  const auto executable = build_on(*device, kProducts, {}, Mode::kGraph);
  const BufferPtr x = floats(ramp(320));
  run_on(*executable, {{x}});
  fake().forget();
  const auto same = run_on(*executable, {{x}});  // the result has the address of the one before
  EXPECT_EQ(fake().count("cuGraphExecKernelNodeSetParams_v2"), 0);
  const auto other = run_on(*executable, {{floats(ramp(320, 3))}});
  EXPECT_GT(fake().count("cuGraphExecKernelNodeSetParams_v2"), 0);
  EXPECT_EQ(floats(*same[0]), reference(kProducts, {ramp(320)}));
  EXPECT_EQ(floats(*other[0]), reference(kProducts, {ramp(320, 3)}));
}

TEST_F(CudaDeviceTest, CooperativeLaunchesThatDoNotFit) {
  const auto device = open_cuda_device(0);
  fake().settings().blocks_per_multiprocessor = 0;
  const std::string message = error_in([&] { build_on(*device, kProducts, {}, Mode::kPersistent); });
  EXPECT_NE(message.find("cooperative launch refused: kernel "), std::string::npos) << message;
  EXPECT_NE(message.find("the device has room for 0; ADZE_LAUNCH=graph"), std::string::npos) << message;
  fake().settings().cooperative = false;
  const auto without = open_cuda_device(0);
  EXPECT_NE(
      error_in([&] { build_on(*without, kProducts, {}, Mode::kPersistent); }).find("the device has none"),
      std::string::npos);
  EXPECT_NO_THROW(build_on(*without, kProducts, {}, Mode::kGraph));
}

TEST_F(CudaDeviceTest, WhatIsThereIsNotCopiedAgain) {
  const auto device = open_cuda_device(0);
  const auto executable = build_on(*device, kStep, {true, false});
  BufferPtr x = floats(ramp(40, 100));
  const BufferPtr g = floats(ramp(40));
  fake().forget();
  for (int step = 0; step < 4; ++step) {
    std::vector<Argument> arguments{{std::move(x), true}, {g, false}};
    x = executable->run(arguments)[0];
    EXPECT_EQ(arguments[0].buffer, nullptr);
  }
  EXPECT_EQ(fake().count("cuMemcpyHtoDAsync_v2"), 2);  // each parameter once
  EXPECT_EQ(fake().count("cuMemcpyDtoHAsync_v2"), 0);
  EXPECT_EQ(fake().count("cuMemAlloc_v2"), 3);  // the parameters and an arena: results are the donated memory
  std::vector<float> expected = ramp(40, 100);
  for (std::size_t i = 0; i < 40; ++i) expected[i] -= 4 * ramp(40)[i];
  EXPECT_EQ(floats(*x), expected);
  EXPECT_EQ(x->data(), x->data());
  EXPECT_EQ(fake().count("cuMemcpyDtoHAsync_v2"), 1);  // read twice, copied once
}

TEST_F(CudaDeviceTest, MemoryThatIsKeptIsLeftAlone) {
  const auto device = open_cuda_device(0);
  const auto executable = build_on(*device, kStep, {true, false});
  const BufferPtr x = floats(ramp(40, 7)), g = floats(ramp(40));
  for (const bool donated : {false, true}) {
    const auto results = run_on(*executable, {{x, donated}, {g, false}});
    EXPECT_EQ(floats(*results[0]), reference(kStep, {ramp(40, 7), ramp(40)}));
    EXPECT_EQ(floats(*x), ramp(40, 7));
    x->data(*device);  // the second time round the copy is made there
  }
  EXPECT_EQ(floats(*x), ramp(40, 7));
}

TEST_F(CudaDeviceTest, FromOneDeviceToAnotherAndBack) {
  const auto first = open_cuda_device(0), second = open_cuda_device(1);
  const auto here = build_on(*first, kStep), there = build_on(*second, kStep);
  const BufferPtr g = floats(ramp(40));
  const BufferPtr y = run_on(*here, {{floats(ramp(40, 5))}, {g}})[0];
  const BufferPtr z = run_on(*there, {{y}, {g}})[0];
  EXPECT_TRUE(g->on(*first) && g->on(*second) && y->on(*second) && !z->on(*first));
  std::vector<float> expected = ramp(40, 5);
  for (std::size_t i = 0; i < 40; ++i) expected[i] -= 2 * ramp(40)[i];
  EXPECT_EQ(floats(*z), expected);
}

TEST_F(CudaDeviceTest, SeveralThreadsOnOneProgram) {
  const auto device = open_cuda_device(0);
  const auto executable = build_on(*device, kProducts, {}, Mode::kGraph);
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> results(4);
  for (std::size_t t = 0; t < results.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int run = 0; run < 5; ++run) {
        results[t] = floats(*run_on(*executable, {{floats(ramp(320, static_cast<float>(t)))}})[0]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < results.size(); ++t) {
    EXPECT_EQ(results[t], reference(kProducts, {ramp(320, static_cast<float>(t))}));
  }
}

TEST_F(CudaDeviceTest, AProgramMayGoBeforeItsWorkIsDone) {
  const auto device = open_cuda_device(0);
  for (const Mode mode : {Mode::kGraph, Mode::kPersistent}) {
    auto executable = build_on(*device, kProducts, {}, mode);
    const auto results = run_on(*executable, {{floats(ramp(320))}});
    executable.reset();  // a module that is unloaded while its kernels wait to run counts as misuse
    EXPECT_EQ(floats(*results[0]), reference(kProducts, {ramp(320)}));
  }
}

// Copies ahead.

TEST_F(CudaDeviceTest, WorkWaitsForTheCopiesItNeedsAndNoOthers) {
  const auto device = open_cuda_device(0);
  const auto executable = build_on(*device, kStep);
  const BufferPtr g = floats(ramp(40)), now = floats(ramp(40, 1)), next = floats(ramp(40, 2));
  run_on(*executable, {{now}, {g}});
  device->synchronize();
  fake().forget();
  next->copy_ahead(*device);
  const auto first = run_on(*executable, {{now}, {g}});
  floats(*first[0]);
  EXPECT_EQ(std::count(fake().done().begin(), fake().done().end(), "copy in pinned 160"), 0)
      << "a step waited for the copy of the next batch";
  const auto second = run_on(*executable, {{next}, {g}});
  EXPECT_EQ(floats(*second[0]), reference(kStep, {ramp(40, 2), ramp(40)}));
  EXPECT_EQ(std::count(fake().done().begin(), fake().done().end(), "copy in pinned 160"), 1);
}

// The memory of a batch that a step still reads is used for the next one: the copy waits for that step.
TEST_F(CudaDeviceTest, CopiesWaitForWorkOnTheSameMemory) {
  const auto device = open_cuda_device(0);
  const auto executable = build_on(*device, kStep);
  const BufferPtr g = floats(ramp(40));
  std::vector<BufferPtr> results;
  BufferPtr batch = floats(ramp(40, 0));
  batch->copy_ahead(*device);
  for (int step = 0; step < 30; ++step) {
    const BufferPtr next = floats(ramp(40, static_cast<float>(step + 1)));
    next->copy_ahead(*device);
    results.push_back(run_on(*executable, {{batch}, {g}})[0]);
    batch = next;
  }
  EXPECT_LE(fake().alive().host_blocks, 8);
  for (int step = 0; step < 30; ++step) {
    EXPECT_EQ(floats(*results[static_cast<std::size_t>(step)]),
              reference(kStep, {ramp(40, static_cast<float>(step)), ramp(40)}))
        << step;
  }
}

TEST_F(CudaDeviceTest, MemoryOfAnUnusedCopyAhead) {
  const auto device = open_cuda_device(0);
  void* const memory = device->allocate(160);
  const std::vector<float> ahead = ramp(40, 1), later = ramp(40, 2);
  device->copy_in_ahead(memory, ahead.data(), 160);
  device->free(memory, 160);
  ASSERT_EQ(device->allocate(160), memory);
  device->copy_in(memory, later.data(), 160);
  std::vector<float> read(40);
  device->copy_out(read.data(), memory, 160);
  device->synchronize();
  device->copy_out(read.data(), memory, 160);
  EXPECT_EQ(read, later);
  device->free(memory, 160);
}

}  // namespace
}  // namespace adze
