#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ir/literal.h"
#include "passes/pipeline.h"
#include "runtime/cuda_host/cuda_host.h"

namespace adze::testing {

/// Memory of a device.
class DeviceMemory {
 public:
  DeviceMemory(GpuDevice& device, std::size_t bytes)
      : device_(&device), data_(device.allocate(bytes)), bytes_(bytes) {}
  ~DeviceMemory() { device_->free(data_, bytes_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  void* data() const { return data_; }

 private:
  GpuDevice* device_;
  void* data_;
  std::size_t bytes_;
};

/// Lowers for the device that executes CUDA source on the host.
inline Lowered lower_for_gpu(const Graph& graph, std::optional<loop::Launch::Mode> mode = std::nullopt,
                             CompileContext context = {}) {
  context.target = cuda_host_device().target();
  context.launch = mode;
  return lower(graph, {}, context);
}

/// Runs a loaded program on literals.
inline std::vector<Literal> run_on_device(GpuDevice& device, const loop::Program& program,
                                          const GpuProgram& loaded, std::span<const Literal> inputs) {
  std::vector<std::unique_ptr<DeviceMemory>> memory;
  std::vector<void*> pointers;
  const auto add = [&](std::size_t bytes, const std::byte* contents) {
    memory.push_back(std::make_unique<DeviceMemory>(device, bytes));
    if (contents != nullptr && bytes > 0) device.copy_in(memory.back()->data(), contents, bytes);
    pointers.push_back(memory.back()->data());
  };
  for (const Literal& input : inputs) add(input.byte_size(), input.bytes());
  for (const TensorType& type : program.result_types)
    add(static_cast<std::size_t>(type.byte_size()), nullptr);
  for (const auto& constant : program.constants) add(constant->byte_size(), constant->bytes());
  const DeviceMemory arena(device, static_cast<std::size_t>(program.arena_bytes));
  loaded.run(pointers, arena.data());
  std::vector<Literal> results;
  for (std::size_t i = 0; i < program.result_types.size(); ++i) {
    Literal result(program.result_types[i]);
    if (result.byte_size() > 0) {
      device.copy_out(result.bytes(), pointers[inputs.size() + i], result.byte_size());
    }
    results.push_back(std::move(result));
  }
  return results;
}

/// Compiles for the host that executes CUDA source, and runs.
inline std::vector<Literal> run_on_cuda_host(const Graph& graph, std::span<const Literal> inputs,
                                             std::optional<loop::Launch::Mode> mode = std::nullopt) {
  CompileContext context;
  const Lowered lowered = lower_for_gpu(graph, mode);
  const auto loaded = cuda_host_device().load(lowered.program, context);
  return run_on_device(cuda_host_device(), lowered.program, *loaded, inputs);
}

}  // namespace adze::testing
