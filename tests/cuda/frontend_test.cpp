#include <algorithm>
#include <thread>

#include "fake_device.h"
#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;
using testing::expect_close;
using testing::fake;

struct Mlp {
  nn::Linear hidden, out;
  Array operator()(const Array& x) const { return out(relu(hidden(x))); }
};

Array loss(const Mlp& model, const Array& x, const Array& labels) {
  return mean(nn::softmax_cross_entropy(model(x), labels));
}

Mlp make_model() {
  auto [k1, k2] = random::split<2>(random::key(0));
  return {nn::linear(k1, 16, 32), nn::linear(k2, 32, 4)};
}

auto training_step(Device device) {
  return compile(
      [](Mlp m, auto s, Array x, Array y) {
        auto [l, g] = value_and_grad(loss)(m, x, y);
        auto [m2, s2] = optim::adam({.learning_rate = 1e-2}).apply(m, g, s);
        return std::tuple(l, m2, s2);
      },
      {.device = device});
}

/// Not FakeCudaTest: cuda(0) is opened once and stays open, so that what is alive is compared by hand.
class CudaFrontend : public ::testing::TestWithParam<const char*> {
 protected:
  CudaFrontend() {
    fake().reset();
    setenv("ADZE_LAUNCH", GetParam(), 1);
  }
  ~CudaFrontend() override {
    unsetenv("ADZE_LAUNCH");
    EXPECT_EQ(fake().misuse(), std::vector<std::string>{});
  }
  static int copies_in() { return fake().count("cuMemcpyHtoDAsync_v2"); }
  static int copies_out() { return fake().count("cuMemcpyDtoHAsync_v2"); }
};

INSTANTIATE_TEST_SUITE_P(, CudaFrontend, ::testing::Values("graph", "persistent"),
                         [](const auto& launch) { return std::string(launch.param); });

TEST_P(CudaFrontend, TrainingStepsAreThoseOfTheCpuAndTheModelStaysThere) {
  const Array x = random::normal(random::key(1), {24, 16}), y = random::randint(random::key(2), {24}, 0, 4);
  const auto on_gpu = training_step(cuda(0)), on_cpu = training_step(cpu());
  Mlp gpu = make_model(), reference = make_model();
  auto adam = optim::adam({.learning_rate = 1e-2});
  auto gpu_state = adam.init(gpu), cpu_state = adam.init(reference);
  Array gpu_loss, cpu_loss;
  for (int step = 0; step < 5; ++step) {
    if (step == 2) {  // all is there, and the last loss is still held when the next one is made
      expect_close(gpu_loss, cpu_loss, 1e-5);
      fake().forget();
    }
    std::tie(gpu_loss, gpu, gpu_state) = on_gpu(std::move(gpu), std::move(gpu_state), x, y);
    std::tie(cpu_loss, reference, cpu_state) = on_cpu(std::move(reference), std::move(cpu_state), x, y);
  }
  EXPECT_EQ(copies_in(), 0);
  EXPECT_EQ(copies_out(), 0);
  EXPECT_EQ(fake().count("cuMemAlloc_v2"), 0);
  EXPECT_EQ(fake().count("cuStreamSynchronize"), 0);
  expect_close(gpu_loss, cpu_loss, 1e-5);
  EXPECT_EQ(copies_out(), 1);
  for (std::size_t i = 0; i < 4; ++i) expect_close(tree_leaves(gpu)[i], tree_leaves(reference)[i], 2e-5);
}

TEST_P(CudaFrontend, EagerModeWorksOnTheDeviceOfTheScope) {
  const DeviceScope scope(cuda(0));
  const Array x({1.0f, 2.0f, 3.0f}, {3});
  fake().forget();
  const Array y = exp(x * 2) + x;
  EXPECT_EQ(copies_out(), 0);
  EXPECT_EQ(copies_in(), 2);  // x and 2
  expect_close(y, compile([](const Array& v) { return exp(v * 2) + v; }, {.device = interpreter()})(x), 1e-6);
  const auto f = compile([](const Array& v) { return v + 1; });  // of no device of its own
  expect_array(f(x), "f32[3]", {2, 3, 4});
  EXPECT_TRUE(f.executable(x)->on_gpu());
}

TEST_P(CudaFrontend, BindIsForTheCpu) {
  const auto f = compile([](const Array& v) { return v + 1; }, {.device = cuda(0)});
  EXPECT_NE(error_of<RuntimeError>([&] { f.bind(ones({2})); }).find("compile for cpu()"), std::string::npos);
}

TEST_P(CudaFrontend, AFailedCallTakesNothing) {
  const auto f = compile([](const Array& v) { return v + 1; }, {.device = cuda(0)});
  Array x({1.0f, 2.0f}, {2});
  f(Array(x) + 0);  // not yet donated
  f.report(std::move(x));
  for (const char* function : {"cuMemAlloc_v2", "cuLaunchKernel", "cuLaunchCooperativeKernel"}) {
    fake().settings().fail_function = function;
    fake().settings().fail_with = CUDA_ERROR_OUT_OF_MEMORY;
    fake().settings().fail_at = 1;
    const Array before = x + 0;
    try {
      Array result = f(std::move(x));
      x = before;  // this one was not called
    } catch (const RuntimeError&) {
      ASSERT_FALSE(x.empty()) << function;
      expect_array(x, "f32[2]", {1, 2});
    }
    fake().settings().fail_at = 0;
  }
  expect_array(f(std::move(x)), "f32[2]", {2, 3});
}

