#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/ExecutionEngine/Orc/TaskDispatch.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include <dlfcn.h>
#include <fmt/format.h>

#include <optional>
#include <string>

#include "codegen/cpu_backend.h"
#include "codegen/llvm/emit_llvm.h"
#include "codegen/llvm/scalar_printer.h"
#include "codegen/llvm/target_machine.h"
#include "ir/errors.h"

namespace adze {
namespace {

namespace orc = llvm::orc;

[[noreturn]] void fail(llvm::Error error) {
  throw CompileError("LLVM: " + llvm::toString(std::move(error)));
}
template <class T>
T take(llvm::Expected<T> value) {
  if (!value) fail(value.takeError());
  return std::move(*value);
}

constexpr const char* kCacheKind = "llvm";

using Bytes = llvm::SmallVector<char, 0>;

Bytes generate(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type) {
  Bytes bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type)) {
    throw CompileError("LLVM cannot write such files for this machine");
  }
  passes.run(module);
  return bytes;
}

/// Everything that generated code depends on. Change kCodegen with the options of make_target_machine.
std::string cache_content(const llvm::Module& module, const llvm::TargetMachine& machine) {
  constexpr const char* kCodegen = "object, O2, PIC, small, strict fp";
  std::string content =
      fmt::format("LLVM {} {}\n{}\n{}\n{}\n", LLVM_VERSION_STRING, kCodegen, machine.getTargetTriple().str(),
                  machine.getTargetCPU().str(), machine.getTargetFeatureString().str());
  llvm::raw_string_ostream stream(content);
  llvm::WriteBitcodeToFile(module, stream);  // a third of the time that the text takes
  return content;
}

/// The module's machine code, from the cache where that has it.
Bytes make_object(llvm::Module& module, llvm::TargetMachine& machine, CompileContext& context) {
  const auto generate_object = [&] {
    return context.timed("compile",
                         [&] { return generate(module, machine, llvm::CodeGenFileType::ObjectFile); });
  };
  if (!context.cache) return generate_object();
  std::string content;
  const std::optional<std::string> found = context.timed("cache", [&] {
    content = cache_content(module, machine);
    return context.cache->find(kCacheKind, content);
  });
  if (found) return context.timed("cached object", [&] { return Bytes(found->begin(), found->end()); });
  Bytes object = generate_object();
  context.timed("cache", [&] { context.cache->insert(kCacheKind, content, {object.data(), object.size()}); });
  return object;
}

std::string to_text(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  return text;
}

void verify(const llvm::Module& module) {
  std::string message;
  llvm::raw_string_ostream stream(message);
  if (llvm::verifyModule(module, &stream)) {
    throw InternalError("the LLVM module is malformed: " + message + "\n" + to_text(module).substr(0, 4000));
  }
}

std::unique_ptr<orc::LLJIT> make_jit(const llvm::TargetMachine& machine) {
  orc::JITTargetMachineBuilder builder(machine.getTargetTriple());
  // No threads, no symbols of this process, no run-time platform: code in, addresses out. The linker writes
  // pages and then makes them executable, never both at once.
  auto control =
      take(orc::SelfExecutorProcessControl::Create(nullptr, std::make_unique<orc::InPlaceTaskDispatcher>()));
  return take(orc::LLJITBuilder()
                  .setJITTargetMachineBuilder(std::move(builder))
                  .setDataLayout(machine.createDataLayout())
                  .setExecutorProcessControl(std::move(control))
                  .setLinkProcessSymbolsByDefault(false)
                  .setPlatformSetUp(orc::setUpInactivePlatform)
                  .setObjectLinkingLayerCreator([](orc::ExecutionSession& session, const llvm::Triple&) {
                    return std::make_unique<orc::ObjectLinkingLayer>(session);
                  })
                  .create());
}

class OrcCode final : public NativeCode {
 public:
  OrcCode(Bytes object, const llvm::TargetMachine& machine) : jit_(make_jit(machine)) {
    orc::JITDylib& library = jit_->getMainJITDylib();
    orc::SymbolMap symbols;
    // All that generated code may call; nothing else of the process.
    for (const std::string& name : libm_functions()) {
      void* address = ::dlsym(RTLD_DEFAULT, name.c_str());
      if (address == nullptr) continue;  // code that calls it fails to link, and says so
      symbols[jit_->mangleAndIntern(name)] = {orc::ExecutorAddr::fromPtr(address),
                                              llvm::JITSymbolFlags::Exported};
    }
    if (auto error = library.define(orc::absoluteSymbols(std::move(symbols)))) fail(std::move(error));
    auto buffer = std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(object), false);
    if (auto error = jit_->addObjectFile(std::move(buffer))) fail(std::move(error));
    entry_ = take(jit_->lookup(kEntryName)).toPtr<EntryPoint>();
  }

  EntryPoint entry() const override { return entry_; }

 private:
  std::unique_ptr<orc::LLJIT> jit_;
  EntryPoint entry_ = nullptr;
};

}  // namespace

std::string native_code_problem() {
  return {};
}

std::unique_ptr<NativeCode> compile_native(const loop::Program& program, CompileContext& context) {
  const auto machine = make_target_machine(context.target);
  llvm::LLVMContext llvm_context;
  auto module =
      context.timed("emit_llvm", [&] { return emit_llvm(program, context.target, *machine, llvm_context); });
  if (context.verify) verify(*module);
  context.write_dump("llvm", program.name, [&] { return to_text(*module); });
  Bytes object = make_object(*module, *machine, context);
  auto code = context.timed("link", [&] { return std::make_unique<OrcCode>(std::move(object), *machine); });
  context.write_dump("asm", program.name, [&] { return print_assembly(program, context.target); });
  return code;
}

std::string print_llvm(const loop::Program& program, const Target& target) {
  const auto machine = make_target_machine(target);
  llvm::LLVMContext context;
  const auto module = emit_llvm(program, target, *machine, context);
  verify(*module);
  return to_text(*module);
}

std::string print_assembly(const loop::Program& program, const Target& target) {
  const auto machine = make_target_machine(target);
  llvm::LLVMContext context;
  const auto module = emit_llvm(program, target, *machine, context);
  verify(*module);
  const Bytes bytes = generate(*module, *machine, llvm::CodeGenFileType::AssemblyFile);
  return {bytes.data(), bytes.size()};
}

}  // namespace adze
