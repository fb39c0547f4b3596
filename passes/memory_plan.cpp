#include "passes/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "ir/op.h"
#include "passes/arena_packing.h"
#include "passes/control.h"
#include "passes/in_place.h"
#include "passes/kernel_group.h"

namespace adze {
namespace {

using loop::BufferRef;
using Place = loop::BufferRef::Place;

std::int64_t aligned(std::int64_t bytes) {
  const auto alignment = static_cast<std::int64_t>(kAlignment);
  return (bytes + alignment - 1) / alignment * alignment;
}
std::int64_t arena_size(const TensorType& type) {
  return aligned(type.byte_size());
}

/// For each parameter: may it be overwritten once it is dead, and by which results?
struct Donations {
  std::vector<bool> donated;
  std::vector<std::optional<std::size_t>> only = {};  ///< if not empty: this result, or none
  bool allows(std::size_t parameter, std::size_t result) const {
    return parameter < donated.size() && donated[parameter] && (only.empty() || only[parameter] == result);
  }
};

class Planner {
 public:
  Planner(const Graph& graph, const std::vector<KernelGroup>& groups, Donations donations, bool share)
      : graph_(graph),
        groups_(groups),
        donations_(std::move(donations)),
        share_(share),
        last_read_(graph.values().size(), kNever),
        in_place_(groups.size()) {}

  MemoryPlan run() {
    place_parameters_and_constants();
    place_results();
    if (share_) take_over_parameters();
    for (std::size_t g = 0; g < groups_.size(); ++g) plan_subprograms(g);
    place_in_arena();
    return std::move(plan_);
  }

 private:
  static constexpr std::int64_t kNever = -1;

  bool can_alias(std::size_t group, std::size_t input, std::size_t output) {
    const KernelGroup& g = groups_[group];
    if (graph_.type(g.inputs[input]) != graph_.type(g.outputs[output])) return false;
    if (!in_place_[group]) in_place_[group] = std::make_unique<InPlace>(g);
    return in_place_[group]->allows(input, output);
  }

  void place_parameters_and_constants() {
    const std::span<const Parameter> parameters = graph_.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      plan_.places[parameters[i].value.index] = {Place::kParameter, static_cast<std::int64_t>(i)};
    }
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      for (const ValueId input : groups_[g].inputs) {
        last_read_[input.index] = static_cast<std::int64_t>(g);
        place_constant(input);
      }
    }
  }

  void place_constant(ValueId value) {
    const Node* node = graph_.producer(value);
    if (!node || node->op->pattern != OpPattern::kConstant || plan_.places.contains(value.index)) return;
    plan_.places[value.index] = {Place::kConstant, static_cast<std::int64_t>(plan_.constants.size())};
    plan_.constants.push_back(node->attrs.get<ConstantRef>("value"));
  }

  void place_results() {
    plan_.result_aliases.resize(graph_.results().size());
    for (std::size_t k = 0; k < graph_.results().size(); ++k) {
      const ValueId value = graph_.results()[k];
      place_constant(value);
      if (plan_.places.contains(value.index)) {
        plan_.copies.emplace_back(k, value);
      } else {
        plan_.places[value.index] = {Place::kResult, static_cast<std::int64_t>(k)};
      }
    }
  }

