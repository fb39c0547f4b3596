#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "codegen/host_target.h"
#include "ir/literal.h"
#include "runtime/executable.h"

namespace adze::testing {

/// Runs an executable on literals; parameters with `donated[i]` give their memory up.
inline std::vector<Literal> run(const Executable& executable, std::span<const Literal> arguments,
                                const std::vector<bool>& donated = {}) {
  std::vector<Executable::Argument> buffers;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    BufferPtr buffer = Buffer::allocate(arguments[i].byte_size());
    if (arguments[i].byte_size() > 0) {  // an empty literal has no bytes to point to
      std::memcpy(buffer->data(), arguments[i].bytes(), arguments[i].byte_size());
    }
    buffers.push_back({std::move(buffer), !donated.empty() && donated[i]});
  }
  const std::vector<BufferPtr> outputs = executable.run(buffers);
  std::vector<Literal> results;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Literal result(executable.result_types()[i]);
    if (result.byte_size() > 0) std::memcpy(result.bytes(), outputs[i]->data(), result.byte_size());
    results.push_back(std::move(result));
  }
  return results;
}

/// Compiles for the host with the context's switches, and runs.
inline std::vector<Literal> run_compiled(const Graph& graph, std::span<const Literal> arguments,
                                         CompileContext context = {}, const std::vector<bool>& donated = {}) {
  context.target = host_target();
  return run(*Executable::build(graph, donated, Device::kCpu, context), arguments, donated);
}

}  // namespace adze::testing
