#include "codegen/llvm/emit_llvm.h"

#include <string>
#include <vector>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/Target/TargetMachine.h>

#include "codegen/cpu_backend.h"
#include "codegen/llvm/kernel_emitter.h"
#include "ir/buffer_table.h"
#include "ir/errors.h"

namespace adze {
namespace {

ScalarFeatures scalar_features(const llvm::TargetMachine& machine) {
  if (!machine.getTargetTriple().isX86()) return {.fma = true, .rounding = true};
  const llvm::MCSubtargetInfo& subtarget = *machine.getMCSubtargetInfo();
  return {.fma = subtarget.checkFeatures("+fma"), .rounding = subtarget.checkFeatures("+sse4.1")};
}

class ProgramEmitter {
 public:
  ProgramEmitter(const loop::Program& program, const Target& target, const llvm::TargetMachine& machine,
                 llvm::LLVMContext& context)
      : program_(program),
        table_(program),
        target_(target),
        features_(scalar_features(machine)),
        pointer_(llvm::PointerType::get(context, 0)),
        builder_(context),
        module_(std::make_unique<llvm::Module>(program.name, context)) {
    module_->setTargetTriple(machine.getTargetTriple().str());
    module_->setDataLayout(machine.createDataLayout());
  }

  std::unique_ptr<llvm::Module> run() {
    for (const loop::Kernel& kernel : program_.kernels) {
      const std::size_t pointers = kernel.argument_count + (loop::scratch_bytes(kernel) > 0 ? 1 : 0);
      llvm::Function* function = new_function(kernel.name, pointers, llvm::GlobalValue::InternalLinkage);
      for (std::uint32_t i = 0; i < kernel.argument_count; ++i) {
        function->getArg(i)->setName(kernel.buffers[i].name);
      }
      emit_kernel(kernel, features_, *function);
      kernels_.push_back(function);
    }
    emit_entry();
    return std::move(module_);
  }

 private:
  llvm::Function* new_function(const std::string& name, std::size_t pointers,
                               llvm::GlobalValue::LinkageTypes linkage) {
    const std::vector<llvm::Type*> parameters(pointers, pointer_);
    auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(module_->getContext()), parameters, false);
    llvm::Function* function = llvm::Function::Create(type, linkage, name, *module_);
    function->setDoesNotThrow();
    // LLVM prefers half vectors on many AVX-512 machines, out of care for mixed code. This is not mixed code.
    function->addFnAttr("prefer-vector-width", std::to_string(target_.vector_bytes * 8));
    return function;
  }

  void emit_entry() {
    llvm::Function* entry = new_function(kEntryName, 2, llvm::GlobalValue::ExternalLinkage);
    buffers_ = entry->getArg(0);
    arena_ = entry->getArg(1);
    buffers_->setName("buffers");
    arena_->setName("arena");
    loaded_.resize(table_.size());
    builder_.SetInsertPoint(llvm::BasicBlock::Create(module_->getContext(), "entry", entry));
    for (const loop::KernelCall& call : program_.calls) {
      std::vector<llvm::Value*> arguments;
      for (const loop::BufferRef& ref : call.arguments) arguments.push_back(pointer(ref));
      llvm::Function* kernel = kernels_[call.kernel];
      if (arguments.size() < kernel->arg_size()) {
        ADZE_CHECK(call.scratch >= 0, "scratch without a place: plan_scratch comes before the back end");
        arguments.push_back(arena_at(call.scratch));
      }
      builder_.CreateCall(kernel, arguments);
    }
    builder_.CreateRetVoid();
  }

  llvm::Value* arena_at(std::int64_t offset) {
    if (offset == 0) return arena_;
    return builder_.CreateGEP(builder_.getInt8Ty(), arena_,
                              builder_.getInt64(static_cast<std::uint64_t>(offset)));
  }

  llvm::Value* pointer(const loop::BufferRef& ref) {
    if (ref.place == loop::BufferRef::Place::kArena) return arena_at(ref.position);
    const std::size_t position = table_.slot(ref);
    if (loaded_[position] == nullptr) {
      loaded_[position] =
          builder_.CreateLoad(pointer_, builder_.CreateGEP(pointer_, buffers_, builder_.getInt64(position)));
    }
    return loaded_[position];
  }

  const loop::Program& program_;
  loop::BufferTable table_;
  const Target& target_;
  ScalarFeatures features_;
  llvm::Type* pointer_;
  llvm::IRBuilder<> builder_;
  std::unique_ptr<llvm::Module> module_;
  std::vector<llvm::Function*> kernels_;
  llvm::Value *buffers_ = nullptr, *arena_ = nullptr;
  std::vector<llvm::Value*> loaded_;  ///< by place in `buffers`
};

}  // namespace

std::unique_ptr<llvm::Module> emit_llvm(const loop::Program& program, const Target& target,
                                        const llvm::TargetMachine& machine, llvm::LLVMContext& context) {
  return ProgramEmitter(program, target, machine, context).run();
}

}  // namespace adze
