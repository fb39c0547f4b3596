#include "passes/lowering/group_lowering.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "ir/errors.h"
#include "passes/loop_rewrite.h"

namespace adze {

using loop::BufferId;
using loop::Combine;
using loop::ExprId;
using loop::LoopKind;
using loop::ScalarOp;
using loop::Stmt;
using loop::VarId;

Index reindex(loop::Exprs& exprs, const Index& index, const Dims& from, const Dims& to) {
  // Dims of size 1 come and go freely; what is left is usually the same on both sides.
  Dims from_sizes, to_sizes;
  Index moved;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] == 1) continue;
    from_sizes.push_back(from[i]);
    moved.push_back(index[i]);
  }
  for (const std::int64_t size : to)
    if (size != 1) to_sizes.push_back(size);
  Index result;
  if (from_sizes == to_sizes) {
    std::size_t next = 0;
    for (const std::int64_t size : to) result.push_back(size == 1 ? exprs.index(0) : moved[next++]);
    return result;
  }
  const ExprId position = loop::offset(exprs, {DType::kI64, from, {}}, index);
  const Dims strides = row_major_strides(to);
  for (std::size_t i = 0; i < to.size(); ++i)
    result.push_back(exprs.rem(exprs.div(position, strides[i]), to[i]));
  return result;
}

bool is_arg(ReduceKind kind) {
  return kind == ReduceKind::kArgMax || kind == ReduceKind::kArgMin;
}

Dims sizes_of(const Dims& shape, const Dims& axes) {
  Dims sizes;
  for (const std::int64_t axis : axes) sizes.push_back(shape[static_cast<std::size_t>(axis)]);
  return sizes;
}

Index join_axes(const Index& kept, const Index& folded, const Dims& axes) {
  Index index(kept.size() + folded.size());
  std::size_t next_kept = 0;
  for (std::size_t i = 0; i < axes.size(); ++i) index[static_cast<std::size_t>(axes[i])] = folded[i];
  for (ExprId& id : index)
    if (!id) id = kept[next_kept++];
  return index;
}

/// An index map under way: its loads go on with the operands.
class GroupLowering::Mapped : public IndexContext {
 public:
  Mapped(GroupLowering& lowering, const Node& node, Index index, ExprId guard)
      : IndexContext(lowering.exprs_, node.attrs, operand_types(lowering.body_, node),
                     lowering.body_.type(node.result), std::move(index)),
        lowering_(lowering),
        node_(node),
        guard_(guard) {}
  Scalar load(std::size_t i, Index index, Scalar guard) override {
    return lowering_.at(node_.operands[i], index, exprs_.both(guard_, guard));
  }

 private:
  static std::vector<TensorType> operand_types(const Graph& graph, const Node& node) {
    std::vector<TensorType> types;
    for (const ValueId operand : node.operands) types.push_back(graph.type(operand));
    return types;
  }
  GroupLowering& lowering_;
  const Node& node_;
  ExprId guard_;
};

GroupLowering::GroupLowering(const KernelGroup& group, std::string name)
    : group_(group), body_(group.body), exprs_(kernel_.exprs) {
  kernel_.name = std::move(name);
  const auto add = [&](const std::string& buffer_name, const TensorType& type, bool written) {
    kernel_.written.push_back(written && type.element_count() != 0);
    return kernel_.add_buffer(buffer_name, {type.dtype, type.shape, {}}, loop::Scope::kArgument);
  };
  for (const Parameter& parameter : body_.parameters())
    inputs_.push_back(add("in" + std::to_string(inputs_.size()), body_.type(parameter.value), false));
  for (const ValueId result : body_.results())
    outputs_.push_back(add("out" + std::to_string(outputs_.size()), body_.type(result), true));
  kernel_.argument_count = kernel_.buffers.size();
  scopes_.emplace_back();
}

ExprId GroupLowering::at(ValueId value, const Index& index, ExprId guard) {
  const Key key{value, index, guard};
  if (const auto found = memo_.find(key); found != memo_.end()) return found->second;
  // What is known here without a guard is known under one: a row's fold must not be computed again for each
  // of its elements, which may have overwritten what it reads.
  if (guard) {
    if (const auto found = memo_.find({value, index, {}}); found != memo_.end()) return found->second;
  }
  const ExprId result = inlined(value, index, guard);
  memo_.emplace(key, result);
  return result;
}

