#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ir/loop_ir.h"
#include "passes/compile_context.h"
#include "passes/target.h"

namespace adze {

/// The one entry point of a compiled program. `buffers`: parameters, results, constants, in order; `arena`:
/// arena_bytes, 64-byte aligned.
using EntryPoint = void (*)(void* const* buffers, std::byte* arena);

/// Machine code in executable (never writable) memory; the code lives as long as this object.
class NativeCode {
 public:
  virtual ~NativeCode() = default;
  virtual EntryPoint entry() const = 0;
};

/// Prints the program as one LLVM module and compiles it with ORC: no IR pass pipeline, codegen at -O2.
/// Timings (emit_llvm, compile) and dumps (llvm, asm) go through `context`.
std::unique_ptr<NativeCode> compile_native(const loop::Program& program, CompileContext& context);

/// For inspection: the module as LLVM text, and as assembly.
std::string print_llvm(const loop::Program& program, const Target& target);
std::string print_assembly(const loop::Program& program, const Target& target);

}  // namespace adze
