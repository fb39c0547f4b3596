#include <algorithm>

#include "passes/loop_rewrite.h"
#include "passes/lowering/group_lowering.h"

// Values that need a loop of their own: reductions and contractions.

namespace adze {

using loop::BufferId;
using loop::Combine;
using loop::ExprId;
using loop::ScalarOp;
using loop::Stmt;

ExprId GroupLowering::folded(const Node& node, const Index& index, ExprId guard) {
  // The loop goes where its index is known and no deeper; what is open below that is set aside meanwhile.
  const std::size_t depth = depth_of(index, guard);
  std::vector<Scope> aside(std::make_move_iterator(scopes_.begin() + static_cast<std::ptrdiff_t>(depth) + 1),
                           std::make_move_iterator(scopes_.end()));
  scopes_.resize(depth + 1);
  const Fold fold{&node, index, guard};
  if (node.op->pattern == OpPattern::kContraction) {
    contract(fold);
  } else {
    reduce({fold});
  }
  std::move(aside.begin(), aside.end(), std::back_inserter(scopes_));
  return memo_.at({node.result, index, guard});
}

Combine combine_of(ReduceKind kind, DType dtype) {
  const bool is_bool = dtype == DType::kBool;
  switch (kind) {
    case ReduceKind::kSum:
      return Combine::kSum;
    case ReduceKind::kProd:
      return Combine::kProd;
    case ReduceKind::kMax:
    case ReduceKind::kArgMax:
      return is_bool ? Combine::kOr : Combine::kMax;
    case ReduceKind::kMin:
    case ReduceKind::kArgMin:
      return is_bool ? Combine::kAnd : Combine::kMin;
    case ReduceKind::kAnd:
      return Combine::kAnd;
    case ReduceKind::kOr:
      return Combine::kOr;
  }
  return Combine::kSum;
}

ReduceSpec GroupLowering::reduce_spec(const Node& node) const {
  std::vector<TensorType> types;
  for (const ValueId operand : node.operands) types.push_back(body_.type(operand));
  ReduceSpec spec = node.op->reduce(node.attrs, types);
  std::sort(spec.axes.begin(), spec.axes.end());
  return spec;
}

void GroupLowering::reduce(std::vector<Fold> folds) {
  // Those that fold to an extreme's position need the extreme itself first.
  const auto first_arg = std::stable_partition(
      folds.begin(), folds.end(), [&](const Fold& fold) { return !is_arg(reduce_spec(*fold.node).kind); });
  std::vector<Accumulation> sums;
  for (auto fold = folds.begin(); fold != folds.end(); ++fold) {
    const ReduceSpec spec = reduce_spec(*fold->node);
    const DType dtype = compute_dtype(body_.type(fold->node->operands[0]).dtype);
    const Combine combine = combine_of(spec.kind, dtype);
    sums.push_back({*fold, combine, accumulator(dtype, loop::start_value(exprs_, combine, dtype))});
  }
  if (sums.empty()) return;
  const Dims sizes = sizes_of(body_.type(folds[0].node->operands[0]).shape, reduce_spec(*folds[0].node).axes);
  accumulate(sums, sizes, [&](const Accumulation& sum, const Index& folded) {
    const Index index = join_axes(sum.fold.index, folded, reduce_spec(*sum.fold.node).axes);
    return computed(at(sum.fold.node->operands[0], index, sum.fold.guard));
  });
  std::vector<Accumulation> positions;
  std::vector<ExprId> extremes;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const DType dtype = compute_dtype(body_.type(sums[i].fold.node->operands[0]).dtype);
    const ExprId value = take(sums[i].accumulator, dtype, "r");
    if (folds.begin() + static_cast<std::ptrdiff_t>(i) < first_arg) {
      remember(sums[i].fold, value);
      continue;
    }
    extremes.push_back(value);
    const DType result = body_.type(sums[i].fold.node->result).dtype;
    positions.push_back(
        {sums[i].fold, Combine::kMin, accumulator(result, loop::start_value(exprs_, Combine::kMin, result))});
  }
  if (positions.empty()) return;
  // The least position of an element equal to the extreme; where the extreme is a NaN, of a NaN.
  accumulate(positions, sizes, [&](const Accumulation& position, const Index& folded) {
    const Index index = join_axes(position.fold.index, folded, reduce_spec(*position.fold.node).axes);
    const ExprId x = computed(at(position.fold.node->operands[0], index, position.fold.guard));
    const ExprId extreme = extremes[static_cast<std::size_t>(&position - positions.data())];
    ExprId hit = exprs_.apply(ScalarOp::eq, {x, extreme});
    if (is_float(exprs_.dtype(x)))
      hit = exprs_.apply(ScalarOp::or_, {hit, exprs_.apply(ScalarOp::ne, {x, x})});
    const DType result = body_.type(position.fold.node->result).dtype;
    return exprs_.apply(ScalarOp::select, {hit, exprs_.convert(folded[0], result),
                                           loop::start_value(exprs_, Combine::kMin, result)});
  });
  for (const Accumulation& position : positions)
    remember(position.fold, take(position.accumulator, body_.type(position.fold.node->result).dtype, "r"));
}

