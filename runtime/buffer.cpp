#include "runtime/buffer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "ir/errors.h"
#include "ir/types.h"
#include "runtime/gpu_device.h"

namespace adze {

namespace {

constexpr std::size_t kAddressSpace = std::size_t{1} << 47;

struct Free {
  void operator()(std::byte* data) const { std::free(data); }
};

std::unique_ptr<std::byte, Free> allocate_host(std::size_t bytes) {
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  const bool possible = bytes <= kAddressSpace;
  std::unique_ptr<std::byte, Free> data(
      possible ? static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)) : nullptr);
  if (data == nullptr) throw RuntimeError(fmt::format("out of memory: cannot allocate {} bytes", bytes));
  return data;
}

}  // namespace

BufferPtr Buffer::allocate(std::size_t bytes) {
  std::unique_ptr<std::byte, Free> data = allocate_host(bytes);
  std::unique_ptr<Buffer> buffer(new Buffer(data.get(), bytes));
  data.release();
  return buffer;
}

BufferPtr Buffer::allocate(GpuDevice& device, std::size_t bytes) {
  std::unique_ptr<Buffer> buffer(new Buffer(nullptr, bytes));
  buffer->mirrors_.reserve(1);
  buffer->mirrors_.push_back({&device, device.allocate(bytes)});
  return buffer;
}

Buffer::~Buffer() {
  drop_mirrors(nullptr);
  std::free(host_);
}

bool Buffer::on(const GpuDevice& device) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(mirrors_.begin(), mirrors_.end(),
                     [&](const Mirror& mirror) { return mirror.device == &device; });
}

std::byte* Buffer::copy_out() const {
  const std::lock_guard lock(mutex_);
  if (host_ != nullptr) return host_;  // another thread was faster
  const Mirror& mirror = mirrors_.front();
  std::unique_ptr<std::byte, Free> host = allocate_host(size_);
  if (size_ > 0) mirror.device->copy_out(host.get(), mirror.memory, size_);
  host_.store(host.release(), std::memory_order_release);
  return host_;
}

void* Buffer::copy_in(GpuDevice& device, bool ahead) const {
  {
    const std::lock_guard lock(mutex_);
    for (const Mirror& mirror : mirrors_) {
      if (mirror.device == &device) return mirror.memory;
    }
  }
  const std::byte* const host = data();  // from one device to another by way of the host
  const std::lock_guard lock(mutex_);
  for (const Mirror& mirror : mirrors_) {
    if (mirror.device == &device) return mirror.memory;
  }
  mirrors_.reserve(mirrors_.size() + 1);
  void* const memory = device.allocate(size_);
  mirrors_.push_back({&device, memory});
  try {
    if (size_ > 0 && ahead) device.copy_in_ahead(memory, host, size_);
    if (size_ > 0 && !ahead) device.copy_in(memory, host, size_);
  } catch (...) {
    mirrors_.pop_back();
    device.free(memory, size_);
    throw;
  }
  return memory;
}

void Buffer::drop_mirrors(const GpuDevice* except) noexcept {
  std::erase_if(mirrors_, [&](const Mirror& mirror) {
    if (mirror.device == except) return false;
    mirror.device->free(mirror.memory, size_);
    return true;
  });
}

std::byte* Buffer::take_over() {
  std::byte* const host = data();
  drop_mirrors(nullptr);
  return host;
}

void* Buffer::take_over(GpuDevice& device) {
  void* const memory = data(device);
  drop_mirrors(&device);
  std::free(host_.exchange(nullptr));
  return memory;
}

}  // namespace adze
