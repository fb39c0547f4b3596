#pragma once

#include <string>
#include <string_view>

#include "ir/graph.h"
#include "ir/graph_builder.h"
#include "ir/op.h"
#include "ir/text.h"
#include "passes/ad/ad.h"

/// Programs that several tests look at.
namespace adze::testing {

/// `text` with `float` for every f64.
inline Graph parse_as(std::string_view text, const std::string& float_name) {
  std::string result(text);
  for (std::size_t at = result.find("f64"); at != std::string::npos; at = result.find("f64", at + 1)) {
    result.replace(at, 3, float_name);
  }
  return parse_graph(result);
}

/// Softmax cross-entropy of a two-layer network: (x [6,5], labels i32[6], w1, b1, w2, b2) -> scalar.
/// Parameters 2 to 5 are what one trains.
inline constexpr std::string_view kMlpLoss = R"(
func @loss(%x: f64[6,5], %labels: i32[6], %w1: f64[5,7], %b1: f64[7], %w2: f64[7,3], %b2: f64[3]) -> f64[] {
  %a1 = dot_general %x, %w1 {contract = [1] x [0]} : f64[6,7]
  %c1 = broadcast_in_dim %b1 {dims = [1], shape = [6,7]} : f64[6,7]
  %d1 = add %a1, %c1 : f64[6,7]
  %hidden = tanh %d1 : f64[6,7]
  %a2 = dot_general %hidden, %w2 {contract = [1] x [0]} : f64[6,3]
  %c2 = broadcast_in_dim %b2 {dims = [1], shape = [6,3]} : f64[6,3]
  %logits = add %a2, %c2 : f64[6,3]
  %m0 = reduce_max %logits {axes = [1]} : f64[6]
  %m1 = stop_gradient %m0 : f64[6]
  %m2 = broadcast_in_dim %m1 {dims = [0], shape = [6,3]} : f64[6,3]
  %shifted = sub %logits, %m2 : f64[6,3]
  %e = exp %shifted : f64[6,3]
  %z = reduce_sum %e {axes = [1]} : f64[6]
  %l0 = log %z : f64[6]
  %l1 = broadcast_in_dim %l0 {dims = [0], shape = [6,3]} : f64[6,3]
  %log_probability = sub %shifted, %l1 : f64[6,3]
  %classes = iota {dimension = 1, dtype = i32, shape = [6,3]} : i32[6,3]
  %y = broadcast_in_dim %labels {dims = [0], shape = [6,3]} : i32[6,3]
  %hit = eq %classes, %y : bool[6,3]
  %zero = constant {value = f64[] 0} : f64[]
  %zeros = broadcast_in_dim %zero {dims = [], shape = [6,3]} : f64[6,3]
  %picked = select %hit, %log_probability, %zeros : f64[6,3]
  %total = reduce_sum %picked {axes = [0,1]} : f64[]
  %count = constant {value = f64[] -6} : f64[]
  %loss = div %total, %count : f64[]
  return %loss
}
)";

/// Row softmax of f64[9,17].
inline constexpr std::string_view kRowSoftmax = R"(
func @softmax(%x: f64[9,17]) -> f64[9,17] {
  %m = reduce_max %x {axes = [1]} : f64[9]
  %mb = broadcast_in_dim %m {dims = [0], shape = [9,17]} : f64[9,17]
  %s = sub %x, %mb : f64[9,17]
  %e = exp %s : f64[9,17]
  %z = reduce_sum %e {axes = [1]} : f64[9]
  %zb = broadcast_in_dim %z {dims = [0], shape = [9,17]} : f64[9,17]
  %p = div %e, %zb : f64[9,17]
  return %p
}
)";

/// One step of gradient descent on kMlpLoss: its parameters to (loss, w1, b1, w2, b2).
inline Graph mlp_training_step(const std::string& float_name) {
  const std::vector<bool> weights = {false, false, true, true, true, true};
  const Graph gradient = gradient_graph(parse_as(kMlpLoss, float_name), weights, true);
  GraphBuilder b;
  b.set_name("step");
  std::vector<ValueId> arguments;
  for (const Parameter& parameter : gradient.parameters()) {
    arguments.push_back(b.parameter(gradient.type(parameter.value), parameter.name));
  }
  std::vector<ValueId> results = inline_graph(b, gradient, arguments);
  for (std::size_t i = 1; i < results.size(); ++i) {
    const ValueId rate = b.full(b.type(results[i]), 0.1);
    results[i] = b.emit(op_sub, {arguments[i + 1], b.emit(op_mul, {rate, results[i]})});
  }
  return b.finish(std::move(results));
}

/// Reductions over different dims of one value, alone and after one another.
inline constexpr std::string_view kMixedReductions = R"(
func @mixed(%x: f64[7,19], %y: f64[19]) -> (f64[7], f64[19], f64[], f64[7,19], i32[7]) {
  %rows = reduce_sum %x {axes = [1]} : f64[7]
  %columns = reduce_max %x {axes = [0]} : f64[19]
  %xx = mul %x, %x : f64[7,19]
  %all = reduce_sum %xx {axes = [0,1]} : f64[]
  %yb = broadcast_in_dim %y {dims = [1], shape = [7,19]} : f64[7,19]
  %rb = broadcast_in_dim %rows {dims = [0], shape = [7,19]} : f64[7,19]
  %centred = sub %x, %rb : f64[7,19]
  %scaled = mul %centred, %yb : f64[7,19]
  %best = argmax %x {axis = 1} : i32[7]
  return %rows, %columns, %all, %scaled, %best
}
)";

/// Movement ops after one another, with contractions at both ends.
inline constexpr std::string_view kMovementChain = R"(
func @chain(%x: f64[5,8], %w: f64[6,8]) -> (f64[6,5], f64[3,10], f64[4,13]) {
  %wt = transpose %w {permutation = [1,0]} : f64[8,6]
  %z = dot_general %x, %wt {contract = [1] x [0]} : f64[5,6]
  %t = transpose %z {permutation = [1,0]} : f64[6,5]
  %r = reshape %t {shape = [3,10]} : f64[3,10]
  %reversed = reverse %r {dims = [1]} : f64[3,10]
  %half = slice %w {limit = [5,8], start = [1,0], strides = [1,2]} : f64[4,4]
  %fill = constant {value = f64[] -1.5} : f64[]
  %padded = pad %half, %fill {high = [0,1], interior = [0,1], low = [0,0]} : f64[4,8]
  %cut = slice %x {limit = [4,5], start = [0,0], strides = [1,1]} : f64[4,5]
  %both = concatenate %padded, %cut {dimension = 1} : f64[4,13]
  return %t, %reversed, %both
}
)";

}  // namespace adze::testing
