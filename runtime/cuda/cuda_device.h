#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "runtime/cuda/cuda_context.h"
#include "runtime/cuda/cuda_memory.h"
#include "runtime/cuda/cuda_stream.h"
#include "runtime/cuda/pinned_staging.h"
#include "runtime/gpu_device.h"

namespace adze {

/// A GPU behind the driver. All work runs on one stream, in order, but for copy_in_ahead, which has a stream
/// of its own: work that touches such memory waits for its copy, and the copy for earlier work on that
/// memory.
class CudaDevice final : public GpuDevice {
 public:
  CudaDevice(const CudaDriver& driver, int ordinal);
  ~CudaDevice() override;

  const std::string& name() const override { return context_.name(); }
  const Target& target() const override { return context_.target(); }
  void* allocate(std::size_t bytes) override;
  void free(void* memory, std::size_t bytes) noexcept override;
  void copy_in(void* to, const void* from, std::size_t bytes) override;
  void copy_out(void* to, const void* from, std::size_t bytes) override;
  void copy_within(void* to, const void* from, std::size_t bytes) override;
  void copy_in_ahead(void* to, const void* from, std::size_t bytes) override;
  void synchronize() override;
  std::unique_ptr<GpuProgram> load(const loop::Program& program, CompileContext& context) override;

  const CudaContext& context() const { return context_; }
  CUstream stream() const { return state_->compute; }
  /// Before work that uses these addresses is given to the stream; the context is current.
  void before_work(std::span<void* const> addresses);
  /// After it.
  void after_work() noexcept;

 private:
  /// The latest moments of the compute stream.
  struct Mark {
    CudaEvent event;
    std::uint64_t work = 0;  ///< how much work had been given to the stream
  };
  /// Made and destroyed while the context is current.
  struct State {
    explicit State(const CudaContext& context)
        : compute(context), copies(context), memory(context), staging(context) {}
    CudaStream compute, copies;
    CudaMemory memory;
    PinnedStaging staging;
    std::unordered_map<void*, CUevent> ahead;  ///< copies that the compute stream does not wait for yet
    std::uint64_t work = 0;                    ///< given to the compute stream so far
    std::vector<Mark> marks;                   ///< a ring; empty until a copy runs ahead
    std::size_t next_mark = 0;
  };
  void wait_for_copy(void* memory);
  void note_work() noexcept;
  CUevent moment_after(std::uint64_t work);

  CudaContext context_;
  std::mutex mutex_;  ///< of what is in `state_`, the streams excepted
  std::unique_ptr<State> state_;
};

}  // namespace adze
