#pragma once

#include <tuple>
#include <utility>

#include "adze/array.h"
#include "adze/ops.h"
#include "adze/tree.h"

/// Optimizers: plain functions of trees. `auto [model2, state2] = opt.apply(model, gradients, state);` inside
/// `compile` they are part of the training step. States are trees too. All Arrays of the model must be
/// floats.
namespace adze::optim {

struct SgdOptions {
  double learning_rate = 0.01;
};
/// Nothing to remember.
struct SgdState {};

/// w' = w - eta g
class Sgd {
 public:
  explicit Sgd(SgdOptions options) : options_(options) {}
  template <class Tree>
  SgdState init(const Tree&) const {
    return {};
  }
  template <class Tree>
  std::pair<Tree, SgdState> apply(const Tree& model, const Tree& gradients, const SgdState& state) const {
    return {tree_map([&](const Array& w, const Array& g) { return w - options_.learning_rate * g; }, model,
                     gradients),
            state};
  }

 private:
  SgdOptions options_;
};
inline Sgd sgd(SgdOptions options = {}) {
  return Sgd(options);
}

struct MomentumOptions {
  double learning_rate = 0.01;
  double momentum = 0.9;
};
template <class Tree>
struct MomentumState {
  Tree velocity;
};

/// v' = mu v + eta g; w' = w - v'
class Momentum {
 public:
  explicit Momentum(MomentumOptions options) : options_(options) {}
  template <class Tree>
  MomentumState<Tree> init(const Tree& model) const {
    return {zeros_like(model)};
  }
  template <class Tree>
  std::pair<Tree, MomentumState<Tree>> apply(const Tree& model, const Tree& gradients,
                                             const MomentumState<Tree>& state) const {
    Tree velocity = tree_map(
        [&](const Array& v, const Array& g) { return options_.momentum * v + options_.learning_rate * g; },
        state.velocity, gradients);
    Tree updated = tree_map([](const Array& w, const Array& v) { return w - v; }, model, velocity);
    return {std::move(updated), {std::move(velocity)}};
  }

 private:
  MomentumOptions options_;
};
inline Momentum momentum(MomentumOptions options = {}) {
  return Momentum(options);
}

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};
template <class Tree>
struct AdamState {
  Tree mean, variance;
  Array step;  ///< i32[]: updates so far
};

namespace detail {
Array adam_mean(const AdamOptions& options, const Array& mean, const Array& gradient);
Array adam_variance(const AdamOptions& options, const Array& variance, const Array& gradient);
Array adam_update(const AdamOptions& options, const Array& w, const Array& mean, const Array& variance,
                  const Array& step);
}  // namespace detail

/// m' = b1 m + (1 - b1) g; v' = b2 v + (1 - b2) g^2; w' = w - eta (m' / (1 - b1^t)) / (sqrt(v' / (1 - b2^t))
/// + eps) with t counting from 1. Kingma and Ba, "Adam", 2015, algorithm 1.
class Adam {
 public:
  explicit Adam(AdamOptions options) : options_(options) {}
  template <class Tree>
  AdamState<Tree> init(const Tree& model) const {
    return {zeros_like(model), zeros_like(model), zeros({}, DType::kI32)};
  }
  template <class Tree>
  std::pair<Tree, AdamState<Tree>> apply(const Tree& model, const Tree& gradients,
                                         const AdamState<Tree>& state) const {
    const Array step = state.step + 1;
    Tree mean = tree_map([&](const Array& m, const Array& g) { return detail::adam_mean(options_, m, g); },
                         state.mean, gradients);
    Tree variance =
        tree_map([&](const Array& v, const Array& g) { return detail::adam_variance(options_, v, g); },
                 state.variance, gradients);
    Tree updated = tree_map([&](const Array& w, const Array& m,
                                const Array& v) { return detail::adam_update(options_, w, m, v, step); },
                            model, mean, variance);
    return {std::move(updated), {std::move(mean), std::move(variance), step}};
  }

 private:
  AdamOptions options_;
};
inline Adam adam(AdamOptions options = {}) {
  return Adam(options);
}

}  // namespace adze::optim