void GroupLowering::accumulate(const std::vector<Accumulation>& sums, const Dims& sizes,
                               const std::function<ExprId(const Accumulation&, const Index&)>& value) {
  if (element_count(sizes) == 0) return;
  const Index folded = open_loops(sizes, "k");
  std::vector<ExprId> values;
  for (const Accumulation& sum : sums) values.push_back(value(sum, folded));
  bind(values);
  for (std::size_t i = 0; i < sums.size(); ++i)
    scopes_.back().body.push_back(
        Stmt::make_accumulate(sums[i].accumulator, exprs_.index(0), sums[i].combine, values[i]));
  close_loops();
}

void GroupLowering::contract(const Fold& fold) {
  const Node& node = *fold.node;
  const ContractSpec spec = node.op->contract(node.attrs);
  const TensorType& lhs = body_.type(node.operands[0]);
  const TensorType& rhs = body_.type(node.operands[1]);
  const DType dtype = compute_dtype(body_.type(node.result).dtype);
  const BufferId sum = accumulator(dtype, exprs_.bits(dtype, 0));
  const Dims sizes = sizes_of(lhs.shape, spec.lhs_contract);
  if (element_count(sizes) != 0) {
    const Index folded = open_loops(sizes, "k");
    // Result dims are batch, lhs free, rhs free.
    std::size_t next = spec.lhs_batch.size();
    const auto operand_index = [&](const TensorType& type, const Dims& batch, const Dims& contract) {
      Index index(type.shape.size());
      for (std::size_t i = 0; i < batch.size(); ++i)
        index[static_cast<std::size_t>(batch[i])] = fold.index[i];
      for (std::size_t i = 0; i < contract.size(); ++i)
        index[static_cast<std::size_t>(contract[i])] = folded[i];
      for (ExprId& id : index)
        if (!id) id = fold.index[next++];
      return index;
    };
    const Index lhs_index = operand_index(lhs, spec.lhs_batch, spec.lhs_contract);
    const Index rhs_index = operand_index(rhs, spec.rhs_batch, spec.rhs_contract);
    const ExprId a = exprs_.convert(at(node.operands[0], lhs_index, fold.guard), dtype);
    const ExprId b = exprs_.convert(at(node.operands[1], rhs_index, fold.guard), dtype);
    const ExprId before = exprs_.load(sum, dtype, exprs_.index(0));
    std::vector<ExprId> roots{
        is_float(dtype) ? exprs_.apply(ScalarOp::fma, {a, b, before})
                        : exprs_.apply(ScalarOp::add, {before, exprs_.apply(ScalarOp::mul, {a, b})})};
    bind(roots);
    scopes_.back().body.push_back(Stmt::make_store(sum, exprs_.index(0), roots[0]));
    close_loops();
  }
  remember(fold, take(sum, dtype, "r"));
}

}  // namespace adze
