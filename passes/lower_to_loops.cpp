#include "passes/lower_to_loops.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "ir/loops_context.h"
#include "ir/regions.h"
#include "passes/control.h"
#include "passes/lowering/group_lowering.h"

namespace adze {
namespace {

using loop::BufferRef;
using loop::Region;

/// out = in, as one flat loop.
loop::Kernel copy_kernel(const TensorType& type) {
  loop::Kernel kernel;
  const loop::BufferType flat{type.dtype, {type.element_count()}, {}};
  const loop::BufferId in = kernel.add_buffer("in0", flat, loop::Scope::kArgument);
  const loop::BufferId out = kernel.add_buffer("out0", flat, loop::Scope::kArgument);
  kernel.argument_count = 2;
  kernel.written = {false, true};
  const loop::VarId var = kernel.exprs.new_var("ia", type.element_count());
  const loop::ExprId at = kernel.exprs.var(var);
  kernel.body.push_back(
      loop::Stmt::make_for(var, type.element_count(), loop::LoopKind::kSerial,
                           {loop::Stmt::make_store(out, at, kernel.exprs.load(in, type.dtype, at))}));
  return kernel;
}

/// Adds kernels to a program, each distinct one once. Which arguments they get decides what their buffers are
/// aligned to.
class KernelTable {
 public:
  explicit KernelTable(loop::Program& program) : program_(program) {}
  std::size_t add(loop::Kernel kernel, std::string_view name, const std::vector<BufferRef>& arguments) {
    kernel.name = {};
    const auto [entry, is_new] = by_text_.try_emplace(loop::print(kernel), program_.kernels.size());
    if (is_new) {
      kernel.name = std::string(name) + std::to_string(program_.kernels.size());
      program_.kernels.push_back(std::move(kernel));
    }
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      std::int64_t& alignment = program_.kernels[entry->second].buffers[i].alignment;
      alignment = std::min(alignment, loop::alignment(arguments[i]));
    }
    return entry->second;
  }

 private:
  loop::Program& program_;
  std::unordered_map<std::string, std::size_t> by_text_;
};

/// The kernel that the op of a group of one node writes itself.
loop::Kernel lower_opaque(const KernelGroup& group, std::string name) {
  const Graph& body = group.body;
  const Node& node = body.nodes()[0];
  ADZE_CHECK(node.op->loops != nullptr, std::string(node.op->name) + " writes no loops");
  loop::Kernel kernel;
  kernel.name = std::move(name);
  kernel.ordered = true;
  std::vector<TensorType> operand_types, result_types;
  std::vector<std::size_t> argument_of;  // an operand that comes twice is one argument
  for (std::size_t i = 0; i < body.parameters().size(); ++i) {
    const TensorType& type = body.type(body.parameters()[i].value);
    kernel.add_buffer("in" + std::to_string(i), {type.dtype, type.shape, {}}, loop::Scope::kArgument);
    kernel.written.push_back(false);
  }
  for (const ValueId operand : node.operands) {
    operand_types.push_back(body.type(operand));
    argument_of.push_back(body.value(operand).position);
  }
  for (std::size_t k = 0; k < body.results().size(); ++k) {
    const TensorType& type = body.type(body.results()[k]);
    result_types.push_back(type);
    argument_of.push_back(kernel.buffers.size());
    kernel.add_buffer("out" + std::to_string(k), {type.dtype, type.shape, {}}, loop::Scope::kArgument);
    kernel.written.push_back(type.element_count() != 0);
  }
  kernel.argument_count = kernel.buffers.size();
  LoopsContext context(kernel, node.attrs, std::move(operand_types), std::move(result_types),
                       std::move(argument_of));
  node.op->loops(context);
  kernel.body = context.take_body();
  return kernel;
}

/// Writes the calls of a graph, and of the subgraphs inside it, into one program.
class ProgramLowering {
 public:
  ProgramLowering(const Graph& graph, const MemoryPlan& plan)
      : aliases_(plan.result_aliases), kernels_(program_) {
    program_.name = graph.name();
    program_.arena_bytes = plan.arena_bytes;
    for (const Parameter& parameter : graph.parameters())
      program_.parameter_types.push_back(graph.type(parameter.value));
    for (const ValueId result : graph.results()) program_.result_types.push_back(graph.type(result));
  }

