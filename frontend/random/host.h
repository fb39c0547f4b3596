#pragma once

#include <cstdint>

#include "adze/array.h"

/// Random numbers from keys whose words are known, made at once: no program to compile, and the same bits on
/// every machine. Outside a trace random.h works through this; only frontend/*.cpp includes it.
namespace adze::random::host {

struct Key {
  std::uint32_t a, b;
};

/// The block cipher behind all of it: 20 rounds on two words.
Key threefry2x32(Key key, Key counter);
Key read_key(const Array& key);
Array to_array(Key key);

Array bits(Key key, Dims shape);
/// f32 or f64 in [low, high).
Array uniform(Key key, Dims shape, double low, double high, DType dtype);
/// sqrt(2) erf_inv(u) for u uniform in [low, high), within (-1, 1).
Array normal_between(Key key, Dims shape, double low, double high, DType dtype);
Array bernoulli(Key key, double p, Dims shape);

/// How two words w1, w2 make an integer below `size`: (2^32 w1 + w2) mod size, so that no value is favoured
/// by more than 2^-32 of its share.
struct RandintSpan {
  std::uint32_t size;
  std::uint32_t multiplier;  ///< 2^32 mod size
};
Array randint(Key key, Dims shape, std::int32_t low, const RandintSpan& span);
/// 0 ... n - 1 sorted `rounds` times by random words.
Array permutation(Key key, std::int64_t n, int rounds);

}  // namespace adze::random::host
