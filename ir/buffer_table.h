#pragma once

#include <cstddef>
#include <span>

#include "ir/errors.h"
#include "ir/loop_ir.h"

namespace adze::loop {

/// The order of the pointers that running a program takes: parameters, results, constants.
class BufferTable {
 public:
  explicit BufferTable(const Program& program)
      : parameters_(program.parameter_types.size()),
        results_(program.result_types.size()),
        constants_(program.constants.size()) {}

  std::size_t size() const { return parameters_ + results_ + constants_; }
  /// The place of a buffer outside of the arena.
  std::size_t slot(const BufferRef& ref) const {
    const auto position = static_cast<std::size_t>(ref.position);
    switch (ref.place) {
      case BufferRef::Place::kParameter:
        return position;
      case BufferRef::Place::kResult:
        return parameters_ + position;
      case BufferRef::Place::kConstant:
        return parameters_ + results_ + position;
      case BufferRef::Place::kArena:
        break;
    }
    internal_error(__FILE__, __LINE__, "the arena has no slot in the table of buffers");
  }
  /// The address of a buffer, given those of the table and of the arena, and the counters of the loops around
  /// (by region), where it moves with them.
  template <class Pointer>
  Pointer address(const BufferRef& ref, std::span<const Pointer> pointers, void* arena,
                  std::span<const std::int64_t> counters = {}) const {
    const bool in_arena = ref.place == BufferRef::Place::kArena;
    auto* at = static_cast<std::byte*>(in_arena ? arena : pointers[slot(ref)]);
    std::int64_t bytes = in_arena ? ref.position : ref.offset;
    for (const Slice& slice : ref.slices) bytes += counters[slice.region] * slice.stride;
    return at + bytes;
  }

 private:
  std::size_t parameters_, results_, constants_;
};

}  // namespace adze::loop
