#include "runtime/race_check.h"

#include <fmt/format.h>

namespace adze {

bool RaceCheck::ordered(const Thread& before, const Thread& now) const {
  if (before.thread < 0 || before.phase < now.phase) return true;
  if (before.phase > now.phase) return false;  // it did not wait for us
  if (before.block != now.block) return !across_blocks_;
  return before.thread == now.thread || before.epoch != now.epoch;
}

std::optional<std::string> RaceCheck::access(std::uint64_t element, const Thread& now, bool writes) {
  Element& past = elements_[element];
  const auto race = [](const Thread& with, const char* does) {
    return fmt::format("thread {} of block {} {}", with.thread, with.block, does);
  };
  if (!ordered(past.writer, now)) return race(past.writer, "writes");
  if (writes) {
    for (const Thread& reader : {past.reader, past.other_reader, past.foreign_reader})
      if (!ordered(reader, now)) return race(reader, "reads");
    past.writer = now;
    return std::nullopt;
  }
  if (past.reader.block != now.block) past.foreign_reader = past.reader;
  if (past.reader.block != now.block || past.reader.epoch != now.epoch || past.reader.phase != now.phase) {
    past.other_reader = {};
  } else if (past.reader.thread != now.thread) {
    past.other_reader = past.reader;
  }
  past.reader = now;
  return std::nullopt;
}

}  // namespace adze
