#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "tests/fuzz/program.h"

namespace adze::fuzz {

struct GeneratorOptions {
  int steps = 8;        ///< ops of the table; each brings what connects its operands
  bool smooth = false;  ///< only samples that have derivatives, in f64: for finite differences
  std::set<std::string, std::less<>> without = {};  ///< ops that are not drawn
};

/// Draws a well-typed program over the whole op table. A step takes an op and one of its samples; its
/// operands are values of the program so far, brought into the sample's types by convert, reshape, slice, pad
/// and broadcast, and into its ranges by a factor and an offset: the generator evaluates what it emits, so it
/// knows where values lie. What a sample's `adjust` changes (indices, sorted keys) becomes a parameter or
/// constant. Elementwise ops also take the shapes of values at hand. The same seed gives the same program.
Program generate(std::uint64_t seed, const GeneratorOptions& options);

}  // namespace adze::fuzz
