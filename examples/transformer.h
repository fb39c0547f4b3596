#pragma once

#include <adze/adze.h>

#include <cstdint>
#include <string>
#include <vector>

/// A decoder-only transformer with layer normalisation before each part ("pre-LN"), learned positions and
/// GELU, as in Radford et al., "Language models are unsupervised multitask learners", 2019.
namespace transformer {

using adze::Array;

struct Config {
  std::int64_t vocabulary = 65, context = 64, width = 64, heads = 4, layers = 2;
};

struct Block {
  adze::nn::LayerNorm before_attention;
  adze::nn::MultiHeadAttention attention;
  adze::nn::LayerNorm before_mlp;
  adze::nn::Linear up, down;

  Array operator()(const Array& x) const {
    const Array y = x + attention(before_attention(x), {.causal = true});
    return y + down(gelu(up(before_mlp(y))));
  }
};

struct Transformer {
  Array tokens;     ///< [vocabulary, width]
  Array positions;  ///< [context, width]
  std::vector<Block> blocks;
  adze::nn::LayerNorm last;
  adze::nn::Linear head;

  /// The logits of the next token after each: i32[batch, length] -> [batch, length, vocabulary], length at
  /// most the context.
  Array operator()(const Array& ids) const {
    const Array embedded = adze::matmul(adze::one_hot(ids, tokens.shape()[0]), tokens);
    Array x = embedded + slice_axis(positions, 0, 0, ids.shape()[1]);
    for (const Block& block : blocks) x = block(x);
    return head(last(x));
  }
};

inline Transformer transformer(const Array& key, const Config& config) {
  const std::int64_t width = config.width;
  Array left = key;
  const auto next = [&] {  // a key of its own for each layer
    auto [use, rest] = adze::random::split<2>(left);
    left = rest;
    return use;
  };
  Transformer model;
  model.tokens = 0.02 * adze::random::normal(next(), {config.vocabulary, width});
  model.positions = 0.02 * adze::random::normal(next(), {config.context, width});
  for (std::int64_t i = 0; i < config.layers; ++i) {
    model.blocks.push_back({.before_attention = adze::nn::layer_norm({width}),
                            .attention = adze::nn::multi_head_attention(next(), width, config.heads),
                            .before_mlp = adze::nn::layer_norm({width}),
                            .up = adze::nn::linear(next(), width, 4 * width),
                            .down = adze::nn::linear(next(), 4 * width, width)});
  }
  model.last = adze::nn::layer_norm({width});
  model.head = adze::nn::linear(next(), width, config.vocabulary);
  return model;
}

/// The mean cross-entropy of the next token, in nats; `next` are `ids` one further on.
inline Array loss(const Transformer& model, const Array& ids, const Array& next) {
  return mean(adze::nn::softmax_cross_entropy(model(ids), next));
}

}  // namespace transformer
