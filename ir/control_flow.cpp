#include "ir/control_flow.h"

#include <fmt/format.h>

#include <algorithm>

namespace adze {
namespace {

std::size_t count_attr(const Attrs& attrs, std::string_view name) {
  return static_cast<std::size_t>(attrs.get<std::int64_t>(name));
}

GraphRef share(Graph graph) {
  return std::make_shared<const Graph>(std::move(graph));
}

}  // namespace

ScanLayout scan_layout(const Attrs& attrs, std::size_t operand_count) {
  ScanLayout s{};
  s.body = attrs.get<GraphRef>("body").get();
  s.length = attrs.get<std::int64_t>("length");
  s.reverse = attrs.get<bool>("reverse");
  s.consts = count_attr(attrs, "num_consts");
  s.carries = count_attr(attrs, "num_carry");
  s.xs = operand_count - s.first_x();
  s.ys = s.body->results().size() - s.carries;
  return s;
}

WhileLayout while_layout(const Attrs& attrs, std::size_t operand_count) {
  WhileLayout w{};
  w.cond = attrs.get<GraphRef>("cond").get();
  w.body = attrs.get<GraphRef>("body").get();
  w.cond_consts = count_attr(attrs, "cond_consts");
  w.body_consts = count_attr(attrs, "body_consts");
  w.carries = operand_count - w.first_carry();
  return w;
}

std::vector<ValueId> joined(std::span<const ValueId> a, std::span<const ValueId> b,
                            std::span<const ValueId> c) {
  std::vector<ValueId> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return all;
}

ValueList emit_scan(GraphBuilder& builder, Graph body, std::int64_t length, bool reverse,
                    std::span<const ValueId> consts, std::span<const ValueId> carries,
                    std::span<const ValueId> xs) {
  if (body.results().empty()) return std::vector<ValueId>{};
  return builder.emit_multi(op_scan, joined(consts, carries, xs),
                            {{"body", share(std::move(body))},
                             {"length", length},
                             {"reverse", reverse},
                             {"num_consts", static_cast<std::int64_t>(consts.size())},
                             {"num_carry", static_cast<std::int64_t>(carries.size())}});
}

ValueList emit_call(GraphBuilder& builder, Graph body, std::vector<ValueId> operands) {
  if (body.results().empty()) return std::vector<ValueId>{};
  return builder.emit_multi(op_call, std::move(operands), {{"body", share(std::move(body))}});
}

ValueList emit_cond(GraphBuilder& builder, ValueId index, std::vector<Graph> branches,
                    std::vector<ValueId> operands) {
  if (branches[0].results().empty()) return std::vector<ValueId>{};
  GraphList list;
  for (Graph& branch : branches) list.push_back(share(std::move(branch)));
  operands.insert(operands.begin(), index);
  return builder.emit_multi(op_cond, std::move(operands), {{"branches", std::move(list)}});
}

TensorType stacked(TensorType type, std::int64_t size) {
  type.shape.insert(type.shape.begin(), size);
  return type;
}

TensorType slice_of(TensorType type) {
  type.shape.erase(type.shape.begin());
  return type;
}

std::vector<TensorType> parameter_types(const Graph& graph) {
  std::vector<TensorType> types;
  for (const Parameter& parameter : graph.parameters()) types.push_back(graph.type(parameter.value));
  return types;
}

std::vector<TensorType> result_types(const Graph& graph) {
  std::vector<TensorType> types;
  for (const ValueId result : graph.results()) types.push_back(graph.type(result));
  return types;
}

std::vector<bool> dependent_values(const Graph& graph, const std::vector<bool>& parameters) {
  std::vector<bool> depends(graph.values().size());
  for (std::size_t i = 0; i < parameters.size(); ++i)
    depends[graph.parameters()[i].value.index] = parameters[i];
  for (const Node& node : graph.nodes()) {
    const bool any = std::any_of(node.operands.begin(), node.operands.end(),
                                 [&](ValueId operand) { return depends[operand.index]; });
    for (std::uint32_t k = 0; k < node.result_count; ++k) depends[node.result_at(k).index] = any;
  }
  return depends;
}

namespace {

std::vector<std::size_t> set_flags(const std::vector<bool>& flags) {
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < flags.size(); ++i)
    if (flags[i]) list.push_back(i);
  return list;
}

/// What the results marked need of a loop's carries, and what these need: grows `results` by further carries,
/// returns the flags of the body's parameters. Carry k is parameter first_carry + k.
std::vector<bool> needed_in_loop(const Graph& body, std::size_t first_carry, std::size_t carries,
                                 std::vector<bool>& results) {
  while (true) {
    std::vector<bool> parameters = needed_parameters(body, set_flags(results));
    bool grown = false;
    for (std::size_t k = 0; k < carries; ++k)
      if (parameters[first_carry + k] && !results[k]) results[k] = grown = true;
    if (!grown) return parameters;
  }
}

/// For each operand of `node`: do the results marked need it? Looks into subgraphs.
std::vector<bool> needed_operands(const Node& node, std::vector<bool> results) {
  std::vector<bool> operands(node.operands.size(), true);
  if (node.op->pattern != OpPattern::kControl) return operands;
  switch (*node.op->control) {
    case ControlKind::kScan: {
      const ScanLayout s = scan_layout(node.attrs, operands.size());
      operands = needed_in_loop(*s.body, s.consts, s.carries, results);
      for (std::size_t k = 0; k < s.carries; ++k)
        operands[s.consts + k] = operands[s.consts + k] || results[k];
      break;
    }
    case ControlKind::kWhile: {
      const WhileLayout w = while_layout(node.attrs, operands.size());
      const std::vector<std::size_t> predicate{0};
      const std::vector<bool> by_cond = needed_parameters(*w.cond, predicate);
      for (std::size_t k = 0; k < w.carries; ++k) results[k] = results[k] || by_cond[w.cond_consts + k];
      const std::vector<bool> by_body = needed_in_loop(*w.body, w.body_consts, w.carries, results);
      for (std::size_t i = 0; i < w.cond_consts; ++i) operands[i] = by_cond[i];
      for (std::size_t i = 0; i < w.body_consts; ++i) operands[w.cond_consts + i] = by_body[i];
      for (std::size_t k = 0; k < w.carries; ++k) operands[w.first_carry() + k] = results[k];
      break;
    }
    case ControlKind::kCond: {
      std::fill(operands.begin() + 1, operands.end(), false);
      for (const GraphRef& branch : node.attrs.get<GraphList>("branches")) {
        const std::vector<bool> own = needed_parameters(*branch, set_flags(results));
        for (std::size_t i = 0; i < own.size(); ++i) operands[i + 1] = operands[i + 1] || own[i];
      }
      break;
    }
    case ControlKind::kCall:
      operands = needed_parameters(*node.attrs.get<GraphRef>("body"), set_flags(results));
      break;
  }
  return operands;
}

/// One bit a value: do the results listed need it? `deep`: nodes with subgraphs need only the operands that
/// their needed results need.
std::vector<bool> needed_values(const Graph& graph, std::span<const std::size_t> results, bool deep) {
  std::vector<bool> needed(graph.values().size());
  for (const std::size_t r : results) needed[graph.results()[r].index] = true;
  for (std::size_t n = graph.nodes().size(); n-- > 0;) {
    const Node& node = graph.nodes()[n];
    std::vector<bool> wanted;
    for (std::uint32_t k = 0; k < node.result_count; ++k) wanted.push_back(needed[node.result_at(k).index]);
    if (count(wanted) == 0) continue;
    const std::vector<bool> operands =
        deep ? needed_operands(node, std::move(wanted)) : std::vector<bool>(node.operands.size(), true);
    for (std::size_t i = 0; i < operands.size(); ++i)
      if (operands[i]) needed[node.operands[i].index] = true;
  }
  return needed;
}

}  // namespace

