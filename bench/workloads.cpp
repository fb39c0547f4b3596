#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>

#include "bench/workload.h"

// Runs the workloads and prints, for each, the losses from the fixed seed and the time of a step.

namespace adze::bench {
namespace {

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

/// "W1" selects every row of W1, "W1-B64" that row.
bool selected(const std::string& id, const std::vector<std::string>& wanted) {
  return wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const std::string& want) {
           return id == want || id.starts_with(want + "-");
         });
}

int run(const std::vector<std::string>& wanted, double seconds) {
  std::vector<Workload> all;
  for (auto&& family : {w1_mlp_classifier(), w2_mlp_regression(), w4_policy(), w6_pinn()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  for (const std::string& want : wanted) {
    if (std::none_of(all.begin(), all.end(), [&](const Workload& w) { return selected(w.id, {want}); })) {
      fmt::print(stderr, "error: no workload is called '{}'; there are", want);
      for (const Workload& workload : all) fmt::print(stderr, " {}", workload.id);
      fmt::print(stderr, "\n");
      return 2;
    }
  }
  fmt::print("{:<12} {:>10} {:>10} {:>10} {:>11} {:>12} {:>12}\n", "workload", "median us", "p10 us",
             "p90 us", "compile ms", "arena bytes", "lower bound");
  for (const Workload& workload : all) {
    if (!selected(workload.id, wanted)) continue;
    const Report report = workload.run(seconds);
    fmt::print("{:<12} {:>10.2f} {:>10.2f} {:>10.2f} {:>11.1f} {:>12} {:>12}\n", workload.id,
               quantile(report.step_us, 0.5), quantile(report.step_us, 0.1), quantile(report.step_us, 0.9),
               report.compilation.compile_ms, report.compilation.arena_bytes,
               report.compilation.lower_bound_bytes);
    fmt::print("  {}\n  {}", workload.description, report.losses.size() > 1 ? "losses" : "sum of outputs");
    for (const double loss : report.losses) fmt::print(" {:.6f}", loss);
    fmt::print("\n");
  }
  return 0;
}

}  // namespace
}  // namespace adze::bench

int main(int argc, char** argv) {
  CLI::App app{"Runs the benchmark workloads."};
  std::vector<std::string> wanted;
  double seconds = 1;
  app.add_option("workloads", wanted, "ids such as W1 or W1-B64; default: all");
  app.add_option("--seconds", seconds, "how long to time each row")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return adze::bench::run(wanted, seconds);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
