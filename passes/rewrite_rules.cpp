#include "passes/rewrite_rules.h"

namespace adze {
namespace {

constexpr int kMaxRounds = 8;

std::vector<std::uint32_t> count_uses(const Graph& graph) {
  std::vector<std::uint32_t> counts(graph.values().size());
  const std::vector<bool> live = live_values(graph);
  for (const Node& node : graph.nodes()) {
    bool needed = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) needed = needed || live[node.result_at(k).index];
    if (!needed) continue;
    for (const ValueId operand : node.operands) ++counts[operand.index];
  }
  for (const ValueId result : graph.results()) ++counts[result.index];
  return counts;
}

}  // namespace

const Node* RewriteSite::producer(std::size_t i, const OpDef& op) const {
  const Node* made_by = builder.graph().producer(operands[i]);
  return made_by && made_by->op == &op ? made_by : nullptr;
}

Graph apply_rules(const Graph& graph, std::span<const SiteRule> rules, GraphBuilder::Options options) {
  Graph current = graph;
  for (int round = 0; round < kMaxRounds; ++round) {
    const std::vector<std::uint32_t> use_counts = count_uses(current);
    const RewriteRule first_that_applies = [&](GraphBuilder& builder, const Graph& old, const Node& node,
                                               const std::vector<ValueId>& operands) -> ValueList {
      if (node.result_count != 1) return {};
      const RewriteSite site{builder, node, operands, old.type(node.result), use_counts};
      for (const SiteRule rule : rules) {
        if (const ValueId value = rule(site)) return value;
      }
      return {};
    };
    Graph next = rewrite(current, first_that_applies, options);
    if (next == current) break;
    current = std::move(next);
  }
  return current;
}

}  // namespace adze
