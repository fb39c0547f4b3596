#pragma once

#include <string>

#include "passes/target.h"

namespace adze {

/// The machine this process runs on, or less where ADZE_CPU names a CPU (an LLVM CPU name, or x86-64,
/// x86-64-v3, x86-64-v4). Throws CompileError for a name LLVM does not know or features the host lacks.
Target host_target();
/// The same for an explicit name; empty or "host" is the host.
Target target_for_cpu(const std::string& cpu);

}  // namespace adze
