#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "codegen/cpu_backend.h"
#include "codegen/cuda/emit_cuda.h"
#include "codegen/cuda/nvrtc.h"
#include "ir/text.h"
#include "passes/ad/ad.h"
#include "passes/pipeline.h"
#include "tools/commands.h"

namespace adze::tool {
namespace {

void write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

bool is_gpu_level(const std::string& emit) {
  return emit == "cuda" || emit == "ptx" || emit == "sass";
}

bool is_cpu_level(const std::string& emit) {
  return emit == "llvm" || emit == "asm";
}

/// The options with a target that has the level asked for. UsageError where they name one that has not.
CommonOptions with_target(CommonOptions common, const std::string& emit) {
  if (is_cpu_level(emit) && !common.target.empty()) {
    throw UsageError(
        fmt::format("--emit={} shows code for a CPU, --target={} is a GPU", emit, common.target));
  }
  if (is_gpu_level(emit)) {
    if (!common.cpu.empty()) {
      throw UsageError(fmt::format("--emit={} shows code for a GPU, --cpu={} is a CPU", emit, common.cpu));
    }
    if (common.target.empty()) common.target = "sm_90";
  }
  return common;
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
  if (is_gpu_level(emit)) {
    const CudaSource source = emit_cuda(lowered.program);
    if (emit == "cuda") return source.text;
    const CudaCode code = emit == "ptx" ? CudaCode::kPtx : CudaCode::kCubin;
    const std::string compiled =
        compile_cuda(source.text, graph.name(), context.target.compute_capability, code, context);
    return emit == "ptx" ? compiled : disassemble(compiled);
  }
  return loop::print(lowered.program);
}

}  // namespace

int print_command(const CommonOptions& common, const PrintOptions& options) {
  const bool compiles = options.emit != "input";
  CompileContext context = compiles ? make_context(with_target(common, options.emit)) : CompileContext();
  if (options.emit == "sass") check_disassembler();
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
