#include "passes/batching.h"

#include <algorithm>

#include "ir/text.h"
#include "passes/subgraph_rules.h"

namespace adze {
namespace {

/// Elementwise: every operand over the batch.
ValueList batch_elementwise(BatchContext& c) {
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(c.with_batch(i));
  return c.builder().emit_multi(c.op(), std::move(operands), c.attrs());
}

/// The first collective among the live nodes of `graph` and its subgraphs, of axis `axis_name` or (empty) of
/// any: with the graph it is in.
std::pair<const Graph*, const Node*> find_collective(const Graph& graph, const std::string& axis_name);

std::pair<const Graph*, const Node*> find_collective(const Graph& graph, const Node& node,
                                                     const std::string& axis_name) {
  if (node.op->pattern == OpPattern::kCollective) {
    const bool found = axis_name.empty() || node.attrs.get<std::string>("axis_name") == axis_name;
    return found ? std::pair{&graph, &node} : std::pair<const Graph*, const Node*>{};
  }
  for (const auto& [name, value] : node.attrs) {
    GraphList subgraphs;
    if (const auto* one = std::get_if<GraphRef>(&value)) subgraphs = {*one};
    if (const auto* list = std::get_if<GraphList>(&value)) subgraphs = *list;
    for (const GraphRef& subgraph : subgraphs) {
      if (const auto found = find_collective(*subgraph, axis_name); found.second) return found;
    }
  }
  return {};
}

std::pair<const Graph*, const Node*> find_collective(const Graph& graph, const std::string& axis_name) {
  const std::vector<bool> live = live_values(graph);
  for (const Node& node : graph.nodes()) {
    bool needed = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) needed = needed || live[node.result_at(k).index];
    if (!needed) continue;
    if (const auto found = find_collective(graph, node, axis_name); found.second) return found;
  }
  return {};
}

/// Can the batch matter to a node of which no operand is batched?
bool concerns_axis(const Graph& graph, const Node& node, const std::string& axis_name) {
  return !axis_name.empty() && find_collective(graph, node, axis_name).second;
}

ValueId with_batch(GraphBuilder& builder, ValueId value, std::int64_t size) {
  TensorType type = builder.type(value);
  Dims dims;
  for (std::int64_t d = 1; d <= type.rank(); ++d) dims.push_back(d);
  type.shape.insert(type.shape.begin(), size);
  return builder.emit(op_broadcast_in_dim, {value}, {{"shape", type.shape}, {"dims", dims}});
}

}  // namespace

BatchedGraph batch_graph(const Graph& graph, const std::vector<bool>& batched, std::int64_t size,
                         const std::string& axis_name, const std::vector<bool>& want_batched) {
  ADZE_CHECK(batched.size() == graph.parameters().size(), "batching needs one flag a parameter");
  if (size < 0) throw TypeError("vmap: the batch size must not be negative, got " + std::to_string(size));
  GraphBuilder builder;
  builder.set_name(graph.name());
  std::vector<ValueId> value_of(graph.values().size());
  std::vector<bool> is_batched(graph.values().size());
  for (std::size_t i = 0; i < batched.size(); ++i) {
    const Parameter& parameter = graph.parameters()[i];
    TensorType type = graph.type(parameter.value);
    if (batched[i]) type.shape.insert(type.shape.begin(), size);
    value_of[parameter.value.index] = builder.parameter(std::move(type), parameter.name, parameter.location);
    is_batched[parameter.value.index] = batched[i];
  }

  const std::vector<bool> live = live_values(graph);
  for (const Node& node : graph.nodes()) {
    std::vector<ValueId> operands;
    std::vector<bool> operand_batched;
    std::vector<TensorType> result_types;
    bool needed = false, any = false;
    for (const ValueId operand : node.operands) {
      operands.push_back(value_of[operand.index]);
      operand_batched.push_back(is_batched[operand.index]);
      any = any || is_batched[operand.index];
    }
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      result_types.push_back(graph.type(node.result_at(k)));
      needed = needed || live[node.result_at(k).index];
    }
    if (!needed) continue;

    const LocationScope scope(builder, node.location);
    ValueList results;
    std::vector<bool> result_batched(node.result_count, false);
    if (!any && !concerns_axis(graph, node, axis_name)) {
      results = builder.emit_multi(*node.op, std::move(operands), node.attrs);
    } else if (any && size == 0 &&
               node.op->pattern != OpPattern::kCollective) {  // nothing is computed for nobody
      for (TensorType& type : result_types) {
        type.shape.insert(type.shape.begin(), 0);
        results.push_back(builder.full(std::move(type), 0));
      }
      result_batched.assign(node.result_count, true);
    } else {
      BatchContext context(builder, node, std::move(result_types), std::move(operands),
                           std::move(operand_batched), size, axis_name, &subgraph_rules());
      if (node.op->batch) {
        results = node.op->batch(context);
      } else if (node.op->pattern == OpPattern::kElementwise) {
        results = batch_elementwise(context);
      } else {
        throw CompileError(std::string(node.op->name) + ": this op has no batching rule\n  at " +
                           describe(graph, node.result));
      }
      ADZE_CHECK(results.size() == node.result_count,
                 "the batch rule of " + std::string(node.op->name) + " must give one value a result");
      result_batched = context.result_batched();
    }
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      const ValueId result = node.result_at(k);
      TensorType expected = graph.type(result);
      if (result_batched[k]) expected.shape.insert(expected.shape.begin(), size);
      ADZE_CHECK(builder.type(results[k]) == expected, "the batch rule of " + std::string(node.op->name) +
                                                           " gave " + to_string(builder.type(results[k])) +
                                                           " for " + describe(graph, result));
      value_of[result.index] = results[k];
      is_batched[result.index] = result_batched[k];
    }
  }

  BatchedGraph result;
  std::vector<ValueId> results;
  for (std::size_t i = 0; i < graph.results().size(); ++i) {
    const ValueId old = graph.results()[i];
    const bool wanted = i < want_batched.size() && want_batched[i];
    const bool has = is_batched[old.index];
    results.push_back(wanted && !has ? with_batch(builder, value_of[old.index], size) : value_of[old.index]);
    result.batched.push_back(has || wanted);
  }
  result.graph = rewrite(builder.finish(std::move(results)));
  return result;
}

void check_axes_bound(const Graph& graph) {
  const auto [where, node] = find_collective(graph, {});
  if (!node) return;
  throw CompileError(std::string(node->op->name) + ": axis '" + node->attrs.get<std::string>("axis_name") +
                     "' is not bound by a vmap around it\n  at " + describe(*where, node->result));
}

}  // namespace adze
