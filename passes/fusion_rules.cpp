#include "passes/fusion_rules.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <queue>

#include "ir/hash.h"
#include "ir/op.h"
#include "ir/scalar_builder.h"

namespace adze {
namespace {

/// Values that an iteration computes more often than once an element may cost this much in all: a mask, a
/// bias, a scale.
constexpr int kCheapCost = 4;
/// Rank-0 arithmetic of at most so many nodes is free, as are chains of constants and iotas of at most this
/// cost.
constexpr std::size_t kFreeScalarNodes = 16;
constexpr int kFreeChainCost = 8;
/// "About once": a concatenation of two operands computes both everywhere and keeps one.
constexpr std::int64_t kEvaluationsAnElement = 2;

/// Loop variables have positions: the dims of the space, then from here on the contracted dims. Each has a
/// bit, for asking what an index depends on; the last dims of a space of very high rank share one.
constexpr std::size_t kContractedPosition = 1000;
constexpr std::uint64_t kContractedBit = std::uint64_t{1} << 63;

int instruction_cost(loop::ScalarOp op, DType dtype) {
  using loop::ScalarOp;
  switch (op) {
    case ScalarOp::exp:
    case ScalarOp::log:
    case ScalarOp::log1p:
    case ScalarOp::expm1:
    case ScalarOp::tanh:
    case ScalarOp::logistic:
    case ScalarOp::sin:
    case ScalarOp::cos:
    case ScalarOp::pow:
      return 16;
    case ScalarOp::div:
    case ScalarOp::rem:
    case ScalarOp::sqrt:
    case ScalarOp::rsqrt:
      return is_float(dtype) ? 4 : 8;
    default:
      return 1;
  }
}

Dims without_axes(const Dims& shape, const Dims& axes) {
  Dims kept;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) == axes.end()) {
      kept.push_back(shape[i]);
    }
  }
  return kept;
}

std::uint64_t bit_at(std::size_t position) {
  return position >= kContractedPosition ? kContractedBit
                                         : std::uint64_t{1} << std::min<std::size_t>(position, 62);
}

}  // namespace

int scalar_cost(const Graph& graph, const Node& node) {
  if (!node.op->scalar) return 0;
  loop::Exprs exprs;
  ScalarBuilder builder(exprs, graph.type(node.result).dtype, node.attrs);
  std::vector<Scalar> operands;
  for (std::size_t i = 0; i < node.operands.size(); ++i) {
    operands.push_back(
        exprs.load({static_cast<std::uint32_t>(i)}, graph.type(node.operands[i]).dtype, exprs.index(0)));
  }
  std::vector<loop::ExprId> stack{node.op->scalar(builder, operands)};
  std::vector<bool> seen(exprs.size(), false);
  int cost = 0;
  while (!stack.empty()) {
    const loop::ExprId at = stack.back();
    stack.pop_back();
    if (!at || seen[at.index]) continue;
    seen[at.index] = true;
    const loop::Expr& expr = exprs[at];
    if (expr.kind == loop::ExprKind::kLoad || expr.kind == loop::ExprKind::kConst) continue;
    cost += expr.kind == loop::ExprKind::kScalar ? instruction_cost(expr.op, expr.dtype) : 1;
    stack.insert(stack.end(), expr.args.begin(), expr.args.end());
  }
  return cost;
}

/// Collects what an index map reads.
class FusionRules::Recorder : public IndexContext {
 public:
  Recorder(FusionRules& rules, const Node& node, std::vector<TensorType> operand_types, IndexId index)
      : IndexContext(rules.exprs_, node.attrs, std::move(operand_types), rules.graph_.type(node.result),
                     rules.indices_[index]),
        rules_(rules) {}

  Scalar load(std::size_t i, std::vector<Scalar> index, Scalar guard) override {
    const bool always = !guard || (exprs_[guard].kind == loop::ExprKind::kConst && exprs_[guard].bits);
    reads.push_back({i, rules_.intern(std::move(index)), !always});
    return exprs_.load({static_cast<std::uint32_t>(i)}, operand_types_[i].dtype, exprs_.index(0));
  }

  std::vector<Read> reads;

 private:
  FusionRules& rules_;
};

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
  std::vector<std::pair<std::uint64_t, std::int64_t>> loops =
      {};                                                ///< (variable bits, extent), outermost first
  std::priority_queue<std::uint32_t> heap = {};          ///< nodes still to visit, the latest first
  std::vector<ValueId> touched = {};                     ///< values with a demand
  std::vector<std::pair<IndexId, int>> duplicated = {};  ///< by index: what is computed more than about once
};

