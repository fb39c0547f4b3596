#include "jax/functions.h"

namespace adze::testing {
namespace {

using Arrays = std::vector<Array>;

Arrays batch_norm_training(const Arrays& a) {
  const auto [y, state] = nn::BatchNorm{a[1], a[2]}.train(a[0], {a[3], a[4]});
  return {y, state.mean, state.variance};
}

/// x, then query, key, value and out, each a weight and a bias.
Array self_attention(const Arrays& a) {
  const auto linear = [&](std::size_t i) { return nn::Linear{a[2 * i + 1], a[2 * i + 2]}; };
  return nn::MultiHeadAttention{linear(0), linear(1), linear(2), linear(3), 4}(a[0], {.causal = true});
}

}  // namespace

FunctionTable nn_functions() {
  return {
      {"nn.relu", {1, [](const Arrays& a) { return Arrays{nn::relu(a[0])}; }}},
      {"nn.leaky_relu", {1, [](const Arrays& a) { return Arrays{nn::leaky_relu(a[0])}; }}},
      {"nn.elu", {1, [](const Arrays& a) { return Arrays{nn::elu(a[0])}; }}},
      {"nn.gelu_tanh", {1, [](const Arrays& a) { return Arrays{nn::gelu(a[0])}; }}},
      {"nn.sigmoid", {1, [](const Arrays& a) { return Arrays{nn::sigmoid(a[0])}; }}},
      {"nn.silu", {1, [](const Arrays& a) { return Arrays{nn::silu(a[0])}; }}},
      {"nn.softplus", {1, [](const Arrays& a) { return Arrays{nn::softplus(a[0])}; }}},
      {"nn.softmax", {1, [](const Arrays& a) { return Arrays{nn::softmax(a[0])}; }}},
      {"nn.softmax_axis0", {1, [](const Arrays& a) { return Arrays{nn::softmax(a[0], 0)}; }}},
      {"nn.log_softmax", {1, [](const Arrays& a) { return Arrays{nn::log_softmax(a[0])}; }}},
      {"nn.logsumexp", {1, [](const Arrays& a) { return Arrays{logsumexp(a[0], -1)}; }}},
      {"nn.layer_norm",
       {3,
        [](const Arrays& a) {
          return Arrays{nn::LayerNorm{a[1], a[2]}(a[0])};
        }}},
      {"nn.rms_norm", {2, [](const Arrays& a) { return Arrays{nn::RmsNorm{a[1]}(a[0])}; }}},
      {"nn.batch_norm_training", {5, batch_norm_training}},
      {"nn.batch_norm",
       {5,
        [](const Arrays& a) {
          return Arrays{nn::BatchNorm{a[1], a[2]}(a[0], {a[3], a[4]})};
        }}},
      {"nn.dropout", {2, [](const Arrays& a) { return Arrays{nn::Dropout{0.4}.train(a[0], a[1])}; }}},
      {"nn.attention",
       {3, [](const Arrays& a) { return Arrays{nn::dot_product_attention(a[0], a[1], a[2])}; }}},
      {"nn.attention_causal",
       {3,
        [](const Arrays& a) {
          return Arrays{nn::dot_product_attention(a[0], a[1], a[2], {.causal = true})};
        }}},
      {"nn.attention_mask_bias",
       {5,
        [](const Arrays& a) {
          return Arrays{
              nn::dot_product_attention(a[0], a[1], a[2], {.mask = a[3], .bias = a[4], .scale = 0.3})};
        }}},
      {"nn.multi_head_attention", {9, [](const Arrays& a) { return Arrays{self_attention(a)}; }}},
      {"nn.smooth_cross_entropy",
       {2,
        [](const Arrays& a) {
          return Arrays{nn::softmax_cross_entropy(a[0], a[1], {.label_smoothing = 0.1})};
        }}},
      {"nn.huber", {2, [](const Arrays& a) { return Arrays{nn::huber(a[0], a[1], 0.7)}; }}},
      {"nn.hinge", {2, [](const Arrays& a) { return Arrays{nn::hinge(a[0], a[1])}; }}},
      {"nn.kl_divergence", {2, [](const Arrays& a) { return Arrays{nn::kl_divergence(a[0], a[1])}; }}},
      {"nn.rnn_cell",
       {5,
        [](const Arrays& a) {
          return Arrays{nn::RnnCell{a[2], a[3], a[4]}(a[0], a[1]).first};
        }}},
      {"nn.gru_cell",
       {6,
        [](const Arrays& a) {
          return Arrays{nn::GruCell{a[2], a[3], a[4], a[5]}(a[0], a[1]).first};
        }}},
      {"nn.lstm_cell",
       {6,
        [](const Arrays& a) {
          const auto [state, output] = nn::LstmCell{a[3], a[4], a[5]}({a[0], a[1]}, a[2]);
          return Arrays{state.hidden, state.cell};
        }}},
      {"nn.conv",
       {3,
        [](const Arrays& a) {
          return Arrays{nn::Conv{.kernel = a[1], .bias = a[2], .strides = {2, 1}}(a[0])};
        }}},
      {"nn.conv_groups",
       {3,
        [](const Arrays& a) {
          return Arrays{nn::Conv{.kernel = a[1],
                                 .bias = a[2],
                                 .padding = nn::Padding::by({1, 0}, {0, 2}),
                                 .dilation = {1, 2},
                                 .groups = 2}(a[0])};
        }}},
      {"nn.max_pool",
       {1,
        [](const Arrays& a) {
          return Arrays{nn::max_pool(a[0], {2, 2})};
        }}},
      {"nn.max_pool_same",
       {1,
        [](const Arrays& a) {
          return Arrays{nn::max_pool(a[0], {3, 3}, {.strides = {2, 2}, .padding = nn::Padding::same()})};
        }}},
      {"nn.avg_pool",
       {1,
        [](const Arrays& a) {
          return Arrays{nn::avg_pool(a[0], {2, 3})};
        }}},
      {"nn.embedding", {2, [](const Arrays& a) { return Arrays{nn::Embedding{a[0]}(a[1])}; }}},
      {"einsum_matrix_product", {2, [](const Arrays& a) { return Arrays{einsum("ij,jk->ik", a[0], a[1])}; }}},
      {"einsum_batched", {2, [](const Arrays& a) { return Arrays{einsum("bhqd,bkhd->bhqk", a[0], a[1])}; }}},
      {"einsum_three", {3, [](const Arrays& a) { return Arrays{einsum("i,ij,j->", a[0], a[1], a[2])}; }}},
      {"einsum_trace", {1, [](const Arrays& a) { return Arrays{einsum("ii->", a[0])}; }}},
      {"einsum_diagonal", {1, [](const Arrays& a) { return Arrays{einsum("...ii->...i", a[0])}; }}},
      {"nn.linear",
       {3,
        [](const Arrays& a) {
          return Arrays{nn::Linear{a[1], a[2]}(a[0])};
        }}},
      {"nn.softmax_cross_entropy",
       {2, [](const Arrays& a) { return Arrays{nn::softmax_cross_entropy(a[0], a[1])}; }}},
      {"nn.sigmoid_cross_entropy",
       {2, [](const Arrays& a) { return Arrays{nn::sigmoid_cross_entropy(a[0], a[1])}; }}},
      {"nn.mse", {2, [](const Arrays& a) { return Arrays{nn::mse(a[0], a[1])}; }}},
      {"var", {1, [](const Arrays& a) { return Arrays{var(a[0], -1)}; }}},
      {"norm", {1, [](const Arrays& a) { return Arrays{norm(a[0], -1)}; }}},
  };
}

}  // namespace adze::testing
