#pragma once

#include <cstddef>
#include <memory>

namespace adze {

/// Reference-counted, kAlignment-aligned host memory. At least one byte, so every buffer has an address of
/// its own.
class Buffer {
 public:
  /// Throws RuntimeError "out of memory ..." instead of std::bad_alloc.
  static std::shared_ptr<Buffer> allocate(std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  Buffer(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  std::byte* data_;
  std::size_t size_;
};
using BufferPtr = std::shared_ptr<Buffer>;

}  // namespace adze
