#include "passes/plan_scratch.h"

#include <algorithm>

namespace adze {
namespace {

struct Interval {
  std::int64_t begin, end;
};

/// What is kept in the arena during call `at`, as disjoint ascending intervals.
std::vector<Interval> occupied(const loop::Program& program, std::size_t at) {
  std::vector<Interval> found;
  for (const loop::ArenaTenant& tenant : program.tenants) {
    if (tenant.first <= at && at <= tenant.last) found.push_back({tenant.begin, tenant.end});
  }
  std::sort(found.begin(), found.end(),
            [](const Interval& a, const Interval& b) { return a.begin < b.begin; });
  std::vector<Interval> merged;
  for (const Interval& interval : found) {
    if (!merged.empty() && interval.begin < merged.back().end) {
      merged.back().end = std::max(merged.back().end, interval.end);  // in place: two values, one memory
    } else {
      merged.push_back(interval);
    }
  }
  return merged;
}

}  // namespace

void plan_scratch(loop::Program& program, MemoryPlan& plan, bool share) {
  const auto alignment = static_cast<std::int64_t>(kAlignment);
  const std::int64_t planned = (plan.arena_bytes + alignment - 1) / alignment * alignment;
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    loop::KernelCall& call = program.calls[i];
    const std::int64_t bytes = loop::scratch_bytes(program.kernels[call.kernel]);
    if (bytes == 0) continue;
    std::int64_t offset = share ? 0 : planned, alive = 0;
    if (share) {
      for (const Interval& interval : occupied(program, i)) {
        alive += interval.end - interval.begin;
        if (offset + bytes > interval.begin) offset = std::max(offset, interval.end);
      }
    }
    call.scratch = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    plan.lower_bound_bytes = std::max(plan.lower_bound_bytes, alive + bytes);
  }
  program.arena_bytes = std::max(program.arena_bytes, plan.arena_bytes);
}

}  // namespace adze
