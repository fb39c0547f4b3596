#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace adze {

class GpuDevice;

/// Reference-counted, kAlignment-aligned memory with one content, on the host, on devices, or on several of
/// them: where it is asked for and not there it is copied once, and both stay. At least one byte, so every
/// buffer has an address of its own. Contents may be written only by who made the buffer, before others see
/// it, and by a sole owner through `take_over`. All else is thread-safe.
class Buffer {
 public:
  /// On the host. Throws RuntimeError "out of memory ..." instead of std::bad_alloc.
  static std::shared_ptr<Buffer> allocate(std::size_t bytes);
  /// On a device, which lives longer than the buffer. Throws RuntimeError as GpuDevice::allocate does.
  static std::shared_ptr<Buffer> allocate(GpuDevice& device, std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::size_t size() const { return size_; }
  /// The host's memory. RuntimeError where it must be copied out and a device cannot.
  std::byte* data() const {
    std::byte* const host = host_.load(std::memory_order_acquire);
    return host != nullptr ? host : copy_out();
  }
  /// The device's memory. RuntimeError where it must be copied in and the device cannot.
  void* data(GpuDevice& device) const { return copy_in(device, false); }
  /// Starts copying to the device, beside the work under way there, unless it is there.
  void copy_ahead(GpuDevice& device) const { copy_in(device, true); }
  bool on_host() const { return host_.load(std::memory_order_acquire) != nullptr; }
  bool on(const GpuDevice& device) const;

  /// For a sole owner who is about to write: the memory on the host (on the device), with the contents; it is
  /// then the only place that has them.
  std::byte* take_over();
  void* take_over(GpuDevice& device);

 private:
  struct Mirror {
    GpuDevice* device;
    void* memory;
  };
  Buffer(std::byte* host, std::size_t size) : host_(host), size_(size) {}
  std::byte* copy_out() const;
  void* copy_in(GpuDevice& device, bool ahead) const;
  void drop_mirrors(const GpuDevice* except) noexcept;

  mutable std::atomic<std::byte*> host_;
  std::size_t size_;
  mutable std::mutex mutex_;             ///< of what follows, and of making a copy
  mutable std::vector<Mirror> mirrors_;  ///< at most one a device
};
using BufferPtr = std::shared_ptr<Buffer>;

}  // namespace adze
