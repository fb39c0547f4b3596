#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codegen/cuda/host_interface.h"

namespace adze::cuda_host {

/// A thread at one moment. Within an epoch nothing waits for other blocks (a launch, or the time between two
/// grid barriers); within an interval, for other threads of the block.
struct Moment {
  std::uint32_t epoch = 0;  ///< 0: never
  std::uint32_t interval = 0;
  std::uint32_t block = 0;
  std::uint32_t thread = 0;
};

/// Memory that threads share, and for each element who touched it last.
struct Region : AdzeHostRegion {
  struct Element {
    Moment writer, reader;  ///< kSeveral stands for more than one reading block or thread
  };
  static constexpr std::uint32_t kSeveral = UINT32_MAX;

  std::int64_t count = 0;
  std::size_t element_bytes = 0;
  bool written = false;                ///< by a kernel of the last epoch it was used in
  std::uint32_t epoch = 0;             ///< the last it was used in
  std::uint32_t filled = UINT32_MAX;   ///< shared memory: the interval in which it was declared
  std::uint32_t touched = UINT32_MAX;  ///< shared memory: the last interval in which it was used
  std::vector<Element> elements;

  std::byte* begin() const { return static_cast<std::byte*>(data); }
  std::byte* end() const { return begin() + static_cast<std::size_t>(count) * element_bytes; }
  bool overlaps(const Region& other) const { return begin() < other.end() && other.begin() < end(); }
};

/// Records that `who` reads or writes an element. What another thread did to it, if nothing keeps the two
/// apart: "written by thread 3 of block 0".
std::optional<std::string> record_access(Region::Element& element, const Moment& who, bool write);

}  // namespace adze::cuda_host
