#include "adze/nn/attention.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "adze/einsum.h"
#include "adze/ops.h"
#include "adze/random.h"
#include "frontend/emit.h"

namespace adze::nn {
namespace {

/// The lowest finite number: a score of -inf alone in its row would give NaN.
double lowest(DType dtype) {
  return dtype == DType::kF64 ? std::numeric_limits<double>::lowest()
                              : static_cast<double>(std::numeric_limits<float>::lowest());
}

Array split_heads(const Array& x, std::int64_t heads) {
  Dims shape = x.shape();
  const std::int64_t size = shape.back() / heads;
  shape.back() = heads;
  shape.push_back(size);
  return reshape(x, std::move(shape));
}

Array join_heads(const Array& x) {
  Dims shape = x.shape();
  const std::int64_t size = shape.back();
  shape.pop_back();
  shape.back() *= size;
  return reshape(x, std::move(shape));
}

}  // namespace

Array dot_product_attention(Operand query, Operand key, Operand value, const AttentionOptions& options) {
  const Composition here("dot_product_attention", query.at());
  const TensorType type = query.type();
  if (type.rank() < 3 || key.type().rank() != type.rank() || value.type().rank() != type.rank()) {
    adze::detail::fail(query, fmt::format("dot_product_attention: query, key and value are [..., tokens, "
                                          "heads, features], got {}, {} and {}",
                                          to_string(type), to_string(key.type()), to_string(value.type())));
  }
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(type.shape.back())));
  Array scores = einsum("...qhf,...khf->...hqk", query, key);
  if (scores.dtype() != DType::kF64) scores = astype(scores, DType::kF32);
  scores = scores * scale;
  if (options.bias) scores = scores + *options.bias;
  const double never = lowest(scores.dtype());
  if (options.mask) {
    if (options.mask->dtype() != DType::kBool) {
      adze::detail::fail(*options.mask, "dot_product_attention: the mask must be bool, got " +
                                            to_string(options.mask->type()));
    }
    scores = where(*options.mask, scores, never);
  }
  if (options.causal) {
    const Dims table(scores.shape().end() - 2, scores.shape().end());
    scores = where(iota(table, 0) >= iota(table, 1), scores, never);
  }
  const Array weights = astype(softmax(scores, -1), value.type().dtype);
  return einsum("...hqk,...khf->...qhf", weights, value);
}

Array MultiHeadAttention::operator()(Operand x, const AttentionOptions& options) const {
  return attend(x, x, options);
}

Array MultiHeadAttention::attend(Operand x, Operand memory, const AttentionOptions& options) const {
  const Composition here("multi_head_attention", x.at());
  const Array mixed = dot_product_attention(split_heads(query(x), heads), split_heads(key(memory), heads),
                                            split_heads(value(memory), heads), options);
  return out(join_heads(mixed));
}

MultiHeadAttention multi_head_attention(const Array& key, std::int64_t features, std::int64_t heads,
                                        DType dtype) {
  if (heads <= 0 || features % heads != 0) {
    throw TypeError(
        fmt::format("multi_head_attention: {} features do not divide into {} heads", features, heads));
  }
  const auto keys = random::split<4>(key);
  const auto project = [&](std::size_t i) { return linear(keys[i], features, features, dtype); };
  return {project(0), project(1), project(2), project(3), heads};
}

}  // namespace adze::nn
