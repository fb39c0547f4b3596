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
std::vector<Workload> w4_policy();
std::vector<Workload> w5_gru();
std::vector<Workload> w6_pinn();
std::vector<Workload> w7_transformer();
std::vector<Workload> w8_critic();

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

/// Runs a function once for the sum of its result, an Array, then times more: bound to its buffers where that
/// can be.
template <class F, class Model, class... Data>
Report forward(const Setting& setting, F f, const Model& model, const Data&... data) {
  auto compiled = compile(f, {.device = setting.device});
  Report report;
  report.losses = {sum(compiled(model, data...)).template item<double>()};
  dump(setting, report, model, data...);
  if (setting.device == cpu() && native_code_problem().empty()) {
    auto call = compiled.bind(model, data...);
    Setting timing = setting;
    timing.group = setting.least > 0 ? 100 : 1;  // one call may take about as long as reading the clock
    report.step_us = time_calls(
        timing, [&] { call(); }, [] {});
  } else {
    Array result = compiled(model, data...);
    report.step_us = time_calls(
        setting, [&] { result = compiled(model, data...); }, [&] { result.data<float>(); });
  }
  report.compilation = compiled.report(model, data...);
  return report;
}

}  // namespace adze::bench
