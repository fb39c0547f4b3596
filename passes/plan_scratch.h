#pragma once

#include "ir/loop_ir.h"
#include "passes/memory_plan.h"

namespace adze {

/// Gives each call whose kernel has shared buffers (packed operands, row buffers: what schedules add after
/// the memory plan was made) a place in the arena: the lowest gap among what is alive during that call, or
/// new room at the end. Before: Program::tenants are what the plan keeps there. After: KernelCall::scratch is
/// set, `arena_bytes` and `lower_bound_bytes` of plan and program count the scratch too. Without `share` the
/// scratch lies behind the arena.
void plan_scratch(loop::Program& program, MemoryPlan& plan, bool share = true);

}  // namespace adze
