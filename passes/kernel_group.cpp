#include "passes/kernel_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "ir/graph_builder.h"
#include "ir/op.h"
#include "ir/text.h"
#include "passes/control.h"

namespace adze {

std::string_view to_string(GroupKind kind) {
  switch (kind) {
    case GroupKind::kLoop:
      return "loop";
    case GroupKind::kReduction:
      return "reduction";
    case GroupKind::kContraction:
      return "contraction";
    case GroupKind::kOpaque:
      return "opaque";
  }
  return "?";
}

namespace {

KernelGroup make_group(const Graph& graph, const KernelFacts& facts) {
  KernelGroup group{.kind = facts.kind, .body = {}, .inputs = {}, .outputs = {}};
  GraphBuilder builder;
  builder.set_name("kernel");
  std::vector<std::pair<ValueId, ValueId>> inside;  // ascending: inputs and nodes are merged below
  for (const KernelFacts::Use& input : facts.inputs) {
    group.inputs.push_back(input.value);
    inside.emplace_back(input.value, builder.parameter(graph.type(input.value)));
  }
  const auto at = [&](ValueId value) {
    return std::lower_bound(inside.begin(), inside.end(), value,
                            [](const auto& entry, ValueId key) { return entry.first < key; });
  };
  const auto find = [&](ValueId value) {
    const auto found = at(value);
    ADZE_CHECK(found != inside.end() && found->first == value, "a value that its kernel lacks");
    return found->second;
  };
  for (const auto& [id, unused] : facts.nodes) {
    const Node& node = graph.node(id);
    std::vector<ValueId> operands;
    for (const ValueId operand : node.operands) operands.push_back(find(operand));
    const ValueList values = builder.emit_multi(*node.op, std::move(operands), node.attrs, node.location);
    for (std::uint32_t k = 0; k < node.result_count; ++k)
      inside.emplace(at(node.result_at(k)), node.result_at(k), values[k]);
  }
  std::vector<ValueId> results;
  for (const KernelFacts::Use& output : facts.outputs) {
    group.outputs.push_back(output.value);
    results.push_back(find(output.value));
  }
  group.body = builder.finish(std::move(results));
  return group;
}

std::string list(const Graph& graph, const std::vector<ValueId>& values) {
  std::string text;
  for (const ValueId value : values) {
    text += fmt::format("{}%{}", text.empty() ? "" : ", ", value.index);
    if (graph.is_parameter(value)) {
      const std::string& name = graph.parameters()[graph.value(value).position].name;
      if (!name.empty()) text += fmt::format(" \"{}\"", name);
    }
  }
  return text;
}

}  // namespace

std::vector<KernelGroup> make_groups(const Graph& graph, const std::vector<KernelFacts>& kernels) {
  constexpr std::size_t kNobody = SIZE_MAX;
  std::vector<std::size_t> made_by(graph.values().size(), kNobody);
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    for (const KernelFacts::Use& output : kernels[i].outputs) made_by[output.value.index] = i;
  }
  // Kahn's algorithm; of what is ready, the kernel that ends first in the graph.
  std::vector<std::vector<std::size_t>> readers(kernels.size());
  std::vector<std::size_t> waits_for(kernels.size(), 0);
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    for (const KernelFacts::Use& input : kernels[i].inputs) {
      const std::size_t producer = made_by[input.value.index];
      if (producer == kNobody) continue;
      readers[producer].push_back(i);
      ++waits_for[i];
    }
  }
  using Entry = std::pair<NodeId, std::size_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    if (!waits_for[i]) ready.emplace(kernels[i].nodes.back().node, i);
  }
  std::vector<KernelGroup> groups;
  while (!ready.empty()) {
    const std::size_t i = ready.top().second;
    ready.pop();
    groups.push_back(make_group(graph, kernels[i]));
    for (const std::size_t reader : readers[i]) {
      if (--waits_for[reader] == 0) ready.emplace(kernels[reader].nodes.back().node, reader);
    }
  }
  ADZE_CHECK(groups.size() == kernels.size(), "groups wait for each other:\n" + print(graph));
  return groups;
}

KernelFacts single_node_kernel(FusionRules& rules, NodeId id) {
  const Node& node = rules.graph().node(id);
  if (rules.is_opaque(id)) return rules.opaque_kernel(id);
  std::optional<KernelFacts> facts =
      rules.check(std::span<const NodeId>(&id, 1), std::span<const ValueId>(&node.result, 1), kNoLimits);
  if (!facts) {
    throw CompileError(std::string(node.op->name) + ": this op has no kernel of its own\n  at " +
                       describe(rules.graph(), node.result));
  }
  return std::move(*facts);
}

KernelFacts facts_of(FusionRules& rules) {
  const Graph& body = rules.graph();
  const std::vector<bool> live = live_values(body);
  std::vector<bool> is_output(body.values().size(), false);
  for (const ValueId result : body.results()) is_output[result.index] = true;
  std::vector<NodeId> nodes;
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    if (rules.is_opaque({i})) {
      ADZE_CHECK(body.nodes().size() == 1, "an opaque kernel of more than one node:\n" + print(body));
      return rules.opaque_kernel({i});
    }
    const ValueId result = body.nodes()[i].result;
    if (live[result.index] && (!rules.is_free({i}) || is_output[result.index])) nodes.push_back({i});
  }
  std::optional<KernelFacts> facts = rules.check(nodes, body.results(), kNoLimits);
  ADZE_CHECK(facts.has_value(), "a body that is no kernel:\n" + print(body));
  return std::move(*facts);
}

