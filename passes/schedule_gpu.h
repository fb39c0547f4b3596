#pragma once

#include "ir/loop_ir.h"
#include "passes/target.h"

namespace adze {

/// Spreads a kernel over the blocks and threads of a GPU, and writes down what it did in Kernel::schedule.
/// Before: serial loops as lower_to_loops leaves them (every loop parallel, save those that accumulate into a
/// register of outside). After: the form of LoopKind's comment, with `target.block_threads` threads and at
/// most `target.shared_bytes` of shared memory; the same results up to the order of sums.
loop::Kernel schedule_gpu(loop::Kernel kernel, const Target& target);

/// The same form with all work on the first thread: what schedule_gpu is when it is switched off.
loop::Kernel on_one_thread(loop::Kernel kernel, const Target& target);

}  // namespace adze
