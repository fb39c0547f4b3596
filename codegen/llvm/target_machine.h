#pragma once

#include <memory>

#include "passes/target.h"

namespace llvm {
class TargetMachine;
}

namespace adze {

/// LLVM's code generator for `target`, at -O2, position-independent. Throws CompileError where LLVM does not
/// know the CPU.
std::unique_ptr<llvm::TargetMachine> make_target_machine(const Target& target);

}  // namespace adze
