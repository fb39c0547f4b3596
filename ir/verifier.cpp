#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "ir/op.h"
#include "ir/text.h"

namespace adze {
namespace {

/// One line a node around `center`; what is broken in it must not break the excerpt.
std::string excerpt(const Graph& graph, std::size_t center) {
  constexpr std::size_t kRadius = 10;
  const std::size_t begin = center - std::min(center, kRadius);
  const std::size_t end = std::min(center + kRadius + 1, graph.nodes().size());
  std::string out;
  for (std::size_t i = begin; i < end; ++i) {
    const Node& node = graph.nodes()[i];
    out += fmt::format("\n{} %{} = {}", i == center ? "->" : "  ", node.result.index,
                       node.op ? node.op->name : "(no op)");
    for (std::size_t k = 0; k < node.operands.size(); ++k) {
      out += fmt::format("{} %{}", k == 0 ? "" : ",", node.operands[k].index);
    }
    if (node.result.index < graph.values().size()) {
      out += fmt::format(" : {}", to_string(graph.type(node.result)));
    }
    if (node.location.known()) out += "  // " + to_string(node.location);
  }
  return out;
}

class Verifier {
 public:
  void graph(const Graph& graph);

 private:
  // Messages are built only where something is wrong: this runs after every pass.
  template <class... Args>
  void check(bool condition, fmt::format_string<Args...> message, Args&&... args) const {
    if (condition) return;
    throw InternalError(
        fmt::format("verify: @{}: {}", graph_->name(), fmt::format(message, std::forward<Args>(args)...)));
  }
  template <class... Args>
  void check_node(bool condition, std::size_t i, fmt::format_string<Args...> message, Args&&... args) const {
    if (condition) return;
    throw InternalError(fmt::format("verify: @{}: node {}: {}{}", graph_->name(), i,
                                    fmt::format(message, std::forward<Args>(args)...), excerpt(*graph_, i)));
  }
  void parameters();
  void node(std::size_t i);
  void attributes(std::size_t i);
  void types(std::size_t i);

  const Graph* graph_ = nullptr;
  std::unordered_set<const Graph*> seen_;  ///< a subgraph may be shared: each is checked once
  std::vector<const Graph*> pending_subgraphs_;
};

void Verifier::graph(const Graph& graph) {
  pending_subgraphs_.push_back(&graph);
  while (!pending_subgraphs_.empty()) {
    graph_ = pending_subgraphs_.back();
    pending_subgraphs_.pop_back();
    if (!seen_.insert(graph_).second) continue;
    parameters();
    std::size_t made = graph_->parameters().size();
    for (std::size_t i = 0; i < graph_->nodes().size(); ++i) {
      node(i);
      made += graph_->nodes()[i].result_count;
    }
    check(made == graph_->values().size(), "{} values, but parameters and nodes make {}",
          graph_->values().size(), made);
    for (const ValueId result : graph_->results()) {
      check(result.index < graph_->values().size(), "result %{} does not exist", result.index);
    }
  }
}

void Verifier::parameters() {
  for (std::size_t i = 0; i < graph_->parameters().size(); ++i) {
    const ValueId id = graph_->parameters()[i].value;
    check(id.index < graph_->values().size(), "parameter {} does not exist", i);
    const Value& value = graph_->value(id);
    check(!value.node && value.position == i, "%{} is not parameter {}", id.index, i);
    check(i == 0 || graph_->parameters()[i - 1].value < id,
          "parameter {} has a smaller id than the one before", i);
  }
}

void Verifier::node(std::size_t i) {
  const Node& node = graph_->nodes()[i];
  check_node(node.op != nullptr, i, "has no op");
  check_node(node.result_count > 0, i, "has no result");
  for (const ValueId operand : node.operands) {
    check_node(operand < node.result, i, "operand %{} is not made before it", operand.index);
  }
  for (std::uint32_t k = 0; k < node.result_count; ++k) {
    const ValueId id = node.result_at(k);
    check_node(id.index < graph_->values().size(), i, "result %{} does not exist", id.index);
    const Value& value = graph_->value(id);
    check_node(value.node.index == i && value.position == k, i, "%{} says it is another node's result",
               id.index);
  }
  if (i > 0) {
    check_node(graph_->nodes()[i - 1].result < node.result, i, "has a smaller id than the node before");
  }
  attributes(i);
  types(i);
}

void Verifier::attributes(std::size_t i) {
  const Node& node = graph_->nodes()[i];
  const std::size_t named = node.op->operand_names.size();
  check_node(node.op->variadic ? node.operands.size() >= named : node.operands.size() == named, i,
             "has {} operands, {} takes {}", node.operands.size(), node.op->name, named);
  std::string_view previous;
  for (const auto& [name, value] : node.attrs) {
    check_node(previous < name, i, "attribute '{}' is out of order", name);
    previous = name;
    const auto spec = std::find_if(node.op->attrs.begin(), node.op->attrs.end(),
                                   [&, &key = name](const AttrSpec& each) { return each.name == key; });
    check_node(spec != node.op->attrs.end(), i, "has an unknown attribute '{}'", name);
    check_node(spec->kind.index() == value.index(), i, "attribute '{}' is {}, not {}", name,
               attr_kind_name(value.index()), attr_kind_name(spec->kind.index()));
    if (const auto* constant = std::get_if<ConstantRef>(&value)) {
      check_node(*constant != nullptr, i, "attribute '{}' is null", name);
    }
    if (const auto* subgraph = std::get_if<GraphRef>(&value)) {
      check_node(*subgraph != nullptr, i, "attribute '{}' is null", name);
      pending_subgraphs_.push_back(subgraph->get());
    }
    if (const auto* subgraphs = std::get_if<GraphList>(&value)) {
      for (const GraphRef& each : *subgraphs) {
        check_node(each != nullptr, i, "attribute '{}' holds null", name);
        pending_subgraphs_.push_back(each.get());
      }
    }
  }
  for (const AttrSpec& spec : node.op->attrs) {
    check_node(node.attrs.find(spec.name) != nullptr, i, "attribute '{}' is missing", spec.name);
  }
}

void Verifier::types(std::size_t i) {
  const Node& node = graph_->nodes()[i];
  std::vector<TensorType> operand_types;
  for (const ValueId operand : node.operands) operand_types.push_back(graph_->type(operand));
  InferContext context(*node.op, std::move(operand_types), node.attrs);
  std::vector<TensorType> inferred;
  try {
    inferred = node.op->infer_types(context);
  } catch (const TypeError& error) {
    check_node(false, i, "{}", error.what());
  }
  check_node(inferred.size() == node.result_count, i, "has {} results, {} gives {}", node.result_count,
             node.op->name, inferred.size());
  for (std::uint32_t k = 0; k < node.result_count; ++k) {
    const TensorType& stored = graph_->type(node.result_at(k));
    if (stored == inferred[k]) continue;
    check_node(false, i, "%{} is {}, but {} gives {}", node.result_at(k).index, to_string(stored),
               node.op->name, to_string(inferred[k]));
  }
}

}  // namespace

void verify(const Graph& graph) {
  Verifier().graph(graph);
}

}  // namespace adze
