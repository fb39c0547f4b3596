#pragma once

#include "ir/loop_ir.h"
#include "passes/target.h"

namespace adze::loop {

/// Schedules an ordered kernel for a GPU: iterations of parallel loops are spread, everything else runs in
/// order. A kernel that is one nest of parallel loops is spread over the threads of all blocks. In another
/// one, one block does the statements one after the other, with barriers between them: parallel nests by all
/// its threads, the rest by the first of them.
Kernel spread_parallel(Kernel kernel, const Target& target);

}  // namespace adze::loop
