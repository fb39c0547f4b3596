#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "ir/literal.h"
#include "runtime/executable.h"

namespace adze::testing {

/// Runs an executable on literals.
inline std::vector<Literal> execute(const Executable& executable, std::span<const Literal> inputs) {
  std::vector<Executable::Argument> arguments;
  for (const Literal& input : inputs) {
    BufferPtr buffer = Buffer::allocate(input.byte_size());
    if (input.byte_size() > 0) std::memcpy(buffer->data(), input.bytes(), input.byte_size());
    arguments.push_back({std::move(buffer), false});
  }
  const std::vector<BufferPtr> buffers = executable.run(arguments);
  std::vector<Literal> results;
  for (std::size_t k = 0; k < buffers.size(); ++k) {
    Literal result(executable.result_types()[k]);
    if (result.byte_size() > 0) std::memcpy(result.bytes(), buffers[k]->data(), result.byte_size());
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace adze::testing
