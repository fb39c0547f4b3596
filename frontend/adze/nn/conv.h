#pragma once

#include <cstdint>
#include <utility>

#include "adze/array.h"

namespace adze::nn {

// Convolution and pooling in one to three spatial dimensions, with the channels last: x is [..., spatial...,
// channels], as in Flax. Lists (strides, ...) have an entry for each spatial dimension; empty ones stand for
// ones.

/// What is put around x. kSame: zeros, as few as give ceil(size / stride) results, one more behind than in
/// front where the number is odd. kValid: nothing. kExplicit: `low` before and `high` after; negative ones
/// cut.
struct Padding {
  enum class Kind : std::uint8_t { kSame, kValid, kExplicit };
  Kind kind = Kind::kSame;
  Dims low = {}, high = {};
  static Padding same() { return {}; }
  static Padding valid() { return {Kind::kValid, {}, {}}; }
  static Padding by(Dims low, Dims high) { return {Kind::kExplicit, std::move(low), std::move(high)}; }
  /// The same on both sides.
  static Padding by(const Dims& each) { return {Kind::kExplicit, each, each}; }
};

struct ConvOptions {
  Dims strides = {};
  Padding padding = {};
  Dims dilation = {};  ///< of the kernel: its elements' distance
  std::int64_t groups = 1;
  DType dtype = DType::kF32;
};
/// y[s, o] = sum over k and i of x[s stride + k dilation - low, i] kernel[k, i, o], plus bias[o]. With
/// groups, the output channels of each see their share of the input channels only.
struct Conv {
  Array kernel;  ///< [window..., in / groups, out]
  Array bias;    ///< [out]
  Dims strides = {};
  Padding padding = {};
  Dims dilation = {};
  std::int64_t groups = 1;
  Array operator()(Operand x) const;
};
/// Weights normal with standard deviation 1/sqrt(window size * in / groups), bias zero. TypeError where
/// `groups` does not divide `in` and `out`.
Conv conv(const Array& key, Dims window, std::int64_t in, std::int64_t out, const ConvOptions& options = {});

struct PoolOptions {
  Dims strides = {};  ///< the window's sizes where empty
  Padding padding = Padding::valid();
};
/// The largest element under each window; `window` has a size for each spatial dimension. Padding never wins.
Array max_pool(Operand x, Dims window, const PoolOptions& options = {});
/// The mean under each window; padding counts as zeros unless `without_padding`.
Array avg_pool(Operand x, Dims window, const PoolOptions& options = {}, bool without_padding = false);

}  // namespace adze::nn