std::vector<bool> needed_parameters(const Graph& graph, std::span<const std::size_t> results) {
  const std::vector<bool> needed = needed_values(graph, results, true);
  std::vector<bool> parameters;
  for (const Parameter& parameter : graph.parameters()) parameters.push_back(needed[parameter.value.index]);
  return parameters;
}

Graph part_of(const Graph& graph, const std::vector<bool>& parameters, std::span<const std::size_t> results) {
  const std::vector<bool> needed = needed_values(graph, results, false);
  GraphBuilder builder;
  builder.set_name(graph.name());
  std::vector<ValueId> value_of(graph.values().size());
  for (std::size_t i = 0; i < graph.parameters().size(); ++i) {
    const Parameter& parameter = graph.parameters()[i];
    ADZE_CHECK(parameters[i] || !needed[parameter.value.index], "part_of: a dropped parameter is needed");
    if (!parameters[i]) continue;
    value_of[parameter.value.index] =
        builder.parameter(graph.type(parameter.value), parameter.name, parameter.location);
  }
  for (const Node& node : graph.nodes()) {
    bool any = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) any = any || needed[node.result_at(k).index];
    if (!any) continue;
    std::vector<ValueId> operands;
    for (const ValueId operand : node.operands) operands.push_back(value_of[operand.index]);
    const ValueList values = builder.emit_multi(*node.op, std::move(operands), node.attrs, node.location);
    for (std::uint32_t k = 0; k < node.result_count; ++k) value_of[node.result_at(k).index] = values[k];
  }
  std::vector<ValueId> values;
  for (const std::size_t r : results) values.push_back(value_of[graph.results()[r].index]);
  return builder.finish(std::move(values));
}

