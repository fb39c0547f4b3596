#include "ir/graph_builder.h"

#include <algorithm>

#include "ir/evaluate.h"
#include "ir/hash.h"
#include "ir/op.h"
#include "ir/text.h"

namespace adze {
namespace {

/// Arity, and attributes against OpDef::attrs: known names, right kinds, defaults filled in.
void check_signature(const OpDef& op, std::size_t operand_count, Attrs& attrs) {
  const std::string name(op.name);
  const std::size_t named = op.operand_names.size();
  if (op.variadic ? operand_count < named : operand_count != named) {
    throw TypeError(name + ": takes " + (op.variadic ? "at least " : "") + std::to_string(named) +
                    (named == 1 ? " operand" : " operands") + ", got " + std::to_string(operand_count));
  }
  for (const AttrSpec& spec : op.attrs) {
    const AttrValue* value = attrs.find(spec.name);
    if (!value && spec.default_value) {
      attrs.set(spec.name, *spec.default_value);
    } else if (!value) {
      throw TypeError(name + ": attribute '" + spec.name + "' is missing");
    } else if (value->index() != spec.kind.index()) {
      throw TypeError(name + ": attribute '" + spec.name + "' must be " +
                      std::string(attr_kind_name(spec.kind.index())) + ", not " +
                      std::string(attr_kind_name(value->index())));
    }
  }
  for (const auto& [key, value] : attrs) {
    if (std::none_of(op.attrs.begin(), op.attrs.end(),
                     [&, &k = key](const AttrSpec& s) { return s.name == k; })) {
      throw TypeError(name + ": has no attribute '" + key + "'");
    }
  }
}

std::string operand_name(const OpDef& op, std::size_t i) {
  if (i + 1 < op.operand_names.size() || (!op.variadic && i < op.operand_names.size())) {
    return op.operand_names[i];
  }
  return op.operand_names.empty() ? "operand" : op.operand_names.back() + " " + std::to_string(i);
}

/// The error of design 2: the rule's message, a line an operand, then where.
[[noreturn]] void throw_with_operands(const Graph& graph, const OpDef& op, std::span<const ValueId> operands,
                                      const Location& location, const TypeError& error) {
  std::string message = error.what();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    message += "\n  " + operand_name(op, i) + " " + describe(graph, operands[i]);
  }
  if (location.known()) message += "\n  at " + to_string(location);
  throw TypeError(message);
}

}  // namespace

ValueId GraphBuilder::parameter(TensorType type, std::string name, Location location) {
  element_count(type.shape);  // rejects impossible sizes
  const ValueId id{static_cast<std::uint32_t>(graph_.values_.size())};
  graph_.values_.push_back(
      {std::move(type), NodeId{}, static_cast<std::uint32_t>(graph_.parameters_.size())});
  graph_.parameters_.push_back({id, std::move(name), location});
  return id;
}

ValueId GraphBuilder::emit(const OpDef& op, std::vector<ValueId> operands, Attrs attrs,
                           std::optional<Location> location) {
  const ValueList results = emit_multi(op, std::move(operands), std::move(attrs), location);
  ADZE_CHECK(results.size() == 1, std::string(op.name) + " has several results: use emit_multi");
  return results[0];
}

ValueList GraphBuilder::emit_multi(const OpDef& op, std::vector<ValueId> operands, Attrs attrs,
                                   std::optional<Location> location) {
  const Location where = location.value_or(location_);
  for (const ValueId operand : operands) {
    ADZE_CHECK(operand.index < graph_.values_.size(),
               std::string(op.name) + ": operand is not in this graph");
  }
  std::vector<TensorType> types;
  try {
    check_signature(op, operands.size(), attrs);
    std::vector<TensorType> operand_types;
    for (const ValueId operand : operands) operand_types.push_back(type(operand));
    InferContext context(op, std::move(operand_types), attrs);
    types = op.infer_types(context);
    for (const TensorType& result : types) element_count(result.shape);
  } catch (const TypeError& error) {
    throw_with_operands(graph_, op, operands, where, error);
  }
  if (options_.cse && op.traits.commutative && operands.size() == 2 && operands[1] < operands[0]) {
    std::swap(operands[0], operands[1]);
  }
  if (options_.fold) {
    const LocationScope scope(*this, where);
    Node probe{
        .op = &op, .operands = operands, .attrs = attrs, .result = {}, .result_count = 1, .location = where};
    FoldContext context(*this, probe, types);
    if (const ValueId folded = op.fold && types.size() == 1 ? op.fold(context) : kNoValue) {
      ADZE_CHECK(type(folded) == types[0], std::string(op.name) + ": fold changed the type");
      return folded;
    }
    if (ValueList folded = fold_constants(*this, probe, types); !folded.empty()) return folded;
  }
  return append(op, std::move(operands), std::move(attrs), std::move(types), where);
}

