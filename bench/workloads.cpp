#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <exception>

#include "bench/floor.h"
#include "bench/workload.h"

// Runs the workloads and prints, for each, the losses from the fixed seed and the time of a step; or, as
// Markdown, that time beside the least that a step can take, and how far the losses are from the CPU's.

namespace adze::bench {
namespace {

struct Options {
  std::vector<std::string> wanted;
  std::string device = "cpu";
  double seconds = 1;
  bool markdown = false;
  std::string dump;
  Machine machine;
};

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

void print_text(const Workload& workload, const Report& report) {
  fmt::print("{:<12} {:>10.2f} {:>10.2f} {:>10.2f} {:>11.1f} {:>12} {:>12}\n", workload.id,
             quantile(report.step_us, 0.5), quantile(report.step_us, 0.1), quantile(report.step_us, 0.9),
             report.compilation.compile_ms, report.compilation.arena_bytes,
             report.compilation.lower_bound_bytes);
  fmt::print("  {}\n  {}", workload.description, report.losses.size() > 1 ? "losses" : "sum of outputs");
  for (const double loss : report.losses) fmt::print(" {:.6f}", loss);
  fmt::print("\n");
}

/// The largest difference between the losses of two runs, relative to the first loss.
double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::fabs(a[i] - b[i]) / std::max(std::fabs(b[0]), 1e-30);
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

/// A duration, or a dash where the machine is not known.
std::string us_text(bool known, double us) {
  return known ? fmt::format("{:.2f}", us) : "-";
}

/// One row; true where the losses are the CPU's. Sums are taken in another order on another device, and steps
/// build on each other: 1e-5 of the first loss is allowed.
bool print_row(const Workload& workload, const Report& report, const Machine& machine) {
  Setting on_cpu;
  on_cpu.warm_up = on_cpu.least = 0;
  on_cpu.seconds = 0;
  const double difference = largest_difference(report.losses, workload.run(on_cpu).losses);
  const bool good = difference <= 1e-5;
  const Work work = work_of(report.compilation.graph);
  const bool known = machine.launch_us > 0 && machine.gigabytes > 0 && machine.gigaflops > 0;
  const double launch = machine.launch_us * static_cast<double>(report.compilation.launches);
  const double bytes = work.bytes / (machine.gigabytes * 1e3), flops = work.flops / (machine.gigaflops * 1e3);
  const double step = quantile(report.step_us, 0.5);
  fmt::print("| {} | {:.2f} | {:.2f} | {:.2f} | {} | {} | {} | {} | {} | {:.0f} | {:.1e}{} |\n", workload.id,
             step, quantile(report.step_us, 0.1), quantile(report.step_us, 0.9), report.compilation.launches,
             us_text(known, launch), us_text(known, bytes), us_text(known, flops),
             us_text(known, step / (launch + std::max(bytes, flops))), report.compilation.compile_ms,
             difference, good ? "" : " WRONG");
  std::fflush(stdout);
  return good;
}

/// No times: what each run began with and its losses, as files.
int dump_all(const Options& options, const std::vector<Workload>& all) {
  Setting setting;
  setting.device = parse_device(options.device);
  setting.warm_up = setting.least = 0;
  setting.seconds = 0;
  for (const Workload& workload : all) {
    if (!selected(workload.id, options.wanted)) continue;
    setting.dump = options.dump + "/" + workload.id + ".safetensors";
    workload.run(setting);
    fmt::print("{}\n", setting.dump);
  }
  return 0;
}

int run(const Options& options) {
  const Setting setting = usual_setting(parse_device(options.device), options.seconds);
  std::vector<Workload> all;
  for (auto&& family : {w1_mlp_classifier(), w2_mlp_regression(), w3_lenet(), w4_policy(), w5_gru(),
                        w6_pinn(), w7_transformer(), w8_critic(), w9_rnn(), w11_ensemble()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  for (const std::string& want : options.wanted) {
    if (std::none_of(all.begin(), all.end(), [&](const Workload& w) { return selected(w.id, {want}); })) {
      fmt::print(stderr, "error: no workload is called '{}'; there are", want);
      for (const Workload& workload : all) fmt::print(stderr, " {}", workload.id);
      fmt::print(stderr, "\n");
      return 2;
    }
  }
  if (!options.dump.empty()) return dump_all(options, all);
  if (options.markdown) {
    fmt::print(
        "| workload on {} | step, us | p10 | p90 | launches | launch floor, us | bytes floor, us | flops "
        "floor, us | "
        "step / (launch + larger floor) | compile, ms | losses differ from the CPU's by |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n",
        options.device);
  } else {
    fmt::print("{:<12} {:>10} {:>10} {:>10} {:>11} {:>12} {:>12}\n", "workload", "median us", "p10 us",
               "p90 us", "compile ms", "arena bytes", "lower bound");
  }
  bool good = true;
  for (const Workload& workload : all) {
    if (!selected(workload.id, options.wanted)) continue;
    const Report report = workload.run(setting);
    if (options.markdown) {
      good = print_row(workload, report, options.machine) && good;
    } else {
      print_text(workload, report);
    }
  }
  if (!good) fmt::print(stderr, "error: the losses of some workload are not the CPU's\n");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace adze::bench

int main(int argc, char** argv) {
  CLI::App app{"Runs the benchmark workloads."};
  adze::bench::Options options;
  app.add_option("workloads", options.wanted, "ids such as W1 or W1-B64; default: all");
  app.add_option("--device", options.device, "cpu, cuda or cuda:N (a GPU), cuda-host or interpreter")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "how long to time each row")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--markdown", options.markdown,
               "a table with floors, which also compares the losses with the CPU's");
  app.add_option(
         "--dump", options.dump,
         "instead of timing, write initial weights, data and losses of each row to DIR/<row>.safetensors")
      ->type_name("DIR");
  app.add_option("--launch-us", options.machine.launch_us, "of the device, for the floors: one launch");
  app.add_option("--gigabytes", options.machine.gigabytes, "of the device, for the floors: memory, GB/s");
  app.add_option("--gigaflops", options.machine.gigaflops, "of the device, for the floors: f32, GFLOP/s");
  CLI11_PARSE(app, argc, argv);
  try {
    return adze::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
