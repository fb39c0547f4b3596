#pragma once

#include <concepts>
#include <optional>
#include <utility>

#include "adze/array.h"
#include "adze/ops.h"
#include "adze/optim/schedules.h"
#include "adze/optim/transformations.h"
#include "adze/tree.h"

// In the formulas w are the weights, g their gradient, eta the learning rate, all elementwise; what is
// remembered starts at zero where nothing else is said.
namespace adze::optim {

/// i32[]: updates so far; kept only where the learning rate depends on it.
using Step = std::optional<Array>;

namespace detail {
Step first_step(const Schedule& schedule);
Step next_step(const Step& step);
/// The learning rate of the update after `step`, a scalar for weights of this dtype.
Array rate_at(const Schedule& schedule, const Step& step, DType weights);
}  // namespace detail

struct SgdOptions {
  Schedule learning_rate = 0.01;
};
struct SgdState {
  Step step;
};
class Sgd : public Transformation<Sgd> {
 public:
  explicit Sgd(SgdOptions options) : options_(std::move(options)) {}
  template <class Tree>
  SgdState init(const Tree&) const {
    return {detail::first_step(options_.learning_rate)};
  }
  template <class Tree>
  std::pair<Tree, SgdState> update(const Tree& gradients, const SgdState& state, const Tree&) const {
    return {tree_map([&](const Array& g) { return step(g, state.step); }, gradients),
            {detail::next_step(state.step)}};
  }

 private:
  Array step(const Array& gradient, const Step& step) const;
  SgdOptions options_;
};
/// w' = w - eta g. Robbins and Monro, "A stochastic approximation method", 1951.
inline Sgd sgd(SgdOptions options = {}) {
  return Sgd(std::move(options));
}

struct MomentumOptions {
  Schedule learning_rate = 0.01;
  double momentum = 0.9;
  bool nesterov = false;
};
template <class Tree>
struct MomentumState {
  Tree velocity;
  Step step;
};
class Momentum : public Transformation<Momentum> {
 public:
  explicit Momentum(MomentumOptions options) : options_(std::move(options)) {}
  template <class Tree>
  MomentumState<Tree> init(const Tree& model) const {
    return {zeros_like(model), detail::first_step(options_.learning_rate)};
  }
  template <class Tree>
  std::pair<Tree, MomentumState<Tree>> update(const Tree& gradients, const MomentumState<Tree>& state,
                                              const Tree&) const {
    Tree velocity = tree_map([&](const Array& v, const Array& g) { return this->velocity(v, g, state.step); },
                             state.velocity, gradients);
    Tree updates = tree_map([&](const Array& v, const Array& g) { return update_of(v, g, state.step); },
                            velocity, gradients);
    return {std::move(updates), {std::move(velocity), detail::next_step(state.step)}};
  }

 private:
  Array velocity(const Array& velocity, const Array& gradient, const Step& step) const;
  Array update_of(const Array& velocity, const Array& gradient, const Step& step) const;
  MomentumOptions options_;
};
/// v' = mu v + eta g; w' = w - v'. Polyak, "Some methods of speeding up the convergence of iteration
/// methods", 1964.
inline Momentum momentum(MomentumOptions options = {}) {
  return Momentum(std::move(options));
}
/// v' = mu v + eta g; w' = w - (mu v' + eta g). Nesterov's method, as Sutskever et al., "On the importance of
/// initialization and momentum in deep learning", 2013, with the gradient at w as in Optax and PyTorch.
inline Momentum nesterov(MomentumOptions options = {}) {
  options.nesterov = true;
  return Momentum(std::move(options));
}

struct AdagradOptions {
  Schedule learning_rate = 0.01;
  double epsilon = 1e-10;
  double initial_accumulator = 0;
};
template <class Tree>
struct AdagradState {
  Tree sum_of_squares;
  Step step;
};
class Adagrad : public Transformation<Adagrad> {
 public:
  explicit Adagrad(AdagradOptions options) : options_(std::move(options)) {}
  template <class Tree>
  AdagradState<Tree> init(const Tree& model) const {
    return {tree_map([&](const Array& w) { return full(w.shape(), options_.initial_accumulator, w.dtype()); },
                     model),
            detail::first_step(options_.learning_rate)};
  }
  template <class Tree>
  std::pair<Tree, AdagradState<Tree>> update(const Tree& gradients, const AdagradState<Tree>& state,
                                             const Tree&) const {
    Tree sums = tree_map([](const Array& s, const Array& g) { return s + square(g); }, state.sum_of_squares,
                         gradients);
    Tree updates = tree_map([&](const Array& s, const Array& g) { return update_of(s, g, state.step); }, sums,
                            gradients);
    return {std::move(updates), {std::move(sums), detail::next_step(state.step)}};
  }