  /// Results written in the memory of donated parameters that nobody reads any more.
  void take_over_parameters() {
    const std::span<const Parameter> parameters = graph_.parameters();
    std::vector<bool> taken(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      taken[i] = i >= donations_.donated.size() || !donations_.donated[i];
    }
    // A parameter that is a result keeps its memory, and gives it to that result instead of being copied.
    std::erase_if(plan_.copies, [&](const std::pair<std::size_t, ValueId>& copy) {
      if (!graph_.is_parameter(copy.second)) return false;
      const std::uint32_t i = graph_.value(copy.second).position;
      const bool gives = !taken[i] && donations_.allows(i, copy.first);
      if (gives) plan_.result_aliases[copy.first] = i;
      taken[i] = true;
      return gives;
    });
    // First those computed from the very elements they replace, then any of the same type, then of the same
    // size.
    // In the order of the results, so that parameters and their state keep their places.
    std::vector<std::pair<std::size_t, std::size_t>> maker(graph_.results().size(), {groups_.size(), 0});
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      for (std::size_t o = 0; o < groups_[g].outputs.size(); ++o) {
        const BufferRef place = place_of(groups_[g].outputs[o]);
        if (place.place == Place::kResult) maker[static_cast<std::size_t>(place.position)] = {g, o};
      }
    }
    for (const int round : {0, 1, 2}) {
      for (std::size_t k = 0; k < maker.size(); ++k) {
        std::optional<std::size_t>& alias = plan_.result_aliases[k];
        const auto [group, output] = maker[k];
        if (group == groups_.size()) continue;  // copied
        for (std::size_t i = 0; i < parameters.size() && !alias; ++i) {
          if (taken[i] || !donations_.allows(i, k)) continue;
          if (!may_take(group, output, parameters[i].value, round)) continue;
          alias = i;
          taken[i] = true;
        }
      }
    }
  }

  bool may_take(std::size_t group, std::size_t output, ValueId parameter, int round) {
    const TensorType& type = graph_.type(groups_[group].outputs[output]);
    const TensorType& parameter_type = graph_.type(parameter);
    const std::int64_t last = last_read_[parameter.index], now = static_cast<std::int64_t>(group);
    if (round == 0) {
      if (last != now || type != parameter_type) return false;
      const std::vector<ValueId>& inputs = groups_[group].inputs;
      const auto at = std::find(inputs.begin(), inputs.end(), parameter) - inputs.begin();
      return can_alias(group, static_cast<std::size_t>(at), output);
    }
    if (last >= now) return false;
    return round == 1 ? type == parameter_type : type.byte_size() == parameter_type.byte_size();
  }

  /// Plans of a control group's subgraphs and, relative to its start, the layout of their workspace.
  void plan_subprograms(std::size_t g) {
    const KernelGroup& group = groups_[g];
    if (group.subprograms.empty()) return;
    const ControlNode control(*control_node(group.body));
    MemoryPlan::Nested& nested = plan_.nested[g];
    for (std::size_t s = 0; s < group.subprograms.size(); ++s) {
      const Subprogram& sub = group.subprograms[s];
      nested.graphs.push_back(sub.graph);
      Donations donations;
      if (control.carries > 0 && s == control.body) {
        const std::size_t parameters = sub.graph->parameters().size();
        donations = {std::vector<bool>(parameters, false), {}};
        donations.only.resize(parameters);
        for (std::size_t k = 0; k < control.carries; ++k) {
          donations.donated[control.first_carry_of_body + k] = true;
          donations.only[control.first_carry_of_body + k] = k;
        }
      }
      nested.plans.push_back(Planner(*sub.graph, sub.groups, std::move(donations), share_).run());
      nested.bytes = std::max(nested.bytes, aligned(nested.plans.back().arena_bytes));
    }
    if (control.carries > 0) {
      const MemoryPlan& body = nested.plans[control.body];
      const Graph& graph = *group.subprograms[control.body].graph;
      for (std::size_t k = 0; k < control.carries; ++k) {
        std::optional<std::int64_t>& next = nested.next.emplace_back();
        if (body.result_aliases[k]) continue;
        next = nested.bytes;
        nested.bytes += arena_size(graph.type(graph.results()[k]));
      }
    }
    if (control.kind == ControlKind::kWhile) {
      nested.predicate = nested.bytes;
      nested.bytes += aligned(1);
    }
  }

  BufferRef place_of(ValueId value) const {
    const auto at = plan_.places.find(value.index);
    return at == plan_.places.end() ? BufferRef{} : at->second;
  }

  void place_in_arena() {
    std::vector<ArenaBuffer> buffers;
    std::unordered_map<std::uint32_t, std::size_t> buffer_of;
    std::vector<std::pair<MemoryPlan::Nested*, std::size_t>> workspaces;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const KernelGroup& group = groups_[g];
      std::vector<std::size_t> reused;
      for (std::size_t o = 0; o < group.outputs.size(); ++o) {
        const ValueId value = group.outputs[o];
        if (plan_.places.contains(value.index)) continue;  // a result
        const auto last =
            static_cast<std::size_t>(std::max(last_read_[value.index], static_cast<std::int64_t>(g)));
        std::size_t buffer = buffers.size();
        for (std::size_t i = 0; share_ && i < group.inputs.size(); ++i) {
          const auto source = buffer_of.find(group.inputs[i].index);
          if (source == buffer_of.end() || buffers[source->second].last != g) continue;
          if (std::find(reused.begin(), reused.end(), source->second) != reused.end()) continue;
          if (!can_alias(g, i, o)) continue;
          buffer = source->second;
          break;
        }
        if (buffer == buffers.size()) {
          buffers.push_back({arena_size(graph_.type(value)), g, last, 0});
        } else {
          buffers[buffer].last = last;
        }
        reused.push_back(buffer);
        buffer_of[value.index] = buffer;
        plan_.arena.push_back({value, arena_size(graph_.type(value)), g, last});
      }
      const auto nested = plan_.nested.find(g);
      if (nested == plan_.nested.end() || nested->second.bytes == 0) continue;
      workspaces.emplace_back(&nested->second, buffers.size());
      buffers.push_back({nested->second.bytes, g, g, 0});
    }
    plan_.lower_bound_bytes = lower_bound_bytes(buffers);
    if (share_) {
      plan_.arena_bytes = pack(buffers);
    } else {
      for (ArenaBuffer& buffer : buffers) {
        buffer.offset = plan_.arena_bytes;
        plan_.arena_bytes += buffer.bytes;
      }
    }
    for (const auto& [value, buffer] : buffer_of) {
      plan_.places[value] = {Place::kArena, buffers[buffer].offset};
    }
    for (const auto& [nested, buffer] : workspaces) nested->offset = buffers[buffer].offset;
  }

  const Graph& graph_;
  const std::vector<KernelGroup>& groups_;
  const Donations donations_;
  bool share_;
  std::vector<std::int64_t> last_read_;             ///< by value: the last group that reads it
  std::vector<std::unique_ptr<InPlace>> in_place_;  ///< by group, made when first asked
  MemoryPlan plan_;
};

}  // namespace