FusionRules::FusionRules(const Graph& graph, Free free)
    : graph_(graph),
      free_(graph.nodes().size(), false),
      chains_(graph.nodes().size()),
      costs_(graph.nodes().size(), -1),
      demands_(graph.values().size()),
      member_(graph.nodes().size(), false) {
  find_free_nodes(free);
}

bool FusionRules::is_source(ValueId value) const {
  const Node* node = graph_.producer(value);
  return !node || (node->op->pattern == OpPattern::kConstant && !is_free(graph_.value(value).node));
}

void FusionRules::find_free_nodes(Free free) {
  for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
    const Node& node = graph_.nodes()[i];
    if (node.result_count != 1) continue;
    switch (node.op->pattern) {
      case OpPattern::kConstant:
        free_[i] = graph_.type(node.result).shape.empty();
        if (free_[i]) chains_[i].made_of = Chain::kConstants;
        break;
      case OpPattern::kIndexMap:
        if (node.operands.empty()) {
          free_[i] = true;
          chains_[i].made_of = Chain::kConstants;
        } else if (free == Free::kAll && node.operands.size() == 1) {
          const std::vector<Read>& from = reads({i}, variables(graph_.type(node.result).shape));
          free_[i] = from.size() == 1 && !from[0].guarded;
          if (free_[i]) chains_[i] = chain_of(node);
        }
        break;
      case OpPattern::kElementwise:
        if (free != Free::kAll) break;
        chains_[i] = chain_of(node);
        free_[i] = is_short(node, chains_[i]);
        if (!free_[i]) chains_[i] = {};
        break;
      default:
        break;
    }
  }
}

FusionRules::Chain FusionRules::chain_of(const Node& node) const {
  Chain chain{.made_of = Chain::kConstants, .nodes = {}};
  for (const ValueId operand : node.operands) {
    const NodeId producer = graph_.value(operand).node;
    const Chain of_parameter{.made_of = Chain::kParameters, .nodes = {}};
    const Chain& other = producer ? chains_[producer.index] : of_parameter;
    chain.made_of = std::min(chain.made_of, other.made_of);
    std::vector<std::uint32_t> merged;
    std::set_union(chain.nodes.begin(), chain.nodes.end(), other.nodes.begin(), other.nodes.end(),
                   std::back_inserter(merged));
    chain.nodes = std::move(merged);
  }
  if (node.op->pattern == OpPattern::kElementwise) {
    chain.nodes.push_back(graph_.value(node.result).node.index);  // the latest: stays sorted
  }
  return chain;
}

bool FusionRules::is_short(const Node& node, const Chain& chain) {
  if (graph_.type(node.result).shape.empty()) {
    return chain.made_of != Chain::kComputed && chain.nodes.size() <= kFreeScalarNodes;
  }
  if (chain.made_of != Chain::kConstants) return false;
  int cost = 0;
  for (const std::uint32_t i : chain.nodes) cost += scalar_cost_of({i});
  return cost <= kFreeChainCost;
}

int FusionRules::scalar_cost_of(NodeId node) {
  int& cost = costs_[node.index];
  if (cost < 0) cost = scalar_cost(graph_, graph_.node(node));
  return cost;
}

IndexId FusionRules::intern(std::vector<loop::ExprId> index) {
  std::uint64_t hash = index.size();
  for (const loop::ExprId id : index) hash = hash_int(id.index, hash);
  const auto [first, last] = index_by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (indices_[it->second] == index) return it->second;
  }
  indices_.push_back(std::move(index));
  const auto id = static_cast<IndexId>(indices_.size() - 1);
  index_by_hash_.emplace(hash, id);
  return id;
}

loop::ExprId FusionRules::variable(std::size_t position, std::int64_t extent) {
  if (extent <= 1) return exprs_.index(0);
  const auto [at, is_new] = variables_.try_emplace({position, extent});
  if (is_new) {
    const loop::VarId var = exprs_.new_var("i" + std::to_string(position), extent);
    at->second = exprs_.var(var);
    variables_of(at->second);
    variable_masks_[at->second.index] = bit_at(position);
  }
  return at->second;
}

IndexId FusionRules::variables(const Dims& shape) {
  std::vector<loop::ExprId> index;
  for (std::size_t i = 0; i < shape.size(); ++i) index.push_back(variable(i, shape[i]));
  return intern(std::move(index));
}

std::uint64_t FusionRules::variables_of(loop::ExprId id) {
  // Arguments are interned before what uses them, so one pass in order settles all.
  for (std::size_t i = variable_masks_.size(); i < exprs_.size(); ++i) {
    std::uint64_t mask = 0;
    for (const loop::ExprId arg : exprs_[{static_cast<std::uint32_t>(i)}].args) {
      if (arg) mask |= variable_masks_[arg.index];
    }
    variable_masks_.push_back(mask);
  }
  return variable_masks_[id.index];
}

