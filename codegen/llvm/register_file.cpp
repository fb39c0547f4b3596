#include "codegen/llvm/register_file.h"

#include <bit>
#include <optional>

#include <llvm/IR/IRBuilder.h>

#include "ir/errors.h"

namespace adze {
namespace {

using llvm::Value;
using loop::BufferId;
using loop::ExprId;
using loop::Kernel;
using loop::Stmt;

/// Finds for each register buffer the length of vector by which all accesses go, or 0.
class SlotFinder {
 public:
  explicit SlotFinder(const Kernel& kernel)
      : kernel_(kernel), lanes_(kernel.buffers.size()), stamps_(kernel.exprs.size(), 0) {
    statements(kernel.body);
  }

  std::vector<int> result() const {
    std::vector<int> result;
    for (const auto& lanes : lanes_) result.push_back(lanes.value_or(0));
    return result;
  }

 private:
  void statements(const std::vector<Stmt>& body) {
    for (const Stmt& stmt : body) {
      if (stmt.kind == loop::StmtKind::kStore || stmt.kind == loop::StmtKind::kAccumulate) {
        access(stmt.buffer, stmt.index);
      }
      for (const ExprId id : {stmt.limit, stmt.index, stmt.value}) {
        if (id) loads(id);
      }
      const bool vector = stmt.kind == loop::StmtKind::kFor && stmt.loop == loop::LoopKind::kVector;
      if (vector) vector_ = &stmt;
      statements(stmt.body);
      if (vector) vector_ = nullptr;
    }
  }

  void loads(ExprId root) {
    ++stamp_;
    std::vector<ExprId> stack{root};
    while (!stack.empty()) {
      const ExprId id = stack.back();
      stack.pop_back();
      if (!id || stamps_[id.index] == stamp_) continue;
      stamps_[id.index] = stamp_;
      const loop::Expr& expr = kernel_.exprs[id];
      if (expr.kind == loop::ExprKind::kLoad) access(expr.buffer, expr.args[0]);
      stack.insert(stack.end(), expr.args.begin(), expr.args.end());
    }
  }

  void access(BufferId buffer, ExprId index) {
    if (kernel_.buffers[buffer.index].scope != loop::Scope::kRegister) return;
    std::optional<int>& lanes = lanes_[buffer.index];
    const int here = vector_ != nullptr && is_aligned(index) ? static_cast<int>(vector_->extent) : 0;
    lanes = lanes.value_or(here) == here ? here : 0;
  }

  // index = lane + a multiple of the number of lanes
  bool is_aligned(ExprId index) const {
    const auto affine = kernel_.exprs.affine(index);
    if (!affine || affine->coefficient(vector_->var) != 1 || affine->constant % vector_->extent != 0)
      return false;
    for (const auto& [var, coefficient] : affine->terms) {
      if (var != vector_->var && coefficient % vector_->extent != 0) return false;
    }
    return true;
  }

