#include "runtime/cuda_host/memory_check.h"

#include <fmt/format.h>

namespace adze::cuda_host {
namespace {

/// Is nothing between the two? What another block did in a later epoch was not waited for either.
bool collides(const Moment& earlier, const Moment& who) {
  if (earlier.epoch < who.epoch) return false;
  if (earlier.epoch > who.epoch || earlier.block != who.block) return true;
  return earlier.interval == who.interval && earlier.thread != who.thread;
}

std::string describe(const char* what, const Moment& other) {
  if (other.block == Region::kSeveral) return fmt::format("{} by several blocks", what);
  if (other.thread == Region::kSeveral) {
    return fmt::format("{} by several threads of block {}", what, other.block);
  }
  return fmt::format("{} by thread {} of block {}", what, other.thread, other.block);
}

}  // namespace

std::optional<std::string> record_access(Region::Element& element, const Moment& who, bool write) {
  if (collides(element.writer, who)) return describe("written", element.writer);
  Moment& reader = element.reader;
  if (write) {
    if (collides(reader, who)) return describe("read", reader);
    element.writer = who;
    return std::nullopt;
  }
  if (reader.epoch != who.epoch) {
    reader = who;
  } else if (reader.block != who.block) {
    reader.block = Region::kSeveral;
  } else if (reader.interval != who.interval) {
    reader = who;
  } else if (reader.thread != who.thread) {
    reader.thread = Region::kSeveral;
  }
  return std::nullopt;
}

}  // namespace adze::cuda_host