ExprId GroupLowering::inlined(ValueId value, const Index& index, ExprId guard) {
  const TensorType& type = body_.type(value);
  if (body_.is_parameter(value)) {
    const BufferId buffer = inputs_[body_.value(value).position];
    const ExprId address = loop::offset(exprs_, kernel_.buffers[buffer.index].type, index);
    return exprs_.load(buffer, type.dtype, address, guard);
  }
  const Node& node = *body_.producer(value);
  switch (node.op->pattern) {
    case OpPattern::kConstant: {
      const Literal& literal = *node.attrs.get<ConstantRef>("value");
      ADZE_CHECK(literal.size() == 1, "a constant of more than one element inside a kernel group");
      std::uint64_t bits = 0;
      std::memcpy(&bits, literal.bytes(), literal.byte_size());
      return exprs_.bits(type.dtype, bits);
    }
    case OpPattern::kElementwise: {
      Index args;
      for (const ValueId operand : node.operands) args.push_back(at(operand, index, guard));
      return elementwise_body(exprs_, *node.op, node.attrs, type.dtype, args);
    }
    case OpPattern::kIndexMap: {
      Mapped context(*this, node, index, guard);
      return node.op->index_map(context);
    }
    case OpPattern::kReduction:
    case OpPattern::kContraction:
      return folded(node, index, guard);
    case OpPattern::kLoops:
    case OpPattern::kComposite:
    case OpPattern::kControl:
    case OpPattern::kCollective:
      break;
  }
  internal_error(__FILE__, __LINE__, "no loops for " + std::string(node.op->name));
}

Index GroupLowering::open_loops(const Dims& shape, const std::string& prefix) {
  Scope scope;
  Index index;
  const std::string nest = next_nest_ == 0 ? "" : std::to_string(next_nest_);
  ++next_nest_;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    scope.vars.push_back(exprs_.new_var(prefix + nest + static_cast<char>('a' + i % 26), shape[i]));
    index.push_back(exprs_.var(scope.vars.back()));
  }
  scopes_.push_back(std::move(scope));
  return index;
}

void GroupLowering::close_loops() {
  Scope scope = std::move(scopes_.back());
  scopes_.pop_back();
  std::vector<Stmt> body = std::move(scope.body);
  for (std::size_t i = scope.allocs.size(); i-- > 0;) {
    std::vector<Stmt> wrapped;
    wrapped.push_back(Stmt::make_alloc(scope.allocs[i], std::move(body)));
    body = std::move(wrapped);
  }
  for (std::size_t i = scope.vars.size(); i-- > 0;) {
    std::vector<Stmt> wrapped;
    wrapped.push_back(
        Stmt::make_for(scope.vars[i], exprs_.var_extent(scope.vars[i]), LoopKind::kSerial, std::move(body)));
    body = std::move(wrapped);
  }
  std::vector<Stmt>& into = scopes_.empty() ? kernel_.body : scopes_.back().body;
  std::move(body.begin(), body.end(), std::back_inserter(into));
}

std::size_t GroupLowering::depth_of(const Index& index, ExprId guard) {
  loop::Dependences reads(exprs_);
  std::size_t depth = 0;
  const auto deepen = [&](ExprId id) {
    for (const VarId var : reads.vars(id))
      for (std::size_t i = depth + 1; i < scopes_.size(); ++i)
        if (std::find(scopes_[i].vars.begin(), scopes_[i].vars.end(), var) != scopes_[i].vars.end())
          depth = i;
  };
  for (const ExprId id : index) deepen(id);
  if (guard) deepen(guard);
  return depth;
}

void GroupLowering::bind(std::vector<ExprId>& roots) {
  std::vector<Stmt> lets = loop::bind_shared(exprs_, roots);
  std::move(lets.begin(), lets.end(), std::back_inserter(scopes_.back().body));
}

BufferId GroupLowering::accumulator(DType dtype, ExprId start) {
  const BufferId buffer = kernel_.add_buffer("acc" + std::to_string(next_accumulator_++), {dtype, {1}, {}},
                                             loop::Scope::kRegister);
  scopes_.back().allocs.push_back(buffer);
  scopes_.back().body.push_back(Stmt::make_store(buffer, exprs_.index(0), start));
  return buffer;
}

ExprId GroupLowering::take(BufferId buffer, DType dtype, const std::string& name) {
  const VarId var = exprs_.new_var(name, 0, dtype);
  scopes_.back().body.push_back(Stmt::make_let(var, exprs_.load(buffer, dtype, exprs_.index(0))));
  return exprs_.var(var, dtype);
}

ExprId GroupLowering::computed(ExprId x) {
  return exprs_.convert(x, compute_dtype(exprs_.dtype(x)));
}

void GroupLowering::remember(const Fold& fold, ExprId value) {
  memo_[{fold.node->result, fold.index, fold.guard}] =
      exprs_.convert(value, body_.type(fold.node->result).dtype);
}

void GroupLowering::store(const std::vector<std::size_t>& outputs, const Dims& space, const Index& index,
                          std::vector<ExprId>* also) {
  std::vector<ExprId> values;
  std::vector<Index> indices;
  for (const std::size_t k : outputs) {
    const ValueId result = body_.results()[k];
    indices.push_back(reindex(exprs_, index, space, body_.type(result).shape));
    values.push_back(at(result, indices.back()));
  }
  if (also) values.insert(values.end(), also->begin(), also->end());
  bind(values);
  // Every value is named before the first store: stores never come before loads of their iteration.
  std::vector<Stmt>& body = scopes_.back().body;
  if (values.size() > 1) {
    for (ExprId& value : values) {
      const loop::ExprKind kind = exprs_[value].kind;
      if (kind == loop::ExprKind::kVar || kind == loop::ExprKind::kConst) continue;
      const DType dtype = exprs_.dtype(value);
      const VarId var = exprs_.new_var("o", 0, dtype);
      body.push_back(Stmt::make_let(var, value));
      value = exprs_.var(var, dtype);
    }
  }
  if (also) std::copy(values.end() - static_cast<std::ptrdiff_t>(also->size()), values.end(), also->begin());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const BufferId buffer = outputs_[outputs[i]];
    const ExprId address = loop::offset(exprs_, kernel_.buffers[buffer.index].type, indices[i]);
    body.push_back(Stmt::make_store(buffer, address, values[i]));
  }
}