  loop::Program run(const Graph& graph, const std::vector<KernelGroup>& groups, const MemoryPlan& plan) {
    std::vector<BufferRef> parameters, results;
    for (std::size_t i = 0; i < graph.parameters().size(); ++i) {
      parameters.push_back({BufferRef::Place::kParameter, static_cast<std::int64_t>(i)});
    }
    for (std::size_t k = 0; k < graph.results().size(); ++k) {
      results.push_back({BufferRef::Place::kResult, static_cast<std::int64_t>(k)});
    }
    lower(graph, groups, plan, std::move(parameters), std::move(results), 0);
    return std::move(program_);
  }

 private:
  /// A graph being written: where in the program its parameters, results, constants and arena are.
  struct Frame {
    const Graph& graph;
    const MemoryPlan& plan;
    std::vector<BufferRef> parameters, results;
    std::int64_t arena;
    std::vector<std::int64_t> constants = {};

    BufferRef at(const BufferRef& ref) const {
      const auto position = static_cast<std::size_t>(ref.position);
      switch (ref.place) {
        case BufferRef::Place::kParameter:
          return parameters[position];
        case BufferRef::Place::kResult:
          return results[position];
        case BufferRef::Place::kConstant:
          return {BufferRef::Place::kConstant, constants[position]};
        case BufferRef::Place::kArena:
          break;
      }
      return {BufferRef::Place::kArena, arena + ref.position};
    }
    BufferRef at(ValueId value) const { return at(plan.places.at(value.index)); }
  };

  /// Recursion over subgraphs: as deep as they are nested.
  void lower(const Graph& graph, const std::vector<KernelGroup>& groups, const MemoryPlan& plan,
             std::vector<BufferRef> parameters, std::vector<BufferRef> results, std::int64_t arena) {
    Frame frame{graph, plan, std::move(parameters), std::move(results), arena};
    for (const ConstantRef& constant : plan.constants) frame.constants.push_back(place_of(constant));
    std::vector<std::size_t> begin;  // by group: its first call
    for (std::size_t g = 0; g < groups.size(); ++g) {
      begin.push_back(program_.calls.size());
      if (groups[g].subprograms.empty()) {
        call(frame, groups[g]);
      } else {
        control(frame, groups[g], plan.nested.at(g));
      }
    }
    begin.push_back(program_.calls.size());
    for (const MemoryPlan::Tenant& tenant : plan.arena) {
      const std::int64_t offset = frame.at(tenant.value).position;
      keep(offset, tenant.bytes, begin[tenant.first], begin[tenant.last + 1]);
    }
    for (const auto& [result, source] : plan.copies) {
      copy(graph.type(source), frame.at(source), frame.results[result]);
    }
  }

  /// The position of a constant in the program; subgraphs share them.
  std::int64_t place_of(const ConstantRef& constant) {
    std::vector<ConstantRef>& all = program_.constants;
    const auto found = std::find(all.begin(), all.end(), constant);
    const std::int64_t position = found - all.begin();
    if (found == all.end()) all.push_back(constant);
    return position;
  }

  /// The arena holds something there in calls [first, end).
  void keep(std::int64_t offset, std::int64_t bytes, std::size_t first, std::size_t end) {
    if (bytes > 0 && first < end) program_.tenants.push_back({offset, offset + bytes, first, end - 1});
  }

  void call(const Frame& frame, const KernelGroup& group) {
    std::vector<BufferRef> arguments;
    for (const ValueId value : group.inputs) arguments.push_back(frame.at(value));
    for (const ValueId value : group.outputs) arguments.push_back(frame.at(value));
    call(lower_group(group, {}), to_string(group.kind), std::move(arguments));
  }

  void call(loop::Kernel kernel, std::string_view name, std::vector<BufferRef> arguments) {
    const std::size_t position = kernels_.add(std::move(kernel), name, arguments);
    program_.calls.push_back({position, std::move(arguments)});
  }

  void copy(const TensorType& type, const BufferRef& from, const BufferRef& to) {
    if (memory(from) == memory(to) || type.element_count() == 0) return;
    call(copy_kernel(type), "copy", {from, to});
  }

  /// The reference by which two that mean the same memory are equal.
  BufferRef memory(BufferRef ref) const {
    if (ref.place != BufferRef::Place::kResult) return ref;
    if (const auto parameter = aliases_[static_cast<std::size_t>(ref.position)]) {
      ref.place = BufferRef::Place::kParameter;
      ref.position = static_cast<std::int64_t>(*parameter);
    }
    return ref;
  }

  // Control flow.