TEST_P(CudaFrontend, DevicesAreListed) {
  const std::vector<DeviceInfo> found = devices();
  std::vector<std::string> names;
  for (const DeviceInfo& info : found) {
    if (info.problem.empty()) names.push_back(info.description);
  }
  EXPECT_NE(std::find(names.begin(), names.end(), "cuda:0 (Fake GPU 0)"), names.end());
  EXPECT_NE(std::find(names.begin(), names.end(), "cuda:1 (Fake GPU 1)"), names.end());
}

// The order of what happens: the copy of a batch is given before the step of the one before it, which runs
// without waiting for it.
TEST_P(CudaFrontend, PrefetchedBatchesAreCopiedWhileTheStepBeforeRuns) {
  const Array inputs = random::normal(random::key(3), {32, 16}),
              labels = reshape(iota({32}, 0, DType::kF32), {32, 1});
  const auto batches = data::batches(inputs, labels, {.batch_size = 8, .seed = 5});
  const auto step =
      compile([](const Array& x, const Array& y) { return sum(x * y, 1); }, {.device = cuda(0)});
  step(ones({8, 16}), ones({8, 1}));
  cuda_device(0).synchronize();
  fake().forget();
  std::vector<Array> results;
  std::vector<std::pair<Array, Array>> seen;
  for (auto [x, y] : data::prefetch(batches, cuda(0))) {
    // This batch and the next have been given to the second stream, and nothing more.
    const int given = std::min<int>(2 * static_cast<int>(results.size() + 2), 8);
    EXPECT_EQ(copies_in(), given);
    results.push_back(step(x, y));
    EXPECT_EQ(copies_in(), given) << "a batch that is on its way was copied again";
    results.back().data<float>();
    const auto& done = fake().done();
    EXPECT_EQ(std::count_if(done.begin(), done.end(),
                            [](const std::string& text) { return text.starts_with("copy in pinned"); }),
              2 * static_cast<int>(results.size()))
        << "the step waited for the next batch";
    seen.emplace_back(x, y);
  }
  ASSERT_EQ(results.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto [x, y] = batches.at(static_cast<std::int64_t>(i));
    EXPECT_EQ(seen[i].first.to_vector<float>(), x.to_vector<float>());
    expect_close(results[i], compile([](const Array& a, const Array& b) { return sum(a * b, 1); })(x, y),
                 1e-5);
  }
}

// Memory of batches that are done with goes to later ones while the device is still behind.
TEST_P(CudaFrontend, PrefetchedBatchesNeverOverwriteOneInUse) {
  const Array inputs = reshape(iota({4096}, 0, DType::kF32), {256, 16}), labels = iota({256}, 0, DType::kF32);
  const auto batches = data::batches(inputs, labels, {.batch_size = 4, .shuffle = false});
  const auto step =
      compile([](const Array& x, const Array& y) { return sum(x, 1) + y; }, {.device = cuda(0)});
  std::vector<Array> results;
  for (auto [x, y] : data::prefetch(batches, cuda(0))) results.push_back(step(x, y));
  EXPECT_LE(fake().alive().host_blocks, 8);
  std::int64_t i = 0;
  for (auto [x, y] : batches) {
    expect_close(results[static_cast<std::size_t>(i++)], sum(x, 1) + y, 0);
  }
}

TEST_P(CudaFrontend, PrefetchElsewhere) {
  const Array inputs = reshape(iota({12}, 0, DType::kF32), {6, 2}), labels = iota({6}, 0, DType::kF32);
  const auto batches = data::batches(inputs, labels, {.batch_size = 4, .shuffle = false, .drop_last = false});
  fake().forget();
  std::int64_t i = 0;
  const auto passed_on = data::prefetch(batches, cpu());
  EXPECT_EQ(passed_on.size(), 2);
  for (auto [x, y] : passed_on) {
    EXPECT_EQ(x.to_vector<float>(), batches.at(i).first.to_vector<float>());
    EXPECT_EQ(y.to_vector<float>(), batches.at(i++).second.to_vector<float>());
  }
  EXPECT_EQ(i, 2);
  EXPECT_TRUE(fake().calls().empty());
  EXPECT_EQ(error_of<RuntimeError>([&] { data::prefetch(batches, cuda(7)); }),
            "cuda:7: there is no such device, the driver shows cuda:0 to cuda:1");
}

TEST_P(CudaFrontend, SeveralThreadsCallOneFunction) {
  const auto f = compile([](const Array& x, const Array& y) { return sum(exp(x) * y); }, {.device = cuda(0)});
  const Array y = ones({50});
  std::vector<std::thread> threads;
  std::vector<float> results(4);
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 8; ++i) results[t] = f(full({50}, static_cast<float>(t)), y).item<float>();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < 4; ++t) {
    EXPECT_NEAR(results[t], 50 * std::exp(static_cast<float>(t)), 1e-2);
  }
}

}  // namespace
}  // namespace adze
