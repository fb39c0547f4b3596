#pragma once

#include <memory>

#include "codegen/llvm/scalar_printer.h"
#include "ir/loop_ir.h"
#include "passes/target.h"

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
}  // namespace llvm

namespace adze {

inline constexpr const char* kEntryName = "adze_entry";

/// Prints `program` as one module for `machine`: an internal function a kernel, and `kEntryName`, an
/// EntryPoint that finds the buffers and calls the kernels in order.
std::unique_ptr<llvm::Module> emit_llvm(const loop::Program& program, const Target& target,
                                        const llvm::TargetMachine& machine, llvm::LLVMContext& context);

}  // namespace adze
