#include "adze/optim/transformations.h"

namespace adze::optim::detail {

DType scalar_dtype(DType weights) {
  return weights == DType::kF64 ? DType::kF64 : DType::kF32;
}

Array like(const Array& weights, const Array& update) {
  return astype(update, weights.dtype());
}

Array global_norm(const std::vector<Array>& leaves) {
  Array total = zeros({});
  for (const Array& leaf : leaves) {
    total = total + sum(square(astype(leaf, scalar_dtype(leaf.dtype()))));
  }
  return sqrt(total);
}

Array clip_factor(const Array& norm, double limit) {
  // A norm of 0 must not divide, one of NaN must show.
  return where(norm < limit, 1, limit / norm);
}

Array scaled(const Array& gradient, const Schedule& schedule, const Array& step, double sign) {
  return like(gradient, sign * schedule(step, scalar_dtype(gradient.dtype())) * gradient);
}

std::vector<Array> add_decay(std::vector<Array> updates, const std::vector<Array>& weights,
                             const std::vector<std::string>& paths, const DecayMask& mask,
                             const std::function<Array(const Array& update, const Array& weights)>& add) {
  for (std::size_t i = 0; i < updates.size(); ++i) {
    if (!mask || mask(paths[i], weights[i])) updates[i] = add(updates[i], weights[i]);
  }
  return updates;
}

}  // namespace adze::optim::detail
