#include "adze/nn/layers.h"

#include <fmt/format.h>

#include <cmath>

#include "adze/indexing.h"
#include "adze/ops.h"
#include "adze/random.h"
#include "frontend/emit.h"

namespace adze::nn {
namespace {

/// The last axes of x, which must be those of `scale`.
Dims normalised_axes(const char* what, Operand x, const Array& scale) {
  const TensorType type = x.type();
  const Dims& shape = scale.shape();
  if (shape.size() > type.shape.size() || !std::equal(shape.rbegin(), shape.rend(), type.shape.rbegin())) {
    adze::detail::fail(x, fmt::format("{}: a layer for {} does not fit the last axes of {}", what,
                                      to_string(shape), to_string(type)));
  }
  Dims axes;
  for (std::int64_t axis = type.rank() - scale.rank(); axis < type.rank(); ++axis) axes.push_back(axis);
  return axes;
}

bool is_narrow(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kBF16;
}

/// What means and variances are computed from: f16 and bf16 have too few digits.
Array widened(Operand x) {
  return is_narrow(x.type().dtype) ? astype(x, DType::kF32) : x.array();
}
/// Undoes it for the result.
Array narrowed(const Array& result, Operand x) {
  return is_narrow(x.type().dtype) ? astype(result, x.type().dtype) : result;
}

}  // namespace

Array Linear::operator()(Operand x) const {
  const Composition here("linear", x.at());
  return matmul(x, weight) + bias;
}

Linear linear(const Array& key, std::int64_t in, std::int64_t out, DType dtype) {
  const double scale = 1 / std::sqrt(static_cast<double>(in));
  return {random::normal(key, {in, out}, dtype) * scale, zeros({out}, dtype)};
}

Array Embedding::operator()(Operand ids) const {
  const Composition here("embedding", ids.at());
  return take(table, ids, 0);
}

Array Embedding::attend(Operand x) const {
  const Composition here("embedding", x.at());
  return dot_general(x, table, {{x.type().rank() - 1}, {1}});
}

Embedding embedding(const Array& key, std::int64_t count, std::int64_t features, DType dtype) {
  return {random::normal(key, {count, features}, dtype) / std::sqrt(static_cast<double>(features))};
}

Array LayerNorm::operator()(Operand x) const {
  const Composition here("layer_norm", x.at());
  const Dims axes = normalised_axes("layer_norm", x, scale);
  const Array wide = widened(x), centred = wide - mean(wide, axes, true);
  return narrowed(centred * rsqrt(mean(square(centred), axes, true) + epsilon) * scale + bias, x);
}

LayerNorm layer_norm(Dims shape, DType dtype) {
  return {ones(shape, dtype), zeros(shape, dtype)};
}

Array RmsNorm::operator()(Operand x) const {
  const Composition here("rms_norm", x.at());
  const Dims axes = normalised_axes("rms_norm", x, scale);
  const Array wide = widened(x);
  return narrowed(wide * rsqrt(mean(square(wide), axes, true) + epsilon) * scale, x);
}

RmsNorm rms_norm(Dims shape, DType dtype) {
  return {ones(std::move(shape), dtype)};
}

std::pair<Array, BatchNormState> BatchNorm::train(Operand x, const BatchNormState& state) const {
  const Composition here("batch_norm", x.at());
  Dims axes;
  for (std::int64_t axis = 0; axis < normalised_axes("batch_norm", x, scale)[0]; ++axis) axes.push_back(axis);
  const Array wide = widened(x), batch_mean = mean(wide, axes);
  const Array centred = wide - batch_mean;
  const Array batch_variance = mean(square(centred), axes);
  const auto average = [&](const Array& old, const Array& now) {
    return astype(stop_gradient(momentum * old + (1 - momentum) * now), old.dtype());
  };
  return {narrowed(centred * rsqrt(batch_variance + epsilon) * scale + bias, x),
          {average(state.mean, batch_mean), average(state.variance, batch_variance)}};
}

Array BatchNorm::operator()(Operand x, const BatchNormState& state) const {
  const Composition here("batch_norm", x.at());
  normalised_axes("batch_norm", x, scale);
  const Array y = (widened(x) - state.mean) * rsqrt(widened(state.variance) + epsilon) * scale + bias;
  return narrowed(y, x);
}

BatchNorm batch_norm(std::int64_t features, DType dtype) {
  return {ones({features}, dtype), zeros({features}, dtype)};
}

BatchNormState batch_norm_state(std::int64_t features, DType dtype) {
  return {zeros({features}, dtype), ones({features}, dtype)};
}

Array Dropout::train(Operand x, const Array& key) const {
  const Composition here("dropout", x.at());
  if (!(rate >= 0 && rate <= 1)) {
    adze::detail::fail(x, fmt::format("dropout: the rate is in [0, 1], not {}", rate));
  }
  if (rate == 0) return x.array();
  if (rate == 1) return zeros_like(x);
  const Array kept = random::bernoulli(key, 1 - rate, x.type().shape);
  return where(kept, classic ? x.array() : x / (1 - rate), 0);
}

Array Dropout::operator()(Operand x) const {
  const Composition here("dropout", x.at());
  return classic ? x * (1 - rate) : x.array();
}

}  // namespace adze::nn
