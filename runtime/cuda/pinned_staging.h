#pragma once

#include <cstddef>
#include <vector>

#include "runtime/cuda/cuda_stream.h"

namespace adze {

/// Pinned host memory through which copies run beside other work: a few buffers, each used again when its
/// copy is done. Not thread-safe. The context is current in all calls.
class PinnedStaging {
 public:
  explicit PinnedStaging(const CudaContext& context) : context_(context) {}
  ~PinnedStaging();
  PinnedStaging(const PinnedStaging&) = delete;
  PinnedStaging& operator=(const PinnedStaging&) = delete;

  struct Slot {
    void* memory = nullptr;
    std::size_t bytes = 0;
    CudaEvent copied;  ///< to be recorded behind the copy
  };
  /// A slot with at least that many bytes whose last copy is done. Waits where all are under way.
  Slot& take(std::size_t bytes);

 private:
  static constexpr std::size_t kMost = 8;  ///< two batches of a few Arrays
  void grow(Slot& slot, std::size_t bytes);
  const CudaContext& context_;
  std::vector<Slot> slots_;
  std::size_t oldest_ = 0;
};

}  // namespace adze
