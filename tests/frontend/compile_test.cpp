#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "support/arrays.h"
#include "support/native_code.h"

namespace {

thread_local bool counting = false;
thread_local int allocations = 0;

void* counted_allocation(std::size_t size, std::size_t alignment) {
  if (counting) ++allocations;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// Replaced for the whole test binary, so that a test can count.
void* operator new(std::size_t size) {
  return counted_allocation(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted_allocation(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {  // std::stable_sort's buffer
  return counted_allocation(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;

struct Pair {
  Array a, b;
};

TEST(Compile, TracesOncePerTypes) {
  int traces = 0;
  const auto f = compile([&](const Array& x, const Array& y) {
    ++traces;
    return x + y;
  });
  const Array v({1.f, 2.f}, {2}), m({1.f, 2.f}, {1, 2}), d({1.0, 2.0}, {2});
  expect_array(f(v, v), "f32[2]", {2, 4});
  const Array w = v * 3;
  expect_array(f(w, v), "f32[2]", {4, 8});
  EXPECT_EQ(traces, 1);
  expect_array(f(m, v), "f32[1,2]", {2, 4});
  EXPECT_EQ(traces, 2);
  expect_array(f(d, v), "f64[2]", {2, 4});
  EXPECT_EQ(traces, 3);
  f(v, v);
  EXPECT_EQ(traces, 3);
  EXPECT_EQ(f.specialisations(), 3u);
  const auto copy = f;
  copy(v, v);
  EXPECT_EQ(traces, 3);
  expect_array(f(v * 3, v), "f32[2]", {4, 8});  // a temporary is donated: another program
  EXPECT_EQ(traces, 4);
}

TEST(Compile, GenericFunctionsAreCachedByArgumentType) {
  int traces = 0;
  const auto f = compile([&](const auto& tree) {
    ++traces;
    return tree_map([](const Array& x) { return x + 1; }, tree);
  });
  const Array x(1.0f), y(2.0f);
  EXPECT_EQ(f(Pair{x, y}).b.item<float>(), 3.0f);
  EXPECT_EQ(f(std::pair(x, y)).second.item<float>(), 3.0f);
  EXPECT_EQ(f(std::vector{x, y})[1].item<float>(), 3.0f);
  EXPECT_EQ(f(std::vector{x, y, y})[2].item<float>(), 3.0f);
  EXPECT_EQ(traces, 4);
  EXPECT_EQ(f(std::vector{y, x})[1].item<float>(), 2.0f);
  EXPECT_EQ(traces, 4);
}

TEST(Compile, StaticPartsOfResultsAreKept) {
  struct Result {
    Array x;
    int n;
  };
  const auto f = compile([](const Array& x, int n) { return Result{x * n, n + 1}; });
  EXPECT_EQ(f(Array(2.0f), 5).x.item<float>(), 10.0f);
  EXPECT_EQ(f(Array(2.0f), 5).n, 6);
  EXPECT_EQ(f(Array(2.0f), 6).n, 7);
}

TEST(Compile, CapturedArraysAreReadWhenTraced) {
  Array offset({1.f, 2.f}, {2});
  const auto f = compile([&](const Array& x) { return x + offset; });
  expect_array(f(Array({1.f, 1.f}, {2})), "f32[2]", {2, 3});
  offset = Array({10.f, 20.f}, {2});
  expect_array(f(Array({1.f, 1.f}, {2})), "f32[2]", {2, 3});
}

TEST(Compile, ArgumentsAndConstantsAsResults) {
  const auto f = compile([](const Array& x) { return std::tuple(x, Array(7.0f), x, zeros({2})); });
  const auto [a, b, c, d] = f(Array(3.0f));
  EXPECT_EQ(a.item<float>(), 3.0f);
  EXPECT_EQ(b.item<float>(), 7.0f);
  EXPECT_EQ(c.item<float>(), 3.0f);
  expect_array(d, "f32[2]", {0, 0});
}

TEST(Compile, OnTheInterpreter) {
  const auto f = compile([](const Array& x) { return exp(x) + 1; }, {.device = Device::kInterpreter});
  EXPECT_NEAR(f(Array(0.0)).item<double>(), 2.0, 1e-15);
  const DeviceScope scope(Device::kInterpreter);
  EXPECT_NEAR(exp(Array(1.0)).item<double>(), 2.718281828459045, 1e-15);
}

TEST(Compile, ReportTellsOfThePlan) {
  ADZE_NEEDS_NATIVE_CODE();
  const auto f = compile([](const Array& x) { return sum(exp(x) * 2, 0) + sum(x, 0); }, {.name = "f"});
  const CompileReport report = f.report(ones({4, 8}));
  EXPECT_GT(report.compile_ms, 0);
  EXPECT_FALSE(report.passes.empty());
  EXPECT_GE(report.kernels, 1u);
  EXPECT_GE(report.arena_bytes, report.lower_bound_bytes);
  EXPECT_EQ(report.graph.substr(0, 8), "func @f(");
  EXPECT_EQ(f.specialisations(), 1u);
}

TEST(Donation, EmptiesMovedArgumentsAndReusesTheirMemory) {
  ADZE_NEEDS_NATIVE_CODE();
  const DeviceScope scope(cpu());
  const auto f = compile([](const Array& x) { return x * 2 + 1; });
  Array x = ones({1000});
  const float* memory = x.data<float>().data();
  Array y = f(std::move(x));
  EXPECT_TRUE(x.empty());  // NOLINT: moved from on purpose
  EXPECT_EQ(y.data<float>()[999], 3.0f);
  EXPECT_EQ(y.data<float>().data(), memory);
  const int line = __LINE__ + 1;
  const std::string error = error_of<RuntimeError>([&] { f(x); });
  EXPECT_EQ(
      error,
      "call: argument arg0 is an empty Array: never assigned, moved from, or donated to a compiled function\n"
      "  at compile_test.cpp:" +
          std::to_string(line));
}

TEST(Donation, LeavesSharedMemoryAlone) {
  const auto f = compile([](const Array& x) { return x * 2; });
  Array x = ones({100});
  const Array other = x;
  const Array view = reshape(x, {10, 10});
  const Array y = f(std::move(x));
  EXPECT_TRUE(x.empty());  // NOLINT
  EXPECT_EQ(other.data<float>()[50], 1.0f);
  EXPECT_EQ(view.data<float>()[50], 1.0f);
  EXPECT_EQ(y.data<float>()[50], 2.0f);
}

TEST(Donation, OfAnArrayThatIsPassedTwice) {
  const auto f = compile([](const Array& x, const Array& y) { return std::pair(x * 2, x + y); });
  Array x = ones({100});
  const auto [a, b] = f(std::move(x), x);  // NOLINT: moved on purpose
  EXPECT_EQ(a.data<float>()[1], 2.0f);
  EXPECT_EQ(b.data<float>()[1], 2.0f);
  Array z = ones({100});
  EXPECT_EQ(error_of<RuntimeError>([&] { f(std::move(z), std::move(z)); }),  // NOLINT
            "call: one Array is moved into two arguments");
  EXPECT_FALSE(z.empty());  // a call that fails takes nothing
}

TEST(Compile, ScalarsMustFit) {
  const std::string message = error_of<TypeError>([] { Array(1) + 5000000000LL; });
  EXPECT_EQ(message.substr(0, message.find('\n')),
            "the scalar 5000000000 does not fit i32, the dtype of the other operand: convert that first");
  EXPECT_EQ((Array(1u) + 4294967294u).item<std::int64_t>(), 4294967295);
}

TEST(Compile, ArraysWithoutElements) {
  const auto f = compile([](const Array& x) { return softmax(x); });
  for (const Dims& shape : {Dims{3, 0}, Dims{0, 3}, Dims{0}}) {
    EXPECT_EQ(f(zeros(shape)).shape(), shape);
    EXPECT_EQ(softmax(zeros(shape)).shape(), shape);
  }
}

TEST(Donation, OfWholeTreesInALoop) {
  const auto step = compile([](Pair p) { return Pair{p.a + p.b, p.b * 1}; });
  Pair p{zeros({64}), ones({64})};
  for (int i = 0; i < 10; ++i) p = step(std::move(p));
  EXPECT_EQ(p.a.data<float>()[63], 10.0f);
  EXPECT_EQ(p.b.data<float>()[63], 1.0f);
}

TEST(Bind, RunsOnFixedBuffersWithoutAllocating) {
  ADZE_NEEDS_NATIVE_CODE();
  const DeviceScope scope(cpu());
  const auto f = compile([](const Pair& p, const Array& x) {
    return Pair{softmax(matmul(x, p.a) + p.b), sum(x)};
  });
  auto bound = f.bind(Pair{ones({3, 4}), zeros({4})}, ones({2, 3}));
  static_assert(noexcept(bound()));
  bound();
  expect_array(bound.result().b, "f32[]", {6});
  const std::span<float> x = bound.input<float>(2);
  ASSERT_EQ(x.size(), 6u);
  const std::span<const float> total = bound.output<float>(1);
  allocations = 0;
  counting = true;
  for (int i = 0; i < 100; ++i) {
    x[0] = static_cast<float>(i);
    bound();
  }
  counting = false;
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(total[0], 104.0f);
  const Pair before = bound.result();
  x[0] = 0;
  bound();
  EXPECT_EQ(before.b.item<float>(), 104.0f);
  EXPECT_EQ(bound.result().b.item<float>(), 5.0f);
}

TEST(Bind, ChecksWhatIsAskedFor) {
  ADZE_NEEDS_NATIVE_CODE();
  const DeviceScope scope(cpu());
  auto bound = compile([](const Array& x) { return x + 1; }).bind(ones({2}));
  EXPECT_EQ(error_of<RuntimeError>([&] { bound.input<float>(1); }), "input: there is no 1, only 1 Arrays");
  EXPECT_EQ(error_of<RuntimeError>([&] { bound.output<double>(0); }), "output: 0 is f32[2], not f64");
  const auto slow = compile([](const Array& x) { return x + 1; }, {.device = Device::kInterpreter});
  EXPECT_EQ(error_of<RuntimeError>([&] { slow.bind(ones({2})); }),
            "bind: the interpreter has no machine code to bind; compile for the CPU");
}

TEST(Threads, OneCompiledFunctionIsTracedOnce) {
  std::atomic<int> traces = 0;
  const auto f = compile([&](const Array& x, const Array& y) {
    ++traces;
    return sum(x * y);
  });
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Array x = full({100}, t);
      for (int i = 0; i < 200; ++i) {
        const Array y = full({100}, i);
        if (f(x, y).item<int>() != 100 * t * i) ++wrong;
        if ((x + y).data<std::int32_t>()[99] != t + i) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(traces, 1);
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace adze
