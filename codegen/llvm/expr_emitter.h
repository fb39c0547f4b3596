#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "codegen/llvm/register_file.h"
#include "codegen/llvm/scalar_printer.h"
#include "codegen/llvm/value_table.h"
#include "ir/loop_ir.h"

namespace adze {

/// The vector loop being printed. Its variable is 0, 1, ..., count - 1 in the lanes. The count is a power of
/// two and lanes from `extent` on are never active: LLVM 19 writes past the end of splatted vectors of 3
/// lanes.
struct VectorLoop {
  loop::VarId var;
  int extent = 0;
  int count = 0;
  llvm::Value* mask = nullptr;  ///< active lanes; nullptr: all
  llvm::Value* any = nullptr;   ///< i1, is a lane active; nullptr: certainly
};

/// A sum of an i64 value and a constant, kept apart because the constant becomes part of the instruction.
struct Offset {
  llvm::Value* variable = nullptr;  ///< nullptr: 0
  std::int64_t constant = 0;
};

/// Where the lanes of an access are.
struct Place {
  enum class Kind : std::uint8_t {
    kUniform,  ///< one element, `first`
    kAffine,   ///< first + lane * stride
    kIndexed,  ///< a vector of offsets
  };
  Kind kind = Kind::kUniform;
  Offset first;
  std::int64_t stride = 0;
  llvm::Value* indices = nullptr;
};

/// Prints the expressions of one kernel and the accesses to its buffers. Outside vector loops every value is
/// a scalar; inside, what does not depend on the lane stays one.
class ExprEmitter {
 public:
  /// `keep_lanes`: see RegisterFile.
  ExprEmitter(llvm::IRBuilderBase& builder, ScalarFeatures features, const loop::Kernel& kernel,
              bool keep_lanes);

  /// A statement begins: values of expressions are computed again, since variables and memory have changed.
  /// (What has not is found in the value table.)
  void begin_statement() { ++stamp_; }
  /// Scalar or, where it differs from lane to lane, vector.
  llvm::Value* value(loop::ExprId id);
  /// As a vector in a vector loop, as a scalar outside.
  llvm::Value* lanes_of(llvm::Value* value);

  void bind(loop::VarId var, llvm::Value* value);
  void bind_let(loop::VarId var, loop::ExprId value);
  /// A buffer's memory, for scopes other than register.
  void set_pointer(loop::BufferId buffer, llvm::Value* pointer) { pointers_[buffer.index] = pointer; }

  /// `stmt` is the loop (its address identifies it), `mask` and `any` as in VectorLoop.
  void enter_vector_loop(const loop::Stmt& stmt, llvm::Value* mask, llvm::Value* any);
  void leave_vector_loop();
  const VectorLoop* vector_loop() const { return vector_ ? &*vector_ : nullptr; }

  Place place(loop::ExprId index);
  llvm::Value* load(loop::BufferId buffer, const Place& place, llvm::Value* guard);
  /// `value` has lanes unless the place is uniform. Only active lanes are written.
  void store(loop::BufferId buffer, const Place& place, llvm::Value* value);
  /// The address of element `first`.
  llvm::Value* address(loop::BufferId buffer, const Offset& first);

  /// Memory of these buffers is about to change, or may have.
  void invalidate(loop::BufferId buffer) { epochs_[buffer.index] = ++last_epoch_; }

  ValueTable& table() { return table_; }
  RegisterFile& registers() { return registers_; }
  ScalarPrinter& printer() { return printer_; }

 private:
  /// How an expression depends on the lane.
  struct Lane {
    enum class Kind : std::uint8_t { kUnknown, kUniform, kAffine, kVarying } kind = Kind::kUnknown;
    std::int64_t coefficient = 0;  ///< kAffine: of the lane
  };
  struct Node {
    loop::ExprId id;
    bool first_lane;  ///< the offset it has in lane 0, for addresses; otherwise the value
  };

  Lane lane(loop::ExprId root);
  Lane lane_of(loop::ExprId id) const;
  bool is_done(const Node& node) const;
  bool by_first_lane(loop::ExprId offset) { return lane(offset).kind != Lane::Kind::kVarying; }
  template <class Visit>
  void visit_arguments(const Node& node, Visit&& visit);
  void evaluate(const Node& root);
  llvm::Value* compute(loop::ExprId id);
  Offset compute_first(loop::ExprId id);
  bool splits(const loop::Expr& expr) const;
  bool is_uniform_sum(loop::ExprId id);
  llvm::Value* index_op(loop::ScalarOp op, llvm::Value* x, llvm::Value* y);

  llvm::Value* combined_mask(llvm::Value* guard);
  llvm::Value* scalar_load(loop::BufferId buffer, const Offset& first, llvm::Value* condition);
  std::vector<std::int64_t> register_positions(const Place& place) const;
  llvm::Value* lane_addresses(loop::BufferId buffer, const Place& place);
  llvm::Value* splat(llvm::Value* value);

  llvm::IRBuilderBase& builder_;
  ScalarPrinter printer_;
  const loop::Kernel& kernel_;
  const loop::Exprs& exprs_;
  ValueTable table_;
  RegisterFile registers_;

  std::vector<llvm::Value*> variables_;  ///< by variable
  std::vector<Lane> variable_lanes_;     ///< by variable: loop variables are uniform, the lane's is not
  std::vector<Offset> variable_firsts_;  ///< by variable: affine lets in lane 0
  std::vector<llvm::Value*> pointers_;   ///< by buffer
  std::vector<std::uint64_t> epochs_;    ///< by buffer: changes when its memory does
  std::uint64_t last_epoch_ = 0;

  std::vector<llvm::Value*> values_;  ///< by expression, good where the stamp is the current one
  std::vector<Offset> firsts_;
  std::vector<std::uint64_t> value_stamps_, first_stamps_;
  std::uint64_t stamp_ = 1;

  std::optional<VectorLoop> vector_;
  std::vector<Lane>* lanes_ = nullptr;  ///< of the current vector loop
  std::unordered_map<const loop::Stmt*, std::vector<Lane>> lanes_by_loop_;
};

}  // namespace adze
