#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "runtime/cuda/cuda_context.h"

namespace adze {

/// Memory of one GPU, kept for reuse when it is freed: asking the driver waits for the whole device. The
/// device works in order, so memory can be handed out again at once; `free` notes how much work was given to
/// the device by then, for those who use the memory beside that order. Not thread-safe. The context is
/// current in all calls.
class CudaMemory {
 public:
  explicit CudaMemory(const CudaContext& context) : context_(context) {}
  /// Gives all of it back to the driver.
  ~CudaMemory();
  CudaMemory(const CudaMemory&) = delete;
  CudaMemory& operator=(const CudaMemory&) = delete;

  /// Out of memory: gives back what is not in use and tries once more, then RuntimeError.
  void* allocate(std::size_t bytes);
  void free(void* memory, std::uint64_t work) noexcept;
  /// How much work was given to the device when the memory was last freed; 0: it is fresh.
  std::uint64_t last_use(void* memory) const;

 private:
  struct Block {
    std::size_t bytes = 0;
    std::uint64_t freed_at = 0;
  };
  static std::size_t rounded(std::size_t bytes);
  void trim() noexcept;

  const CudaContext& context_;
  std::unordered_map<void*, Block> blocks_;  ///< all
  /// Not in use, by size. Each list has room for all blocks of that size, so that freeing allocates nothing.
  struct SizeClass {
    std::vector<void*> free;
    std::size_t blocks = 0;
  };
  std::unordered_map<std::size_t, SizeClass> classes_;
  std::size_t in_use_ = 0;
};

}  // namespace adze
