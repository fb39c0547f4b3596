#include "passes/fusion.h"

#include <algorithm>

#include "ir/op.h"
#include "passes/fusion_rules.h"
#include "passes/kernel_group.h"

// Fusion grows clusters from consumers to producers, in one sweep against the order of the graph, then merges
// clusters along what is still written and read, and clusters that read the same. `may_fuse` decides every
// time.

namespace adze {
namespace {

constexpr std::size_t kNone = SIZE_MAX;

void insert_sorted(std::vector<NodeId>& nodes, NodeId node) {
  const auto at = std::lower_bound(nodes.begin(), nodes.end(), node);
  if (at == nodes.end() || *at != node) nodes.insert(at, node);
}

/// A kernel as it grows.
struct Cluster {
  std::vector<NodeId> nodes;  ///< ascending, without the free ones
  KernelFacts facts;
};

class Fuser {
 public:
  Fuser(const Graph& graph, const FusionLimits& limits);
  std::vector<KernelGroup> run();

 private:
  void find_nodes();
  void find_epilogues();

  void place(NodeId node);
  bool join(NodeId node, std::size_t part);
  bool merge_neighbours();
  bool merge_siblings();
  bool merge_two_readers(ValueId value);
  /// May these clusters, with `producer` (if any), become one kernel? `merged` is what it would be.
  bool may_fuse(const std::vector<std::size_t>& parts, NodeId producer, Cluster& merged);
  bool belongs_to_producer(NodeId id, GroupKind kind, std::uint8_t needed_by) const;
  bool makes_cycle(const std::vector<std::size_t>& parts, const std::vector<ValueId>& outputs);
  std::vector<std::size_t> consumer_clusters(ValueId value) const;
  void take_over(const std::vector<std::size_t>& parts, Cluster merged);

  const Graph& graph_;
  const FusionLimits& limits_;
  FusionRules rules_;
  std::vector<bool> is_result_;  ///< by value
  std::vector<bool> in_memory_;  ///< by value: a result, or read by an opaque kernel
  std::vector<bool> computed_;   ///< by node: some cluster must compute it
  /// By value: computed nodes that read it, also through free nodes.
  std::vector<std::vector<NodeId>> consumers_;
  /// By value: the contraction whose epilogue it could be part of (itself included).
  std::vector<NodeId> epilogue_of_;
  std::vector<bool> from_memory_;        ///< by value: made of parameters and constants, elementwise
  std::vector<Cluster> clusters_;        ///< an empty one has been merged into another
  std::vector<std::size_t> cluster_of_;  ///< by node
  std::vector<std::uint32_t> visited_;   ///< by cluster: scratch of makes_cycle
  std::uint32_t visit_ = 0;
};

Fuser::Fuser(const Graph& graph, const FusionLimits& limits)
    : graph_(graph),
      limits_(limits),
      rules_(graph),
      is_result_(graph.values().size(), false),
      computed_(graph.nodes().size(), false),
      consumers_(graph.values().size()),
      epilogue_of_(graph.values().size()),
      from_memory_(graph.values().size(), false),
      cluster_of_(graph.nodes().size(), kNone) {
  find_nodes();
  find_epilogues();
}

void Fuser::find_nodes() {
  const std::vector<bool> live = live_values(graph_);
  for (const ValueId result : graph_.results()) is_result_[result.index] = true;
  in_memory_ = is_result_;
  for (std::uint32_t i = static_cast<std::uint32_t>(graph_.nodes().size()); i-- > 0;) {
    const Node& node = graph_.nodes()[i];
    const ValueId result = node.result;
    bool is_live = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) is_live = is_live || live[node.result_at(k).index];
    if (!is_live || node.op->pattern == OpPattern::kConstant) continue;
    const bool is_free = rules_.is_free({i});
    const bool is_opaque = rules_.is_opaque({i});
    computed_[i] = !is_free || in_memory_[result.index];
    for (const ValueId operand : node.operands) {
      std::vector<NodeId>& list = consumers_[operand.index];
      if (computed_[i]) insert_sorted(list, {i});
      if (is_opaque) in_memory_[operand.index] = true;
      if (!is_free) continue;
      for (const NodeId consumer : consumers_[result.index])
        if (!rules_.is_opaque(consumer)) insert_sorted(list, consumer);
    }
  }
}

/// Where a value can be computed as it comes out of a contraction, no other kernel should compute it from
/// memory; and a contraction should not recompute what another kernel could have written.
void Fuser::find_epilogues() {
  // By value: the contractions it depends on, as a bit set.
  std::vector<std::uint32_t> contractions(graph_.nodes().size(), 0);
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    if (graph_.nodes()[i].op->pattern == OpPattern::kContraction) contractions[i] = count++;
  }
  const std::size_t words = (count + 63) / 64;
  std::vector<std::uint64_t> depends(graph_.values().size() * words, 0);
  const auto bits = [&](ValueId value) { return depends.data() + value.index * words; };
  for (const Parameter& parameter : graph_.parameters()) from_memory_[parameter.value.index] = true;

