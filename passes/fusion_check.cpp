#include <algorithm>
#include <queue>

#include "ir/op.h"
#include "passes/fusion_rules.h"

// FusionRules::check and extend: from the outputs back to the inputs, with the index at which each value is
// needed.

namespace adze {
namespace {

/// Values that an iteration computes more often than once an element may cost this much in all: a mask, a
/// bias, a scale.
constexpr int kCheapCost = 4;
/// "About once": a concatenation of two operands computes both everywhere and keeps one.
constexpr std::int64_t kEvaluationsAnElement = 2;

Dims without_axes(const Dims& shape, const Dims& axes) {
  Dims kept;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) == axes.end()) {
      kept.push_back(shape[i]);
    }
  }
  return kept;
}

}  // namespace

/// One run of `check`.
struct FusionRules::Question {
  std::span<const NodeId> nodes;
  const FusionLimits& limits;
  KernelFacts facts = {};
  NodeId contraction = {};
  std::vector<NodeId> reductions = {}, tails = {};  ///< the tails are among the reductions
  Dims row_shape = {};
  IndexId full = 0, row = 0;  ///< the index of the current element of the space, and of the row shape
  std::int64_t full_count = 0;
  std::priority_queue<std::uint32_t> heap = {};          ///< nodes still to visit, the latest first
  std::vector<ValueId> touched = {};                     ///< values with a demand
  std::vector<std::pair<IndexId, int>> duplicated = {};  ///< by index: what is computed more than about once
};

std::optional<KernelFacts> FusionRules::check(std::span<const NodeId> nodes, std::span<const ValueId> outputs,
                                              const FusionLimits& limits) {
  Question q{.nodes = nodes, .limits = limits};
  for (const NodeId node : nodes) member_[node.index] = true;
  const bool is_kernel = decide(q, outputs);
  for (const NodeId node : nodes) member_[node.index] = false;
  for (const ValueId value : q.touched) demands_[value.index] = {};
  if (!is_kernel) return std::nullopt;
  return std::move(q.facts);
}

bool FusionRules::decide(Question& q, std::span<const ValueId> outputs) {
  KernelFacts& facts = q.facts;
  if (!find_space(q, outputs) || !place_outputs(q, outputs)) return false;
  for (const KernelFacts::Use& output : facts.outputs) {
    if (!need(q, output.value, output.indices[0], output.needed_by)) return false;
  }
  while (!q.heap.empty()) {
    const NodeId node{q.heap.top()};
    q.heap.pop();
    if (!visit(q, node)) return false;
  }
  std::reverse(facts.nodes.begin(), facts.nodes.end());
  for (KernelFacts::Member& member : facts.nodes) {
    member.needed_by = demands_[graph_.node(member.node).result.index].needed_by;
  }
  std::sort(q.touched.begin(), q.touched.end());
  for (const ValueId value : q.touched) {
    const NodeId node = graph_.value(value).node;
    if (node && (member_[node.index] || free_[node.index])) continue;
    facts.inputs.push_back({value, demands_[value.index].indices, demands_[value.index].needed_by});
  }
  const std::size_t arguments = facts.inputs.size() + facts.outputs.size();
  return facts.nodes.size() <= static_cast<std::size_t>(q.limits.max_ops) &&
         arguments <= static_cast<std::size_t>(q.limits.max_inputs) && tails_come_last(q);
}

