#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <type_traits>
#include <vector>

#include "ir/eval_helpers.h"
#include "ir/windows.h"

/// For the `eval` and `samples` rules of ops over windows.
namespace adze {

/// Calls f.operator()<T>() with double for float dtypes, std::uint64_t for u64 and std::int64_t for the other
/// integers: wide enough that a reference is nearer to the truth than what is compared with it, or the same
/// modulo 2^n.
template <class F>
void with_wide_type(DType dtype, F&& f) {
  if (is_float(dtype)) {
    f.template operator()<double>();
  } else if (dtype == DType::kU64) {
    f.template operator()<std::uint64_t>();
  } else {
    f.template operator()<std::int64_t>();
  }
}

template <class T>
T get(const Literal& literal, std::int64_t i) {
  if constexpr (std::is_same_v<T, double>) {
    return literal.as_double(i);
  } else {
    return static_cast<T>(literal.as_int(i));
  }
}
inline void set(Literal& literal, std::int64_t i, double value) {
  literal.set_double(i, value);
}
inline void set(Literal& literal, std::int64_t i, std::int64_t value) {
  literal.set_int(i, value);
}
inline void set(Literal& literal, std::int64_t i, std::uint64_t value) {
  literal.set_int(i, static_cast<std::int64_t>(value));
}

/// For each window over `shape`, in row-major order, f(its number, the flat offsets of its elements): -1 for
/// padding and holes.
template <class F>
void for_each_window(const Dims& shape, const Windows& windows, F&& f) {
  const Dims strides = row_major_strides(shape);
  std::int64_t number = 0;
  std::vector<std::int64_t> elements;
  for_each_index(window_counts(shape, windows), [&](const Dims& window) {
    elements.clear();
    for_each_index(windows.size, [&](const Dims& k) {
      std::int64_t offset = 0;
      bool inside = true;
      for (std::size_t d = 0; d < shape.size(); ++d) {
        const std::int64_t position =
            window[d] * windows.strides[d] + k[d] * windows.window_dilation[d] - windows.padding.lhs[d];
        inside = inside && position >= 0 && position % windows.base_dilation[d] == 0 &&
                 position / windows.base_dilation[d] < shape[d];
        offset += position / windows.base_dilation[d] * strides[d];
      }
      elements.push_back(inside ? offset : -1);
    });
    f(number++, std::span<const std::int64_t>(elements));
  });
}

/// Replaces the elements of the last literal by numbers of the same order that are well apart: what chooses
/// an extreme element stays as it is within the steps of finite differences.
inline void spread_values(std::vector<Literal>& inputs) {
  Literal& x = inputs.back();
  std::vector<std::int64_t> order(static_cast<std::size_t>(x.size()));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::int64_t a, std::int64_t b) { return x.as_double(a) < x.as_double(b); });
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    x.set_double(order[rank], 0.25 * static_cast<double>(rank) - 2);
  }
}

}  // namespace adze