  /// A control group being written.
  struct Site {
    const KernelGroup& group;
    const MemoryPlan::Nested& nested;
    const Node& node;
    ControlNode control;
    std::vector<BufferRef> operands, results;
    std::int64_t workspace;
  };

  void control(const Frame& frame, const KernelGroup& group, const MemoryPlan::Nested& nested) {
    const Graph& body = group.body;
    const Node& node = *control_node(body);
    Site site{group, nested, node, ControlNode(node), {}, {}, frame.arena + nested.offset};
    for (const ValueId operand : node.operands) {
      ADZE_CHECK(body.is_parameter(operand), "an operand of control flow that is not in memory");
      site.operands.push_back(frame.at(group.inputs[body.value(operand).position]));
    }
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      const auto output = std::find(body.results().begin(), body.results().end(), node.result_at(k));
      ADZE_CHECK(output != body.results().end(), "a result of control flow without a place");
      site.results.push_back(
          frame.at(group.outputs[static_cast<std::size_t>(output - body.results().begin())]));
    }
    switch (site.control.kind) {
      case ControlKind::kScan:
        return scan(site);
      case ControlKind::kWhile:
        return while_loop(site);
      case ControlKind::kCond:
        return branches(site);
      case ControlKind::kCall:
        return subgraph(site, 0, site.operands, site.results);
    }
  }

  void subgraph(const Site& site, std::size_t which, std::vector<BufferRef> parameters,
                std::vector<BufferRef> results) {
    const Subprogram& sub = site.group.subprograms[which];
    lower(*sub.graph, sub.groups, site.nested.plans[which], std::move(parameters), std::move(results),
          site.workspace);
  }

  /// Opens a region, has `body` write its calls, and closes it; without calls there is no region.
  template <class Body>
  void region(Region region, Body&& body) {
    region.begin = program_.calls.size();
    const std::size_t r = program_.regions.size();
    program_.regions.push_back(std::move(region));
    body(r);
    program_.regions[r].end = program_.calls.size();
    if (program_.regions[r].end == program_.regions[r].begin) program_.regions.pop_back();
  }

  template <class Body>
  void loop(std::int64_t count, Body&& body) {
    if (count > 0) region({.kind = Region::Kind::kLoop, .count = count}, std::forward<Body>(body));
  }

  /// Where a loop keeps its carries while it runs.
  struct Carries {
    std::vector<BufferRef> places;  ///< where the final ones will be
    std::vector<BufferRef> beside;  ///< the second place of those that cannot be written over; else the first
    bool two_places = false;
  };

  Carries carries_of(const Site& site) const {
    Carries carries;
    for (std::size_t k = 0; k < site.control.carries; ++k) {
      const std::optional<std::int64_t> next = site.nested.next[k];
      carries.places.push_back(site.results[k]);
      carries.beside.push_back(next ? BufferRef{BufferRef::Place::kArena, site.workspace + *next}
                                    : site.results[k]);
      carries.two_places = carries.two_places || next;
    }
    return carries;
  }

  /// The arena holds the second places in calls [first, end).
  void keep(const Site& site, const Carries& carries, std::size_t first, std::size_t end) {
    for (std::size_t k = 0; k < carries.beside.size(); ++k) {
      if (site.nested.next[k])
        keep(carries.beside[k].position, type_of_carry(site, k).byte_size(), first, end);
    }
  }

  void copy_back(const Site& site, const Carries& carries) {
    for (std::size_t k = 0; k < carries.places.size(); ++k) {
      copy(type_of_carry(site, k), carries.beside[k], carries.places[k]);
    }
  }

  const TensorType& type_of_carry(const Site& site, std::size_t k) const {
    const Graph& body = *site.control.subgraphs[site.control.body];
    return body.type(body.results()[k]);
  }

  void initial_carries(const Site& site) {
    for (std::size_t k = 0; k < site.control.carries; ++k) {
      copy(type_of_carry(site, k), site.operands[site.control.first_carry + k], site.results[k]);
    }
  }

  void scan(const Site& site) {
    const std::int64_t length = site.control.length;
    const Carries carries = carries_of(site);
    initial_carries(site);
    const std::size_t begin = program_.calls.size();
    if (!carries.two_places) {
      loop(length, [&](std::size_t r) { iteration(site, carries.places, carries.places, {r, 0, 1}); });
    } else {
      // Two iterations at a time, from the one place to the other and back.
      loop(length / 2, [&](std::size_t r) {
        iteration(site, carries.places, carries.beside, {r, 0, 2});
        iteration(site, carries.beside, carries.places, {r, 1, 2});
      });
      if (length % 2 == 1) {
        iteration(site, carries.places, carries.beside, {{}, length - 1, 1});
        copy_back(site, carries);
      }
    }
    keep(site, carries, begin, program_.calls.size());
  }

