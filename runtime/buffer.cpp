#include "runtime/buffer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "ir/errors.h"
#include "ir/types.h"

namespace adze {

namespace {

constexpr std::size_t kAddressSpace = std::size_t{1} << 47;

struct Free {
  void operator()(void* data) const { std::free(data); }
};

}  // namespace

BufferPtr Buffer::allocate(std::size_t bytes) {
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  const bool possible = bytes <= kAddressSpace;
  std::unique_ptr<void, Free> data(possible ? std::aligned_alloc(kAlignment, rounded) : nullptr);
  try {
    if (data == nullptr) throw std::bad_alloc();
    std::unique_ptr<Buffer> buffer(new Buffer(static_cast<std::byte*>(data.get()), bytes));
    data.release();
    return buffer;
  } catch (const std::bad_alloc&) {
    throw RuntimeError(fmt::format("out of memory: cannot allocate {} bytes", bytes));
  }
}

Buffer::~Buffer() {
  std::free(data_);
}

}  // namespace adze
