// Random programs against each other: ./run fuzz --count=N --seed=S.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "passes/pipeline.h"
#include "tests/fuzz/generator.h"
#include "tests/fuzz/minimise.h"
#include "tests/fuzz/oracles.h"
#include "tests/fuzz/wrap.h"

namespace adze::fuzz {
namespace {

struct Options {
  std::uint64_t count = 100, seed = 1;
  int steps = 8;
  std::size_t passes = 1;
  std::uint64_t cuda_host_every = 0, gpu_every = 4;
  std::set<std::string, std::less<>> without;
  std::string replay, oracle;
};

/// Counters that the processes of a campaign share.
struct Counts {
  std::uint64_t jvp, vjp, batch, compiled;
};

constexpr unsigned kSeconds = 120;  ///< that a program may take, minimising apart

class Campaign {
 public:
  explicit Campaign(const Options& options) : options_(options) {
    void* memory = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ADZE_CHECK(memory != MAP_FAILED, "no shared memory");
    counts_ = new (memory) Counts{};
  }

  int run() {
    std::uint64_t failures = 0;
    for (std::uint64_t i = 0; i < options_.count; ++i) {
      const int status = in_child(options_.seed + i);
      if (status == 0) continue;
      ++failures;
      if (status == 1) continue;  // it has said what was wrong
      std::cout << "--- seed " << options_.seed + i << ": crashed, or took too long (" << status << ")"
                << std::endl;
      judge_ = isolated_verdict;
      in_child(options_.seed + i);
      judge_ = verdict;
    }
    std::cout << "jvp=" << counts_->jvp << " vjp=" << counts_->vjp << " batch=" << counts_->batch
              << " compiled=" << counts_->compiled << "\n";
    std::cout << "programs=" << options_.count << " failures=" << failures << std::endl;
    return failures == 0 ? 0 : 1;
  }

  /// A program from a file, through all oracles.
  int replay() {
    std::ifstream file(options_.replay);
    std::stringstream text;
    text << file.rdbuf();
    const Program program = parse(text.str(), options_.replay);
    bool good = true;
    for (const Oracle& oracle : all_oracles()) good = passes(program, oracle, 0, "") && good;
    return good ? 0 : 1;
  }

 private:
  /// 0: all is well; 1: a failure, printed; otherwise a signal and more.
  int in_child(std::uint64_t seed) {
    std::cout.flush();
    const pid_t child = fork();
    if (child == 0) {
      if (judge_ == verdict) alarm(kSeconds);
      const bool good = run_program(seed);
      std::cout.flush();
      _exit(good ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
  }

  /// One seed decides everything about a program, so that one number repeats it.
  bool run_program(std::uint64_t seed) {
    std::mt19937_64 random(seed * 0x9E3779B97F4A7C15ULL + 1);
    const bool smooth = random() % 3 == 0;
    Program program;
    std::string how = smooth ? "smooth" : "any";
    try {
      program = generate(random(), {.steps = options_.steps, .smooth = smooth, .without = options_.without});
    } catch (const std::exception& error) {
      std::cout << "--- seed " << seed << ": the generator throws\n" << error.what() << std::endl;
      return false;
    }
    bool good = passes(program, text_oracle(), seed, how);
    good = good && passes(program, batch_oracle(random()), seed, how);
    if (smooth) good = good && passes(program, derivative_oracle(random()), seed, how);

    const std::size_t depth = random() % 4;
    for (std::size_t d = 0; d < depth; ++d) {
      try {
        auto [wrapped, name] = wrap(program, random());
        program = std::move(wrapped);
        if (name.empty()) continue;
        how += " " + name;
        ++(name == "jvp" ? counts_->jvp : name == "vjp" ? counts_->vjp : counts_->batch);
      } catch (const std::exception& error) {
        std::cout << "--- seed " << seed << ": a transform of " << how << " throws\n"
                  << error.what() << "\n"
                  << print(program) << std::endl;
        return false;
      }
    }
    if (depth > 0) good = good && passes(program, text_oracle(), seed, how);
    ++counts_->compiled;
    good = good && passes(program, compiled_oracle(), seed, how);
    const std::vector<std::string>& names = pass_names();
    const std::size_t first = random() % names.size();
    for (std::size_t k = 0; k < std::min(options_.passes, names.size()); ++k)
      good = good && passes(program, compiled_oracle({names[(first + k) % names.size()]}), seed, how);
    if (options_.gpu_every && seed % options_.gpu_every == 0)
      good = good && passes(program, gpu_loops_oracle(), seed, how);
    if (options_.cuda_host_every && seed % options_.cuda_host_every == 0)
      good = good && passes(program, cuda_host_oracle(), seed, how);
    return good;
  }

  bool passes(const Program& program, const Oracle& oracle, std::uint64_t seed, const std::string& how) {
    if (!options_.oracle.empty() && oracle.name.find(options_.oracle) == std::string::npos) return true;
    const std::string found = judge_(program, oracle);
    if (found.empty()) return true;
    alarm(0);
    std::cout << "--- seed " << seed << " (" << how << "), " << oracle.name << ": " << found << "\n";
    const Program smaller = minimise(program, oracle, judge_);
    std::cout << "minimised: " << judge_(smaller, oracle) << "\n" << print(smaller) << std::endl;
    return false;
  }

  std::vector<Oracle> all_oracles() const {
    std::vector<Oracle> oracles = {text_oracle(), compiled_oracle(), gpu_loops_oracle(), batch_oracle(1),
                                   derivative_oracle(1)};
    for (const std::string& pass : pass_names()) oracles.push_back(compiled_oracle({pass}));
    return oracles;
  }

  const Options& options_;
  Counts* counts_;
  std::string (*judge_)(const Program&, const Oracle&) = verdict;
};

}  // namespace
}  // namespace adze::fuzz

int main(int argc, char** argv) {
  adze::fuzz::Options options;
  CLI::App app{
      "Random programs: the interpreter against compiled code with each pass on and off, forward against "
      "reverse mode and finite differences, batches against loops, and the text form against itself."};
  std::vector<std::string> without;
  bool fresh = false;
  app.add_option("--count", options.count, "programs");
  app.add_option("--seed", options.seed, "of the first program; the next one has the next seed");
  app.add_flag("--fresh", fresh, "a seed from the clock");
  app.add_option("--steps", options.steps, "ops in a program, without what connects them");
  app.add_option("--passes", options.passes, "passes to disable in turn for each program");
  app.add_option("--gpu", options.gpu_every, "interpret the loops of a GPU for every N-th program; 0: never");
  app.add_option("--cuda-host", options.cuda_host_every,
                 "run the CUDA source of every N-th program; 0: never");
  app.add_option("--without", without, "ops that are left out")->delimiter(',');
  app.add_option("--oracle", options.oracle, "only oracles whose names contain this");
  app.add_option("--replay", options.replay,
                 "a file that a failure was printed to, instead of random programs");
  CLI11_PARSE(app, argc, argv);
  if (fresh) options.seed = (std::random_device{}() & 0xFFFFFFFFULL) << 16;
  options.without.insert(without.begin(), without.end());
  if (options.replay.empty()) std::cout << "seed=" << options.seed << std::endl;
  adze::fuzz::Campaign campaign(options);
  return options.replay.empty() ? campaign.run() : campaign.replay();
}
