#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "ir/loop_ir.h"
#include "passes/compile_context.h"
#include "passes/target.h"
#include "runtime/device.h"

namespace adze {

/// A compiled program on a device. Immutable; may be run from several threads.
class GpuProgram {
 public:
  virtual ~GpuProgram() = default;
  /// Starts one run: `pointers` are device addresses of parameters, results and constants, in order; `arena`
  /// has Program::arena_bytes and is used by one run at a time. Returns before the work is done; work given
  /// to the device later comes after it. RuntimeError naming the kernel where the launch fails.
  virtual void run(std::span<void* const> pointers, void* arena) const = 0;
};

/// Something that runs CUDA programs: a GPU behind the driver (runtime/cuda/), or the host executing the
/// generated source (runtime/cuda_host/). Work is done in the order it is given; copies to and from the host
/// wait for it. Thread-safe. All errors are RuntimeErrors that name the device and what failed.
class GpuDevice {
 public:
  virtual ~GpuDevice() = default;
  virtual const std::string& name() const = 0;  ///< "cuda:0 (NVIDIA H100)", "cuda-host"
  virtual const Target& target() const = 0;

  /// kAlignment-aligned, at least one byte; contents unspecified. "out of memory on ..." where there is none.
  virtual void* allocate(std::size_t bytes) = 0;
  /// May be called while work that uses the memory is under way: it is reused in order.
  virtual void free(void* memory, std::size_t bytes) noexcept = 0;
  virtual void copy_in(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_out(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_within(void* to, const void* from, std::size_t bytes) = 0;
  /// Starts copying through pinned memory on a stream of its own, beside the work under way; `from` may be
  /// changed as soon as this returns. Work given later that uses `to` comes after it.
  virtual void copy_in_ahead(void* to, const void* from, std::size_t bytes) = 0;
  /// Waits for all work; throws what went wrong in it.
  virtual void synchronize() = 0;

  /// Prints and compiles the program (timings emit_cuda, compile; dumps cuda, ptx) and loads it.
  virtual std::unique_ptr<GpuProgram> load(const loop::Program& program, CompileContext& context) = 0;
};

/// GPU `ordinal`, opened at the first use and kept. RuntimeError: built without CUDA headers, no driver,
/// driver too old, no such device.
GpuDevice& cuda_device(int ordinal);
/// The same, opened anew and closed at the end: nothing of it may live longer.
std::unique_ptr<GpuDevice> open_cuda_device(int ordinal);
/// How many GPUs the driver shows, at least one. RuntimeError: as above.
int cuda_device_count();
/// The host executing generated CUDA source (kernels are compiled by the C++ compiler that ADZE_CXX names,
/// c++ by default). RuntimeError where there is none.
GpuDevice& cuda_host_device();
/// The one of these that `device` names: is_gpu(device).
GpuDevice& gpu_device(Device device);

}  // namespace adze