IndexId FusionRules::at_position(const Dims& space, IndexId index, const Dims& shape) {
  if (space == shape) return index;
  const std::vector<loop::ExprId> from = indices_[index];
  const Dims strides = row_major_strides(space);
  loop::ExprId flat = exprs_.index(0);
  for (std::size_t i = 0; i < from.size(); ++i) flat = exprs_.add(flat, exprs_.mul(from[i], strides[i]));
  const Dims to_strides = row_major_strides(shape);
  std::vector<loop::ExprId> to;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    to.push_back(shape[i] <= 1 ? exprs_.index(0) : exprs_.rem(exprs_.div(flat, to_strides[i]), shape[i]));
  }
  return intern(std::move(to));
}

const std::vector<FusionRules::Read>& FusionRules::reads(NodeId id, IndexId index) {
  const auto [at, is_new] = reads_.try_emplace({id.index, index});
  if (is_new) {
    const Node& node = graph_.node(id);
    std::vector<TensorType> operand_types;
    for (const ValueId operand : node.operands) operand_types.push_back(graph_.type(operand));
    Recorder recorder(*this, node, std::move(operand_types), index);
    node.op->index_map(recorder);
    // An operand that is never read is still an operand of the node.
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      const auto is_read = [i](const Read& read) { return read.operand == i; };
      if (std::any_of(recorder.reads.begin(), recorder.reads.end(), is_read)) continue;
      recorder.reads.push_back({i, variables(graph_.type(node.operands[i]).shape), true});
    }
    at->second = std::move(recorder.reads);
  }
  return at->second;
}

bool FusionRules::keeps_positions(NodeId id) {
  const Node& node = graph_.node(id);
  if (node.op->pattern != OpPattern::kIndexMap || node.operands.size() != 1) return false;
  const Dims& shape = graph_.type(node.result).shape;
  const Dims& operand_shape = graph_.type(node.operands[0]).shape;
  if (element_count(shape) != element_count(operand_shape)) return false;
  const IndexId index = variables(shape);
  const std::vector<Read>& from = reads(id, index);
  return from.size() == 1 && !from[0].guarded && from[0].index == at_position(shape, index, operand_shape);
}

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
  for (const NodeId node : facts.nodes) {
    facts.needed_by.push_back(demands_[graph_.node(node).result.index].needed_by);
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
      q.loops.emplace_back(bit_at(i), shape[i]);
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
    q.loops.emplace_back(kContractedBit, products);
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
  q.facts.nodes.push_back(id);
  const std::vector<IndexId> indices =
      demands_[node.result.index].indices;  // `need` may not change it: a copy
  const std::uint8_t by = demands_[node.result.index].needed_by;
  if (!free_[id.index] && indices.size() != 1) return false;

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
      if (!is_tail && indices[0] != q.row) return false;
      for (const ValueId operand : node.operands) {
        if (!need(q, operand, is_tail ? q.row : q.full, is_tail ? kRow : kFull)) return false;
      }
      return true;
    }
    case OpPattern::kContraction:
      return indices[0] == q.full && need_factors(q, node);
    case OpPattern::kControl:
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

bool FusionRules::affordable(Question& q, const Node& node, IndexId index, int cost) {
  std::uint64_t mask = 0;
  for (const loop::ExprId id : indices_[index]) mask |= variables_of(id);
  // Computed in the innermost loop that its index depends on.
  std::int64_t evaluations = 1, inside = 1;
  for (const auto& [bits, extent] : q.loops) {
    inside *= extent;
    if (mask & bits) evaluations = inside;
  }
  if (evaluations / kEvaluationsAnElement <= graph_.type(node.result).element_count()) return true;
  const auto at = std::find_if(q.duplicated.begin(), q.duplicated.end(),
                               [&](const auto& entry) { return entry.first == index; });
  if (at == q.duplicated.end()) {
    q.duplicated.emplace_back(index, cost);
    return cost <= kCheapCost;
  }
  at->second += cost;
  return at->second <= kCheapCost;
}

bool FusionRules::tails_come_last(const Question& q) const {
  if (q.facts.kind != GroupKind::kReduction) return true;
  std::vector<ValueId> tails;
  const auto is_tail = [&](ValueId value) { return std::binary_search(tails.begin(), tails.end(), value); };
  for (const NodeId id : q.facts.nodes) {  // ascending, and so are the results
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