bool FusionRules::find_space(Question& q, std::span<const ValueId> outputs) {
  KernelFacts& facts = q.facts;
  struct Fold {
    Dims shape, axes;
    bool operator==(const Fold&) const = default;
  };
  std::vector<Fold> folds;           // the distinct ones
  std::vector<std::size_t> fold_of;  // by position in q.reductions
  std::vector<bool> gives_index;
  for (const NodeId id : q.nodes) {
    const Node& node = graph_.node(id);
    if (node.op->pattern == OpPattern::kContraction) {
      if (q.contraction) return false;
      q.contraction = id;
    } else if (node.op->pattern == OpPattern::kReduction) {
      std::vector<TensorType> types;
      for (const ValueId operand : node.operands) types.push_back(graph_.type(operand));
      const ReduceSpec spec = node.op->reduce(node.attrs, types);
      Fold fold{types[0].shape, spec.axes};
      std::sort(fold.axes.begin(), fold.axes.end());
      const auto at = std::find(folds.begin(), folds.end(), fold);
      fold_of.push_back(static_cast<std::size_t>(at - folds.begin()));
      if (at == folds.end()) folds.push_back(std::move(fold));
      q.reductions.push_back(id);
      gives_index.push_back(spec.kind == ReduceKind::kArgMax || spec.kind == ReduceKind::kArgMin);
    }
  }
  if (q.contraction) {
    if (!q.reductions.empty()) return false;
    facts.kind = GroupKind::kContraction;
    facts.space.shape = graph_.type(graph_.node(q.contraction).result).shape;
  } else if (!q.reductions.empty()) {
    facts.kind = GroupKind::kReduction;
    // Two kinds of folds: one must fold all of what the other leaves.
    const auto is_tail_of = [&](const Fold& tail, const Fold& rows) {
      return element_count(tail.shape) != 1 && tail.axes.size() == tail.shape.size() &&
             tail.shape == without_axes(rows.shape, rows.axes);
    };
    if (folds.size() > 2) return false;
    const std::size_t rows = folds.size() == 2 && is_tail_of(folds[0], folds[1]) ? 1 : 0;
    if (folds.size() == 2 && !is_tail_of(folds[1 - rows], folds[rows])) return false;
    facts.space = {folds[rows].shape, folds[rows].axes};
    for (std::size_t i = 0; i < q.reductions.size(); ++i) {
      if (fold_of[i] == rows) continue;
      if (gives_index[i]) return false;  // a tail has one accumulator, which is its value
      q.tails.push_back(q.reductions[i]);
    }
  } else {
    // What a reshape at the end renames is computed in the shape before it.
    ValueId last = outputs.back();
    for (NodeId node = graph_.value(last).node; node && is_computed(node) && keeps_positions(node);
         node = graph_.value(last).node) {
      last = graph_.node(node).operands[0];
    }
    facts.space.shape = graph_.type(last).shape;
  }

  const Dims& shape = facts.space.shape;
  q.full = variables(shape);
  q.full_count = element_count(shape);
  std::vector<loop::ExprId> row;
  for (const bool folded : {false, true}) {
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const bool is_axis =
          std::binary_search(facts.space.axes.begin(), facts.space.axes.end(), static_cast<std::int64_t>(i));
      if (is_axis != folded) continue;
      facts.loops.emplace_back(bit_of(i), shape[i]);
      if (!folded) row.push_back(indices_[q.full][i]);
    }
  }
  q.row_shape = without_axes(shape, facts.space.axes);
  q.row = intern(std::move(row));
  if (q.contraction) {
    const Node& dot = graph_.node(q.contraction);
    std::int64_t products = 1;
    for (const std::int64_t axis : dot.op->contract(dot.attrs).lhs_contract) {
      products *= graph_.type(dot.operands[0]).shape[static_cast<std::size_t>(axis)];
    }
    facts.loops.emplace_back(bit_of(kContractedPosition), products);
  }
  return true;
}

bool FusionRules::place_outputs(Question& q, std::span<const ValueId> outputs) {
  const bool has_rows = q.facts.kind == GroupKind::kReduction;
  for (const ValueId value : outputs) {
    const Dims& shape = graph_.type(value).shape;
    const std::int64_t count = element_count(shape);
    if (count == q.full_count) {
      q.facts.outputs.push_back({value, {at_position(q.facts.space.shape, q.full, shape)}, kFull});
    } else if (has_rows && count == element_count(q.row_shape)) {
      q.facts.outputs.push_back({value, {at_position(q.row_shape, q.row, shape)}, kRow});
    } else if (has_rows && count == 1) {
      q.facts.outputs.push_back({value, {variables(shape)}, kTail});
    } else {
      return false;
    }
  }
  return true;
}

bool FusionRules::need(Question& q, ValueId value, IndexId index, std::uint8_t by) {
  Demand& demand = demands_[value.index];
  if (!demand.needed_by) {
    q.touched.push_back(value);
    const NodeId node = graph_.value(value).node;
    if (node && is_computed(node)) {
      if (graph_.node(node).result_count != 1) return false;
      q.heap.push(node.index);
    }
  }
  demand.needed_by |= by;
  if (std::find(demand.indices.begin(), demand.indices.end(), index) == demand.indices.end()) {
    demand.indices.push_back(index);
  }
  return true;
}

