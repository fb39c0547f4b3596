#pragma once

#include <cstddef>
#include <span>

#include "ir/loop_ir.h"

namespace adze {

/// Runs a kernel statement by statement: the executable meaning of the loop IR, and the oracle for lowering,
/// schedules and back ends. `arguments`: memory of the argument buffers, in order.
///
/// Vector loops run each statement for all lanes before the next one, so all loads of a statement come before
/// its stores; lanes at or beyond the limit neither load nor store. Parallel and grid loops run in order, the
/// threads of a block one after the other from one place where they wait for each other to the next. Throws
/// InternalError, naming kernel, buffer and index, for an access out of bounds, for two lanes of a vector
/// loop that write one element, for two threads that touch one element unordered, one of them writing, and
/// for a barrier between parallel iterations.
void interpret(const loop::Kernel& kernel, std::span<std::byte* const> arguments);

/// The same call as the native entry point: `buffers` holds parameters, results and constants, in order;
/// `arena` has Program::arena_bytes.
void interpret(const loop::Program& program, std::span<std::byte* const> buffers, std::byte* arena);

}  // namespace adze