ValueList GraphBuilder::append(const OpDef& op, std::vector<ValueId> operands, Attrs attrs,
                               std::vector<TensorType> types, Location location) {
  std::uint64_t key = 0;
  if (options_.cse) {
    key = hash_int(reinterpret_cast<std::uintptr_t>(&op), 0);
    key = attrs.hash(hash_bytes(operands.data(), operands.size() * sizeof(ValueId), key));
    const auto [first, last] = by_hash_.equal_range(key);
    for (auto it = first; it != last; ++it) {
      const Node& node = graph_.nodes_[it->second.index];
      if (node.op != &op || node.operands != operands || !(node.attrs == attrs)) continue;
      ValueList results;
      for (std::uint32_t k = 0; k < node.result_count; ++k) results.push_back(node.result_at(k));
      return results;
    }
  }
  const NodeId id{static_cast<std::uint32_t>(graph_.nodes_.size())};
  const ValueId result{static_cast<std::uint32_t>(graph_.values_.size())};
  ValueList results;
  for (std::uint32_t k = 0; k < types.size(); ++k) {
    graph_.values_.push_back({std::move(types[k]), id, k});
    results.push_back({result.index + k});
  }
  graph_.nodes_.push_back({&op, std::move(operands), std::move(attrs), result,
                           static_cast<std::uint32_t>(types.size()), location});
  if (options_.cse) by_hash_.emplace(key, id);
  return results;
}

ValueId GraphBuilder::constant(Literal literal) {
  return emit(op_constant, {}, {{"value", std::make_shared<const Literal>(std::move(literal))}});
}

ValueId GraphBuilder::scalar(DType dtype, double value) {
  return constant(Literal::full({dtype, {}}, value));
}

ValueId GraphBuilder::full(TensorType type, double value) {
  const ValueId element = scalar(type.dtype, value);
  if (type.shape.empty()) return element;
  return emit(op_broadcast_in_dim, {element}, {{"shape", std::move(type.shape)}, {"dims", Dims{}}});
}

Graph GraphBuilder::finish(std::vector<ValueId> results) {
  for (const ValueId result : results) {
    ADZE_CHECK(result.index < graph_.values_.size(), "result is not in this graph");
  }
  graph_.results_ = std::move(results);
  by_hash_.clear();
  return std::exchange(graph_, Graph{});
}

namespace {

/// Emits the live nodes of `graph`, each offered to `rule`; `map` holds the parameters on entry.
ValueList emit_live(GraphBuilder& builder, const Graph& graph, std::vector<ValueId> map,
                    const RewriteRule& rule) {
  const std::vector<bool> live = live_values(graph);
  for (const Node& node : graph.nodes()) {
    bool needed = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) needed = needed || live[node.result_at(k).index];
    if (!needed) continue;
    std::vector<ValueId> operands;
    operands.reserve(node.operands.size());
    for (const ValueId operand : node.operands) operands.push_back(map[operand.index]);
    const LocationScope scope(builder, node.location);
    ValueList results;
    if (rule) results = rule(builder, graph, node, operands);
    if (results.empty()) results = builder.emit_multi(*node.op, std::move(operands), node.attrs);
    ADZE_CHECK(results.size() == node.result_count, "rewrite: wrong number of results");
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      ADZE_CHECK(builder.type(results[k]) == graph.type(node.result_at(k)),
                 "rewrite changed a type at " + std::string(node.op->name));
      map[node.result_at(k).index] = results[k];
    }
  }
  ValueList results;
  for (const ValueId result : graph.results()) results.push_back(map[result.index]);
  return results;
}

}  // namespace

ValueList inline_graph(GraphBuilder& builder, const Graph& graph, std::span<const ValueId> arguments) {
  ADZE_CHECK(arguments.size() == graph.parameters().size(), "inline_graph: one argument a parameter");
  std::vector<ValueId> map(graph.values().size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const ValueId parameter = graph.parameters()[i].value;
    ADZE_CHECK(builder.type(arguments[i]) == graph.type(parameter), "inline_graph: argument type");
    map[parameter.index] = arguments[i];
  }
  return emit_live(builder, graph, std::move(map), {});
}

Graph rewrite(const Graph& graph, const RewriteRule& rule, GraphBuilder::Options options) {
  GraphBuilder builder(options);
  builder.set_name(graph.name());
  std::vector<ValueId> map(graph.values().size());
  for (const Parameter& parameter : graph.parameters()) {
    map[parameter.value.index] =
        builder.parameter(graph.type(parameter.value), parameter.name, parameter.location);
  }
  ValueList results = emit_live(builder, graph, std::move(map), rule);
  return builder.finish(std::move(results));
}

}  // namespace adze
