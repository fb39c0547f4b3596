#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codegen/cpu_backend.h"
#include "ir/graph.h"
#include "passes/compile_context.h"
#include "passes/pipeline.h"
#include "runtime/arena_pool.h"
#include "runtime/argument.h"
#include "runtime/buffer.h"
#include "runtime/device.h"
#include "runtime/gpu_runner.h"

namespace adze {

/// A graph made runnable. Immutable after `build`; may be run from several threads at once.
class Executable {
 public:
  /// Compiles for the context's target (kCpu) or for the GPU's own, which is opened and kept, or keeps the
  /// graph for the interpreter, which also stands in for the CPU in a build without a code generator for it.
  static std::shared_ptr<const Executable> build(const Graph& graph, const std::vector<bool>& donated,
                                                 Device device, CompileContext& context);
  /// For a device that the caller has, and keeps until nothing of it is in use.
  static std::shared_ptr<const Executable> build(const Graph& graph, const std::vector<bool>& donated,
                                                 GpuDevice& device, CompileContext& context);

  using Argument = adze::Argument;
  /// Runs once; allocates results (or takes donated memory over, leaving the argument empty). One buffer a
  /// parameter (RuntimeError otherwise), sizes are the caller's promise. On a GPU the results stay there, and
  /// the work may still be under way.
  std::vector<BufferPtr> run(std::span<Argument> arguments) const;

  /// The raw call, for bound functions: no allocation, lock or system call. `buffers` as in EntryPoint, the
  /// arena has `arena_bytes`. Parameters that `overwrites` names are scratch to the program; a result i with
  /// an entry in lowered().plan.result_aliases is found in that parameter's buffer.
  EntryPoint entry() const { return code_ == nullptr ? nullptr : code_->entry(); }  ///< nullptr: not the CPU
  bool on_gpu() const { return gpu_ != nullptr; }
  bool overwrites(std::size_t parameter) const { return overwrites_[parameter]; }

  const std::vector<TensorType>& parameter_types() const { return parameter_types_; }
  const std::vector<TensorType>& result_types() const { return result_types_; }
  const Lowered& lowered() const { return lowered_; }  ///< levels; only `graph` for the interpreter
  std::int64_t arena_bytes() const { return arena_bytes_; }
  const std::vector<CompileContext::Timing>& timings() const { return timings_; }
  double compile_milliseconds() const;

 private:
  Executable() = default;
  static std::shared_ptr<Executable> start(const Graph& graph);
  void finish(const CompileContext& context, std::size_t first_timing);
  std::vector<BufferPtr> run_native(std::span<Argument> arguments) const;
  std::vector<BufferPtr> interpret_graph(std::span<const Argument> arguments) const;

  Lowered lowered_;
  std::unique_ptr<NativeCode> code_;
  std::vector<TensorType> parameter_types_, result_types_;
  std::vector<bool>
      overwrites_;  ///< by parameter: does the program write to its memory, or a result live there
  std::int64_t arena_bytes_ = 0;
  std::vector<CompileContext::Timing> timings_;
  std::unique_ptr<ArenaPool> arenas_;
  std::unique_ptr<GpuRunner> gpu_;
};

}  // namespace adze
