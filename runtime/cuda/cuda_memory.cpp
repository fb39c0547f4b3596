#ifdef ADZE_CUDA_HEADERS

#include "runtime/cuda/cuda_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "ir/errors.h"
#include "ir/types.h"

namespace adze {

CudaMemory::~CudaMemory() {
  trim();
}

/// An eighth of waste at most, so that blocks fit again.
std::size_t CudaMemory::rounded(std::size_t bytes) {
  constexpr std::size_t kLeast = 512;
  static_assert(kLeast % kAlignment == 0);
  const std::size_t step = std::max(kLeast, std::bit_floor(std::max<std::size_t>(bytes, 1)) / 8);
  return (std::max<std::size_t>(bytes, 1) + step - 1) / step * step;
}

void* CudaMemory::allocate(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  SizeClass& cls = classes_[size];
  if (!cls.free.empty()) {
    void* const memory = cls.free.back();
    cls.free.pop_back();
    in_use_ += size;
    return memory;
  }
  cls.free.reserve(cls.blocks + 1);
  blocks_.reserve(blocks_.size() + 1);
  CUdeviceptr address = 0;
  CUresult result = context_.driver.cuMemAlloc(&address, size);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    trim();
    result = context_.driver.cuMemAlloc(&address, size);
  }
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    throw RuntimeError(
        fmt::format("out of memory on {}: cannot allocate {} bytes; {} are in use by this process",
                    context_.name(), bytes, in_use_));
  }
  context_.check(result, "cuMemAlloc", fmt::format("allocating {} bytes", bytes));
  void* const memory = reinterpret_cast<void*>(address);
  blocks_.emplace(memory, Block{size, 0});
  ++cls.blocks;
  in_use_ += size;
  return memory;
}

void CudaMemory::free(void* memory, std::uint64_t work) noexcept {
  const auto found = blocks_.find(memory);
  if (found == blocks_.end()) return;
  Block& block = found->second;
  block.freed_at = work;
  in_use_ -= block.bytes;
  classes_.find(block.bytes)->second.free.push_back(memory);
}

std::uint64_t CudaMemory::last_use(void* memory) const {
  const auto found = blocks_.find(memory);
  return found == blocks_.end() ? 0 : found->second.freed_at;
}

void CudaMemory::trim() noexcept {
  for (auto& [size, cls] : classes_) {
    for (void* const memory : cls.free) {
      context_.driver.cuMemFree(reinterpret_cast<CUdeviceptr>(memory));  // waits for the device
      blocks_.erase(memory);
    }
    cls.blocks -= cls.free.size();
    cls.free.clear();
  }
}

}  // namespace adze

#endif
