#pragma once

#include <cstdint>
#include <vector>

namespace adze {

/// One buffer of the arena: `bytes` (a multiple of kAlignment) that must not be touched by others from time
/// `first` to time `last`, both included.
struct ArenaBuffer {
  std::int64_t bytes = 0;
  std::size_t first = 0, last = 0;
  std::int64_t offset = 0;
};

/// The largest sum of bytes alive at one time: no placement needs less.
std::int64_t lower_bound_bytes(const std::vector<ArenaBuffer>& buffers);

/// Sets the offsets so that no two buffers alive at once overlap, and returns the bytes needed in all. Best
/// fit in several orders, the best of them improved by moving up what reaches the peak. Deterministic.
std::int64_t pack(std::vector<ArenaBuffer>& buffers);

}  // namespace adze
