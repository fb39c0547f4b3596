#pragma once

#include <adze/adze.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace adze::bench {

/// What one row of the table reports.
struct Report {
  std::vector<double> losses;   ///< of the first 10 steps from the fixed seed; or, forward only, output sums
  std::vector<double> step_us;  ///< one an untimed-warm-up step
  CompileReport compilation;
};

/// One row: an id such as "W1-B64" and the program behind it. `seconds`: how long to keep timing.
struct Workload {
  std::string id;
  std::string description;
  std::function<Report(double seconds)> run;
};

std::vector<Workload> w1_mlp_classifier();
std::vector<Workload> w2_mlp_regression();
std::vector<Workload> w4_policy();
std::vector<Workload> w6_pinn();

/// Calls `step` for `seconds` (at least 20, at most a million times) and returns the time of each call in us.
inline std::vector<double> time_calls(double seconds, const std::function<void()>& step) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  const auto begin = Clock::now();
  for (int i = 0; i < 10; ++i) step();
  while (times.size() < 20 || (std::chrono::duration<double>(Clock::now() - begin).count() < seconds &&
                               times.size() < 1'000'000)) {
    const auto start = Clock::now();
    step();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  return times;
}

/// Runs 10 training steps for their losses, then times more. `step(model, state, data...)` returns (loss,
/// model, state).
template <class Step, class Model, class State, class... Data>
Report train(double seconds, Step& step, Model model, State state, const Data&... data) {
  Report report;
  Array loss;
  const auto once = [&] { std::tie(loss, model, state) = step(std::move(model), std::move(state), data...); };
  for (int i = 0; i < 10; ++i) {
    once();
    report.losses.push_back(loss.item<double>());
  }
  report.step_us = time_calls(seconds, once);
  report.compilation = step.report(std::move(model), std::move(state), data...);  // the donating one
  return report;
}

}  // namespace adze::bench
