#pragma once

#include <string>
#include <string_view>

#include "ir/graph.h"
#include "ir/text.h"

/// Programs that several tests look at.
namespace adze::testing {

/// `text` with `float` for every f64.
inline Graph parse_as(std::string_view text, const std::string& float_name) {
  std::string result(text);
  for (std::size_t at = result.find("f64"); at != std::string::npos; at = result.find("f64", at)) {
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

}  // namespace adze::testing
