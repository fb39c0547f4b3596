#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "adze/array.h"
#include "adze/ops.h"

/// Random numbers from keys, as in JAX: the same key always gives the same numbers, and they are JAX's own
/// (threefry2x32, its partitionable layout). A key is a u32[2] Array; use each for one thing only and make
/// new ones with `split` or `fold_in`. Keys are data: inside a trace these functions become part of the
/// program, which then draws anew for each key it is given.
///
/// Bits, uniform numbers and integers are the same inside a trace and outside, and on every machine; numbers
/// that go through erf_inv or log (normal, truncated_normal, gumbel) agree with JAX's and with each other to
/// a few ULP.
///
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
namespace adze::random {

Array key(std::uint64_t seed);
/// n independent keys.
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
/// The same n keys as one Array u32[n,2], to map or scan over.
Array split_stacked(const Array& key, std::int64_t n);
/// A key made of `key` and a number such as a step count, also an integer scalar of the trace.
Array fold_in(const Array& key, std::uint32_t data);
Array fold_in(const Array& key, const Array& data);

/// Raw bits: u8, u16, u32 or u64.
Array bits(const Array& key, Dims shape, DType dtype = DType::kU32);
/// In [low, high); f32 or f64.
Array uniform(const Array& key, Dims shape, double low = 0, double high = 1, DType dtype = DType::kF32);
/// Mean 0, standard deviation 1; f32 or f64.
Array normal(const Array& key, Dims shape, DType dtype = DType::kF32);
/// A normal number that happens to lie between `low` and `high`; f32 or f64.
Array truncated_normal(const Array& key, Dims shape, double low, double high, DType dtype = DType::kF32);
/// -log(-log(u)) for uniform u: the standard Gumbel distribution; f32 or f64.
Array gumbel(const Array& key, Dims shape, DType dtype = DType::kF32);
/// true with probability p.
Array bernoulli(const Array& key, double p, Dims shape);
/// Indices (i32) along `axis` drawn with the probabilities softmax(logits, axis), by the Gumbel-max trick.
/// `shape` is that of the logits without `axis` where left out; it may have further dimensions before.
Array categorical(const Array& key, Operand logits, std::int64_t axis = -1, std::optional<Dims> shape = {});
/// i32 in [low, high).
Array randint(const Array& key, Dims shape, std::int32_t low, std::int32_t high);
/// 0 ... n - 1 (i32) in random order.
Array permutation(const Array& key, std::int64_t n);
/// The slices of `x` along `axis` in random order.
Array permutation(const Array& key, const Array& x, std::int64_t axis = 0);

}  // namespace adze::random
