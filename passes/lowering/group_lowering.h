#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/loop_ir.h"
#include "ir/op.h"
#include "ir/scalar_builder.h"
#include "passes/fusion.h"

namespace adze {

using Index = std::vector<loop::ExprId>;

/// Lowers one group. The heart is `at`: the expression of a value's element at an index, memoised, with
/// elementwise ops and index maps inlined. A reduction or contraction met on the way becomes a loop that
/// accumulates, placed in the outermost open loop nest that binds every variable of its index, so that any
/// body lowers correctly; the three `lower_*` functions only choose nests that make those loops cheap.
class GroupLowering {
 public:
  GroupLowering(const KernelGroup& group, std::string name);
  loop::Kernel run();

 private:
  /// An open loop nest: statements collected so far, the variables it binds, the register buffers its body
  /// needs.
  struct Scope {
    std::vector<loop::VarId> vars;
    std::vector<loop::Stmt> body;
    std::vector<loop::BufferId> allocs;
  };
  struct Key {
    ValueId value;
    Index index;
    loop::ExprId guard;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  class Mapped;

  loop::ExprId at(ValueId value, const Index& index, loop::ExprId guard = {});
  loop::ExprId inlined(ValueId value, const Index& index, loop::ExprId guard);

  // Loops.
  Index open_loops(const Dims& shape, const std::string& prefix);
  void close_loops();
  std::size_t depth_of(const Index& index, loop::ExprId guard);
  /// Names what the roots share, in the innermost scope.
  void bind(std::vector<loop::ExprId>& roots);

  // Values that need a loop of their own.
  struct Fold {
    const Node* node;
    Index index;  ///< of the node's result
    loop::ExprId guard = {};
  };
  struct Accumulation {
    Fold fold;
    loop::Combine combine;
    loop::BufferId accumulator;
  };
  loop::ExprId folded(const Node& node, const Index& index, loop::ExprId guard);
  /// Reductions over the same axes that do not depend on each other: one sweep for all (a second one for
  /// argmax and argmin). Their values are remembered.
  void reduce(std::vector<Fold> folds);
  /// One loop nest over `sizes` that folds `value` into every accumulator.
  void accumulate(const std::vector<Accumulation>& sums, const Dims& sizes,
                  const std::function<loop::ExprId(const Accumulation&, const Index&)>& value);
  void contract(const Fold& fold);
  ReduceSpec reduce_spec(const Node& node) const;  ///< axes sorted
  loop::BufferId accumulator(DType dtype, loop::ExprId start);
  /// Let name = accumulator[0], in the innermost scope.
  loop::ExprId take(loop::BufferId accumulator, DType dtype, const std::string& name);
  /// An element in the dtype it is folded in: halves are accumulated in f32 and rounded once, at the end.
  loop::ExprId computed(loop::ExprId x);
  /// `value`, converted to the result's dtype, is what the fold gives.
  void remember(const Fold& fold, loop::ExprId value);

  void lower_pass(const Dims& space);
  void lower_rows(const KernelSpace& space);
  /// Computes the outputs at `index` of `space` (whose positions they share), and what else is wanted there,
  /// then stores the outputs.
  void store(const std::vector<std::size_t>& outputs, const Dims& space, const Index& index,
             std::vector<loop::ExprId>* also = nullptr);

  const KernelGroup& group_;
  const Graph& body_;
  loop::Kernel kernel_;
  loop::Exprs& exprs_;
  std::vector<loop::BufferId> inputs_, outputs_;
  std::vector<Scope> scopes_;
  std::map<Key, loop::ExprId> memo_;
  int next_nest_ = 0, next_accumulator_ = 0;
};

bool is_arg(ReduceKind kind);
loop::Combine combine_of(ReduceKind kind, DType dtype);
/// The sizes of some axes of a shape.
Dims sizes_of(const Dims& shape, const Dims& axes);
/// An index of the result of a reduction and one of the folded axes, as an index of the operand.
Index join_axes(const Index& kept, const Index& folded, const Dims& axes);
/// `index` into `from` as an index of `to`, an array of the same elements in the same row-major order.
Index reindex(loop::Exprs& exprs, const Index& index, const Dims& from, const Dims& to);

}  // namespace adze
