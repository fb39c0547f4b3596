#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "ir/loop_ir.h"

namespace adze::loop {

/// The first region at or behind `region` that is not inside it.
inline std::size_t after_region(const Program& program, std::size_t region) {
  const std::size_t end = program.regions[region].end;
  do {
    ++region;
  } while (region < program.regions.size() && program.regions[region].begin < end);
  return region;
}

/// Walks calls [begin, end), of which the regions from `region` on are part: `call(c)` for each call of its
/// own, `nested(r)` for each region directly inside, whose calls and regions (from r + 1 on) are left to it.
template <class Call, class Nested>
void walk_calls(const Program& program, std::size_t begin, std::size_t end, std::size_t region, Call&& call,
                Nested&& nested) {
  for (std::size_t at = begin; at < end;) {
    if (region < program.regions.size() && program.regions[region].begin == at) {
      const std::size_t here = region;
      region = after_region(program, here);
      at = program.regions[here].end;
      nested(here);
    } else {
      call(at++);
    }
  }
}

/// For each call, the regions around it, outermost first.
std::vector<std::vector<std::size_t>> regions_around(const Program& program);

/// The bytes a reference to `bytes` bytes can touch, relative to its place: [first, second).
std::pair<std::int64_t, std::int64_t> byte_range(const Program& program, const BufferRef& ref,
                                                 std::int64_t bytes);
/// What all its addresses are a multiple of, as long as places are aligned to kAlignment.
std::int64_t alignment(const BufferRef& ref);

}  // namespace adze::loop
