#pragma once

#include <adze/adze.h>

#include <cmath>
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

struct LayerNorm {
  Array scale, shift;  ///< [width]
  Array operator()(const Array& x) const {
    const Array centred = x - mean(x, -1, true);
    return centred * adze::rsqrt(mean(square(centred), -1, true) + 1e-5) * scale + shift;
  }
};
inline LayerNorm layer_norm(std::int64_t width) {
  return {adze::ones({width}), adze::zeros({width})};
}

/// Multi-head attention of each position over itself and those before it.
struct CausalAttention {
  adze::nn::Linear query, key, value, out;
  std::int64_t heads = 1;

  Array operator()(const Array& x) const {
    const std::int64_t batch = x.shape()[0], length = x.shape()[1], width = x.shape()[2],
                       size = width / heads;
    const auto by_head = [&](const Array& y) {  // [batch, heads, length, size]
      return swapaxes(reshape(y, {batch, length, heads, size}), 1, 2);
    };
    const Array scores = adze::matmul(by_head(query(x)), swapaxes(by_head(key(x)), 2, 3)) /
                         std::sqrt(static_cast<double>(size));
    const Array earlier = adze::iota({length, length}, 0) >= adze::iota({length, length}, 1);
    const Array weights = softmax(where(earlier, scores, -1e9));
    return out(reshape(swapaxes(adze::matmul(weights, by_head(value(x))), 1, 2), {batch, length, width}));
  }
};

struct Block {
  LayerNorm before_attention;
  CausalAttention attention;
  LayerNorm before_mlp;
  adze::nn::Linear up, down;

  Array operator()(const Array& x) const {
    const Array y = x + attention(before_attention(x));
    return y + down(gelu(up(before_mlp(y))));
  }
};

struct Transformer {
  Array tokens;     ///< [vocabulary, width]
  Array positions;  ///< [context, width]
  std::vector<Block> blocks;
  LayerNorm last;
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
    const auto square = [&] { return adze::nn::linear(next(), width, width); };
    Block block{
        layer_norm(width), {square(), square(), square(), square(), config.heads}, layer_norm(width), {}, {}};
    block.up = adze::nn::linear(next(), width, 4 * width);
    block.down = adze::nn::linear(next(), 4 * width, width);
    model.blocks.push_back(std::move(block));
  }
  model.last = layer_norm(width);
  model.head = adze::nn::linear(next(), width, config.vocabulary);
  return model;
}

/// The mean cross-entropy of the next token, in nats; `next` are `ids` one further on.
inline Array loss(const Transformer& model, const Array& ids, const Array& next) {
  return mean(adze::nn::softmax_cross_entropy(model(ids), next));
}

}  // namespace transformer
