#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/gpu_device.h"

namespace adze {

/// Loads several programs with one run of the compiler, whose start costs more than a small program does. As
/// GpuDevice::load of cuda_host_device() on each.
std::vector<std::unique_ptr<GpuProgram>> load_on_cuda_host(std::span<const loop::Program* const> programs,
                                                           CompileContext& context);

}  // namespace adze
