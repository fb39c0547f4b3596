#include <adze/adze.h>
#include <benchmark/benchmark.h>

// Small costs one at a time: a call, a kernel, a compilation. `./run bench micro [--benchmark_filter=...]`

namespace adze::bench {
namespace {

/// The cost of the call itself: one element, one add.
void bound_call(benchmark::State& state) {
  auto f = compile([](const Array& x) { return x + 1; });
  auto call = f.bind(Array(1.0f));
  for (auto _ : state) call();
}
BENCHMARK(bound_call);

void compiled_call(benchmark::State& state) {
  auto f = compile([](const Array& x) { return x + 1; });
  const Array x(1.0f);
  for (auto _ : state) benchmark::DoNotOptimize(f(x));
}
BENCHMARK(compiled_call);

void eager_op(benchmark::State& state) {
  const Array x(1.0f);
  for (auto _ : state) benchmark::DoNotOptimize(x + 1);
}
BENCHMARK(eager_op);

/// Elementary functions over 8192 f32 in L1.
template <Array (*kFunction)(Operand)>
void elementwise(benchmark::State& state) {
  auto f = compile([](const Array& x) { return kFunction(x); });
  auto call = f.bind(random::uniform(random::key(0), {8192}));
  for (auto _ : state) call();
  state.SetItemsProcessed(state.iterations() * 8192);
}
BENCHMARK(elementwise<&exp>)->Name("exp_8192");
BENCHMARK(elementwise<&tanh>)->Name("tanh_8192");
BENCHMARK(elementwise<&sin>)->Name("sin_8192");

/// n x n x n, with bias and ReLU; the counter is GFLOP/s.
void matmul_bias_relu(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  auto f = compile([](const Array& a, const Array& b, const Array& c) { return relu(matmul(a, b) + c); });
  auto [ka, kb] = random::split<2>(random::key(0));
  auto call = f.bind(random::normal(ka, {n, n}), random::normal(kb, {n, n}), zeros({n}));
  for (auto _ : state) call();
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * static_cast<double>(n * n * n) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}
BENCHMARK(matmul_bias_relu)->RangeMultiplier(2)->Range(8, 256);

/// Trace, differentiate, optimise and compile a 64-128-10 training step.
void compile_training_step(benchmark::State& state) {
  auto [k1, k2, kx, ky] = random::split<4>(random::key(0));
  const std::tuple model{nn::linear(k1, 64, 128), nn::linear(k2, 128, 10)};
  const Array x = random::uniform(kx, {64, 64}), y = random::randint(ky, {64}, 0, 10);
  const auto loss = [](const auto& m, const Array& images, const Array& labels) {
    return mean(nn::softmax_cross_entropy(std::get<1>(m)(relu(std::get<0>(m)(images))), labels));
  };
  const auto sgd = optim::sgd({.learning_rate = 0.1f});
  for (auto _ : state) {
    auto step = compile([&](auto m, auto s, Array images, Array labels) {
      auto [l, g] = value_and_grad(loss)(m, images, labels);
      auto [m2, s2] = sgd.apply(m, g, s);
      return std::tuple(l, m2, s2);
    });
    benchmark::DoNotOptimize(step.report(model, sgd.init(model), x, y));
  }
}
BENCHMARK(compile_training_step)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace adze::bench

BENCHMARK_MAIN();
