#pragma once

#include <adze/adze.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "codegen/cpu_backend.h"

namespace adze::bench {

/// How a workload is run.
struct Setting {
  Device device = cpu();
  double seconds = 1;     ///< how long to keep timing
  int warm_up = 10;       ///< steps that are not timed
  int least = 20;         ///< times taken at least
  int group = 1;          ///< steps given to the device before waiting for it; the time is divided by this
  std::string dump = {};  ///< where `dump` writes to; empty: nowhere
};
/// What is usual for the device: a GPU is given many steps at once, and what only stands in for one is slow.
Setting usual_setting(Device device, double seconds);

/// What one row of the table reports.
struct Report {
  std::vector<double> losses;   ///< of the first 10 steps from the fixed seed; or, forward only, output sums
  std::vector<double> step_us;  ///< one an untimed-warm-up step, or group of them
  CompileReport compilation;
};

/// One row: an id such as "W1-B64" and the program behind it.
struct Workload {
  std::string id;
  std::string description;
  std::function<Report(const Setting& setting)> run;
};

std::vector<Workload> w1_mlp_classifier();
std::vector<Workload> w2_mlp_regression();
std::vector<Workload> w3_lenet();
std::vector<Workload> w4_policy();
std::vector<Workload> w5_gru();
std::vector<Workload> w6_pinn();
std::vector<Workload> w7_transformer();
std::vector<Workload> w8_critic();
std::vector<Workload> w9_rnn();
std::vector<Workload> w11_ensemble();

/// What a run began with and what came of it, for other systems to repeat: a safetensors file of "model.*",
/// "data[0]",
/// ... and "losses", f64.
template <class Model, class... Data>
struct Record {
  Model model;
  std::tuple<Data...> data;
  Array losses;
};
template <class Model, class... Data>
void dump(const Setting& setting, const Report& report, const Model& model, const Data&... data) {
  if (setting.dump.empty()) return;
  const auto count = static_cast<std::int64_t>(report.losses.size());
  io::save(setting.dump, Record<Model, Data...>{model, {data...}, Array(report.losses, {count})});
}

/// A compiled training step on `loss(model, data...)`: (model, state, data...) -> (loss, model, state).
template <class Loss, class Optimizer>
auto training_step(const Setting& setting, Loss loss, Optimizer optimizer) {
  return compile(
      [=](auto model, auto state, auto... data) {
        auto [l, gradient] = value_and_grad(loss)(model, data...);
        auto [next_model, next_state] = optimizer.apply(model, gradient, state);
        return std::tuple(l, next_model, next_state);
      },
      {.device = setting.device});
}

/// Calls `step` `group` times, then `wait`, again and again for `seconds`; the time of a call in us, each
/// time.
std::vector<double> time_calls(const Setting& setting, const std::function<void()>& step,
                               const std::function<void()>& wait);

/// 100 where a call takes about as long as reading the clock, otherwise 1.
int calls_a_group(const std::function<void()>& call);

/// Runs 10 training steps for their losses, then times more. `step(model, state, data...)` returns (loss,
/// model, state).
template <class Step, class Model, class State, class... Data>
Report train(const Setting& setting, Step& step, Model model, State state, const Data&... data) {
  Report report;
  Array loss;
  const std::optional<Model> initial =
      setting.dump.empty() ? std::nullopt : std::optional(model);  // nothing shares it
  const auto once = [&] { std::tie(loss, model, state) = step(std::move(model), std::move(state), data...); };
  for (int i = 0; i < 10; ++i) {
    once();
    report.losses.push_back(loss.item<double>());
  }
  if (initial) dump(setting, report, *initial, data...);
  report.step_us = time_calls(setting, once, [&] { loss.item<double>(); });
  report.compilation = step.report(std::move(model), std::move(state), data...);  // the donating one
  return report;
}

/// Calls a function once for its losses, `losses_of(result)`, then times more calls: bound to their buffers
/// where that can be.
template <class LossesOf, class F, class Model, class... Data>
Report calls(Setting setting, const LossesOf& losses_of, F f, const Model& model, const Data&... data) {
  auto compiled = compile(f, {.device = setting.device});
  Report report;
  auto result = compiled(model, data...);
  report.losses = losses_of(result);
  dump(setting, report, model, data...);
  if (setting.device == cpu() && native_code_problem().empty()) {
    auto call = compiled.bind(model, data...);
    const auto run = [&] { call(); };
    setting.group = calls_a_group(run);
    report.step_us = time_calls(setting, run, [] {});
  } else {
    report.step_us = time_calls(
        setting, [&] { result = compiled(model, data...); },
        [&] { tree_leaves(result)[0].template data<float>(); });
  }
  report.compilation = compiled.report(model, data...);
  return report;
}

/// The same for a function without a loss: it reports the sum of all its results.
template <class F, class Model, class... Data>
Report forward(const Setting& setting, F f, const Model& model, const Data&... data) {
  const auto total = [](const auto& result) {
    double all = 0;
    for (const Array& leaf : tree_leaves(result)) all += sum(leaf).template item<double>();
    return std::vector<double>{all};
  };
  return calls(setting, total, f, model, data...);
}

}  // namespace adze::bench