  for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
    const Node& node = graph_.nodes()[i];
    const ValueId result = node.result;
    const OpPattern pattern = node.op->pattern;
    from_memory_[result.index] = pattern == OpPattern::kConstant || pattern == OpPattern::kIndexMap ||
                                 pattern == OpPattern::kElementwise;
    for (const ValueId operand : node.operands) {
      if (!from_memory_[operand.index]) from_memory_[result.index] = false;
      for (std::size_t w = 0; w < words; ++w) bits(result)[w] |= bits(operand)[w];
    }
    if (pattern == OpPattern::kContraction) {
      bits(result)[contractions[i] / 64] |= std::uint64_t{1} << (contractions[i] % 64);
      epilogue_of_[result.index] = {i};
    } else if (pattern == OpPattern::kElementwise) {
      NodeId latest;
      for (const ValueId operand : node.operands) {
        const NodeId from = epilogue_of_[operand.index];
        if (from && (!latest || latest < from)) latest = from;
      }
      if (!latest) continue;
      const std::uint32_t c = contractions[latest.index];
      const bool reads_it_otherwise =
          std::any_of(node.operands.begin(), node.operands.end(), [&](ValueId operand) {
            return epilogue_of_[operand.index] != latest && (bits(operand)[c / 64] >> (c % 64) & 1);
          });
      if (!reads_it_otherwise) epilogue_of_[result.index] = latest;
    }
  }
}

std::vector<KernelGroup> Fuser::run() {
  for (std::uint32_t i = static_cast<std::uint32_t>(graph_.nodes().size()); i-- > 0;) {
    if (computed_[i]) place({i});
  }
  while (merge_neighbours() || merge_siblings()) {
  }
  std::vector<KernelFacts> kernels;
  for (Cluster& cluster : clusters_) {
    if (!cluster.nodes.empty()) kernels.push_back(std::move(cluster.facts));
  }
  return make_groups(graph_, kernels);
}

/// Gives `node` to the kernel of its consumers, if they can be one kernel together; else it starts its own.
void Fuser::place(NodeId node) {
  const std::vector<std::size_t> parts = consumer_clusters(graph_.node(node).result);
  if (!parts.empty() && !rules_.is_free(node)) {
    if (parts.size() == 1 && join(node, parts[0])) return;
    Cluster merged;
    if (may_fuse(parts, node, merged)) {
      take_over(parts, std::move(merged));
      return;
    }
  }
  cluster_of_[node.index] = clusters_.size();
  clusters_.push_back({{node}, single_node_kernel(rules_, node)});
}

/// The short cut through may_fuse: one consumer, which reads all of the value and may take it in as it is.
bool Fuser::join(NodeId node, std::size_t part) {
  const ValueId value = graph_.node(node).result;
  if (is_result_[value.index]) return false;
  Cluster& cluster = clusters_[part];
  const auto use = std::find_if(cluster.facts.inputs.begin(), cluster.facts.inputs.end(),
                                [&](const KernelFacts::Use& input) { return input.value == value; });
  if (belongs_to_producer(node, cluster.facts.kind, use->needed_by)) return false;
  if (!rules_.extend(cluster.facts, node, limits_)) return false;
  cluster.nodes.insert(cluster.nodes.begin(), node);  // placed in descending order
  cluster_of_[node.index] = part;
  return true;
}

/// One round over the values still passed through memory, the largest first: their two kernels may be one.
bool Fuser::merge_neighbours() {
  std::vector<std::pair<std::int64_t, ValueId>> values;
  for (const Cluster& cluster : clusters_) {
    for (const auto& [output, unused, by] : cluster.facts.outputs) {
      if (!consumers_[output.index].empty()) values.emplace_back(-graph_.type(output).byte_size(), output);
    }
  }
  std::sort(values.begin(), values.end());
  bool merged_any = false;
  for (const auto& [unused, value] : values) {
    for (const std::size_t consumer : consumer_clusters(value)) {
      const std::size_t producer = cluster_of_[graph_.value(value).node.index];
      if (clusters_[consumer].nodes.empty() || consumer == producer) continue;
      const std::vector<std::size_t> parts{std::min(producer, consumer), std::max(producer, consumer)};
      Cluster merged;
      if (!may_fuse(parts, {}, merged)) continue;
      take_over(parts, std::move(merged));
      merged_any = true;
    }
  }
  return merged_any;
}

/// Kernels of the same space that read the same values (the gradients of scale and shift of a normalisation)
/// may as well read them together.
bool Fuser::merge_siblings() {
  bool merged_any = false;
  for (std::uint32_t i = 0; i < consumers_.size(); ++i) {
    while (consumers_[i].size() > 1 && merge_two_readers({i})) merged_any = true;
  }
  return merged_any;
}

bool Fuser::merge_two_readers(ValueId value) {
  const std::vector<std::size_t> readers = consumer_clusters(value);
  for (std::size_t a = 0; a < readers.size(); ++a) {
    const KernelFacts& first = clusters_[readers[a]].facts;
    if (first.kind == GroupKind::kContraction) continue;
    if (graph_.type(value).element_count() < element_count(first.space.shape)) continue;
    for (std::size_t b = a + 1; b < readers.size(); ++b) {
      const KernelFacts& second = clusters_[readers[b]].facts;
      if (second.kind != first.kind || second.space != first.space) continue;
      const std::vector<std::size_t> parts{readers[a], readers[b]};
      Cluster merged;
      if (!may_fuse(parts, {}, merged)) continue;
      take_over(parts, std::move(merged));
      return true;
    }
  }
  return false;
}

