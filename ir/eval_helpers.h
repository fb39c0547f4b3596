#pragma once

#include <cstring>
#include <utility>
#include <vector>

#include "ir/errors.h"
#include "ir/op.h"
#include "ir/with_type.h"

/// For the `eval` rules in ir/ops: plain loops over elements, written for clarity.
namespace adze {

/// Calls f(index) for each index of `shape` in row-major order.
template <class F>
void for_each_index(const Dims& shape, F&& f) {
  if (element_count(shape) == 0) return;
  Dims index(shape.size(), 0);
  while (true) {
    f(std::as_const(index));
    std::size_t d = shape.size();
    while (d > 0 && ++index[d - 1] == shape[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

/// Sum of index[i] * strides[i].
inline std::int64_t flat_offset(const Dims& index, const Dims& strides) {
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < index.size(); ++i) offset += index[i] * strides[i];
  return offset;
}

/// Row-major flat offsets of all indices over the dims `dims` of a tensor of `shape`, the other dims at 0.
inline std::vector<std::int64_t> offsets_over(const Dims& shape, const Dims& dims) {
  const Dims strides = row_major_strides(shape);
  Dims sizes, steps;
  for (const std::int64_t d : dims) {
    sizes.push_back(shape[static_cast<std::size_t>(d)]);
    steps.push_back(strides[static_cast<std::size_t>(d)]);
  }
  std::vector<std::int64_t> offsets;
  for_each_index(sizes, [&](const Dims& index) { offsets.push_back(flat_offset(index, steps)); });
  return offsets;
}

/// Copies one element between literals of the same dtype.
inline void copy_element(Literal& to, std::int64_t to_offset, const Literal& from, std::int64_t from_offset) {
  const std::size_t size = byte_size(from.type().dtype);
  std::memcpy(to.bytes() + static_cast<std::size_t>(to_offset) * size,
              from.bytes() + static_cast<std::size_t>(from_offset) * size, size);
}

/// result[index] = operand 0 at flat offset source(index), for each index of the result.
template <class F>
void eval_movement(EvalContext& c, F&& source) {
  Literal& result = c.results[0];
  std::int64_t i = 0;
  for_each_index(result.type().shape,
                 [&](const Dims& index) { copy_element(result, i++, *c.operands[0], source(index)); });
}

}  // namespace adze