bool FusionRules::visit(Question& q, NodeId id) {
  const Node& node = graph_.node(id);
  q.facts.nodes.push_back({id});
  const std::vector<IndexId> indices =
      demands_[node.result.index].indices;  // `need` may not change it: a copy
  const std::uint8_t by = demands_[node.result.index].needed_by;
  if (!free_[id.index] && (indices.size() != 1 || is_indirect(indices[0]))) return false;

  switch (node.op->pattern) {
    case OpPattern::kConstant:
      return true;
    case OpPattern::kElementwise:
      if (!free_[id.index] && !affordable(q, node, indices[0], scalar_cost_of(id))) return false;
      for (const ValueId operand : node.operands) {
        for (const IndexId index : indices) {
          if (!need(q, operand, index, by)) return false;
        }
      }
      return true;
    case OpPattern::kIndexMap:
      for (const IndexId index : indices) {
        const std::vector<Read> from = reads(id, index);
        // Guards are computed where the map is not free.
        if (!free_[id.index] && !affordable(q, node, index, static_cast<int>(from.size()))) return false;
        for (const Read& read : from) {
          if (!need(q, node.operands[read.operand], read.index, by)) return false;
        }
      }
      return true;
    case OpPattern::kReduction: {
      const bool is_tail = std::find(q.tails.begin(), q.tails.end(), id) != q.tails.end();
      // Without a row there is none to be read at another place.
      if (!is_tail && indices[0] != q.row && element_count(q.row_shape) != 0) return false;
      for (const ValueId operand : node.operands) {
        if (!need(q, operand, is_tail ? q.row : q.full, is_tail ? kRow : kFull)) return false;
      }
      return true;
    }
    case OpPattern::kContraction:
      return indices[0] == q.full && need_factors(q, node);
    case OpPattern::kLoops:
    case OpPattern::kComposite:
    case OpPattern::kControl:
    case OpPattern::kCollective:
      break;
  }
  return false;
}

bool FusionRules::need_factors(Question& q, const Node& dot) {
  const ContractSpec spec = dot.op->contract(dot.attrs);
  const std::vector<loop::ExprId> result = indices_[q.full];
  const auto at = [](const Dims& dims, std::int64_t axis) {
    return static_cast<std::size_t>(std::find(dims.begin(), dims.end(), axis) - dims.begin());
  };
  std::size_t next_free = spec.lhs_batch.size();
  for (std::size_t side = 0; side < 2; ++side) {
    const Dims& batch = side == 0 ? spec.lhs_batch : spec.rhs_batch;
    const Dims& contract = side == 0 ? spec.lhs_contract : spec.rhs_contract;
    const Dims& shape = graph_.type(dot.operands[side]).shape;
    std::vector<loop::ExprId> index;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const auto axis = static_cast<std::int64_t>(i);
      if (const std::size_t b = at(batch, axis); b < batch.size()) {
        index.push_back(result[b]);
      } else if (const std::size_t c = at(contract, axis); c < contract.size()) {
        index.push_back(variable(kContractedPosition + c, shape[i]));
      } else {
        index.push_back(result[next_free++]);
      }
    }
    if (!need(q, dot.operands[side], intern(std::move(index)), kFactor)) return false;
  }
  return true;
}

bool FusionRules::is_computed_once(const KernelFacts& facts, const Node& node, IndexId index) {
  if (graph_.type(node.result).element_count() == 0) return true;  // nothing to compute, so nothing twice
  std::uint64_t mask = 0;
  for (const loop::ExprId id : indices_[index]) mask |= variables_of(id);
  // Computed in the innermost loop that its index depends on.
  std::int64_t evaluations = 1, inside = 1;
  for (const auto& [bit, extent] : facts.loops) {
    inside *= extent;
    if (mask & bit) evaluations = inside;
  }
  return evaluations / kEvaluationsAnElement <= graph_.type(node.result).element_count();
}

bool FusionRules::is_indirect(IndexId index) const {
  return std::any_of(indices_[index].begin(), indices_[index].end(),
                     [&](loop::ExprId id) { return exprs_.has_load(id); });
}

bool FusionRules::is_opaque(NodeId id) const {
  const OpPattern pattern = graph_.node(id).op->pattern;
  return pattern == OpPattern::kLoops || pattern == OpPattern::kControl;
}

KernelFacts FusionRules::opaque_kernel(NodeId id) const {
  const Node& node = graph_.node(id);
  KernelFacts facts;
  facts.kind = GroupKind::kOpaque;
  facts.nodes.push_back({id, kFull});
  std::vector<ValueId> operands = node.operands;
  std::sort(operands.begin(), operands.end());
  operands.erase(std::unique(operands.begin(), operands.end()), operands.end());
  for (const ValueId operand : operands) facts.inputs.push_back({operand, {}, kFull});
  for (std::uint32_t k = 0; k < node.result_count; ++k)
    facts.outputs.push_back({node.result_at(k), {}, kFull});
  return facts;
}