MemoryPlan plan_memory(const Graph& graph, const std::vector<KernelGroup>& groups,
                       const std::vector<bool>& donated, bool share) {
  ADZE_CHECK(donated.empty() || donated.size() == graph.parameters().size(), "one donation flag a parameter");
  return Planner(graph, groups, {donated, {}}, share).run();
}

std::string print(const Graph& graph, const MemoryPlan& plan) {
  std::string text =
      fmt::format("arena {} bytes, lower bound {}\n", plan.arena_bytes, plan.lower_bound_bytes);
  const auto line = [&](ValueId value, const std::string& rest) {
    text += fmt::format("  %{} {} {}\n", value.index, to_string(graph.type(value)), rest);
  };
  for (const MemoryPlan::Tenant& tenant : plan.arena) {
    line(tenant.value,
         fmt::format("at {}, {} bytes, alive in groups {}..{}", to_string(plan.places.at(tenant.value.index)),
                     tenant.bytes, tenant.first, tenant.last));
  }
  for (const auto& [group, nested] : plan.nested) {
    text +=
        fmt::format("  workspace of group {} at arena +{}, {} bytes\n", group, nested.offset, nested.bytes);
    for (std::size_t k = 0; k < nested.next.size(); ++k) {
      if (nested.next[k]) text += fmt::format("    next carry {} at +{}\n", k, *nested.next[k]);
    }
    for (std::size_t s = 0; s < nested.plans.size(); ++s) {
      text += fmt::format("    subgraph {}: ", s);
      text += indented(print(*nested.graphs[s], nested.plans[s]), 4).substr(4);
    }
  }
  for (std::size_t i = 0; i < plan.constants.size(); ++i) {
    text += fmt::format("  constant {}: {}\n", i, to_string(plan.constants[i]->type()));
  }
  for (std::size_t k = 0; k < graph.results().size(); ++k) {
    std::string rest = fmt::format("result {}", k);
    if (const std::optional<std::size_t> parameter = plan.result_aliases[k]) {
      const std::string& name = graph.parameters()[*parameter].name;
      rest +=
          fmt::format(", in the memory of param {}{}", *parameter, name.empty() ? "" : " \"" + name + "\"");
    }
    for (const auto& [result, source] : plan.copies) {
      if (result == k) rest += ", copied from " + to_string(plan.places.at(source.index));
    }
    line(graph.results()[k], rest);
  }
  return text;
}

}  // namespace adze
