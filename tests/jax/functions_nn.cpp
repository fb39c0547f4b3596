#include "jax/functions.h"

namespace adze::testing {
namespace {

using Arrays = std::vector<Array>;

Array layer_norm(const Array& x, const Array& scale, const Array& bias) {
  const Array centred = x - mean(x, -1, true);
  return centred * rsqrt(mean(square(centred), -1, true) + 1e-5) * scale + bias;
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
      {"nn.layer_norm", {3, [](const Arrays& a) { return Arrays{layer_norm(a[0], a[1], a[2])}; }}},
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
