#include "passes/lower_to_loops.h"

#include <unordered_map>

#include "ir/loops_context.h"
#include "passes/lowering/group_lowering.h"

namespace adze {
namespace {

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

/// Adds kernels to a program, each distinct one once.
class KernelTable {
 public:
  explicit KernelTable(loop::Program& program) : program_(program) {}
  std::size_t add(loop::Kernel kernel, std::string_view name) {
    kernel.name = {};
    const auto [entry, is_new] = by_text_.try_emplace(loop::print(kernel), program_.kernels.size());
    if (is_new) {
      kernel.name = std::string(name) + std::to_string(program_.kernels.size());
      program_.kernels.push_back(std::move(kernel));
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

}  // namespace

loop::Kernel lower_group(const KernelGroup& group, std::string name) {
  if (group.kind == GroupKind::kOpaque) return lower_opaque(group, std::move(name));
  return GroupLowering(group, std::move(name)).run();
}

loop::Program lower_to_loops(const Graph& graph, const std::vector<KernelGroup>& groups,
                             const MemoryPlan& plan) {
  loop::Program program;
  program.name = graph.name();
  program.constants = plan.constants;
  program.arena_bytes = plan.arena_bytes;
  for (const Parameter& parameter : graph.parameters())
    program.parameter_types.push_back(graph.type(parameter.value));
  for (const ValueId result : graph.results()) program.result_types.push_back(graph.type(result));

  KernelTable kernels(program);
  for (const KernelGroup& group : groups) {
    loop::KernelCall call{kernels.add(lower_group(group, {}), to_string(group.kind)), {}};
    for (const ValueId value : group.inputs) call.arguments.push_back(plan.places.at(value.index));
    for (const ValueId value : group.outputs) call.arguments.push_back(plan.places.at(value.index));
    program.calls.push_back(std::move(call));
  }
  for (const auto& [result, source] : plan.copies) {
    loop::KernelCall call{kernels.add(copy_kernel(graph.type(source)), "copy"), {}};
    call.arguments = {plan.places.at(source.index),
                      {loop::BufferRef::Place::kResult, static_cast<std::int64_t>(result)}};
    program.calls.push_back(std::move(call));
  }
  return program;
}

}  // namespace adze
