#include "eager.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "devices.h"
#include "ir/hash.h"
#include "runtime/executable.h"
#include "tracing.h"

namespace adze::detail {
namespace {

/// Compiled one-op programs. When kCapacity of them have gathered (a program with ever new shapes), all are
/// dropped: in use they live on by their reference counts.
class OpCache {
 public:
  using Program = std::shared_ptr<const Executable>;

  Program find_or_build(OperandForm form, const OpDef& op, std::span<const Array> operands,
                        const Attrs& attrs) {
    const Device device = current_device();
    std::uint64_t key = hash_int(reinterpret_cast<std::uintptr_t>(&op), static_cast<std::uint64_t>(form));
    key = hash_int(static_cast<std::uint64_t>(device.ordinal), key + static_cast<std::uint64_t>(device.kind));
    for (const Array& operand : operands) {
      const TensorType& type = operand.type();
      key = hash_bytes(type.shape.data(), type.shape.size() * sizeof(std::int64_t),
                       key + static_cast<std::uint64_t>(type.dtype));
    }
    if (!attrs.empty()) key = attrs.hash(key);
    const auto matches = [&](const Entry& entry) {
      return entry.op == &op && entry.form == form && entry.device == device && entry.attrs == attrs &&
             std::equal(operands.begin(), operands.end(), entry.types.begin(), entry.types.end(),
                        [](const Array& array, const TensorType& type) { return array.type() == type; });
    };
    {
      const std::lock_guard lock(mutex_);
      const auto [begin, end] = entries_.equal_range(key);
      for (auto it = begin; it != end; ++it) {
        if (matches(it->second)) return it->second.program;
      }
    }
    // Compiled without the lock; two threads may do the same work, the second's result is dropped.
    Entry entry{&op, form, device, attrs, {}, nullptr};
    for (const Array& operand : operands) entry.types.push_back(operand.type());
    entry.program = build(entry);
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= kCapacity) entries_.clear();
    const auto [begin, end] = entries_.equal_range(key);
    for (auto it = begin; it != end; ++it) {
      if (matches(it->second)) return it->second.program;
    }
    return entries_.emplace(key, std::move(entry))->second.program;
  }

 private:
  static constexpr std::size_t kCapacity = 4096;
  struct Entry {
    const OpDef* op;
    OperandForm form;
    Device device;
    Attrs attrs;
    std::vector<TensorType> types;
    Program program;
  };

  static Program build(const Entry& entry) {
    GraphBuilder builder;
    builder.set_name(std::string(entry.op->name));
    std::vector<ValueId> operands;
    for (const TensorType& type : entry.types) operands.push_back(builder.parameter(type));
    std::vector<ValueId> results = emit_form(builder, entry.form, *entry.op, operands, entry.attrs);
    const Graph graph = builder.finish(std::move(results));
    CompileContext context = make_context(entry.device);
    context.dump.clear();  // dumps and timings are of compiled functions, not of every op on the way
    context.report_time = false;
    return Executable::build(graph, {}, entry.device, context);
  }

  std::mutex mutex_;
  std::unordered_multimap<std::uint64_t, Entry> entries_;
};

OpCache& op_cache() {
  static auto* cache = new OpCache;  // lives until exit, whatever Arrays still run then
  return *cache;
}

/// Runs a graph node by node; values are dropped after their last use.
std::vector<Array> run_graph(const Graph& graph, const std::vector<Array>& arguments) {
  std::vector<Array> values(graph.values().size());
  for (std::size_t i = 0; i < arguments.size(); ++i) values[graph.parameters()[i].value.index] = arguments[i];

  const std::vector<bool> live = live_values(graph);
  std::vector<std::size_t> last_use(graph.values().size(), 0);
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    for (const ValueId operand : graph.nodes()[n].operands) last_use[operand.index] = n;
  }
  for (const ValueId result : graph.results()) last_use[result.index] = graph.nodes().size();

  std::vector<Array> operands;
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    bool needed = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) needed = needed || live[node.result_at(k).index];
    if (!needed) continue;
    operands.clear();
    for (const ValueId operand : node.operands) operands.push_back(values[operand.index]);
    std::vector<Array> results;
    if (node.op == &op_constant)
      results = {to_array(*node.attrs.get<ConstantRef>("value"))};
    else if (node.op == &op_reshape)
      results = {view(operands[0], graph.type(node.result).shape)};
    else
      results = run_eagerly(OperandForm::kPlain, *node.op, operands, node.attrs);
    for (std::uint32_t k = 0; k < node.result_count; ++k)
      values[node.result_at(k).index] = std::move(results[k]);
    for (const ValueId operand : node.operands) {
      if (last_use[operand.index] == n) values[operand.index] = Array();
    }
  }
  std::vector<Array> results;
  for (const ValueId result : graph.results()) results.push_back(values[result.index]);
  return results;
}

}  // namespace

std::vector<Array> run_eagerly(OperandForm form, const OpDef& op, std::span<const Array> operands,
                               const Attrs& attrs) {
  const OpCache::Program program = op_cache().find_or_build(form, op, operands, attrs);
  std::vector<Executable::Argument> arguments;
  arguments.reserve(operands.size());
  for (const Array& operand : operands) arguments.push_back({ArrayAccess::state(operand)->buffer});
  std::vector<BufferPtr> buffers = program->run(arguments);
  std::vector<Array> results;
  results.reserve(buffers.size());
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    results.push_back(ArrayAccess::make(program->result_types()[i], std::move(buffers[i])));
  }
  return results;
}

std::vector<Array> evaluate(const Graph& graph, const std::vector<Array>& arguments) {
  TraceState* trace = current_trace();
  if (!trace) return run_graph(graph, arguments);
  std::vector<ValueId> values;
  for (const Array& argument : arguments) values.push_back(resolve(*trace, argument, "call", "an argument"));
  std::vector<Array> results;
  for (const ValueId value : inline_graph(trace->builder, graph, values))
    results.push_back(wrap(*trace, value));
  return results;
}

}  // namespace adze::detail
