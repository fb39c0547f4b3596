#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "codegen/cpu_backend.h"
#include "codegen/host_target.h"
#include "ir/errors.h"

// In a build without LLVM (ADZE_LLVM=OFF) this stands for all of codegen/llvm/: there is no machine code for
// the CPU, and targets are what their names say.

namespace adze {
namespace {

[[noreturn]] void fail() {
  throw CompileError(native_code_problem());
}

}  // namespace

std::string native_code_problem() {
  return "this build has no code generator for the CPU: it was configured with ADZE_LLVM=OFF";
}

std::unique_ptr<NativeCode> compile_native(const loop::Program&, CompileContext&) {
  fail();
}

std::string print_llvm(const loop::Program&, const Target&) {
  fail();
}

std::string print_assembly(const loop::Program&, const Target&) {
  fail();
}

Target target_for_cpu(const std::string& cpu) {
  Target target;
  target.cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  if (cpu.empty() || cpu == "host") return target;
  if (cpu != "x86-64" && cpu != "x86-64-v2" && cpu != "x86-64-v3" && cpu != "x86-64-v4") {
    throw CompileError(
        fmt::format("unknown CPU \"{}\": expected host, x86-64, x86-64-v2, x86-64-v3 or x86-64-v4 ({})", cpu,
                    native_code_problem()));
  }
  target.cpu = cpu;
  if (cpu >= "x86-64-v3") {
    target.vector_bytes = 32;
    target.has_fma = true;
  }
  if (cpu >= "x86-64-v4") {
    target.vector_bytes = 64;
    target.vector_registers = 32;
    target.has_masks = true;
  }
  return target;
}

Target host_target() {
  const char* cpu = std::getenv("ADZE_CPU");
  return target_for_cpu(cpu == nullptr ? "" : cpu);
}

}  // namespace adze
