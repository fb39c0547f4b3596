#include "passes/plan_transfers.h"

#include <fmt/format.h>

#include "ir/errors.h"

namespace adze {

using loop::BufferRef;
using Kind = TransferStep::Kind;

std::vector<bool> overwritten_parameters(const loop::Program& program,
                                         const std::vector<std::optional<std::size_t>>& result_aliases) {
  std::vector<bool> overwritten(program.parameter_types.size(), false);
  for (const loop::KernelCall& call : program.calls) {
    const loop::Kernel& kernel = program.kernels[call.kernel];
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
      const BufferRef& ref = call.arguments[i];
      if (ref.place != BufferRef::Place::kParameter || !kernel.written[i]) continue;
      overwritten[static_cast<std::size_t>(ref.position)] = true;
    }
  }
  for (const auto& parameter : result_aliases) {
    if (parameter) overwritten[*parameter] = true;
  }
  return overwritten;
}

namespace {

std::string count(std::size_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string launch_text(const loop::Program& program) {
  const std::size_t phases = program.calls.empty() ? 0 : program.calls.back().phase + 1;
  std::string text = "launch " + count(program.calls.size(), "kernel");
  if (program.launch) {
    const bool persistent = program.launch->mode == loop::Launch::Mode::kPersistent;
    text += fmt::format(" in {} {}, ", count(phases, "phase"), persistent ? "at once" : "as a graph");
    if (persistent) text += count(static_cast<std::size_t>(program.launch->blocks), "block") + " of ";
    text += fmt::format("{} threads", program.launch->threads);
    if (!persistent) text += " a block";
  }
  return text + fmt::format(", arena of {} bytes", program.arena_bytes);
}

}  // namespace

std::vector<TransferStep> plan_transfers(const loop::Program& program,
                                         const std::vector<std::optional<std::size_t>>& result_aliases) {
  std::vector<TransferStep> steps;
  for (std::size_t i = 0; i < program.constants.size(); ++i) steps.push_back({Kind::kUpload, i});
  const std::vector<bool> overwritten = overwritten_parameters(program, result_aliases);
  for (std::size_t i = 0; i < overwritten.size(); ++i) {
    steps.push_back({overwritten[i] ? Kind::kTakeOver : Kind::kCopyIn, i});
  }
  for (std::size_t i = 0; i < program.result_types.size(); ++i) {
    const bool alias = i < result_aliases.size() && result_aliases[i].has_value();
    steps.push_back(alias ? TransferStep{Kind::kAlias, i, *result_aliases[i]}
                          : TransferStep{Kind::kAllocate, i});
  }
  steps.push_back({Kind::kLaunch});
  return steps;
}

std::string print(const loop::Program& program, const std::vector<TransferStep>& steps) {
  std::string out;
  for (const TransferStep& step : steps) {
    const std::size_t i = step.position;
    switch (step.kind) {
      case Kind::kUpload:
        out += fmt::format("upload constant {} ({} bytes) once", i, program.constants[i]->byte_size());
        break;
      case Kind::kCopyIn:
        out += fmt::format("copy in param {} ({} bytes) unless it is there", i,
                           program.parameter_types[i].byte_size());
        break;
      case Kind::kTakeOver:
        out += fmt::format("take over param {} ({} bytes) if donated, else copy it", i,
                           program.parameter_types[i].byte_size());
        break;
      case Kind::kAllocate:
        out +=
            fmt::format("allocate result {} ({} bytes), which stays", i, program.result_types[i].byte_size());
        break;
      case Kind::kAlias:
        out += fmt::format("result {} is param {}, which stays", i, step.source);
        break;
      case Kind::kLaunch:
        out += launch_text(program);
        break;
    }
    out += '\n';
  }
  return out;
}

}  // namespace adze