  /// Which iteration of a scan: number `first`, and `step` further in each iteration of `region`, if any.
  struct When {
    std::optional<std::size_t> region;
    std::int64_t first = 0, step = 1;
  };

  /// One run of the body of a scan: carries from here to there.
  void iteration(const Site& site, const std::vector<BufferRef>& from, const std::vector<BufferRef>& to,
                 const When& when) {
    const ControlNode& control = site.control;
    const Graph& body = *control.subgraphs[0];
    const auto slice = [&](BufferRef ref, const TensorType& type) {
      const std::int64_t bytes = type.byte_size();
      const std::int64_t first = control.reverse ? control.length - 1 - when.first : when.first;
      (ref.place == BufferRef::Place::kArena ? ref.position : ref.offset) += first * bytes;
      const std::int64_t stride = (control.reverse ? -bytes : bytes) * when.step;
      if (when.region && stride != 0) ref.slices.push_back({*when.region, stride});
      return ref;
    };
    std::vector<BufferRef> parameters = site.operands, results = to;
    for (std::size_t i = control.first_carry; i < parameters.size(); ++i) {
      const std::size_t k = i - control.first_carry;
      parameters[i] =
          k < control.carries ? from[k] : slice(parameters[i], body.type(body.parameters()[i].value));
    }
    for (std::size_t k = control.carries; k < site.results.size(); ++k) {
      results.push_back(slice(site.results[k], body.type(body.results()[k])));
    }
    subgraph(site, 0, std::move(parameters), std::move(results));
  }

  void while_loop(const Site& site) {
    const ControlNode& control = site.control;
    initial_carries(site);
    const BufferRef predicate{BufferRef::Place::kArena, site.workspace + site.nested.predicate};
    const auto with_carries = [&](std::size_t first, std::size_t count) {
      const auto constants = site.operands.begin() + static_cast<std::ptrdiff_t>(first);
      std::vector<BufferRef> parameters(constants, constants + static_cast<std::ptrdiff_t>(count));
      parameters.insert(parameters.end(), site.results.begin(), site.results.end());
      return parameters;
    };
    const std::size_t condition_constants = control.first_carry - control.first_carry_of_body;
    const auto condition = [&] { subgraph(site, 0, with_carries(0, condition_constants), {predicate}); };
    const Carries carries = carries_of(site);
    const std::size_t begin = program_.calls.size();
    condition();
    region({.kind = Region::Kind::kWhile, .predicate = predicate}, [&](std::size_t) {
      subgraph(site, 1, with_carries(condition_constants, control.first_carry_of_body), carries.beside);
      copy_back(site, carries);
      condition();
    });
    keep(predicate.position, 1, begin, program_.calls.size());
    keep(site, carries, begin, program_.calls.size());
  }

  void branches(const Site& site) {
    const std::size_t count = site.control.subgraphs.size();
    const std::vector<BufferRef> operands(site.operands.begin() + 1, site.operands.end());
    if (count == 1) return subgraph(site, 0, operands, site.results);
    for (std::size_t b = 0; b < count; ++b) {
      // An index out of range takes the first or the last branch.
      constexpr std::int32_t kLow = std::numeric_limits<std::int32_t>::min();
      constexpr std::int32_t kHigh = std::numeric_limits<std::int32_t>::max();
      const auto index = static_cast<std::int32_t>(b);
      region({.kind = Region::Kind::kBranch,
              .predicate = site.operands[0],
              .low = b == 0 ? kLow : index,
              .high = b + 1 == count ? kHigh : index},
             [&](std::size_t) { subgraph(site, b, operands, site.results); });
    }
  }

  loop::Program program_;
  const std::vector<std::optional<std::size_t>>& aliases_;  ///< of the program's results
  KernelTable kernels_;
};

}  // namespace

loop::Kernel lower_group(const KernelGroup& group, std::string name) {
  if (group.kind == GroupKind::kOpaque) return lower_opaque(group, std::move(name));
  return GroupLowering(group, std::move(name)).run();
}

loop::Program lower_to_loops(const Graph& graph, const std::vector<KernelGroup>& groups,
                             const MemoryPlan& plan) {
  return ProgramLowering(graph, plan).run(graph, groups, plan);
}

}  // namespace adze
