#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "ir/loop_ir.h"
#include "passes/compile_context.h"
#include "passes/target.h"

namespace adze {

/// The one entry point of a compiled program. `buffers`: parameters, results, constants, in order; `arena`:
/// Program::arena_bytes, kAlignment-aligned. Several threads may call it at once, each with its own arena.
using EntryPoint = void (*)(void* const* buffers, std::byte* arena);

/// Machine code in executable (never writable) memory; the code lives as long as this object.
class NativeCode {
 public:
  virtual ~NativeCode() = default;
  virtual EntryPoint entry() const = 0;
};

/// "" where there is a code generator for the CPU; otherwise why not, as a sentence (built without LLVM).
/// Then everything below throws CompileError, and the interpreter stands in for the device `cpu`.
std::string native_code_problem();

/// Prints the program as one LLVM module and compiles it with ORC for the context's target, which must be one
/// this machine can run: no IR pass pipeline, codegen at -O2. Timings (emit_llvm, compile) and dumps (llvm,
/// asm) go through `context`. Throws CompileError where LLVM cannot compile or link it.
std::unique_ptr<NativeCode> compile_native(const loop::Program& program, CompileContext& context);

/// For inspection: the module as LLVM text, and as assembly. `target` may be beyond this machine.
std::string print_llvm(const loop::Program& program, const Target& target);
std::string print_assembly(const loop::Program& program, const Target& target);

}  // namespace adze
