#include "codegen/llvm/kernel_emitter.h"

#include <algorithm>
#include <array>
#include <bit>

#include <llvm/IR/IRBuilder.h>

#include "codegen/llvm/expr_emitter.h"
#include "ir/errors.h"
#include "ir/scalar_eval.h"

namespace adze {
namespace {

using llvm::BasicBlock;
using llvm::Constant;
using llvm::Value;
using loop::LoopKind;
using loop::Scope;
using loop::Stmt;
using loop::StmtKind;

void collect_written(const std::vector<Stmt>& body, std::vector<bool>& written) {
  for (const Stmt& stmt : body) {
    if (stmt.kind == StmtKind::kStore || stmt.kind == StmtKind::kAccumulate)
      written[stmt.buffer.index] = true;
    collect_written(stmt.body, written);
  }
}

class KernelEmitter {
 public:
  KernelEmitter(const loop::Kernel& kernel, ScalarFeatures features, llvm::Function& function,
                bool keep_lanes)
      : kernel_(kernel),
        function_(function),
        builder_(BasicBlock::Create(function.getContext(), "entry", &function)),
        exprs_(builder_, features, kernel, keep_lanes) {
    for (std::uint32_t i = 0; i < kernel.argument_count; ++i) exprs_.set_pointer({i}, function.getArg(i));
  }

  /// False: registers must keep their lanes, print again.
  bool run() {
    statements(kernel_.body);
    builder_.CreateRetVoid();
    return !exprs_.registers().must_keep_lanes();
  }

 private:
  void statements(const std::vector<Stmt>& body) {
    for (const Stmt& stmt : body) statement(stmt);
  }

  void statement(const Stmt& stmt) {
    exprs_.begin_statement();
    switch (stmt.kind) {
      case StmtKind::kFor:
        return loop(stmt);
      case StmtKind::kStore:
        return exprs_.store(stmt.buffer, exprs_.place(stmt.index), exprs_.value(stmt.value));
      case StmtKind::kAccumulate:
        return accumulate(stmt);
      case StmtKind::kLet:
        return exprs_.bind_let(stmt.var, stmt.value);
      case StmtKind::kAlloc:
        return alloc(stmt);
      case StmtKind::kBarrier:
        return;  // one worker
      case StmtKind::kIf:
        return branch(stmt);
    }
  }

  // Loops.

  void loop(const Stmt& stmt) {
    if (stmt.extent == 0) return;
    switch (stmt.loop) {
      case LoopKind::kVector:
        return vector_loop(stmt);
      case LoopKind::kUnroll:
        for (std::int64_t i = 0; i < stmt.extent; ++i) {
          exprs_.bind(stmt.var, builder_.getInt64(static_cast<std::uint64_t>(i)));
          statements(stmt.body);
        }
        return;
      case LoopKind::kSerial:
      case LoopKind::kParallel:  // one worker does it all
        return counted_loop(stmt);
      case LoopKind::kGrid:
      case LoopKind::kBlock:
        break;
    }
    internal_error(__FILE__, __LINE__, "kernel @" + kernel_.name + " is scheduled for a GPU");
  }

  void counted_loop(const Stmt& stmt) {
    BasicBlock* before = builder_.GetInsertBlock();
    BasicBlock* head = new_block("loop");
    builder_.CreateBr(head);
    builder_.SetInsertPoint(head);
    llvm::PHINode* counter = builder_.CreatePHI(builder_.getInt64Ty(), 2, kernel_.exprs.var_name(stmt.var));
    counter->addIncoming(builder_.getInt64(0), before);
    exprs_.bind(stmt.var, counter);
    const std::vector<bool> written = enter(stmt.body);
    exprs_.registers().enter_loop(before, head, written);

    statements(stmt.body);

    BasicBlock* latch = builder_.GetInsertBlock();
    Value* next = builder_.CreateAdd(counter, builder_.getInt64(1), "", true, true);
    counter->addIncoming(next, latch);
    BasicBlock* exit = new_block("exit");
    builder_.CreateCondBr(
        builder_.CreateICmpNE(next, builder_.getInt64(static_cast<std::uint64_t>(stmt.extent))), head, exit);
    exprs_.registers().leave_loop(latch);
    exprs_.table().pop_scope();
    builder_.SetInsertPoint(exit);
  }

