#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "runtime/buffer.h"

namespace adze {

/// Arenas of one size, on the host or on a device, each used by one run at a time and then kept for the next:
/// as many as ever ran at once. (On a device a run is over here once it is given to the device, which works
/// in order.)
class ArenaPool {
 public:
  explicit ArenaPool(std::size_t bytes, GpuDevice* device = nullptr) : bytes_(bytes), device_(device) {}

  /// An arena until the end of its scope.
  class Lease {
   public:
    explicit Lease(ArenaPool& pool) : pool_(pool), arena_(pool.take()) {}
    ~Lease() { pool_.give_back(std::move(arena_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    std::byte* data() const {
      return pool_.device_ ? static_cast<std::byte*>(arena_->data(*pool_.device_)) : arena_->data();
    }

   private:
    ArenaPool& pool_;
    BufferPtr arena_;
  };

 private:
  BufferPtr take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
      BufferPtr arena = device_ ? Buffer::allocate(*device_, bytes_) : Buffer::allocate(bytes_);
      free_.reserve(++made_);  // so that giving back never allocates
      return arena;
    }
    BufferPtr arena = std::move(free_.back());
    free_.pop_back();
    return arena;
  }
  void give_back(BufferPtr arena) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(arena));
  }

  std::size_t bytes_;
  GpuDevice* device_;
  std::size_t made_ = 0;
  std::mutex mutex_;
  std::vector<BufferPtr> free_;
};

}  // namespace adze
