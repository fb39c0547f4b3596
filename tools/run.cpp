#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "adze/device.h"
#include "frontend/io/npy.h"
#include "ir/errors.h"
#include "tools/commands.h"

namespace adze::tool {
namespace {

/// "0 (x) f32[2,3]".
std::string parameter_text(const Graph& graph, std::size_t i) {
  const Parameter& parameter = graph.parameters()[i];
  const std::string name = parameter.name.empty() ? "" : fmt::format(" ({})", parameter.name);
  return fmt::format("{}{} {}", i, name, to_string(graph.type(parameter.value)));
}

std::vector<Literal> load_inputs(const Graph& graph, const std::vector<std::string>& paths) {
  const std::size_t count = graph.parameters().size();
  if (paths.size() != count) {
    std::string message = fmt::format("@{} takes {} input{}, {} given", graph.name(), count,
                                      count == 1 ? "" : "s", paths.size());
    for (std::size_t i = 0; i < count; ++i) message += "\n  parameter " + parameter_text(graph, i);
    throw UsageError(message);
  }
  std::vector<Literal> inputs;
  for (std::size_t i = 0; i < count; ++i) {
    inputs.push_back(io::load_npy(paths[i]));
    if (inputs[i].type() == graph.type(graph.parameters()[i].value)) continue;
    throw IoError(fmt::format("{}: holds {}, but it is given for parameter {} of @{}", paths[i],
                              to_string(inputs[i].type()), parameter_text(graph, i), graph.name()));
  }
  return inputs;
}

}  // namespace

int run_command(const CommonOptions& common, const RunOptions& options) {
  const Device device = device_named(options.device, common);
  CompileContext context = make_context(common);
  const Graph graph = load_function(common);
  check_sizes(graph);
  const std::vector<Literal> inputs = load_inputs(graph, options.inputs);
  const std::vector<Literal> results = run_on(device, graph, inputs, context);

  std::error_code error;
  std::filesystem::create_directories(options.output_directory, error);
  if (error) throw IoError(fmt::format("{}: {}", options.output_directory, error.message()));
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string path =
        (std::filesystem::path(options.output_directory) / fmt::format("result{}.npy", i)).string();
    io::save_npy(path, results[i]);
    fmt::print("{} {}\n", path, to_string(results[i].type()));
  }
  return kGood;
}

int devices_command() {
  for (const DeviceInfo& info : devices()) {
    if (info.problem.empty()) {
      fmt::print("{}\n", info.description);
    } else {
      fmt::print("{} not usable: {}\n", to_string(info.device), info.problem);
    }
  }
  return kGood;
}

}  // namespace adze::tool
