#pragma once

#include <memory>
#include <span>
#include <vector>

#include "passes/compile_context.h"
#include "passes/pipeline.h"
#include "runtime/arena_pool.h"
#include "runtime/argument.h"
#include "runtime/gpu_device.h"

namespace adze {

/// A lowered program loaded on a device: executes the steps of Lowered::transfers as they stand. Immutable;
/// may be used by several threads at once.
class GpuRunner {
 public:
  /// Loads the program and uploads its constants. `lowered` is for device.target() and outlives this.
  GpuRunner(const Lowered& lowered, GpuDevice& device, CompileContext& context);
  GpuRunner(const GpuRunner&) = delete;
  GpuRunner& operator=(const GpuRunner&) = delete;

  /// As Executable::run. The results are on the device; nothing has been waited for. When it throws, all
  /// arguments are the caller's still; where a launch had begun (cuda-host finds errors in the middle of one)
  /// those that the program overwrites have lost their contents.
  std::vector<BufferPtr> run(std::span<Argument> arguments) const;

 private:
  const Lowered& lowered_;
  GpuDevice& device_;
  std::unique_ptr<GpuProgram> program_;
  std::vector<BufferPtr> constants_;
  mutable ArenaPool arenas_;
};

}  // namespace adze
