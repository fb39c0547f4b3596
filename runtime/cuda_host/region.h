#pragma once

#include <cstddef>
#include <cstdint>

#include "codegen/cuda/host_interface.h"
#include "runtime/race_check.h"

namespace adze::cuda_host {

/// Memory that threads share, as kernels declare it.
struct Region : AdzeHostRegion {
  explicit Region(bool across_blocks) : AdzeHostRegion{}, races(0, across_blocks) {}

  std::int64_t count = 0;
  std::size_t element_bytes = 0;
  RaceCheck races;
  // Global memory:
  std::int32_t phase = -1;  ///< the last it was used in
  bool written = false;     ///< by a kernel of that phase
  // Shared memory:
  std::int32_t declared = -1, touched = -1;  ///< the last epochs of the block in which it was

  std::byte* begin() const { return static_cast<std::byte*>(data); }
  std::byte* end() const { return begin() + static_cast<std::size_t>(count) * element_bytes; }
  bool overlaps(const Region& other) const { return begin() < other.end() && other.begin() < end(); }
};

}  // namespace adze::cuda_host