bool FusionRules::affordable(Question& q, const Node& node, IndexId index, int cost) {
  if (is_computed_once(q.facts, node, index)) return true;
  const auto at = std::find_if(q.duplicated.begin(), q.duplicated.end(),
                               [&](const auto& entry) { return entry.first == index; });
  if (at == q.duplicated.end()) {
    q.duplicated.emplace_back(index, cost);
    return cost <= kCheapCost;
  }
  at->second += cost;
  return at->second <= kCheapCost;
}

bool FusionRules::extend(KernelFacts& facts, NodeId id, const FusionLimits& limits) {
  const Node& node = graph_.node(id);
  const OpPattern pattern = node.op->pattern;
  if (facts.kind == GroupKind::kOpaque) return false;
  if (pattern != OpPattern::kElementwise && pattern != OpPattern::kIndexMap) return false;
  const auto by_value = [](const KernelFacts::Use& use, ValueId value) { return use.value < value; };
  const auto by_node = [](const KernelFacts::Member& member, NodeId key) { return member.node < key; };
  const auto self = std::lower_bound(facts.inputs.begin(), facts.inputs.end(), node.result, by_value);
  ADZE_CHECK(self != facts.inputs.end() && self->value == node.result,
             "extending a kernel by what it does not read");
  if (self->indices.size() != 1 || is_indirect(self->indices[0]) ||
      !is_computed_once(facts, node, self->indices[0])) {
    return false;
  }

  KernelFacts extended = facts;
  extended.inputs.erase(extended.inputs.begin() + (self - facts.inputs.begin()));
  std::vector<std::pair<NodeId, IndexId>> stack{{id, self->indices[0]}};
  const std::uint8_t by = self->needed_by;
  while (!stack.empty()) {
    const auto [at, index] = stack.back();
    stack.pop_back();
    const auto member = std::lower_bound(extended.nodes.begin(), extended.nodes.end(), at, by_node);
    if (member == extended.nodes.end() || member->node != at) {
      extended.nodes.insert(member, {at, by});
    } else {
      member->needed_by |= by;
    }
    const Node& reader = graph_.node(at);
    const auto need_at = [&](ValueId value, IndexId where) {
      const NodeId producer = graph_.value(value).node;
      if (producer && free_[producer.index]) {
        stack.emplace_back(producer, where);
        return;
      }
      const auto use = std::lower_bound(extended.inputs.begin(), extended.inputs.end(), value, by_value);
      if (use == extended.inputs.end() || use->value != value) {
        extended.inputs.insert(use, {value, {where}, by});
        return;
      }
      use->needed_by |= by;
      if (std::find(use->indices.begin(), use->indices.end(), where) == use->indices.end()) {
        use->indices.push_back(where);
      }
    };
    if (reader.op->pattern == OpPattern::kElementwise) {
      for (const ValueId operand : reader.operands) need_at(operand, index);
    } else if (reader.op->pattern == OpPattern::kIndexMap) {
      for (const Read& read : reads(at, index)) need_at(reader.operands[read.operand], read.index);
    }
  }
  if (extended.nodes.size() > static_cast<std::size_t>(limits.max_ops) ||
      extended.inputs.size() + extended.outputs.size() > static_cast<std::size_t>(limits.max_inputs)) {
    return false;
  }
  facts = std::move(extended);
  return true;
}

bool FusionRules::tails_come_last(const Question& q) const {
  if (q.facts.kind != GroupKind::kReduction) return true;
  std::vector<ValueId> tails;
  const auto is_tail = [&](ValueId value) { return std::binary_search(tails.begin(), tails.end(), value); };
  for (const auto& [id, unused] : q.facts.nodes) {  // ascending, and so are the results
    const Node& node = graph_.node(id);
    const bool reads_tail = std::any_of(node.operands.begin(), node.operands.end(), is_tail);
    if (reads_tail && node.op->pattern == OpPattern::kReduction) return false;
    if (reads_tail || std::find(q.tails.begin(), q.tails.end(), id) != q.tails.end()) {
      tails.push_back(node.result);
    }
  }
  return std::all_of(q.facts.outputs.begin(), q.facts.outputs.end(), [&](const KernelFacts::Use& output) {
    return is_tail(output.value) == (output.needed_by == kTail);
  });
}

}  // namespace adze
