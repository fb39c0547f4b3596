#pragma once

#include "ir/loop_ir.h"

namespace adze {

/// Removes loops of extent 1, merges nested loops whose accesses are contiguous across both ([64][128] read
/// and written row-major is one loop of 8192), hoists loop-invariant Lets. Never changes a float operation.
loop::Kernel simplify_loops(loop::Kernel kernel);

}  // namespace adze
