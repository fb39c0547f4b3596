#pragma once

#include "adze/compile.h"
#include "passes/compile_context.h"
#include "runtime/executable.h"

namespace adze::detail {

DeviceKind device_kind(Device device);
/// Settings from the environment, for the host (or ADZE_CPU).
CompileContext make_context();

}  // namespace adze::detail
