#pragma once

#include <cstdint>
#include <optional>

#include "adze/array.h"
#include "adze/nn/layers.h"

namespace adze::nn {

struct AttentionOptions {
  /// bool, broadcasts to [..., heads, queries, keys]: true where a query may look at a key. A query that may
  /// look nowhere looks everywhere alike.
  std::optional<Array> mask = {};
  /// Added to the scores; broadcasts to their shape [..., heads, queries, keys].
  std::optional<Array> bias = {};
  /// A query looks only at keys that do not come after it.
  bool causal = false;
  /// What scores are multiplied with; 1 / sqrt(features) where left out.
  std::optional<double> scale = {};
};
/// softmax(scale q k^T + bias) v for each head. Vaswani et al., "Attention is all you need", 2017,
/// equation 1. `query` is [..., queries, heads, features], `key` [..., keys, heads, features], `value` [...,
/// keys, heads, out]; the result is [..., queries, heads, out]: the layout of jax.nn.dot_product_attention.
/// Scores of f16 and bf16 are normalised in f32.
Array dot_product_attention(Operand query, Operand key, Operand value, const AttentionOptions& options = {});

/// Projects to `heads` heads, attends, projects back; over x [..., tokens, features].
struct MultiHeadAttention {
  Linear query, key, value;  ///< [features, heads * head size]
  Linear out;                ///< [heads * head size, out features]
  std::int64_t heads = 1;
  /// Of x to itself.
  Array operator()(Operand x, const AttentionOptions& options = {}) const;
  /// Of x to `memory` [..., keys, memory features].
  Array attend(Operand x, Operand memory, const AttentionOptions& options = {}) const;
};
/// TypeError unless `heads` divides `features`.
MultiHeadAttention multi_head_attention(const Array& key, std::int64_t features, std::int64_t heads,
                                        DType dtype = DType::kF32);

}  // namespace adze::nn
