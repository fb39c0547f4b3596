#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "codegen/cpu_backend.h"
#include "ir/text.h"
#include "passes/ad/ad.h"
#include "passes/pipeline.h"
#include "tools/commands.h"

namespace adze::tool {
namespace {

void write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

/// The text of one function at the level of its compilation asked for.
std::string text_of(const Graph& graph, const std::string& emit, const std::vector<bool>& donated,
                    CompileContext& context) {
  if (emit == "graph") return print(lower(graph, donated, context, Level::kGraph).graph);
  if (emit == "groups") {
    const Lowered lowered = lower(graph, donated, context, Level::kGroups);
    return print(lowered.graph, lowered.groups);
  }
  if (emit == "plan") {
    if (context.target.kind != TargetKind::kGpu) {
      const Lowered lowered = lower(graph, donated, context, Level::kPlan);
      return print(lowered.graph, lowered.plan);
    }
    const Lowered lowered = lower(graph, donated, context);
    return print(lowered.graph, lowered.plan) + print(lowered.program, lowered.transfers);
  }
  const Lowered lowered = lower(graph, donated, context);
  if (emit == "llvm") return print_llvm(lowered.program, context.target);
  if (emit == "asm") return print_assembly(lowered.program, context.target);
  return loop::print(lowered.program);
}

}  // namespace

int print_command(const CommonOptions& common, const PrintOptions& options) {
  const bool compiles = options.emit != "input";
  if (!common.target.empty() && (options.emit == "llvm" || options.emit == "asm")) {
    throw UsageError(
        fmt::format("--emit={} shows code for a CPU, --target={} is a GPU", options.emit, common.target));
  }
  CompileContext context = compiles ? make_context(common) : CompileContext();
  std::string text;
  for (const Graph& graph : load_functions(common)) {
    if (!text.empty()) text += '\n';
    const std::vector<bool> donated = parameter_flags(graph, options.donated);
    text += compiles ? text_of(graph, options.emit, donated, context) : print(graph);
    if (!text.ends_with('\n')) text += '\n';
  }
  write(text);
  return kGood;
}

int grad_command(const CommonOptions& common, const GradOptions& options) {
  std::string text;
  for (const Graph& graph : load_functions(common)) {
    std::vector<bool> active = parameter_flags(graph, options.wrt);
    if (options.wrt.empty()) {
      for (std::size_t i = 0; i < active.size(); ++i) {
        active[i] = is_float(graph.type(graph.parameters()[i].value).dtype);
      }
    }
    if (!text.empty()) text += '\n';
    text += print(gradient_graph(graph, active, options.with_value));
  }
  write(text);
  return kGood;
}

}  // namespace adze::tool
