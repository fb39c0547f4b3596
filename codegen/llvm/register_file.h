#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "codegen/llvm/scalar_printer.h"
#include "ir/loop_ir.h"

namespace llvm {
class BasicBlock;
class PHINode;
}  // namespace llvm

namespace adze {

/// Register buffers as SSA values. A buffer is a row of slots, each one vector (where every access is a whole
/// aligned vector of the same length) or one scalar; which, is found once for the kernel. Phi nodes are made
/// as in Braun et al., "Simple and Efficient Construction of SSA Form" (2013): reading a slot in a loop that
/// writes its buffer asks for a phi at the loop's head, and one that turns out to be needless is removed.
class RegisterFile {
 public:
  /// Masked writes need not keep the other lanes of a slot that were never written. `keep_lanes`: they do all
  /// the same.
  RegisterFile(llvm::IRBuilderBase& builder, const ScalarPrinter& printer, const loop::Kernel& kernel,
               bool keep_lanes);

  /// Enters the scope of `buffer`: contents are unspecified.
  void allocate(loop::BufferId buffer);
  /// The elements at `positions` as one vector, or the only one as a scalar where `lanes` is 0.
  llvm::Value* read(loop::BufferId buffer, std::span<const std::int64_t> positions, int lanes);
  /// Where `mask` is given, only its lanes are written.
  void write(loop::BufferId buffer, std::span<const std::int64_t> positions, int lanes, llvm::Value* value,
             llvm::Value* mask);

  /// Around the body of a loop that runs at least once, the builder being in its first block.
  void enter_loop(llvm::BasicBlock* before, llvm::BasicBlock* head, const std::vector<bool>& written);
  void leave_loop(llvm::BasicBlock* latch);
  /// Around a conditional body; at the end the builder is in the block where both ways meet.
  void enter_branch();
  void leave_branch(llvm::BasicBlock* before, llvm::BasicBlock* branch_end);

  /// Was a slot taken to be unspecified in lanes that a later iteration may find written? Then what was
  /// printed is wrong, and the kernel must be printed again with `keep_lanes`.
  bool must_keep_lanes() const { return must_keep_lanes_; }

 private:
  struct Slot {
    std::uint32_t buffer;
    std::int64_t position;
    friend auto operator<=>(const Slot&, const Slot&) = default;
  };
  struct Content {
    llvm::Value* value = nullptr;
    llvm::Value* mask = nullptr;  ///< lanes outside are unspecified; nullptr: none are
  };
  struct Phi {
    Slot slot;
    llvm::PHINode* phi;
    llvm::Value* mask;  ///< of the content that came in
  };
  struct Level {
    std::map<Slot, Content> values;      ///< what the slots hold, where set or read at this level
    llvm::BasicBlock* before = nullptr;  ///< loops: the block that enters, and the head with the phis
    llvm::BasicBlock* head = nullptr;
    std::vector<bool> written = {};  ///< loops: by buffer, is it written in the body
    std::vector<Phi> phis = {};
  };

  llvm::Type* slot_type(std::uint32_t buffer) const;
  /// No value: unspecified.
  Content content(const Slot& slot, std::size_t level);
  Content content(const Slot& slot) { return content(slot, levels_.size() - 1); }
  llvm::Value* read_slot(const Slot& slot);

  llvm::IRBuilderBase& builder_;
  const ScalarPrinter& printer_;
  const loop::Kernel& kernel_;
  bool keep_lanes_;
  bool must_keep_lanes_ = false;
  std::vector<int> slot_size_;            ///< by buffer: elements in a slot, a vector; 0: scalar slots
  std::vector<std::size_t> alloc_level_;  ///< by buffer: the level its scope began at
  std::vector<Level> levels_;
};

}  // namespace adze
