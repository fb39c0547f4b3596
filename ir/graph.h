#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/attributes.h"
#include "ir/location.h"
#include "ir/types.h"

namespace adze {

struct OpDef;

/// Dense id of a value in one graph. Values are numbered in topological order: a node's operands have smaller
/// ids than its results. The default-constructed id is "no value": the symbolic zero of differentiation.
struct ValueId {
  std::uint32_t index = UINT32_MAX;
  explicit operator bool() const { return index != UINT32_MAX; }
  friend auto operator<=>(const ValueId&, const ValueId&) = default;
};
inline constexpr ValueId kNoValue{};

struct NodeId {
  std::uint32_t index = UINT32_MAX;
  explicit operator bool() const { return index != UINT32_MAX; }
  friend auto operator<=>(const NodeId&, const NodeId&) = default;
};

/// A list of values that a single value converts to, so that rules may return either.
struct ValueList : std::vector<ValueId> {
  using std::vector<ValueId>::vector;
  ValueList(ValueId value) : std::vector<ValueId>{value} {}  // NOLINT: implicit on purpose
  ValueList(std::vector<ValueId> values) : std::vector<ValueId>(std::move(values)) {}  // NOLINT
};

/// One application of an op. Immutable once emitted; its results are the `result_count` values from `result`.
struct Node {
  const OpDef* op = nullptr;  ///< identity: compared by pointer, no enum to extend
  std::vector<ValueId> operands;
  Attrs attrs;
  ValueId result;
  std::uint32_t result_count = 1;
  Location location;

  ValueId result_at(std::uint32_t i) const { return {result.index + i}; }
};

/// A value: a parameter (no node) or a result of a node.
struct Value {
  TensorType type;
  NodeId node;             ///< none for a parameter
  std::uint32_t position;  ///< which result of its node, or which parameter
};

struct Parameter {
  ValueId value;
  std::string name;  ///< tree path such as "model.hidden.weight"; may be empty
  Location location;
};

/// An SSA tensor graph: append-only, pure, static shapes. Made by GraphBuilder only, never edited; a pass
/// builds another one. Subgraphs live in attributes (GraphRef) and see only their own parameters.
class Graph {
 public:
  const std::string& name() const { return name_; }
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const Value> values() const { return values_; }
  std::span<const Parameter> parameters() const { return parameters_; }
  std::span<const ValueId> results() const { return results_; }

  const Value& value(ValueId id) const { return values_[id.index]; }
  const TensorType& type(ValueId id) const { return values_[id.index].type; }
  const Node& node(NodeId id) const { return nodes_[id.index]; }
  bool is_parameter(ValueId id) const { return !values_[id.index].node; }
  /// The node that makes `id`, nullptr for a parameter.
  const Node* producer(ValueId id) const {
    const NodeId node = values_[id.index].node;
    return node ? &nodes_[node.index] : nullptr;
  }

  /// Same structure: names, ids, types, attributes. Locations are not compared.
  friend bool operator==(const Graph& a, const Graph& b);
  std::uint64_t hash(std::uint64_t seed = 0) const;

 private:
  friend class GraphBuilder;
  std::string name_ = "main";
  std::vector<Node> nodes_;
  std::vector<Value> values_;
  std::vector<Parameter> parameters_;
  std::vector<ValueId> results_;
};

/// For every value of `graph`: is it needed by a result? (One bit a value.)
std::vector<bool> live_values(const Graph& graph);

/// For every value, the nodes that read it, each once, in order. Results are not counted.
class Users {
 public:
  explicit Users(const Graph& graph);
  std::span<const NodeId> of(ValueId value) const {
    return {users_.data() + begin_[value.index], begin_[value.index + 1] - begin_[value.index]};
  }

 private:
  std::vector<std::size_t> begin_;
  std::vector<NodeId> users_;
};

}  // namespace adze