  void branch(const Stmt& stmt) {
    Value* condition = exprs_.value(stmt.value);
    BasicBlock* before = builder_.GetInsertBlock();
    BasicBlock* then = new_block("then");
    BasicBlock* join = new_block("join");
    builder_.CreateCondBr(condition, then, join);
    builder_.SetInsertPoint(then);
    enter(stmt.body);
    exprs_.registers().enter_branch();

    statements(stmt.body);

    BasicBlock* end = builder_.GetInsertBlock();
    builder_.CreateBr(join);
    exprs_.table().pop_scope();
    builder_.SetInsertPoint(join);
    join->moveAfter(end);
    exprs_.registers().leave_branch(before, end);
  }

  /// A new scope, at whose start memory written in `body` has changed already (by an earlier iteration).
  std::vector<bool> enter(const std::vector<Stmt>& body) {
    std::vector<bool> written(kernel_.buffers.size(), false);
    collect_written(body, written);
    for (std::uint32_t i = 0; i < written.size(); ++i) {
      if (written[i]) exprs_.invalidate({i});
    }
    exprs_.table().push_scope();
    return written;
  }

  void vector_loop(const Stmt& stmt) {
    ADZE_CHECK(exprs_.vector_loop() == nullptr, "kernel @" + kernel_.name + ": a vector loop in another one");
    Value *mask = nullptr, *any = nullptr;
    const std::int64_t extent = stmt.extent;
    std::int64_t low = extent, high = extent;
    Value* limit = builder_.getInt64(static_cast<std::uint64_t>(extent));
    if (stmt.limit) {
      limit = exprs_.value(stmt.limit);
      const auto range = kernel_.exprs.range(stmt.limit);
      low = range ? range->first : INT64_MIN;
      high = range ? range->second : INT64_MAX;
      if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(limit)) low = high = known->getSExtValue();
      if (high <= 0) return;  // no lane is ever active
      if (low <= 0) any = some_lane(limit);
    }
    const auto lanes = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(extent)));
    if (std::min(low, extent) < lanes) {
      const ValueTable::Key key{UINT64_MAX, reinterpret_cast<std::uintptr_t>(limit),
                                static_cast<std::uint64_t>(extent)};
      mask = exprs_.table().get(key, [&] { return lane_mask(limit, low, high, extent, lanes); });
    }
    exprs_.enter_vector_loop(stmt, mask, any);
    statements(stmt.body);
    exprs_.leave_vector_loop();
  }

  Value* some_lane(Value* limit) {
    const ValueTable::Key key{UINT64_MAX, reinterpret_cast<std::uintptr_t>(limit)};
    return exprs_.table().get(key, [&] { return builder_.CreateICmpSGT(limit, builder_.getInt64(0)); });
  }

  /// lane < min(limit, extent), compared as i32 numbers: half the registers of i64 ones.
  Value* lane_mask(Value* limit, std::int64_t low, std::int64_t high, std::int64_t extent,
                   std::int64_t lanes) {
    if (low < INT32_MIN) {
      limit = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, limit, builder_.getInt64(0));
    }
    if (high > INT32_MAX || (high > extent && extent < lanes)) {
      limit = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, limit,
                                             builder_.getInt64(static_cast<std::uint64_t>(extent)));
    }
    llvm::SmallVector<std::uint32_t, 64> numbers;
    for (std::uint32_t i = 0; i < lanes; ++i) numbers.push_back(i);
    return builder_.CreateICmpSLT(
        llvm::ConstantDataVector::get(function_.getContext(), numbers),
        builder_.CreateVectorSplat(static_cast<unsigned>(lanes),
                                   builder_.CreateTrunc(limit, builder_.getInt32Ty())));
  }

  // Accumulation.

  Value* combine(const Stmt& stmt, Value* old, Value* value) {
    const std::array args{old, value};
    return exprs_.printer().apply(loop::combine_op(stmt.combine), dtype(stmt), args);
  }
  DType dtype(const Stmt& stmt) const { return kernel_.buffers[stmt.buffer.index].type.dtype; }

  void accumulate(const Stmt& stmt) {
    const Place place = exprs_.place(stmt.index);
    Value* value = exprs_.value(stmt.value);
    const VectorLoop* lanes = exprs_.vector_loop();
    if (lanes != nullptr && place.kind == Place::Kind::kUniform) value = fold(stmt, exprs_.lanes_of(value));
    Value* old = exprs_.load(stmt.buffer, place, nullptr);
    if (place.kind != Place::Kind::kUniform) value = exprs_.lanes_of(value);
    exprs_.store(stmt.buffer, place, combine(stmt, old, value));
  }

  /// The active lanes as one value: lane i takes in lane i + n/2, for n/2, n/4, ..., 1 (loop::fold_lanes).
  Value* fold(const Stmt& stmt, Value* value) {
    const VectorLoop& lanes = *exprs_.vector_loop();
    const auto count = static_cast<unsigned>(lanes.count);
    Constant* identity = llvm::ConstantVector::getSplat(
        llvm::ElementCount::getFixed(count),
        exprs_.printer().constant(dtype(stmt), loop::identity(stmt.combine, dtype(stmt))));
    if (lanes.mask != nullptr) value = builder_.CreateSelect(lanes.mask, value, identity);
    for (unsigned half = count / 2; half > 0; half /= 2) {
      llvm::SmallVector<int, 64> low, high;
      for (unsigned i = 0; i < half; ++i) {
        low.push_back(static_cast<int>(i));
        high.push_back(static_cast<int>(i + half));
      }
      value =
          combine(stmt, builder_.CreateShuffleVector(value, low), builder_.CreateShuffleVector(value, high));
    }
    return builder_.CreateExtractElement(value, std::uint64_t{0});
  }

  // Memory.

  void alloc(const Stmt& stmt) {
    if (kernel_.buffers[stmt.buffer.index].scope == Scope::kRegister) {
      exprs_.registers().allocate(stmt.buffer);
      return statements(stmt.body);
    }
    Value* scratch = function_.getArg(static_cast<unsigned>(kernel_.argument_count));
    const std::int64_t offset = scratch_used_;
    exprs_.set_pointer(
        stmt.buffer, offset == 0 ? scratch
                                 : builder_.CreateGEP(builder_.getInt8Ty(), scratch,
                                                      builder_.getInt64(static_cast<std::uint64_t>(offset))));
    exprs_.invalidate(stmt.buffer);
    scratch_used_ += loop::scratch_bytes(kernel_.buffers[stmt.buffer.index].type);
    statements(stmt.body);
    scratch_used_ = offset;
  }

  BasicBlock* new_block(const char* name) {
    return BasicBlock::Create(function_.getContext(), name, &function_);
  }

  const loop::Kernel& kernel_;
  llvm::Function& function_;
  llvm::IRBuilder<> builder_;
  ExprEmitter exprs_;
  std::int64_t scratch_used_ = 0;
};

}  // namespace

void emit_kernel(const loop::Kernel& kernel, ScalarFeatures features, llvm::Function& function) {
  if (KernelEmitter(kernel, features, function, false).run()) return;
  const auto linkage = function.getLinkage();
  function.deleteBody();
  function.setLinkage(linkage);  // deleting a body makes a declaration of it, and that external
  KernelEmitter(kernel, features, function, true).run();
}

}  // namespace adze