 private:
  Array update_of(const Array& sum, const Array& gradient, const Step& step) const;
  AdagradOptions options_;
};
/// s' = s + g^2; w' = w - eta g / (sqrt(s') + epsilon). Duchi, Hazan and Singer, "Adaptive subgradient
/// methods", 2011, the diagonal form.
inline Adagrad adagrad(AdagradOptions options = {}) {
  return Adagrad(std::move(options));
}

struct RmsPropOptions {
  Schedule learning_rate = 0.01;
  double decay = 0.9;
  double epsilon = 1e-8;
};
template <class Tree>
struct RmsPropState {
  Tree mean_square;
  Step step;
};
class RmsProp : public Transformation<RmsProp> {
 public:
  explicit RmsProp(RmsPropOptions options) : options_(std::move(options)) {}
  template <class Tree>
  RmsPropState<Tree> init(const Tree& model) const {
    return {zeros_like(model), detail::first_step(options_.learning_rate)};
  }
  template <class Tree>
  std::pair<Tree, RmsPropState<Tree>> update(const Tree& gradients, const RmsPropState<Tree>& state,
                                             const Tree&) const {
    Tree squares = tree_map([&](const Array& s, const Array& g) { return mean_square(s, g); },
                            state.mean_square, gradients);
    Tree updates = tree_map([&](const Array& s, const Array& g) { return update_of(s, g, state.step); },
                            squares, gradients);
    return {std::move(updates), {std::move(squares), detail::next_step(state.step)}};
  }

 private:
  Array mean_square(const Array& mean, const Array& gradient) const;
  Array update_of(const Array& mean, const Array& gradient, const Step& step) const;
  RmsPropOptions options_;
};
/// s' = rho s + (1 - rho) g^2; w' = w - eta g / (sqrt(s') + epsilon). Tieleman and Hinton, "Neural networks
/// for machine learning", lecture 6e, 2012.
inline RmsProp rmsprop(RmsPropOptions options = {}) {
  return RmsProp(std::move(options));
}

struct AdadeltaOptions {
  Schedule learning_rate = 1.0;
  double decay = 0.9;
  double epsilon = 1e-6;
};
template <class Tree>
struct AdadeltaState {
  Tree mean_square;         ///< of gradients
  Tree mean_square_change;  ///< of updates, before the learning rate
  Step step;
};
class Adadelta : public Transformation<Adadelta> {
 public:
  explicit Adadelta(AdadeltaOptions options) : options_(std::move(options)) {}
  template <class Tree>
  AdadeltaState<Tree> init(const Tree& model) const {
    return {zeros_like(model), zeros_like(model), detail::first_step(options_.learning_rate)};
  }
  template <class Tree>
  std::pair<Tree, AdadeltaState<Tree>> update(const Tree& gradients, const AdadeltaState<Tree>& state,
                                              const Tree&) const {
    const auto average = [&](const Array& s, const Array& x) { return mean_square(s, x); };
    Tree squares = tree_map(average, state.mean_square, gradients);
    const Tree changes =
        tree_map([&](const Array& s, const Array& d, const Array& g) { return change(s, d, g); }, squares,
                 state.mean_square_change, gradients);
    Tree change_squares = tree_map(average, state.mean_square_change, changes);
    Tree updates = tree_map([&](const Array& c) { return update_of(c, state.step); }, changes);
    return {std::move(updates),
            {std::move(squares), std::move(change_squares), detail::next_step(state.step)}};
  }

