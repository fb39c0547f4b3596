#pragma once

#include <string>

namespace adze::bench {

/// What a program has to do at least, whoever runs it.
struct Work {
  double bytes = 0;  ///< arguments and results, each once
  double flops = 0;  ///< two for each product of a contraction, one an element for everything else
};
/// Of an optimised graph, as .adze text.
Work work_of(const std::string& graph);

/// What a machine can do at most; 0 where that is not known.
struct Machine {
  double launch_us = 0;
  double gigabytes = 0;  ///< a second, to and from its memory
  double gigaflops = 0;  ///< f32
};

}  // namespace adze::bench
