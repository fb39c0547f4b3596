#include "runtime/executable.h"

#include <fmt/format.h>

#include <cstring>

#include "ir/errors.h"
#include "ir/interpreter.h"
#include "runtime/gpu_device.h"

namespace adze {
namespace {

BufferPtr allocate(const TensorType& type) {
  return Buffer::allocate(static_cast<std::size_t>(type.byte_size()));
}

BufferPtr copy(const std::byte* data, const TensorType& type) {
  BufferPtr result = allocate(type);
  if (type.byte_size() > 0) std::memcpy(result->data(), data, static_cast<std::size_t>(type.byte_size()));
  return result;
}

}  // namespace

std::shared_ptr<Executable> Executable::start(const Graph& graph) {
  const std::shared_ptr<Executable> result(new Executable());
  for (const Parameter& parameter : graph.parameters()) {
    result->parameter_types_.push_back(graph.type(parameter.value));
  }
  for (const ValueId value : graph.results()) result->result_types_.push_back(graph.type(value));
  result->overwrites_.assign(result->parameter_types_.size(), false);
  return result;
}

void Executable::finish(const CompileContext& context, std::size_t first_timing) {
  overwrites_ = overwritten_parameters(lowered_.program, lowered_.plan.result_aliases);
  arena_bytes_ = lowered_.program.arena_bytes;
  timings_.assign(context.timings.begin() + static_cast<std::ptrdiff_t>(first_timing), context.timings.end());
  context.write_time_table(lowered_.graph.name());
}

std::shared_ptr<const Executable> Executable::build(const Graph& graph, const std::vector<bool>& donated,
                                                    Device device, CompileContext& context) {
  if (is_gpu(device)) return build(graph, donated, gpu_device(device), context);
  const std::size_t first_timing = context.timings.size();
  const std::shared_ptr<Executable> result = start(graph);
  // Without a code generator the interpreter stands in for the CPU.
  if (device == Device::kInterpreter || !native_code_problem().empty()) {
    result->lowered_.graph = graph;
    return result;
  }
  result->lowered_ = lower(graph, donated, context);
  result->code_ = compile_native(result->lowered_.program, context);
  result->finish(context, first_timing);
  result->arenas_ = std::make_unique<ArenaPool>(static_cast<std::size_t>(result->arena_bytes_));
  return result;
}

std::shared_ptr<const Executable> Executable::build(const Graph& graph, const std::vector<bool>& donated,
                                                    GpuDevice& device, CompileContext& context) {
  const std::size_t first_timing = context.timings.size();
  const std::shared_ptr<Executable> result = start(graph);
  context.target = device.target();
  result->lowered_ = lower(graph, donated, context);
  result->gpu_ = std::make_unique<GpuRunner>(result->lowered_, device, context);
  result->finish(context, first_timing);
  return result;
}

double Executable::compile_milliseconds() const {
  double sum = 0;
  for (const auto& timing : timings_) sum += timing.milliseconds;
  return sum;
}

std::vector<BufferPtr> Executable::run(std::span<Argument> arguments) const {
  if (arguments.size() != parameter_types_.size()) {
    throw RuntimeError(fmt::format("{} takes {} arguments, not {}", lowered_.graph.name(),
                                   parameter_types_.size(), arguments.size()));
  }
  if (gpu_) return gpu_->run(arguments);
  return code_ ? run_native(arguments) : interpret_graph(arguments);
}

std::vector<BufferPtr> Executable::run_native(std::span<Argument> arguments) const {
  // By parameter: memory of our own, where the program may not work in the caller's.
  std::vector<BufferPtr> taken(arguments.size());
  std::vector<void*> pointers;
  pointers.reserve(arguments.size() + result_types_.size() + lowered_.program.constants.size());
  const auto& aliases = lowered_.plan.result_aliases;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    Argument& argument = arguments[i];
    if (overwrites_[i]) {
      const bool give = argument.donated && argument.buffer.use_count() == 1;
      taken[i] = give ? std::move(argument.buffer) : copy(argument.buffer->data(), parameter_types_[i]);
      taken[i]->take_over();
    }
    pointers.push_back(taken[i] ? taken[i]->data() : argument.buffer->data());
  }

  std::vector<BufferPtr> results;
  results.reserve(result_types_.size());
  for (std::size_t i = 0; i < result_types_.size(); ++i) {
    const bool alias = i < aliases.size() && aliases[i].has_value();
    results.push_back(alias ? taken[*aliases[i]] : allocate(result_types_[i]));
    pointers.push_back(results.back()->data());
  }
  for (const auto& constant : lowered_.program.constants) {
    pointers.push_back(const_cast<std::byte*>(constant->bytes()));  // never written: verify(Program) checks
  }
  const ArenaPool::Lease arena(*arenas_);
  entry()(pointers.data(), arena.data());
  return results;
}

std::vector<BufferPtr> Executable::interpret_graph(std::span<const Argument> arguments) const {
  std::vector<Literal> inputs;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    Literal& literal = inputs.emplace_back(parameter_types_[i]);
    if (literal.byte_size() > 0)
      std::memcpy(literal.bytes(), arguments[i].buffer->data(), literal.byte_size());
  }
  std::vector<BufferPtr> results;
  for (const Literal& literal : interpret(lowered_.graph, inputs)) {
    results.push_back(copy(literal.bytes(), literal.type()));
  }
  return results;
}

}  // namespace adze
