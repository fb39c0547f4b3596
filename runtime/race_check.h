#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace adze {

/// Finds accesses of GPU kernels that nothing orders: two threads touch one element of memory, one of them
/// writes, and nothing keeps them apart, neither a barrier of their block nor, between blocks, the end of a
/// phase. What it remembers of the past is the last write of each element, and its last reads.
class RaceCheck {
 public:
  /// Memory of `elements` elements that the block's threads share; `across_blocks`: that all blocks share.
  RaceCheck(std::uint64_t elements, bool across_blocks)
      : across_blocks_(across_blocks), elements_(elements) {}
  std::uint64_t elements() const { return elements_.size(); }
  /// The memory is larger than was known.
  void grow(std::uint64_t elements) { elements_.resize(elements); }

  /// Who is running.
  struct Thread {
    std::int32_t block = -1, thread = -1;
    std::int32_t epoch = -1;  ///< barriers the block has passed
    std::int32_t phase = 0;   ///< what all blocks wait for has happened so often
  };
  /// Records the access; where it races, says with whom: "thread 3 of block 0 reads".
  std::optional<std::string> access(std::uint64_t element, const Thread& now, bool writes);

 private:
  struct Element {
    Thread writer;
    Thread reader, other_reader;  ///< of one block and epoch: the last one, and one that is not it
    Thread foreign_reader;        ///< of another block
  };
  bool ordered(const Thread& before, const Thread& now) const;

  bool across_blocks_;
  std::vector<Element> elements_;
};

}  // namespace adze