  const Kernel& kernel_;
  const Stmt* vector_ = nullptr;
  std::vector<std::optional<int>> lanes_;
  std::vector<std::uint32_t> stamps_;
  std::uint32_t stamp_ = 0;
};

}  // namespace

RegisterFile::RegisterFile(llvm::IRBuilderBase& builder, const ScalarPrinter& printer, const Kernel& kernel,
                           bool keep_lanes)
    : builder_(builder),
      printer_(printer),
      kernel_(kernel),
      keep_lanes_(keep_lanes),
      slot_size_(SlotFinder(kernel).result()),
      alloc_level_(kernel.buffers.size(), 0),
      levels_(1) {}

llvm::Type* RegisterFile::slot_type(std::uint32_t buffer) const {
  const auto size = static_cast<unsigned>(slot_size_[buffer]);
  return printer_.register_type(kernel_.buffers[buffer].type.dtype,
                                size == 0 ? 0 : static_cast<int>(std::bit_ceil(size)));
}

void RegisterFile::allocate(BufferId buffer) {
  alloc_level_[buffer.index] = levels_.size() - 1;
  std::erase_if(levels_.back().values, [&](const auto& entry) { return entry.first.buffer == buffer.index; });
}

RegisterFile::Content RegisterFile::content(const Slot& slot, std::size_t level) {
  Level& here = levels_[level];
  if (const auto found = here.values.find(slot); found != here.values.end()) return found->second;
  if (level == alloc_level_[slot.buffer]) return {};
  Content outer = content(slot, level - 1);
  if (here.head == nullptr || !here.written[slot.buffer]) return outer;
  // Unspecified at first, but maybe not in the second iteration.
  if (outer.value == nullptr) outer.value = llvm::Constant::getNullValue(slot_type(slot.buffer));
  auto* phi = llvm::PHINode::Create(outer.value->getType(), 2);
  phi->insertBefore(here.head->getFirstNonPHIIt());
  phi->addIncoming(outer.value, here.before);
  here.phis.push_back({slot, phi, outer.mask});
  return here.values[slot] = {phi, outer.mask};
}

Value* RegisterFile::read_slot(const Slot& slot) {
  Value* value = content(slot).value;
  return value != nullptr ? value : llvm::Constant::getNullValue(slot_type(slot.buffer));
}

Value* RegisterFile::read(BufferId buffer, std::span<const std::int64_t> positions, int lanes) {
  const auto size = static_cast<std::size_t>(slot_size_[buffer.index]);
  if (size > 0) {
    ADZE_CHECK(positions.size() == size, "a vector register is read in parts");
    return read_slot({buffer.index, positions[0] / slot_size_[buffer.index]});
  }
  if (lanes == 0) return read_slot({buffer.index, positions[0]});
  const DType dtype = kernel_.buffers[buffer.index].type.dtype;
  Value* result = llvm::Constant::getNullValue(printer_.register_type(dtype, lanes));
  for (std::size_t lane = 0; lane < positions.size(); ++lane) {
    result = builder_.CreateInsertElement(result, read_slot({buffer.index, positions[lane]}), lane);
  }
  return result;
}

void RegisterFile::write(BufferId buffer, std::span<const std::int64_t> positions, int lanes, Value* value,
                         Value* mask) {
  const auto size = static_cast<std::size_t>(slot_size_[buffer.index]);
  if (size == 0 && lanes > 0) {
    if (mask != nullptr) value = builder_.CreateSelect(mask, value, read(buffer, positions, lanes));
    for (std::size_t lane = 0; lane < positions.size(); ++lane) {
      levels_.back().values[{buffer.index, positions[lane]}] = {builder_.CreateExtractElement(value, lane)};
    }
    return;
  }
  ADZE_CHECK(size == 0 || positions.size() == size, "a vector register is written in parts");
  const Slot slot{buffer.index, size == 0 ? positions[0] : positions[0] / slot_size_[buffer.index]};
  if (mask != nullptr) {
    const Content old = content(slot);
    if (old.value != nullptr && (keep_lanes_ || old.mask != mask)) {
      value = builder_.CreateSelect(mask, value, old.value);
      mask = nullptr;
    }
  }
  levels_.back().values[slot] = {value, mask};
}

void RegisterFile::enter_loop(llvm::BasicBlock* before, llvm::BasicBlock* head,
                              const std::vector<bool>& written) {
  levels_.push_back({.values = {}, .before = before, .head = head, .written = written});
}

void RegisterFile::leave_loop(llvm::BasicBlock* latch) {
  Level level = std::move(levels_.back());
  levels_.pop_back();
  for (const auto& [slot, phi, mask] : level.phis) {
    const Content last = level.values.at(slot);
    if (last.value != phi) {
      phi->addIncoming(last.value, latch);
      // The mask the content came in with was taken to hold in every iteration.
      must_keep_lanes_ = must_keep_lanes_ || (mask != nullptr && last.mask != mask);
      continue;
    }
    // Read but not written after all.
    Value* outer = phi->getIncomingValue(0);
    for (auto& [unused, content] : level.values) {
      if (content.value == phi) content.value = outer;
    }
    level.values.erase(slot);
    phi->replaceAllUsesWith(outer);
    phi->eraseFromParent();
  }
  // The body runs at least once, so what it wrote last is what the slots hold from here on.
  for (const auto& [slot, content] : level.values) {
    if (alloc_level_[slot.buffer] < levels_.size()) levels_.back().values[slot] = content;
  }
}

void RegisterFile::enter_branch() {
  levels_.emplace_back();
}

void RegisterFile::leave_branch(llvm::BasicBlock* before, llvm::BasicBlock* branch_end) {
  const Level level = std::move(levels_.back());
  levels_.pop_back();
  for (const auto& [slot, then] : level.values) {
    if (alloc_level_[slot.buffer] >= levels_.size()) continue;
    const Content otherwise = content(slot);
    llvm::PHINode* phi = builder_.CreatePHI(then.value->getType(), 2);
    phi->addIncoming(then.value, branch_end);
    phi->addIncoming(read_slot(slot), before);
    levels_.back().values[slot] = {phi, then.mask == otherwise.mask ? then.mask : nullptr};
  }
}

}  // namespace adze
