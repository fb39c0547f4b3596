#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"

namespace adze {

/// The only way to make a Graph. `emit` checks attributes, infers types, optionally folds, then hash-conses:
/// an equal (op, operands, attributes) returns the value already there, so CSE costs nothing anywhere.
///
/// References into `graph()` are invalidated by `emit`: copy what you need first.
class GraphBuilder {
 public:
  struct Options {
    bool fold = false;  ///< run OpDef::fold and evaluate small constant expressions (canonicalize does)
    bool cse = true;    ///< off only in the parser, which must keep a graph exactly as written
  };

  GraphBuilder() : GraphBuilder(Options{}) {}
  explicit GraphBuilder(Options options) : options_(options) {}
  GraphBuilder(const GraphBuilder&) = delete;
  GraphBuilder& operator=(const GraphBuilder&) = delete;

  /// A new parameter; may be added at any time (a trace discovers captured values late).
  ValueId parameter(TensorType type, std::string name = {}, Location location = {});

  /// Emits a single-result op. Throws TypeError with the operands, their names or producers and locations.
  /// Without an explicit location the current one applies (see LocationScope).
  ValueId emit(const OpDef& op, std::vector<ValueId> operands, Attrs attrs = {},
               std::optional<Location> location = {});
  /// Emits any op; all results.
  ValueList emit_multi(const OpDef& op, std::vector<ValueId> operands, Attrs attrs = {},
                       std::optional<Location> location = {});

  /// `constant` of rank 0.
  ValueId scalar(DType dtype, double value);
  /// A splat: scalar constant + broadcast_in_dim (a rank-0 constant where the rank is 0).
  ValueId full(TensorType type, double value);  // by value: `type` is often one of this graph
  ValueId constant(Literal literal);

  const Graph& graph() const { return graph_; }
  const TensorType& type(ValueId id) const { return graph_.type(id); }
  const Options& options() const { return options_; }
  void set_name(std::string name) { graph_.name_ = std::move(name); }
  const Location& location() const { return location_; }

  /// Ends the graph; dead nodes stay (see prune). The builder is empty afterwards.
  Graph finish(std::vector<ValueId> results);

 private:
  friend class LocationScope;
  ValueList append(const OpDef& op, std::vector<ValueId> operands, Attrs attrs, std::vector<TensorType> types,
                   Location location);

  Options options_;
  Graph graph_;
  Location location_;
  std::unordered_multimap<std::uint64_t, NodeId> by_hash_;
};

/// While alive, ops emitted without a location of their own get this one.
class LocationScope {
 public:
  LocationScope(GraphBuilder& builder, Location location) : builder_(builder), saved_(builder.location_) {
    builder.location_ = location;
  }
  ~LocationScope() { builder_.location_ = saved_; }
  LocationScope(const LocationScope&) = delete;
  LocationScope& operator=(const LocationScope&) = delete;

 private:
  GraphBuilder& builder_;
  Location saved_;
};

/// Re-emits the live nodes of `graph` into `builder`, with its parameters standing for `arguments`
/// (one a parameter, same types). Returns the values of its results. CSE and folding come from the builder.
ValueList inline_graph(GraphBuilder& builder, const Graph& graph, std::span<const ValueId> arguments);

/// A rule for `rewrite`: given the builder, the old graph, a live node and its new operands, emits the
/// replacement and returns one value a result; an empty list keeps the node as it is.
using RewriteRule = std::function<ValueList(GraphBuilder& builder, const Graph& graph, const Node& node,
                                            const std::vector<ValueId>& operands)>;

/// Builds a new graph from the live nodes of `graph`, in order, each offered to `rule`. Parameters are kept,
/// all of them, in order. Without a rule: prune (DCE + CSE + whatever `options` says).
Graph rewrite(const Graph& graph, const RewriteRule& rule = {}, GraphBuilder::Options options = {});

}  // namespace adze