void GroupLowering::lower_pass(const Dims& space) {
  std::vector<std::size_t> outputs(outputs_.size());
  std::iota(outputs.begin(), outputs.end(), std::size_t{0});
  if (element_count(space) == 0) return;
  const Index index = open_loops(space, "i");
  store(outputs, space, index);
  close_loops();
}

void GroupLowering::lower_rows(const KernelSpace& space) {
  Dims kept_axes;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(space.shape.size()); ++i)
    if (std::find(space.axes.begin(), space.axes.end(), i) == space.axes.end()) kept_axes.push_back(i);
  const Dims rows = sizes_of(space.shape, kept_axes), folded = sizes_of(space.shape, space.axes);

  // Reductions of a row by level: those of one level do not depend on each other and share a sweep. The
  // tail's fold row values over all rows.
  std::vector<std::vector<const Node*>> levels;
  std::vector<const Node*> tail;
  std::vector<std::size_t> level(body_.values().size(), 0);
  std::vector<bool> is_tail(body_.values().size(), false);
  for (const Node& node : body_.nodes()) {
    std::size_t here = 0;
    bool in_tail = false;
    for (const ValueId operand : node.operands) {
      here = std::max(here, level[operand.index]);
      in_tail = in_tail || is_tail[operand.index];
    }
    if (node.op->pattern == OpPattern::kReduction && !in_tail) {
      const ReduceSpec spec = reduce_spec(node);
      if (body_.type(node.operands[0]).shape == space.shape && spec.axes == space.axes) {
        levels.resize(std::max(levels.size(), here + 1));
        levels[here++].push_back(&node);
      } else {
        in_tail = true;
        if (body_.type(node.operands[0]).shape == rows && body_.type(node.result).shape.empty() &&
            !is_arg(spec.kind))
          tail.push_back(&node);
      }
    }
    for (std::uint32_t i = 0; i < node.result_count; ++i) {
      level[node.result_at(i).index] = here;
      is_tail[node.result_at(i).index] = in_tail;
    }
  }
  std::vector<std::size_t> full_outputs, row_outputs, tail_outputs;
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const ValueId result = body_.results()[k];
    auto& list = is_tail[result.index]                                              ? tail_outputs
                 : body_.type(result).element_count() == element_count(space.shape) ? full_outputs
                                                                                    : row_outputs;
    list.push_back(k);
  }

  std::vector<Accumulation> tail_sums;
  for (const Node* node : tail) {
    const DType dtype = compute_dtype(body_.type(node->operands[0]).dtype);
    const Combine combine = combine_of(reduce_spec(*node).kind, dtype);
    tail_sums.push_back({{node, {}}, combine, accumulator(dtype, loop::start_value(exprs_, combine, dtype))});
  }
  if (element_count(rows) != 0) {
    // As `at` will be asked for it: a fold found again is not computed again, after what it reads may have
    // been overwritten.
    const Index row = reindex(exprs_, open_loops(rows, "i"), rows, rows);
    for (const std::vector<const Node*>& nodes : levels) {
      std::vector<Fold> folds;
      for (const Node* node : nodes) folds.push_back({node, row});
      reduce(std::move(folds));
    }
    if (!full_outputs.empty() && element_count(folded) != 0) {
      const Index column = open_loops(folded, "j");
      store(full_outputs, space.shape, join_axes(row, column, space.axes));
      close_loops();
    }
    std::vector<ExprId> values;
    for (const Accumulation& sum : tail_sums) values.push_back(computed(at(sum.fold.node->operands[0], row)));
    store(row_outputs, rows, row, &values);
    for (std::size_t i = 0; i < values.size(); ++i)
      scopes_.back().body.push_back(
          Stmt::make_accumulate(tail_sums[i].accumulator, exprs_.index(0), tail_sums[i].combine, values[i]));
    close_loops();
  }
  for (const Accumulation& sum : tail_sums)
    remember(sum.fold, take(sum.accumulator, compute_dtype(body_.type(sum.fold.node->result).dtype), "r"));
  for (const std::size_t k : tail_outputs) {
    const Dims& shape = body_.type(body_.results()[k]).shape;
    const Index index = open_loops(shape, "i");
    store({k}, shape, index);
    close_loops();
  }
}

loop::Kernel GroupLowering::run() {
  const KernelSpace space = kernel_space(group_);
  if (group_.kind == GroupKind::kReduction) {
    lower_rows(space);
  } else {
    lower_pass(space.shape);
  }
  close_loops();
  return std::move(kernel_);
}

}  // namespace adze
