#include "passes/fusion_rules.h"

#include <algorithm>

#include "ir/hash.h"
#include "ir/op.h"
#include "ir/scalar_builder.h"

namespace adze {
namespace {

/// Rank-0 arithmetic of at most so many nodes is free, as are chains of constants and iotas of at most this
/// cost.
constexpr std::size_t kFreeScalarNodes = 16;
constexpr int kFreeChainCost = 8;

/// From the node's `scalar` hook; 0 for what has none.
int scalar_cost(const Graph& graph, const Node& node) {
  if (!node.op->scalar) return 0;
  loop::Exprs exprs;
  std::vector<Scalar> operands;
  for (std::size_t i = 0; i < node.operands.size(); ++i) {
    operands.push_back(
        exprs.load({static_cast<std::uint32_t>(i)}, graph.type(node.operands[i]).dtype, exprs.index(0)));
  }
  const DType result = graph.type(node.result).dtype;
  std::vector<loop::ExprId> stack{elementwise_body(exprs, *node.op, node.attrs, result, operands)};
  std::vector<bool> seen(exprs.size(), false);
  int cost = 0;
  while (!stack.empty()) {
    const loop::ExprId at = stack.back();
    stack.pop_back();
    if (!at || seen[at.index]) continue;
    seen[at.index] = true;
    const loop::Expr& expr = exprs[at];
    if (expr.kind == loop::ExprKind::kLoad || expr.kind == loop::ExprKind::kConst) continue;
    cost += expr.kind == loop::ExprKind::kScalar ? loop::instruction_cost(expr.op) : 1;
    stack.insert(stack.end(), expr.args.begin(), expr.args.end());
  }
  return cost;
}

}  // namespace

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

FusionRules::FusionRules(const Graph& graph, Free free)
    : graph_(graph),
      free_(graph.nodes().size(), false),
      chains_(graph.nodes().size()),
      costs_(graph.nodes().size(), -1),
      demands_(graph.values().size()),
      member_(graph.nodes().size(), false) {
  find_free_nodes(free);
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

std::uint64_t FusionRules::bit_of(std::size_t position) {
  return std::uint64_t{1} << (position >= kContractedPosition ? 63 : std::min<std::size_t>(position, 62));
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
    variable_masks_[at->second.index] = bit_of(position);
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

}  // namespace adze