std::size_t count(const std::vector<bool>& flags) {
  return static_cast<std::size_t>(std::count(flags.begin(), flags.end(), true));
}

void check_parameters(const InferContext& c, std::string_view attr, const Graph& graph,
                      std::span<const Slot> parameters) {
  if (graph.parameters().size() != parameters.size()) {
    c.fail(fmt::format("{} must take {} parameters, but takes {}", attr, parameters.size(),
                       graph.parameters().size()));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = graph.parameters()[i];
    const TensorType& type = graph.type(parameter.value);
    if (type == parameters[i].type) continue;
    c.fail(fmt::format("parameter {}{} of {} is {}, but must be {}, {}", i,
                       parameter.name.empty() ? "" : " (" + parameter.name + ")", attr, to_string(type),
                       to_string(parameters[i].type), parameters[i].what));
  }
}

void check_results(const InferContext& c, std::string_view attr, const Graph& graph,
                   std::span<const Slot> results, bool more_allowed) {
  const std::size_t size = graph.results().size();
  if (more_allowed ? size < results.size() : size != results.size()) {
    c.fail(fmt::format("{} must return {}{} values, but returns {}", attr, more_allowed ? "at least " : "",
                       results.size(), size));
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const TensorType& type = graph.type(graph.results()[i]);
    if (type == results[i].type) continue;
    c.fail(fmt::format("result {} of {} is {}, but must be {}, {}", i, attr, to_string(type),
                       to_string(results[i].type), results[i].what));
  }
}

const Graph& check_graph(const InferContext& c, std::string_view attr) {
  const GraphRef& graph = c.attr<GraphRef>(attr);
  if (!graph) c.fail(fmt::format("{} must not be null", attr));
  return *graph;
}

std::size_t check_count(const InferContext& c, std::string_view attr, std::size_t most) {
  const auto value = c.attr<std::int64_t>(attr);
  if (value < 0 || value > static_cast<std::int64_t>(most)) {
    c.fail(fmt::format("{} must be in [0, {}], got {}", attr, most, value));
  }
  return static_cast<std::size_t>(value);
}

void fail_reverse_while() {
  throw CompileError(
      "while: reverse-mode differentiation needs the values of every iteration, whose number is not known "
      "beforehand; use scan, or fori_loop with bounds that are C++ numbers, or forward mode (jvp)");
}

}  // namespace adze
