#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "codegen/host_target.h"
#include "frontend/io/file.h"
#include "ir/errors.h"
#include "ir/suggest.h"
#include "ir/text.h"
#include "passes/pipeline.h"
#include "runtime/executable.h"
#include "runtime/kernel_cache.h"
#include "tools/commands.h"

namespace adze::tool {
namespace {

/// No hand-written program comes near; it bounds what a mistaken argument can load.
constexpr std::size_t kLargestText = std::size_t{1} << 32;

std::string unknown(std::string_view what, std::string_view name, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  return fmt::format("there is no {} '{}'{} (known: {})", what, name, did_you_mean(name, views),
                     fmt::join(known, ", "));
}

}  // namespace

std::vector<Graph> load_functions(const CommonOptions& common) {
  const bool is_stdin = common.file == "-";
  const std::string text = io::read_file(is_stdin ? "/dev/stdin" : common.file, kLargestText);
  std::vector<Graph> graphs = parse_graphs(text, is_stdin ? "<stdin>" : common.file);
  for (const Graph& graph : graphs) verify(graph);
  if (common.function.empty()) return graphs;
  const auto found = std::find_if(graphs.begin(), graphs.end(),
                                  [&](const Graph& graph) { return graph.name() == common.function; });
  if (found != graphs.end()) return {*found};
  std::vector<std::string> names;
  for (const Graph& graph : graphs) names.push_back(graph.name());
  throw UsageError(unknown("function", common.function, names));
}

Graph load_function(const CommonOptions& common) {
  std::vector<Graph> graphs = load_functions(common);
  if (graphs.size() == 1) return std::move(graphs[0]);
  std::vector<std::string> names;
  for (const Graph& graph : graphs) names.push_back(graph.name());
  throw UsageError(fmt::format("{} holds {} functions; choose one with --function: {}", common.file,
                               graphs.size(), fmt::join(names, ", ")));
}

namespace {

/// The Target of "sm_90".
Target parse_gpu(const std::string& name, int multiprocessors) {
  int capability = 0;
  const char* const end = name.data() + name.size();
  if (name.starts_with("sm_")) {
    const auto [rest, error] = std::from_chars(name.data() + 3, end, capability);
    if (error == std::errc() && rest == end && capability >= 50 && capability < 1000) {
      return gpu_target(capability, multiprocessors);
    }
  }
  throw UsageError(fmt::format("--target: '{}' is not a GPU; expected sm_80, sm_90, ...", name));
}

}  // namespace

CompileContext make_context(const CommonOptions& common) {
  try {
    CompileContext context = CompileContext::from_environment();
    context.cache = &process_kernel_cache();
    for (const std::string& pass : common.disabled) {
      const std::vector<std::string>& known = pass_names();
      if (std::find(known.begin(), known.end(), pass) == known.end()) {
        throw UsageError("--disable: " + unknown("pass", pass, known));
      }
      context.disabled.insert(pass);
    }
    if (!common.launch.empty()) {
      using Mode = loop::Launch::Mode;
      context.launch = common.launch == "graph" ? Mode::kGraph : Mode::kPersistent;
    }
    context.target = !common.target.empty() ? parse_gpu(common.target, common.multiprocessors)
                     : common.cpu.empty()   ? host_target()
                                            : target_for_cpu(common.cpu);
    return context;
  } catch (const CompileError& error) {
    throw UsageError(error.what());
  }
}

std::vector<bool> parameter_flags(const Graph& graph, const std::vector<std::size_t>& positions) {
  std::vector<bool> flags(graph.parameters().size(), false);
  for (const std::size_t position : positions) {
    if (position >= flags.size()) {
      throw UsageError(fmt::format("@{} has no parameter {}: it has {}, counted from 0", graph.name(),
                                   position, flags.size()));
    }
    if (flags[position]) throw UsageError(fmt::format("parameter {} is named twice", position));
    flags[position] = true;
  }
  return flags;
}

void check_sizes(const Graph& graph) {
  const auto memory = static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  for (std::uint32_t i = 0; i < graph.values().size(); ++i) {
    const std::int64_t bytes = graph.values()[i].type.byte_size();
    if (bytes <= memory) continue;
    throw RuntimeError(
        fmt::format("{} takes {} bytes, this machine has {}", describe(graph, ValueId{i}), bytes, memory));
  }
}

Device device_named(const std::string& name, const CommonOptions& common) {
  try {
    const Device device = parse_device(name);
    if (!common.cpu.empty() && device != Device::kCpu) {
      throw UsageError(
          fmt::format("--cpu={} is for the device cpu, not for {}", common.cpu, to_string(device)));
    }
    return device;
  } catch (const RuntimeError& error) {
    throw UsageError(fmt::format("--device: {}", error.what()));
  }
}

std::vector<Literal> run_on(Device device, const Graph& graph, const std::vector<Literal>& inputs,
                            CompileContext& context) {
  const std::vector<bool> donated(graph.parameters().size(), false);
  const auto executable = Executable::build(graph, donated, device, context);
  std::vector<Executable::Argument> arguments;
  for (const Literal& input : inputs) {
    const BufferPtr buffer = Buffer::allocate(input.byte_size());
    if (input.byte_size() > 0) std::memcpy(buffer->data(), input.bytes(), input.byte_size());
    arguments.push_back({buffer, false});
  }
  const std::vector<BufferPtr> buffers = executable->run(arguments);
  std::vector<Literal> results;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    Literal& result = results.emplace_back(executable->result_types()[i]);
    if (result.byte_size() > 0) std::memcpy(result.bytes(), buffers[i]->data(), result.byte_size());
  }
  return results;
}

}  // namespace adze::tool
