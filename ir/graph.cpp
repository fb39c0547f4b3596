#include "ir/graph.h"

#include "ir/hash.h"

namespace adze {

bool operator==(const Graph& a, const Graph& b) {
  if (a.name_ != b.name_ || a.nodes_.size() != b.nodes_.size() || a.values_.size() != b.values_.size() ||
      a.parameters_.size() != b.parameters_.size() || a.results_ != b.results_) {
    return false;
  }
  for (std::size_t i = 0; i < a.values_.size(); ++i) {
    const Value &x = a.values_[i], &y = b.values_[i];
    if (x.type != y.type || x.node != y.node || x.position != y.position) return false;
  }
  for (std::size_t i = 0; i < a.parameters_.size(); ++i) {
    if (a.parameters_[i].value != b.parameters_[i].value || a.parameters_[i].name != b.parameters_[i].name) {
      return false;
    }
  }
  for (std::size_t i = 0; i < a.nodes_.size(); ++i) {
    const Node &x = a.nodes_[i], &y = b.nodes_[i];
    if (x.op != y.op || x.operands != y.operands || x.result != y.result ||
        x.result_count != y.result_count || !(x.attrs == y.attrs)) {
      return false;
    }
  }
  return true;
}

std::uint64_t Graph::hash(std::uint64_t seed) const {
  seed = hash_text(name_, seed);
  for (const Parameter& parameter : parameters_) {
    seed = hash_int(parameter.value.index, hash_text(parameter.name, seed));
  }
  for (const Value& value : values_) {
    seed = hash_text(to_string(value.type), seed);
  }
  for (const Node& node : nodes_) {
    seed = hash_int(reinterpret_cast<std::uintptr_t>(node.op), seed);
    for (const ValueId operand : node.operands) seed = hash_int(operand.index, seed);
    seed = node.attrs.hash(seed);
  }
  for (const ValueId result : results_) seed = hash_int(result.index, seed);
  return seed;
}

std::vector<bool> live_values(const Graph& graph) {
  std::vector<bool> live(graph.values().size(), false);
  for (const ValueId result : graph.results()) live[result.index] = true;
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    bool needed = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) needed = needed || live[node.result_at(k).index];
    if (!needed) continue;
    for (const ValueId operand : node.operands) live[operand.index] = true;
  }
  return live;
}

Users::Users(const Graph& graph) : begin_(graph.values().size() + 1, 0) {
  // Counting sort by value; an operand used twice by one node is listed once.
  const auto each_use = [&](auto&& visit) {
    for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
      const std::vector<ValueId>& operands = graph.nodes()[i].operands;
      for (std::size_t k = 0; k < operands.size(); ++k) {
        bool seen = false;
        for (std::size_t j = 0; j < k; ++j) seen = seen || operands[j] == operands[k];
        if (!seen) visit(operands[k], NodeId{i});
      }
    }
  };
  each_use([&](ValueId value, NodeId) { ++begin_[value.index + 1]; });
  for (std::size_t i = 1; i < begin_.size(); ++i) begin_[i] += begin_[i - 1];
  users_.resize(begin_.back());
  std::vector<std::size_t> next(begin_.begin(), begin_.end() - 1);
  each_use([&](ValueId value, NodeId node) { users_[next[value.index]++] = node; });
}

}  // namespace adze
