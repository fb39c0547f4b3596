#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "tests/fuzz/program.h"

namespace adze::fuzz {

/// `program` under a transform drawn at random: jvp, vjp or batch, over some of its parameters, with what it
/// adds to the inputs. The transform's name; empty where none applies (nothing to differentiate, an op
/// without that derivative, a program that would grow too large): then the program stays as it is.
std::pair<Program, std::string> wrap(const Program& program, std::uint64_t seed);

/// Over a batch of `size`: parameters i with `batched[i]` carry members that differ by a few percent.
struct BatchInputs {
  std::vector<bool> batched;
  std::int64_t size = 0;
  std::vector<std::vector<Literal>> members;  ///< the inputs of each member
  std::vector<Literal> stacked;               ///< of the batched graph
};
BatchInputs draw_batch(const Program& program, std::uint64_t seed);

}  // namespace adze::fuzz
