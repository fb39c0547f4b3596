#pragma once

#include "adze/compile.h"
#include "passes/compile_context.h"
#include "runtime/executable.h"

namespace adze::detail {

/// The device of this thread (DeviceScope).
Device current_device();
/// Settings from the environment, for the device; on the CPU for the host (or ADZE_CPU). Opens a GPU, which
/// may throw RuntimeError.
CompileContext make_context(Device device);

}  // namespace adze::detail
