#include "jax/functions.h"

#include <adze/adze.h>

#include <functional>
#include <map>
#include <utility>

// What is made of ops, under the names by which tests/jax/cases_nn.py asks for it.

namespace adze::testing {
namespace {

using Arguments = std::vector<Array>;

struct Function {
  std::size_t arity;
  std::function<Arguments(const Arguments& a)> call;
};

Array layer_norm(const Array& x, const Array& scale, const Array& bias) {
  const Array centred = x - mean(x, -1, true);
  return centred * rsqrt(mean(square(centred), -1, true) + 1e-5) * scale + bias;
}

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> table = {
      {"nn.relu", {1, [](const Arguments& a) { return Arguments{nn::relu(a[0])}; }}},
      {"nn.leaky_relu", {1, [](const Arguments& a) { return Arguments{nn::leaky_relu(a[0])}; }}},
      {"nn.elu", {1, [](const Arguments& a) { return Arguments{nn::elu(a[0])}; }}},
      {"nn.gelu_tanh", {1, [](const Arguments& a) { return Arguments{nn::gelu(a[0])}; }}},
      {"nn.sigmoid", {1, [](const Arguments& a) { return Arguments{nn::sigmoid(a[0])}; }}},
      {"nn.silu", {1, [](const Arguments& a) { return Arguments{nn::silu(a[0])}; }}},
      {"nn.softplus", {1, [](const Arguments& a) { return Arguments{nn::softplus(a[0])}; }}},
      {"nn.softmax", {1, [](const Arguments& a) { return Arguments{nn::softmax(a[0])}; }}},
      {"nn.softmax_axis0", {1, [](const Arguments& a) { return Arguments{nn::softmax(a[0], 0)}; }}},
      {"nn.log_softmax", {1, [](const Arguments& a) { return Arguments{nn::log_softmax(a[0])}; }}},
      {"nn.logsumexp", {1, [](const Arguments& a) { return Arguments{logsumexp(a[0], -1)}; }}},
      {"nn.layer_norm", {3, [](const Arguments& a) { return Arguments{layer_norm(a[0], a[1], a[2])}; }}},
      {"nn.linear",
       {3,
        [](const Arguments& a) {
          return Arguments{nn::Linear{a[1], a[2]}(a[0])};
        }}},
      {"nn.softmax_cross_entropy",
       {2, [](const Arguments& a) { return Arguments{nn::softmax_cross_entropy(a[0], a[1])}; }}},
      {"nn.sigmoid_cross_entropy",
       {2, [](const Arguments& a) { return Arguments{nn::sigmoid_cross_entropy(a[0], a[1])}; }}},
      {"nn.mse", {2, [](const Arguments& a) { return Arguments{nn::mse(a[0], a[1])}; }}},
      {"var", {1, [](const Arguments& a) { return Arguments{var(a[0], -1)}; }}},
      {"norm", {1, [](const Arguments& a) { return Arguments{norm(a[0], -1)}; }}},
  };
  return table;
}

}  // namespace

Graph trace_function(const std::string& name, const std::vector<TensorType>& types) {
  const auto found = functions().find(name);
  if (found == functions().end()) throw UsageError("there is no function '" + name + "'");
  const Function& function = found->second;
  if (types.size() != function.arity) {
    throw UsageError(name + " takes " + std::to_string(function.arity) + " arguments, not " +
                     std::to_string(types.size()));
  }
  Arguments arguments;
  for (const TensorType& type : types) arguments.push_back(zeros(type.shape, type.dtype));
  return trace(function.call, arguments);
}

}  // namespace adze::testing