bool Fuser::may_fuse(const std::vector<std::size_t>& parts, NodeId producer, Cluster& merged) {
  std::size_t size = producer ? 1 : 0;
  for (const std::size_t part : parts) size += clusters_[part].nodes.size();
  if (size > static_cast<std::size_t>(limits_.max_ops)) return false;

  merged.nodes.reserve(size);
  if (producer) merged.nodes.push_back(producer);
  for (const std::size_t part : parts) {
    merged.nodes.insert(merged.nodes.end(), clusters_[part].nodes.begin(), clusters_[part].nodes.end());
  }
  std::sort(merged.nodes.begin(), merged.nodes.end());
  const auto is_inside = [&](NodeId node) {
    return std::binary_search(merged.nodes.begin(), merged.nodes.end(), node);
  };
  std::vector<ValueId> outputs;
  for (const NodeId node : merged.nodes) {
    if (rules_.is_opaque(node)) return false;  // a kernel of its own, of whose results any may be unused
    const ValueId value = graph_.node(node).result;
    const std::vector<NodeId>& readers = consumers_[value.index];
    if (is_result_[value.index] || !std::all_of(readers.begin(), readers.end(), is_inside)) {
      outputs.push_back(value);
    }
  }
  if (outputs.empty()) return false;  // of ops with several results, of which the first is not used
  std::optional<KernelFacts> facts = rules_.check(merged.nodes, outputs, limits_);
  if (!facts || makes_cycle(parts, outputs)) return false;
  merged.facts = std::move(*facts);
  if (!producer) return true;
  const auto member =
      std::find_if(merged.facts.nodes.begin(), merged.facts.nodes.end(),
                   [&](const KernelFacts::Member& candidate) { return candidate.node == producer; });
  return !belongs_to_producer(producer, merged.facts.kind, member->needed_by);
}

/// Should `id`, which a kernel of this kind needs for this, rather be computed where its operands come from?
bool Fuser::belongs_to_producer(NodeId id, GroupKind kind, std::uint8_t needed_by) const {
  const Node& node = graph_.node(id);
  if (needed_by & kFactor) return !from_memory_[node.result.index];
  const NodeId contraction = epilogue_of_[node.result.index];
  if (kind != GroupKind::kReduction || !contraction || node.op->pattern != OpPattern::kElementwise) {
    return false;
  }
  // Unless that would write more values than it saves.
  return std::all_of(node.operands.begin(), node.operands.end(), [&](ValueId operand) {
    return epilogue_of_[operand.index] != contraction ||
           (consumers_[operand.index].size() == 1 && !is_result_[operand.index]);
  });
}

/// Does a path leave the merged cluster and come back?
bool Fuser::makes_cycle(const std::vector<std::size_t>& parts, const std::vector<ValueId>& outputs) {
  if (parts.size() == 1) return false;  // its producers are in no cluster yet
  visited_.resize(clusters_.size(), 0);
  ++visit_;
  const auto is_part = [&](std::size_t cluster) {
    return std::find(parts.begin(), parts.end(), cluster) != parts.end();
  };
  std::vector<std::size_t> stack;
  const auto push_consumers = [&](ValueId value) {
    for (const NodeId consumer : consumers_[value.index]) {
      const std::size_t cluster = cluster_of_[consumer.index];
      if (cluster == kNone || is_part(cluster) || visited_[cluster] == visit_) continue;
      visited_[cluster] = visit_;
      stack.push_back(cluster);
    }
  };
  for (const ValueId output : outputs) push_consumers(output);
  while (!stack.empty()) {
    const std::size_t at = stack.back();
    stack.pop_back();
    for (const auto& [output, unused, by] : clusters_[at].facts.outputs) {
      for (const NodeId consumer : consumers_[output.index]) {
        if (cluster_of_[consumer.index] != kNone && is_part(cluster_of_[consumer.index])) return true;
      }
      push_consumers(output);
    }
  }
  return false;
}

std::vector<std::size_t> Fuser::consumer_clusters(ValueId value) const {
  std::vector<std::size_t> found;
  for (const NodeId consumer : consumers_[value.index]) found.push_back(cluster_of_[consumer.index]);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

void Fuser::take_over(const std::vector<std::size_t>& parts, Cluster merged) {
  for (const std::size_t part : parts) clusters_[part] = {};
  for (const NodeId node : merged.nodes) cluster_of_[node.index] = parts.front();
  clusters_[parts.front()] = std::move(merged);
}

}  // namespace

std::vector<KernelGroup> fuse(const Graph& graph, const FusionLimits& limits) {
  std::vector<KernelGroup> groups = Fuser(graph, limits).run();
  add_subprograms(groups, [&](const Graph& subgraph) { return fuse(subgraph, limits); });
  return groups;
}

}  // namespace adze
