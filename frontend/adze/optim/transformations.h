#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "adze/array.h"
#include "adze/ops.h"
#include "adze/optim/schedules.h"
#include "adze/tree.h"

/// Optimizers as compositions of gradient transformations, after Optax. A transformation t has
///
///   auto state = t.init(model);                                // a tree, to be donated, scanned, saved
///   auto [updates, state2] = t.update(gradients, state, model);  // updates: a tree like the model
///   auto [model2, state2] = t.apply(model, gradients, state);    // the same, with model2 = model + updates
///
/// all plain functions of trees: inside `compile` they are part of the training step. `chain` makes one of
/// several. The last of a chain turns gradients into steps downhill: it carries the minus sign, as every
/// optimizer here and `scale_by_learning_rate` do. All Arrays of the model must be floats; an update has the
/// dtype of its weights.
///
///   auto optimizer = optim::chain(optim::clip_by_global_norm(1.0), optim::adamw(schedule));
///
/// Your own: derive from Transformation<Yours> and define `init` and `update`.
namespace adze::optim {

/// model + updates.
template <class Tree>
Tree apply_updates(const Tree& model, const Tree& updates) {
  return tree_map([](const Array& w, const Array& u) { return w + u; }, model, updates);
}

template <class Derived>
class Transformation {
 public:
  /// (the model after one step, the state after it).
  template <class Tree, class State>
  std::pair<Tree, State> apply(const Tree& model, const Tree& gradients, const State& state) const {
    std::pair<Tree, State> next = static_cast<const Derived&>(*this).update(gradients, state, model);
    next.first = apply_updates(model, next.first);
    return next;
  }
};

/// Nothing to remember.
struct NoState {};

/// A transformation that remembers nothing: updates = f(gradients, model).
template <class Derived>
class Stateless : public Transformation<Derived> {
 public:
  template <class Tree>
  NoState init(const Tree&) const {
    return {};
  }
  template <class Tree>
  std::pair<Tree, NoState> update(const Tree& gradients, const NoState&, const Tree& model) const {
    return {static_cast<const Derived&>(*this).transform(gradients, model), NoState{}};
  }
};

/// The parts' transformations one after the other; the state is a std::tuple of theirs.
template <class... Parts>
class Chain : public Transformation<Chain<Parts...>> {
 public:
  explicit Chain(Parts... parts) : parts_(std::move(parts)...) {}
  template <class Tree>
  auto init(const Tree& model) const {
    return std::apply([&](const auto&... part) { return std::tuple(part.init(model)...); }, parts_);
  }
  template <class Tree, class State>
  std::pair<Tree, State> update(const Tree& gradients, const State& state, const Tree& model) const {
    std::pair<Tree, State> next(gradients, state);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((std::tie(next.first, std::get<I>(next.second)) =
            std::get<I>(parts_).update(next.first, std::get<I>(state), model)),
       ...);
    }
    (std::index_sequence_for<Parts...>());
    return next;
  }

 private:
  std::tuple<Parts...> parts_;
};
template <class... Parts>
Chain<Parts...> chain(Parts... parts) {
  return Chain<Parts...>(std::move(parts)...);
}

namespace detail {
/// What scalars that belong to weights of this dtype are computed in: f32 for f16 and bf16.
DType scalar_dtype(DType weights);
/// `update` in the dtype of the weights.
Array like(const Array& weights, const Array& update);
Array global_norm(const std::vector<Array>& leaves);
Array clip_factor(const Array& norm, double limit);
Array scaled(const Array& gradient, const Schedule& schedule, const Array& step, double sign);
}  // namespace detail

/// The square root of the sum of the squares of all elements of all Arrays, a scalar.
template <class Tree>
Array global_norm(const Tree& tree) {
  return detail::global_norm(tree_leaves(tree));
}

class Scale : public Stateless<Scale> {
 public:
  explicit Scale(double factor) : factor_(factor) {}
  template <class Tree>
  Tree transform(const Tree& gradients, const Tree&) const {
    return tree_map([&](const Array& g) { return factor_ * g; }, gradients);
  }

