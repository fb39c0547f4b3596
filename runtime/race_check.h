#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace adze {

/// Finds accesses of a GPU kernel that nothing orders: two threads touch one element of memory, one of them
/// writes, and no barrier of their block stands between them (between blocks nothing ever does). Threads run
/// one after the other, blocks in order, so what is left of the past is: the last write of each element, and
/// its last reads.
class RaceCheck {
 public:
  /// Memory of `elements` elements that the block's threads share; `across_blocks`: that all blocks share.
  RaceCheck(std::uint64_t elements, bool across_blocks)
      : across_blocks_(across_blocks), elements_(elements) {}

  /// Who is running.
  struct Thread {
    std::int32_t block = -1, thread = -1;
    std::int32_t epoch = -1;  ///< barriers the block has passed
  };
  /// Records the access; where it races, says with whom: "thread 3 of block 0 reads".
  std::optional<std::string> access(std::uint64_t element, const Thread& now, bool writes);

 private:
  struct Element {
    Thread writer;
    Thread reader, other_reader;  ///< of the last epoch with a read: the last one, and one that is not it
    Thread foreign_reader;        ///< of an earlier block
  };
  bool ordered(const Thread& before, const Thread& now) const;

  bool across_blocks_;
  std::vector<Element> elements_;
};

}  // namespace adze
