#include "codegen/llvm/emit_llvm.h"

#include <string>
#include <vector>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include "codegen/cpu_backend.h"
#include "codegen/llvm/kernel_emitter.h"
#include "ir/buffer_table.h"
#include "ir/errors.h"
#include "ir/regions.h"

namespace adze {
namespace {

ScalarFeatures scalar_features(const llvm::TargetMachine& machine) {
  if (!machine.getTargetTriple().isX86()) return {.fma = true, .f16 = true, .rounding = true};
  const llvm::MCSubtargetInfo& subtarget = *machine.getMCSubtargetInfo();
  return {.fma = subtarget.checkFeatures("+fma"),
          .f16 = subtarget.checkFeatures("+f16c"),
          .rounding = subtarget.checkFeatures("+sse4.1")};
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
    inline_small_kernels();
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
    entry_ = new_function(kEntryName, 2, llvm::GlobalValue::ExternalLinkage);
    buffers_ = entry_->getArg(0);
    arena_ = entry_->getArg(1);
    buffers_->setName("buffers");
    arena_->setName("arena");
    loaded_.resize(table_.size());
    counters_.resize(program_.regions.size());
    builder_.SetInsertPoint(new_block("entry"));
    load_pointers();
    range(0, program_.calls.size(), 0);
    builder_.CreateRetVoid();
  }

  /// All that calls and predicates use, before any loop or branch.
  void load_pointers() {
    for (const loop::KernelCall& call : program_.calls) {
      for (const loop::BufferRef& ref : call.arguments) load_pointer(ref);
    }
    for (const loop::Region& region : program_.regions) {
      if (region.kind != loop::Region::Kind::kLoop) load_pointer(region.predicate);
    }
  }

  void load_pointer(const loop::BufferRef& ref) {
    if (ref.place == loop::BufferRef::Place::kArena) return;
    const std::size_t position = table_.slot(ref);
    if (loaded_[position] != nullptr) return;
    loaded_[position] =
        builder_.CreateLoad(pointer_, builder_.CreateGEP(pointer_, buffers_, builder_.getInt64(position)));
  }

  void range(std::size_t begin, std::size_t end, std::size_t first_region) {
    loop::walk_calls(
        program_, begin, end, first_region, [&](std::size_t c) { call(program_.calls[c]); },
        [&](std::size_t r) { region(program_.regions[r], r); });
  }

  void call(const loop::KernelCall& call) {
    std::vector<llvm::Value*> arguments;
    for (const loop::BufferRef& ref : call.arguments) arguments.push_back(address(ref));
    llvm::Function* kernel = kernels_[call.kernel];
    if (arguments.size() < kernel->arg_size()) {
      ADZE_CHECK(call.scratch >= 0, "scratch without a place: plan_scratch comes before the back end");
      arguments.push_back(at(arena_, call.scratch));
    }
    llvm::CallInst* made = builder_.CreateCall(kernel, arguments);
    if (depth_ > 0) repeated_.push_back(made);
  }