 private:
  double factor_;
};
/// u = factor g
inline Scale scale(double factor) {
  return Scale(factor);
}

struct ScaleByScheduleState {
  Array step;  ///< i32[]: updates so far
};
class ScaleBySchedule : public Transformation<ScaleBySchedule> {
 public:
  ScaleBySchedule(Schedule schedule, double sign) : schedule_(std::move(schedule)), sign_(sign) {}
  template <class Tree>
  ScaleByScheduleState init(const Tree&) const {
    return {zeros({}, DType::kI32)};
  }
  template <class Tree>
  std::pair<Tree, ScaleByScheduleState> update(const Tree& gradients, const ScaleByScheduleState& state,
                                               const Tree&) const {
    return {
        tree_map([&](const Array& g) { return detail::scaled(g, schedule_, state.step, sign_); }, gradients),
        {state.step + 1}};
  }

 private:
  Schedule schedule_;
  double sign_;
};
/// u = schedule(n) g
inline ScaleBySchedule scale_by_schedule(Schedule schedule) {
  return {std::move(schedule), 1};
}
/// u = -eta_n g: what ends a chain of your own.
inline ScaleBySchedule scale_by_learning_rate(Schedule learning_rate) {
  return {std::move(learning_rate), -1};
}

class Clip : public Stateless<Clip> {
 public:
  explicit Clip(double limit) : limit_(limit) {}
  template <class Tree>
  Tree transform(const Tree& gradients, const Tree&) const {
    return tree_map([&](const Array& g) { return adze::clip(g, -limit_, limit_); }, gradients);
  }

 private:
  double limit_;
};
/// u = min(max(g, -limit), limit), elementwise.
inline Clip clip(double limit) {
  return Clip(limit);
}

class ClipByGlobalNorm : public Stateless<ClipByGlobalNorm> {
 public:
  explicit ClipByGlobalNorm(double limit) : limit_(limit) {}
  template <class Tree>
  Tree transform(const Tree& gradients, const Tree&) const {
    const Array factor = detail::clip_factor(global_norm(gradients), limit_);
    return tree_map([&](const Array& g) { return detail::like(g, g * factor); }, gradients);
  }

 private:
  double limit_;
};
/// u = g where the norm of all gradients together is below `limit`, else g limit / norm.
/// Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1.
inline ClipByGlobalNorm clip_by_global_norm(double limit) {
  return ClipByGlobalNorm(limit);
}

/// Which weights decay, by their path in the model ("hidden.weight") and their type; where empty, all.
using DecayMask = std::function<bool(std::string_view path, const Array& weights)>;

namespace detail {
/// add(u, w) where the mask has the weights, u elsewhere.
std::vector<Array> add_decay(std::vector<Array> updates, const std::vector<Array>& weights,
                             const std::vector<std::string>& paths, const DecayMask& mask,
                             const std::function<Array(const Array& update, const Array& weights)>& add);
}  // namespace detail

class AddDecayedWeights : public Stateless<AddDecayedWeights> {
 public:
  AddDecayedWeights(double decay, DecayMask mask) : decay_(decay), mask_(std::move(mask)) {}
  template <class Tree>
  Tree transform(const Tree& gradients, const Tree& model) const {
    return tree_unflatten(
        gradients, detail::add_decay(tree_leaves(gradients), tree_leaves(model), tree_paths(model), mask_,
                                     [&](const Array& u, const Array& w) { return u + decay_ * w; }));
  }

 private:
  double decay_;
  DecayMask mask_;
};
/// u = g + decay w. Before a plain optimizer that is the gradient of decay/2 |w|^2 (L2 regularisation); after
/// scale_by_adam, decoupled weight decay.
inline AddDecayedWeights add_decayed_weights(double decay, DecayMask mask = {}) {
  return {decay, std::move(mask)};
}

}  // namespace adze::optim
