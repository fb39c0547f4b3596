#include "ir/regions.h"

#include <algorithm>
#include <numeric>

namespace adze::loop {

std::vector<std::vector<std::size_t>> regions_around(const Program& program) {
  std::vector<std::vector<std::size_t>> around(program.calls.size());
  for (std::size_t r = 0; r < program.regions.size(); ++r) {
    for (std::size_t c = program.regions[r].begin; c < program.regions[r].end; ++c) around[c].push_back(r);
  }
  return around;
}

std::pair<std::int64_t, std::int64_t> byte_range(const Program& program, const BufferRef& ref,
                                                 std::int64_t bytes) {
  const std::int64_t start = ref.offset + (ref.place == BufferRef::Place::kArena ? ref.position : 0);
  std::int64_t first = start, last = start;
  for (const Slice& slice : ref.slices) {
    const std::int64_t reach = slice.stride * (program.regions[slice.region].count - 1);
    (reach < 0 ? first : last) += reach;
  }
  return {first, last + bytes};
}

std::int64_t alignment(const BufferRef& ref) {
  std::int64_t common = std::gcd(static_cast<std::int64_t>(kAlignment), ref.offset);
  if (ref.place == BufferRef::Place::kArena) common = std::gcd(common, ref.position);
  for (const Slice& slice : ref.slices) common = std::gcd(common, slice.stride);
  return common;
}

}  // namespace adze::loop
