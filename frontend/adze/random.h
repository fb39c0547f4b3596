#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "adze/array.h"
#include "adze/ops.h"

/// Random numbers from keys, as in JAX: the same key always gives the same numbers, on every machine, and
/// they are JAX's own (threefry2x32, its partitionable layout). A key is a u32[2] Array; use each for one
/// thing only and make new ones with `split` or `fold_in`. All this happens on the host: inside a trace it is
/// a RuntimeError, so draw before and pass the numbers in.
///
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
namespace adze::random {

Array key(std::uint64_t seed);
/// N independent keys.
std::vector<Array> split(const Array& key, std::size_t n);
namespace detail {
void split_into(const Array& key, Array* keys, std::size_t n);
}
template <std::size_t N = 2>
std::array<Array, N> split(const Array& key) {
  std::array<Array, N> keys;
  detail::split_into(key, keys.data(), N);
  return keys;
}
/// A key made of `key` and a number such as a step count.
Array fold_in(const Array& key, std::uint32_t data);

/// Raw u32.
Array bits(const Array& key, Dims shape);
/// In [low, high); f32 or f64.
Array uniform(const Array& key, Dims shape, double low = 0, double high = 1, DType dtype = DType::kF32);
/// Mean 0, standard deviation 1; f32 or f64.
Array normal(const Array& key, Dims shape, DType dtype = DType::kF32);
/// true with probability p.
Array bernoulli(const Array& key, double p, Dims shape);
/// i32 in [low, high).
Array randint(const Array& key, Dims shape, std::int32_t low, std::int32_t high);
/// 0 ... n - 1 (i32) in random order.
Array permutation(const Array& key, std::int64_t n);

}  // namespace adze::random
