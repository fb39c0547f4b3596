// Runs many cases through the compiled path, for tests/jax/compare.py:
//
//   jax_evaluate CASES.txt GRAPHS.adze INPUTS.safetensors RESULTS.safetensors [DEVICE]
//
// A line of CASES.txt is `name function active mode`. `function` is one of GRAPHS.adze or one of functions.h;
// `active` says, one digit an input, by which inputs derivatives are taken; `mode` is
//
//   values      the results
//   vjp         the results, then a cotangent of each active input
//   jvp         the results, then a tangent of each float result
//   jvp_vjp     the results, a cotangent of each active input, then tangents of all floats among those: first
//               derivatives in both modes and second ones, in one program
//
// Inputs are the tensors `name/0`, `name/1`, ...: the function's, a cotangent of each float result, then a
// tangent of each active input, as far as the mode has them. Results are named the same way. A case that
// fails has none: its error is a line of the standard output, and the exit code is 1.

#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "frontend/io/file.h"
#include "frontend/io/safetensors.h"
#include "ir/errors.h"
#include "ir/text.h"
#include "jax/functions.h"
#include "passes/ad/ad.h"
#include "runtime/device.h"
#include "runtime/kernel_cache.h"
#include "support/run_compiled.h"

namespace adze::testing {
namespace {

constexpr std::size_t kLargestText = std::size_t{1} << 30;

struct Case {
  std::string name, function, active, mode;
};

std::vector<Case> read_cases(const std::string& path) {
  std::istringstream lines(io::read_file(path, kLargestText));
  std::vector<Case> cases;
  Case next;
  while (lines >> next.name >> next.function >> next.active >> next.mode) cases.push_back(next);
  return cases;
}

class Evaluation {
 public:
  Evaluation(std::vector<Graph> graphs, io::NamedLiterals inputs, Device device) : device_(device) {
    for (Graph& graph : graphs) {
      std::string name = graph.name();
      graphs_.emplace(std::move(name), std::move(graph));
    }
    for (auto& [name, literal] : inputs) inputs_.emplace(std::move(name), std::move(literal));
  }

  /// The results of a case; errors are thrown.
  std::vector<Literal> run(const Case& c) const {
    std::vector<Literal> arguments;
    for (auto at = inputs_.end();;) {
      at = inputs_.find(c.name + "/" + std::to_string(arguments.size()));
      if (at == inputs_.end()) break;
      arguments.push_back(at->second);
    }
    const Graph graph = derived(function(c, arguments), c);
    if (arguments.size() != graph.parameters().size()) {
      throw UsageError("takes " + std::to_string(graph.parameters().size()) + " tensors, " +
                       std::to_string(arguments.size()) + " given");
    }
    CompileContext context;
    context.target = host_target();
    context.cache = &process_kernel_cache();
    return testing::run(
        *Executable::build(graph, std::vector<bool>(arguments.size(), false), device_, context), arguments);
  }

 private:
  /// The function itself, as a graph.
  Graph function(const Case& c, const std::vector<Literal>& arguments) const {
    const auto found = graphs_.find(c.function);
    if (found != graphs_.end()) return found->second;
    std::vector<TensorType> types;
    for (std::size_t i = 0; i < c.active.size() && i < arguments.size(); ++i) {
      types.push_back(arguments[i].type());
    }
    return trace_function(c.function, types);
  }

  static Graph derived(const Graph& graph, const Case& c) {
    std::vector<bool> active;
    for (const char digit : c.active) active.push_back(digit == '1');
    if (c.mode == "values") return graph;
    if (c.mode == "vjp") return vjp_graph(graph, active);
    if (c.mode == "jvp") return jvp_graph(graph, active);
    if (c.mode != "jvp_vjp") throw UsageError("there is no mode '" + c.mode + "'");
    const Graph reverse = vjp_graph(graph, active);
    active.resize(reverse.parameters().size(), false);
    return jvp_graph(reverse, active);
  }

  std::map<std::string, Graph> graphs_;
  std::map<std::string, Literal> inputs_;
  Device device_;
};

int evaluate(const std::vector<std::string>& arguments) {
  const std::vector<Case> cases = read_cases(arguments[0]);
  const std::string text = io::read_file(arguments[1], kLargestText);
  const Evaluation evaluation(text.empty() ? std::vector<Graph>{} : parse_graphs(text, arguments[1]),
                              io::load_safetensors(arguments[2]),
                              arguments.size() > 4 ? parse_device(arguments[4]) : Device::kCpu);
  io::NamedLiterals results;
  bool good = true;
  for (const Case& c : cases) {
    try {
      std::vector<Literal> values = evaluation.run(c);
      for (std::size_t i = 0; i < values.size(); ++i) {
        results.emplace_back(c.name + "/" + std::to_string(i), std::move(values[i]));
      }
    } catch (const std::exception& error) {
      std::printf("%s: %s\n", c.name.c_str(), error.what());
      good = false;
    }
  }
  io::save_safetensors(arguments[3], results);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace adze::testing

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 4 || arguments.size() > 5) {
    std::fprintf(
        stderr,
        "usage: jax_evaluate CASES.txt GRAPHS.adze INPUTS.safetensors RESULTS.safetensors [DEVICE]\n");
    return 2;
  }
  try {
    return adze::testing::evaluate(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
