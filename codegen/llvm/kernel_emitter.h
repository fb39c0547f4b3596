#pragma once

#include <cstdint>

#include "codegen/llvm/scalar_printer.h"
#include "ir/loop_ir.h"

namespace llvm {
class Function;
}

namespace adze {

/// Prints the body of `kernel` into `function`, whose parameters are one pointer an argument, then the
/// scratch.
void emit_kernel(const loop::Kernel& kernel, ScalarFeatures features, llvm::Function& function);

}  // namespace adze