  void region(const loop::Region& region, std::size_t r) {
    const bool is_loop = region.kind == loop::Region::Kind::kLoop;
    llvm::BasicBlock* before = builder_.GetInsertBlock();
    llvm::BasicBlock* body = new_block(is_loop ? "loop" : "body");
    llvm::BasicBlock* exit = new_block("exit");
    llvm::PHINode* counter = nullptr;
    llvm::BasicBlock* head = nullptr;  // of a while
    switch (region.kind) {
      case loop::Region::Kind::kLoop:
        builder_.CreateBr(body);
        builder_.SetInsertPoint(body);
        counter = builder_.CreatePHI(builder_.getInt64Ty(), 2, "r" + std::to_string(r));
        counter->addIncoming(builder_.getInt64(0), before);
        counters_[r] = counter;
        break;
      case loop::Region::Kind::kWhile: {
        head = new_block("while");
        builder_.CreateBr(head);
        builder_.SetInsertPoint(head);
        llvm::Value* predicate = builder_.CreateLoad(builder_.getInt8Ty(), address(region.predicate));
        builder_.CreateCondBr(builder_.CreateICmpNE(predicate, builder_.getInt8(0)), body, exit);
        break;
      }
      case loop::Region::Kind::kBranch: {
        llvm::Value* value = builder_.CreateLoad(builder_.getInt32Ty(), address(region.predicate));
        const auto bound = [&](std::int32_t x) { return builder_.getInt32(static_cast<std::uint32_t>(x)); };
        builder_.CreateCondBr(builder_.CreateAnd(builder_.CreateICmpSGE(value, bound(region.low)),
                                                 builder_.CreateICmpSLE(value, bound(region.high))),
                              body, exit);
        break;
      }
    }
    builder_.SetInsertPoint(body);
    ++depth_;
    range(region.begin, region.end, r + 1);
    --depth_;

    llvm::BasicBlock* latch = builder_.GetInsertBlock();
    if (is_loop) {
      llvm::Value* next = builder_.CreateAdd(counter, builder_.getInt64(1), "", true, true);
      counter->addIncoming(next, latch);
      llvm::Value* count = builder_.getInt64(static_cast<std::uint64_t>(region.count));
      builder_.CreateCondBr(builder_.CreateICmpNE(next, count), body, exit);
    } else {
      builder_.CreateBr(head != nullptr ? head : exit);
    }
    exit->moveAfter(latch);
    builder_.SetInsertPoint(exit);
  }

  /// In the loops of the entry point a call may cost more than what is called: small kernels become part of
  /// it. The one pass on LLVM IR there is.
  void inline_small_kernels() {
    constexpr unsigned kSmall = 1000, kMost = 8000;  // LLVM instructions of a kernel, of all inlined
    unsigned inlined = 0;
    for (llvm::CallInst* call : repeated_) {
      llvm::Function* kernel = call->getCalledFunction();
      const unsigned size = kernel->getInstructionCount();
      if (size > kSmall || inlined + size > kMost) continue;
      inlined += size;
      llvm::InlineFunctionInfo info;
      const llvm::InlineResult result = llvm::InlineFunction(*call, info);
      ADZE_CHECK(result.isSuccess(), "a kernel that LLVM cannot inline");
    }
    for (llvm::Function* kernel : kernels_) {
      if (kernel->use_empty()) kernel->eraseFromParent();
    }
  }

  llvm::BasicBlock* new_block(const char* name) {
    return llvm::BasicBlock::Create(module_->getContext(), name, entry_);
  }

  llvm::Value* at(llvm::Value* base, std::int64_t offset) {
    if (offset == 0) return base;
    return builder_.CreateGEP(builder_.getInt8Ty(), base,
                              builder_.getInt64(static_cast<std::uint64_t>(offset)));
  }

  llvm::Value* address(const loop::BufferRef& ref) {
    const bool in_arena = ref.place == loop::BufferRef::Place::kArena;
    llvm::Value* result = in_arena ? at(arena_, ref.position) : at(loaded_[table_.slot(ref)], ref.offset);
    for (const loop::Slice& slice : ref.slices) {
      llvm::Value* stride = builder_.getInt64(static_cast<std::uint64_t>(slice.stride));
      result = builder_.CreateGEP(builder_.getInt8Ty(), result,
                                  builder_.CreateMul(counters_[slice.region], stride));
    }
    return result;
  }

  const loop::Program& program_;
  loop::BufferTable table_;
  const Target& target_;
  ScalarFeatures features_;
  llvm::Type* pointer_;
  llvm::IRBuilder<> builder_;
  std::unique_ptr<llvm::Module> module_;
  std::vector<llvm::Function*> kernels_;
  llvm::Function* entry_ = nullptr;
  llvm::Value *buffers_ = nullptr, *arena_ = nullptr;
  std::vector<llvm::Value*> loaded_;    ///< by place in `buffers`
  std::vector<llvm::Value*> counters_;  ///< by region: of the loop being printed
  int depth_ = 0;                       ///< regions around what is being printed
  std::vector<llvm::CallInst*> repeated_;
};

}  // namespace

std::unique_ptr<llvm::Module> emit_llvm(const loop::Program& program, const Target& target,
                                        const llvm::TargetMachine& machine, llvm::LLVMContext& context) {
  return ProgramEmitter(program, target, machine, context).run();
}

}  // namespace adze
