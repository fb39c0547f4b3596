#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codegen/cpu_backend.h"
#include "ir/graph.h"
#include "passes/compile_context.h"
#include "passes/pipeline.h"
#include "runtime/buffer.h"

namespace adze {

enum class DeviceKind { kCpu, kInterpreter };

/// A graph made runnable. Immutable after `build`; may be run from several threads at once.
class Executable {
 public:
  /// Compiles for the context's target (kCpu), or keeps the graph for the interpreter.
  static std::shared_ptr<const Executable> build(const Graph& graph, const std::vector<bool>& donated,
                                                 DeviceKind device, CompileContext& context);

  struct Argument {
    BufferPtr buffer;
    bool donated = false;  ///< the caller gives its memory up (honoured where `build` was told so too)
  };
  /// Runs once; allocates results (or takes donated memory over). One buffer a parameter, sizes are the
  /// caller's promise.
  std::vector<BufferPtr> run(std::span<Argument> arguments) const;

  /// The raw call, for bound functions: no allocation, lock or system call. `buffers` as in EntryPoint.
  EntryPoint entry() const;  ///< nullptr for the interpreter

  const std::vector<TensorType>& parameter_types() const { return parameter_types_; }
  const std::vector<TensorType>& result_types() const { return result_types_; }
  const Lowered& lowered() const { return lowered_; }  ///< levels; only `graph` for the interpreter
  std::int64_t arena_bytes() const { return lowered_.plan.arena_bytes; }
  const std::vector<CompileContext::Timing>& timings() const { return timings_; }
  double compile_milliseconds() const;

 private:
  Executable() = default;
  DeviceKind device_ = DeviceKind::kCpu;
  Lowered lowered_;
  std::unique_ptr<NativeCode> code_;
  std::vector<TensorType> parameter_types_, result_types_;
  std::vector<CompileContext::Timing> timings_;
};

}  // namespace adze