 private:
  Array mean_square(const Array& mean, const Array& x) const;
  Array change(const Array& mean, const Array& change_mean, const Array& gradient) const;
  Array update_of(const Array& change, const Step& step) const;
  AdadeltaOptions options_;
};
/// s' = rho s + (1 - rho) g^2; c = sqrt(d + epsilon) / sqrt(s' + epsilon) g; d' = rho d + (1 - rho) c^2;
/// w' = w - eta c. Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1.
inline Adadelta adadelta(AdadeltaOptions options = {}) {
  return Adadelta(std::move(options));
}

struct AdamOptions {
  Schedule learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};
struct AdamWOptions {
  Schedule learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-4;
  DecayMask decay_mask = {};
};
template <class Tree>
struct AdamState {
  Tree mean, variance;
  Array step;  ///< i32[]: updates so far
};
class Adam : public Transformation<Adam> {
 public:
  explicit Adam(AdamWOptions options) : options_(std::move(options)) {}
  template <class Tree>
  AdamState<Tree> init(const Tree& model) const {
    return {zeros_like(model), zeros_like(model), zeros({}, DType::kI32)};
  }
  template <class Tree>
  std::pair<Tree, AdamState<Tree>> update(const Tree& gradients, const AdamState<Tree>& state,
                                          const Tree& model) const {
    Tree mean =
        tree_map([&](const Array& m, const Array& g) { return this->mean(m, g); }, state.mean, gradients);
    Tree variance = tree_map([&](const Array& v, const Array& g) { return this->variance(v, g); },
                             state.variance, gradients);
    Tree updates =
        tree_map([&](const Array& m, const Array& v) { return update_of(m, v, state.step); }, mean, variance);
    if (options_.weight_decay != 0) {
      updates = tree_unflatten(
          updates,
          detail::add_decay(tree_leaves(updates), tree_leaves(model), tree_paths(model), options_.decay_mask,
                            [&](const Array& u, const Array& w) { return decayed(u, w, state.step); }));
    }
    return {std::move(updates), {std::move(mean), std::move(variance), state.step + 1}};
  }

 private:
  Array mean(const Array& mean, const Array& gradient) const;
  Array variance(const Array& variance, const Array& gradient) const;
  Array update_of(const Array& mean, const Array& variance, const Array& step) const;
  Array decayed(const Array& update, const Array& weights, const Array& step) const;
  AdamWOptions options_;
};
/// m' = b1 m + (1 - b1) g; v' = b2 v + (1 - b2) g^2; w' = w - eta (m' / (1 - b1^t)) / (sqrt(v' / (1 - b2^t))
/// + epsilon) with t counting from 1. Kingma and Ba, "Adam", 2015, algorithm 1.
inline Adam adam(AdamOptions options = {}) {
  return Adam({std::move(options.learning_rate), options.beta1, options.beta2, options.epsilon, 0, {}});
}
/// Adam with decoupled weight decay: from w' also goes eta weight_decay w, where `decay_mask` has it.
/// Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.
inline Adam adamw(AdamWOptions options = {}) {
  return Adam(std::move(options));
}
/// u = (m' / (1 - b1^t)) / (sqrt(v' / (1 - b2^t)) + epsilon): Adam's direction, for chains of your own.
inline Adam scale_by_adam(AdamOptions options = {}) {
  options.learning_rate = -1.0;
  return adam(std::move(options));
}

// With a learning rate or a schedule alone: adamw(1e-3), sgd(optim::cosine_decay(0.1, 1000)).

template <std::convertible_to<Schedule> S>
Sgd sgd(S learning_rate) {
  return Sgd({std::move(learning_rate)});
}
template <std::convertible_to<Schedule> S>
Momentum momentum(S learning_rate) {
  return Momentum({std::move(learning_rate)});
}
template <std::convertible_to<Schedule> S>
Adagrad adagrad(S learning_rate) {
  return Adagrad({std::move(learning_rate)});
}
template <std::convertible_to<Schedule> S>
RmsProp rmsprop(S learning_rate) {
  return RmsProp({std::move(learning_rate)});
}
template <std::convertible_to<Schedule> S>
Adam adam(S learning_rate) {
  return adam(AdamOptions{std::move(learning_rate)});
}
template <std::convertible_to<Schedule> S>
Adam adamw(S learning_rate) {
  return Adam(AdamWOptions{std::move(learning_rate)});
}

}  // namespace adze::optim
