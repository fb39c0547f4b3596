#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "ir/graph_builder.h"
#include "ir/op.h"

/// What the graph passes share: local rules, each tried at every live node, to a bounded fixpoint.
namespace adze {

/// One single-result node under rewrite. `operands` are values of `builder`, the graph being made; `node` is
/// one of the graph that was.
struct RewriteSite {
  GraphBuilder& builder;
  const Node& node;
  const std::vector<ValueId>& operands;
  const TensorType& result;
  const std::vector<std::uint32_t>&
      use_counts;  ///< by value of the old graph: operands reading it, and results

  bool is(const OpDef& op) const { return node.op == &op; }
  const TensorType& type(std::size_t i) const { return builder.type(operands[i]); }
  /// The node that makes operand i in the new graph, if it is an `op`; else nullptr. Valid until the next
  /// emit.
  const Node* producer(std::size_t i, const OpDef& op) const;
  /// Does nothing but this node read operand i?
  bool is_only_use(std::size_t i) const { return use_counts[node.operands[i].index] == 1; }
};

/// The value that replaces the node, of the same type; kNoValue where the rule does not apply.
using SiteRule = ValueId (*)(const RewriteSite& site);

/// Offers every live node to the rules, the first that applies wins, until nothing changes or 8 times.
Graph apply_rules(const Graph& graph, std::span<const SiteRule> rules, GraphBuilder::Options options);

}  // namespace adze
