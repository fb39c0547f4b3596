#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"
#include "ir/loop_ir.h"
#include "passes/fusion.h"

// What fusion, its verifier and the memory plan know about kernels-to-be. Everything is read off the ops'
// patterns and hooks: no op is known by name.

namespace adze {

/// An interned list of index expressions.
using IndexId = std::uint32_t;

/// What a value of a kernel is needed for, a bit set: values of the full space, of rows, tails (see
/// GroupKind), or the products of a contraction. Looks through everything but reductions and contractions.
enum NeededBy : std::uint8_t { kFull = 1, kRow = 2, kTail = 4, kFactor = 8 };

/// A set of nodes found to be one kernel.
struct KernelFacts {
  struct Use {
    ValueId value;
    std::vector<IndexId> indices;  ///< where an iteration needs it
    std::uint8_t needed_by = 0;
  };
  GroupKind kind = GroupKind::kLoop;
  KernelSpace space;
  /// (Bit of the loop variable, extent) of each loop, outermost first.
  std::vector<std::pair<std::uint64_t, std::int64_t>> loops;
  struct Member {
    NodeId node;
    std::uint8_t needed_by = 0;
  };
  std::vector<Use> inputs;    ///< ascending by value
  std::vector<Member> nodes;  ///< ascending, with the free ones
  std::vector<Use> outputs;   ///< `indices` has the one index it is written at
};

/// The decision procedure: may these nodes be one kernel? Holds the index algebra shared by all questions
/// about one graph. Not thread-safe.
class FusionRules {
 public:
  /// Which nodes are copied into every kernel that needs them.
  enum class Free { kAll, kConstants };

  explicit FusionRules(const Graph& graph, Free free = Free::kAll);

  const Graph& graph() const { return graph_; }
  bool is_free(NodeId node) const { return free_[node.index]; }
  /// Does `node` make a kernel of its own, GroupKind::kOpaque?
  bool is_opaque(NodeId node) const;
  KernelFacts opaque_kernel(NodeId node) const;

  /// Decides whether `nodes` (ascending; what they need beyond free nodes comes from memory) computing
  /// `outputs` keep the promises of GroupKind within `limits`. None if not. A free node may be listed: then
  /// it is computed here.
  std::optional<KernelFacts> check(std::span<const NodeId> nodes, std::span<const ValueId> outputs,
                                   const FusionLimits& limits);

  /// The quick way to the same answer in the commonest case. Takes `node`, whose result must be an input of
  /// the kernel and no output, into the kernel: what it reads is added to the inputs. False, and `facts`
  /// unchanged, where only `check` can tell.
  bool extend(KernelFacts& facts, NodeId node, const FusionLimits& limits);

 private:
  struct Read {
    std::size_t operand;
    IndexId index;
    bool guarded;
  };
  struct Demand {
    std::vector<IndexId> indices;
    std::uint8_t needed_by = 0;
  };
  /// What is computed again where a free node is copied.
  struct Chain {
    enum MadeOf : std::uint8_t { kComputed, kParameters, kConstants };
    MadeOf made_of = kComputed;
    std::vector<std::uint32_t> nodes = {};  ///< elementwise ones, ascending
  };
  class Recorder;
  struct Question;

  /// Loop variables have positions: the dims of the space, then from here on the contracted dims. Each has a
  /// bit, for asking what an index depends on; the last dims of a space of very high rank share one.
  static constexpr std::size_t kContractedPosition = 1000;
  static std::uint64_t bit_of(std::size_t position);

  void find_free_nodes(Free free);
  Chain chain_of(const Node& node) const;
  bool is_short(const Node& node, const Chain& chain);
  /// How much computing one element of an elementwise node costs, in simple instructions (add = 1).
  int scalar_cost_of(NodeId node);

  IndexId intern(std::vector<loop::ExprId> index);
  loop::ExprId variable(std::size_t position, std::int64_t extent);
  std::uint64_t variables_of(loop::ExprId id);
  /// The index of the current element where `shape` itself is the space.
  IndexId variables(const Dims& shape);
  /// The index in a value of `shape` that has the row-major position of `index` in `space`.
  IndexId at_position(const Dims& space, IndexId index, const Dims& shape);
  /// Where `node`, an index map, reads its operands for its element at `index`.
  const std::vector<Read>& reads(NodeId node, IndexId index);
  /// Is it an index map that renames: every element keeps its row-major position?
  bool keeps_positions(NodeId node);

  // The steps of `check`.
  bool decide(Question& q, std::span<const ValueId> outputs);
  bool find_space(Question& q, std::span<const ValueId> outputs);
  bool place_outputs(Question& q, std::span<const ValueId> outputs);
  bool is_computed(NodeId node) const { return member_[node.index] || free_[node.index]; }
  bool need(Question& q, ValueId value, IndexId index, std::uint8_t by);
  bool visit(Question& q, NodeId id);
  bool need_factors(Question& q, const Node& dot);
  /// Is this node computed about once an element, in these loops and at this index?
  bool is_computed_once(const KernelFacts& facts, const Node& node, IndexId index);
  bool affordable(Question& q, const Node& node, IndexId index, int cost);
  /// Does the index depend on data? What is read there must be in memory, or free.
  bool is_indirect(IndexId index) const;
  bool tails_come_last(const Question& q) const;

  const Graph& graph_;
  std::vector<bool> free_;     ///< by node
  std::vector<Chain> chains_;  ///< by node
  std::vector<int> costs_;     ///< by node: scalar_cost_of; -1 until asked
  loop::Exprs exprs_;
  std::map<std::pair<std::size_t, std::int64_t>, loop::ExprId> variables_;  ///< by position and extent
  std::vector<std::uint64_t> variable_masks_;                               ///< by expression
  std::vector<std::vector<loop::ExprId>> indices_;                          ///< by IndexId
  std::unordered_multimap<std::uint64_t, IndexId> index_by_hash_;
  std::map<std::pair<std::uint32_t, IndexId>, std::vector<Read>> reads_;
  std::vector<Demand> demands_;  ///< by value; empty between questions
  std::vector<bool> member_;     ///< by node; false between questions
};

}  // namespace adze
