#include "codegen/llvm/target_machine.h"

#include <fmt/format.h>
#include <llvm/ADT/StringMap.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Target/TargetOptions.h>
#include <llvm/TargetParser/Host.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <thread>

#include "codegen/host_target.h"
#include "ir/errors.h"

namespace adze {
namespace {

constexpr const char* kAcceptedCpus =
    "expected host, x86-64, x86-64-v2, x86-64-v3, x86-64-v4 or a CPU name of LLVM such as skylake-avx512";

const llvm::Target& native_target() {
  static const llvm::Target& target = [&]() -> const llvm::Target& {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    std::string message;
    const llvm::Target* found = llvm::TargetRegistry::lookupTarget(llvm::sys::getProcessTriple(), message);
    if (found == nullptr) throw CompileError("this LLVM has no code generator for this machine: " + message);
    return *found;
  }();
  return target;
}

using Subtarget = std::unique_ptr<llvm::MCSubtargetInfo>;

Subtarget make_subtarget(const std::string& cpu, const std::string& features) {
  return Subtarget(native_target().createMCSubtargetInfo(llvm::sys::getProcessTriple(), cpu, features));
}

bool is_known(const std::string& cpu) {
  return make_subtarget("", "")->isCPUStringValid(cpu);
}

std::string host_features() {
  std::string result;
  for (const auto& feature : llvm::sys::getHostCPUFeatures()) {
    result +=
        fmt::format("{}{}{}", result.empty() ? "" : ",", feature.second ? '+' : '-', feature.first().str());
  }
  return result;
}

/// Features that change which instructions the code generator picks for our programs. (Others, such as those
/// of the operating system, are often hidden in virtual machines without harm.)
bool matters(std::string_view feature) {
  for (const std::string_view prefix : {"sse", "ssse", "avx", "fma", "bmi", "amx", "xop"}) {
    if (feature.starts_with(prefix)) return true;
  }
  for (const std::string_view name :
       {"f16c", "lzcnt", "popcnt", "movbe", "adx", "gfni", "cx16", "tbm", "neon", "sve"}) {
    if (feature == name) return true;
  }
  return false;
}

std::string missing_features(const llvm::MCSubtargetInfo& wanted, const llvm::MCSubtargetInfo& present) {
  std::string missing;
  for (const auto& feature : wanted.getAllProcessorFeatures()) {
    if (!wanted.hasFeature(feature.Value) || present.hasFeature(feature.Value) || !matters(feature.Key))
      continue;
    missing += (missing.empty() ? "" : ", ") + std::string(feature.Key);
  }
  return missing;
}

std::int64_t cache_bytes(int name, std::int64_t otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? bytes : otherwise;
}

/// What schedules need to know, from the features.
Target describe(std::string cpu, std::string features) {
  const Subtarget subtarget = make_subtarget(cpu, features);
  Target target;
  target.cpu = std::move(cpu);
  target.features = std::move(features);
  target.cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  if (!llvm::Triple(llvm::sys::getProcessTriple()).isX86()) {
    target.vector_registers = 32;
    target.has_fma = true;
    return target;
  }
  const bool avx512 = subtarget->checkFeatures("+avx512f,+avx512bw,+avx512dq,+avx512vl");
  target.vector_bytes = avx512 ? 64 : subtarget->checkFeatures("+avx") ? 32 : 16;
  target.vector_registers = avx512 ? 32 : 16;
  target.has_fma = subtarget->checkFeatures("+fma");
  target.has_masks = avx512;
  return target;
}

}  // namespace

std::unique_ptr<llvm::TargetMachine> make_target_machine(const Target& target) {
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // a fused multiply-add only where the IR has one
  const llvm::Target& native = native_target();
  if (!is_known(target.cpu))
    throw CompileError(fmt::format("unknown CPU \"{}\": {}", target.cpu, kAcceptedCpus));
  return std::unique_ptr<llvm::TargetMachine>(native.createTargetMachine(
      llvm::sys::getProcessTriple(), target.cpu, target.features, options, llvm::Reloc::PIC_,
      llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default, /*JIT=*/true));
}

Target target_for_cpu(const std::string& cpu) {
  const std::string host_cpu = llvm::sys::getHostCPUName().str();
  Target target;
  if (cpu.empty() || cpu == "host" || cpu == host_cpu) {
    target = describe(is_known(host_cpu) ? host_cpu : "x86-64", host_features());
  } else {
    if (!is_known(cpu)) throw CompileError(fmt::format("unknown CPU \"{}\": {}", cpu, kAcceptedCpus));
    const std::string missing =
        missing_features(*make_subtarget(cpu, ""), *make_subtarget(host_cpu, host_features()));
    if (!missing.empty()) {
      throw CompileError(
          fmt::format("CPU \"{}\" needs {}, which this machine lacks: {}", cpu, missing, kAcceptedCpus));
    }
    target = describe(cpu, "");
    if (cpu.starts_with("x86-64")) return target;  // the same schedules on every machine
  }
  target.l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, target.l1_bytes);
  target.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, target.l2_bytes);
  return target;
}

Target host_target() {
  const char* cpu = std::getenv("ADZE_CPU");
  return target_for_cpu(cpu == nullptr ? "" : cpu);
}

}  // namespace adze