KernelSpace kernel_space(const KernelGroup& group) {
  FusionRules rules(group.body);
  return facts_of(rules).space;
}

void add_subprograms(std::vector<KernelGroup>& groups,
                     const std::function<std::vector<KernelGroup>(const Graph&)>& groups_of) {
  for (KernelGroup& group : groups) {
    const Node* node = control_node(group.body);
    if (!node) continue;
    for (const GraphRef& subgraph : ControlNode(*node).subgraphs) {
      group.subprograms.push_back({subgraph, groups_of(*subgraph)});
    }
  }
}

std::vector<KernelGroup> group_each_node(const Graph& graph) {
  FusionRules rules(graph, FusionRules::Free::kConstants);
  const std::vector<bool> live = live_values(graph);
  std::vector<bool> in_memory(graph.values().size(), false);
  for (const ValueId result : graph.results()) in_memory[result.index] = true;
  const auto is_live = [&](const Node& node) {
    bool any = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) any = any || live[node.result_at(k).index];
    return any;
  };
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    if (!rules.is_opaque({i}) || !is_live(graph.nodes()[i])) continue;
    for (const ValueId operand : graph.nodes()[i].operands) in_memory[operand.index] = true;
  }
  std::vector<KernelFacts> kernels;
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!is_live(node) || node.op->pattern == OpPattern::kConstant) continue;
    if (rules.is_free({i}) && !in_memory[node.result.index]) continue;
    kernels.push_back(single_node_kernel(rules, {i}));
  }
  std::vector<KernelGroup> groups = make_groups(graph, kernels);
  add_subprograms(groups, group_each_node);
  return groups;
}

std::string indented(std::string_view text, std::size_t spaces) {
  std::string result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result += fmt::format("{:{}}{}\n", "", spaces, text.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

std::string print(const Graph& graph, const std::vector<KernelGroup>& groups) {
  std::string text;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const KernelGroup& group = groups[i];
    const KernelSpace space = kernel_space(group);
    text += fmt::format("group {}: {} over {}{}\n", i, to_string(group.kind), to_string(space.shape),
                        space.axes.empty() ? "" : ", folding axes " + to_string(space.axes));
    text += fmt::format("  reads {}\n", group.inputs.empty() ? "nothing" : list(graph, group.inputs));
    text += fmt::format("  writes {}\n", list(graph, group.outputs));
    text += indented(print(group.body), 2);
    for (std::size_t k = 0; k < group.subprograms.size(); ++k) {
      const Subprogram& sub = group.subprograms[k];
      text += fmt::format("  subgraph {}:\n", k) + indented(print(*sub.graph, sub.groups), 4);
    }
  }
  return text;
}

void verify(const Graph& graph, const std::vector<KernelGroup>& groups) {
  enum class Place { kNowhere, kSource, kMade };
  std::vector<Place> place(graph.values().size(), Place::kNowhere);
  for (std::uint32_t i = 0; i < graph.values().size(); ++i) {
    const Node* node = graph.producer({i});
    if (!node || node->op->pattern == OpPattern::kConstant) place[i] = Place::kSource;
  }
  const auto check = [&](bool holds, std::size_t group, const std::string& message) {
    ADZE_CHECK(holds, fmt::format("group {}: {}\n{}", group, message, print(groups[group].body)));
  };
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const KernelGroup& group = groups[g];
    verify(group.body);
    check(group.body.parameters().size() == group.inputs.size(), g, "inputs and parameters differ in number");
    check(group.body.results().size() == group.outputs.size(), g, "outputs and results differ in number");
    check(!group.outputs.empty(), g, "writes nothing");
    std::vector<ValueId> inputs = group.inputs;
    std::sort(inputs.begin(), inputs.end());
    check(std::adjacent_find(inputs.begin(), inputs.end()) == inputs.end(), g, "reads a value twice");
    for (std::size_t i = 0; i < group.inputs.size(); ++i) {
      const ValueId input = group.inputs[i];
      check(place[input.index] != Place::kNowhere, g,
            fmt::format("reads %{} before it is made", input.index));
      check(graph.type(input) == group.body.type(group.body.parameters()[i].value), g,
            fmt::format("parameter {} is not of the type of %{}", i, input.index));
    }
    for (std::size_t i = 0; i < group.outputs.size(); ++i) {
      const ValueId output = group.outputs[i];
      check(place[output.index] == Place::kNowhere, g, fmt::format("makes %{} a second time", output.index));
      check(graph.type(output) == group.body.type(group.body.results()[i]), g,
            fmt::format("result {} is not of the type of %{}", i, output.index));
      place[output.index] = Place::kMade;
    }
    const Node* control = control_node(group.body);
    check(group.subprograms.size() == (control ? ControlNode(*control).subgraphs.size() : 0), g,
          "does not have the groups of its subgraphs");
    for (const Subprogram& sub : group.subprograms) verify(*sub.graph, sub.groups);
    FusionRules rules(group.body);
    const KernelFacts facts = facts_of(rules);
    check(facts.kind == group.kind, g, fmt::format("is not a {}", to_string(group.kind)));
    check(facts.inputs.size() == group.inputs.size(), g, "has an unused parameter");
  }
  for (const ValueId result : graph.results()) {
    ADZE_CHECK(place[result.index] != Place::kNowhere,
               fmt::format("result %{} is made by no group", result.index));
  }
}

}  // namespace adze
