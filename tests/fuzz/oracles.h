#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/fuzz/program.h"

namespace adze::fuzz {

/// Two ways to the same numbers. `check` says what differs, or nothing. It may throw: that is a failure too.
struct Oracle {
  std::string name;
  std::function<std::string(const Program&)> check;
};

/// print, parse and print give the same text and the same graph; the verifier is content.
Oracle text_oracle();
/// Compiled for this machine (with LLVM), but for the passes in `disabled`.
Oracle compiled_oracle(const std::vector<std::string>& disabled = {});
/// Scheduled for a GPU, and the loops interpreted: races are found too.
Oracle gpu_loops_oracle();
/// The CUDA source, compiled and run by the host.
Oracle cuda_host_oracle();
/// Over a batch against the loop over its members.
Oracle batch_oracle(std::uint64_t seed);
/// <v, J u> forward, in reverse and by finite differences (f64).
Oracle derivative_oracle(std::uint64_t seed);

/// `results` against the interpreter's. Floats may differ by rounding, and by as much as the program itself
/// moves when its inputs are rounded: that is what ill-conditioned programs, and decisions that hang on the
/// last bit, do. Empty where they agree.
std::string disagreement(const Program& program, const std::vector<Literal>& results);

}  // namespace adze::fuzz
