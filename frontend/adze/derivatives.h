#pragma once

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "adze/array.h"
#include "adze/trace.h"
#include "adze/transforms.h"
#include "adze/tree.h"

/// What is built on jvp and vjp (transforms.h), and functions that say how they are differentiated.
namespace adze {

/// What of a checkpointed function derivatives may keep: the names of jax.checkpoint_policies.
enum class CheckpointPolicy {
  kNothingSaveable,              ///< only the arguments: the whole function is computed again
  kDotsSaveable,                 ///< results of matrix products and convolutions
  kDotsWithNoBatchDimsSaveable,  ///< those that are no batched products
  kEverythingSaveable,           ///< as without a checkpoint
};

namespace detail {

std::vector<Array> run_checkpoint(const TracedGraph& body, const std::vector<const Array*>& leaves,
                                  CheckpointPolicy policy, const Location& at);
/// `jvp`: (primals, tangents) -> (outputs, tangents), on all leaves.
std::vector<Array> run_custom_jvp(const TracedGraph& body, const TracedGraph& jvp,
                                  const std::vector<const Array*>& leaves, const Location& at);
/// `forward`: primals -> (outputs, residuals); `backward`: (residuals, cotangents) -> cotangents.
std::vector<Array> run_custom_vjp(const TracedGraph& body, const TracedGraph& forward,
                                  const TracedGraph& backward, const std::vector<const Array*>& leaves,
                                  const Location& at);
std::vector<TensorType> graph_result_types(const TracedGraph& traced);

/// A derivative at a point: what is linear in the tangents, with the values it needs.
struct LinearMap {
  std::shared_ptr<const Graph> graph;  ///< residuals, tangents of active leaves -> tangents
  std::vector<Array> residuals;
  std::vector<bool> active, has_tangent;
  std::vector<TensorType> input_types, result_types;

  std::vector<Array> push_forward(const std::vector<const Array*>& tangents) const;
  /// d result / d leaf of shape result.shape + leaf.shape, for each result.
  std::vector<Array> columns(std::size_t leaf) const;
  /// d result / d leaf of shape result.shape + leaf.shape, for each active leaf.
  std::vector<Array> rows(std::size_t result) const;
};
/// The values of the results, and the linear map; `active` says by which leaves. CompileError where one is
/// not float.
std::pair<std::vector<Array>, LinearMap> linearize_traced(const TracedGraph& traced,
                                                          const std::vector<const Array*>& leaves,
                                                          std::vector<bool> active);
/// The float leaves.
std::vector<bool> float_leaves(const std::vector<const Array*>& leaves);

/// The leaves of argument kArg, as flags over those of all arguments.
template <std::size_t kArg, class... Args>
std::vector<bool> leaves_of_argument(const std::tuple<Args...>& inputs) {
  std::vector<bool> flags;
  std::size_t i = 0;
  const auto append = [&](const auto& tree) {
    flags.insert(flags.end(), leaf_pointers(tree).size(), i++ == kArg);
  };
  std::apply([&](const auto&... input) { (append(input), ...); }, inputs);
  return flags;
}

/// checkpoint(f).
template <class F>
class CheckpointFunction : public Callable<CheckpointFunction<F>> {
 public:
  CheckpointFunction(F f, CheckpointPolicy policy, Location at)
      : function_(std::move(f)), policy_(policy), wrapped_(at) {}
  template <class... Args>
  auto call(Location at, Args&&... args) const {
    const FunctionNames names;
    const CallSite site{&names, "checkpoint", wrapped_, at};
    const std::tuple<std::decay_t<Args>...> inputs(args...);
    auto traced = trace_call(function_, site, inputs);
    return tree_unflatten(traced.result, run_checkpoint(traced.traced, leaf_pointers(inputs), policy_, at));
  }

 private:
  F function_;
  CheckpointPolicy policy_;
  Location wrapped_;
};

template <class F, class Rule>
class CustomJvpFunction : public Callable<CustomJvpFunction<F, Rule>> {
 public:
  CustomJvpFunction(F f, Rule rule, Location at)
      : function_(std::move(f)), rule_(std::move(rule)), wrapped_(at) {}
  template <class... Args>
  auto call(Location at, Args&&... args) const {
    using Inputs = std::tuple<std::decay_t<Args>...>;
    using Result = CallResult<F, Args...>;
    static_assert(std::is_same_v<CallResult<Rule, Inputs, Inputs>, std::pair<Result, Result>>,
                  "custom_jvp: the rule takes (tuple of primals, tuple of tangents) and returns "
                  "pair(result, tangent of the result)");
    const FunctionNames names{{}, {"primals", "tangents"}};
    const CallSite site{&names, "custom_jvp", wrapped_, at};
    const Inputs inputs(args...);
    auto traced = trace_call(function_, site, inputs);
    auto rule = trace_call(rule_, site, std::tuple<Inputs, Inputs>(inputs, inputs));
    check_same_trees("custom_jvp: results of the function and of its rule", traced.result, rule.result.first);
    try {
      return tree_unflatten(traced.result,
                            run_custom_jvp(traced.traced, rule.traced, leaf_pointers(inputs), at));
    } catch (const Error&) {
      rethrow_in_context(site);
    }
  }

 private:
  F function_;
  Rule rule_;
  Location wrapped_;
};

/// A tuple of cotangents; a function of one argument may give that one's alone.
template <class Inputs, class T>
auto as_cotangents(T cotangents) {
  if constexpr (std::is_same_v<T, Inputs>)
    return cotangents;
  else
    return Inputs(std::move(cotangents));
}

template <class F, class Forward, class Backward>
class CustomVjpFunction : public Callable<CustomVjpFunction<F, Forward, Backward>> {
 public:
  CustomVjpFunction(F f, Forward forward, Backward backward, Location at)
      : function_(std::move(f)), forward_(std::move(forward)), backward_(std::move(backward)), wrapped_(at) {}
  template <class... Args>
  auto call(Location at, Args&&... args) const {
    using Inputs = std::tuple<std::decay_t<Args>...>;
    using Result = CallResult<F, Args...>;
    using Saved = CallResult<Forward, Args...>;
    static_assert(std::is_same_v<typename Saved::first_type, Result>,
                  "custom_vjp: forward returns pair(result, residuals)");
    const FunctionNames names, backward_names{{}, {"residuals", "cotangent"}};
    const CallSite site{&names, "custom_vjp", wrapped_, at};
    const CallSite backward_site{&backward_names, "custom_vjp", wrapped_, at};
    const Inputs inputs(args...);
    auto traced = trace_call(function_, site, inputs);
    auto forward = trace_call(forward_, site, inputs);
    check_same_trees("custom_vjp: results of the function and of forward", traced.result,
                     forward.result.first);
    // Residuals, then cotangents of the results: what forward gives, the other way round.
    const std::vector<TensorType> results = graph_result_types(forward.traced);
    const auto outputs = static_cast<std::ptrdiff_t>(leaf_pointers(traced.result).size());
    std::vector<TensorType> types(results.begin() + outputs, results.end());
    types.insert(types.end(), results.begin(), results.begin() + outputs);
    const auto pull_back = [&](typename Saved::second_type residuals, Result cotangent) {
      return as_cotangents<Inputs>(call_function(backward_, at, std::move(residuals), std::move(cotangent)));
    };
    auto backward = trace_call(
        pull_back, backward_site,
        std::tuple<typename Saved::second_type, Result>(forward.result.second, traced.result), &types);
    check_same_trees("custom_vjp: arguments and what backward returns", inputs, backward.result);
    try {
      return tree_unflatten(traced.result, run_custom_vjp(traced.traced, forward.traced, backward.traced,
                                                          leaf_pointers(inputs), at));
    } catch (const Error&) {
      rethrow_in_context(site);
    }
  }

 private:
  F function_;
  Forward forward_;
  Backward backward_;
  Location wrapped_;
};

/// jacfwd(f), by its argument kArg.
template <class F, std::size_t kArg>
class JacfwdFunction : public Callable<JacfwdFunction<F, kArg>> {
 public:
  JacfwdFunction(F f, Location at) : function_(std::move(f)), wrapped_(at) {}
  template <class... Args>
  auto call(Location at, Args&&... args) const {
    const FunctionNames names;
    const CallSite site{&names, "jacfwd", wrapped_, at};
    const std::tuple<std::decay_t<Args>...> inputs(args...);
    static_assert(std::is_same_v<std::tuple_element_t<kArg, std::tuple<std::decay_t<Args>...>>, Array>,
                  "jacfwd: the argument to differentiate by is one Array (jacrev takes trees)");
    auto traced = trace_call(function_, site, inputs);
    const std::vector<bool> active = leaves_of_argument<kArg>(inputs);
    std::size_t leaf = 0;
    while (!active[leaf]) ++leaf;
    const LinearMap map = linearize_traced(traced.traced, leaf_pointers(inputs), active).second;
    return tree_unflatten(std::move(traced.result), map.columns(leaf));
  }

 private:
  F function_;
  Location wrapped_;
};

/// jacrev(f), by its argument kArg.
template <class F, std::size_t kArg>
class JacrevFunction : public Callable<JacrevFunction<F, kArg>> {
 public:
  JacrevFunction(F f, Location at) : function_(std::move(f)), wrapped_(at) {}
  template <class... Args>
  auto call(Location at, Args&&... args) const {
    static_assert(std::is_same_v<CallResult<F, Args...>, Array>,
                  "jacrev: the function returns one Array (jacfwd takes trees)");
    const FunctionNames names;
    const CallSite site{&names, "jacrev", wrapped_, at};
    const std::tuple<std::decay_t<Args>...> inputs(args...);
    auto traced = trace_call(function_, site, inputs);
    const LinearMap map =
        linearize_traced(traced.traced, leaf_pointers(inputs), leaves_of_argument<kArg>(inputs)).second;
    return tree_unflatten(std::get<kArg>(inputs), map.rows(0));
  }

 private:
  F function_;
  Location wrapped_;
};

}  // namespace detail

/// f, of which derivatives keep only what `policy` says and compute the rest again when they need it
/// (rematerialisation): less memory for more work.
template <class F>
auto checkpoint(F f, CheckpointPolicy policy = CheckpointPolicy::kNothingSaveable,
                Location at = Location::current()) {
  return detail::CheckpointFunction<F>(std::move(f), policy, at);
}

/// f, whose derivative is rule(primals, tangents) -> pair(f(primals), tangent): tuples of the arguments. The
/// rule must be linear in the tangents where reverse mode is wanted, which transposes it. Not differentiable
/// by Arrays that f or the rule capture (CompileError).
template <class F, class Rule>
auto custom_jvp(F f, Rule rule, Location at = Location::current()) {
  return detail::CustomJvpFunction<F, Rule>(std::move(f), std::move(rule), at);
}

/// f, whose reverse mode is forward(args...) -> pair(f(args...), residuals), then backward(residuals,
/// cotangent) -> a tuple of cotangents of the arguments (or the cotangent of the only one). Not
/// differentiable in forward mode, nor by Arrays that the functions capture (CompileError).
template <class F, class Forward, class Backward>
auto custom_vjp(F f, Forward forward, Backward backward, Location at = Location::current()) {
  return detail::CustomVjpFunction<F, Forward, Backward>(std::move(f), std::move(forward),
                                                         std::move(backward), at);
}

/// What `linearize` returns beside the value: maps tangents of the arguments to the tangent of the result,
/// without computing f again.
template <class Result, class Inputs>
class Pushforward {
 public:
  Pushforward(detail::LinearMap map, Result result, Inputs inputs)
      : map_(std::move(map)), result_(std::move(result)), inputs_(std::move(inputs)) {}
  template <class... Args>
  Result operator()(const Args&... tangents) const {
    const Inputs all(tangents...);
    detail::check_same_trees("linearize: arguments and tangents", inputs_, all);
    return tree_unflatten(result_, map_.push_forward(detail::leaf_pointers(all)));
  }

 private:
  detail::LinearMap map_;
  Result result_;
  Inputs inputs_;
};

/// (f(args...), its derivative there as a function of tangents).
template <class F, class... Args>
auto linearize(const F& f, const Args&... args) {
  const FunctionNames names;
  const detail::CallSite site{&names, "linearize", {}, {}};
  const std::tuple<std::decay_t<const Args&>...> inputs(args...);
  auto traced = detail::trace_call(f, site, inputs);
  const std::vector<const Array*> leaves = detail::leaf_pointers(inputs);
  auto [values, map] = detail::linearize_traced(traced.traced, leaves, detail::float_leaves(leaves));
  auto result = tree_unflatten(traced.result, std::move(values));
  return std::pair(std::move(result), Pushforward(std::move(map), std::move(traced.result), inputs));
}

/// The Jacobian by forward mode: for f of an Array argument (number kArg), each Array of f's result becomes
/// one of shape result.shape + argument.shape. One pass a column, all at once.
template <std::size_t kArg = 0, class F>
auto jacfwd(F f, Location at = Location::current()) {
  return detail::JacfwdFunction<F, kArg>(std::move(f), at);
}

/// The Jacobian by reverse mode: for f that returns an Array, a tree like argument kArg, each Array of shape
/// result.shape + argument.shape. One pass a row, all at once.
template <std::size_t kArg = 0, class F>
auto jacrev(F f, Location at = Location::current()) {
  return detail::JacrevFunction<F, kArg>(std::move(f), at);
}

/// The second derivative by an Array argument, of shape result.shape + 2 * argument.shape: forward over
/// reverse.
template <std::size_t kArg = 0, class F>
auto hessian(F f, Location at = Location::current()) {
  return jacfwd<kArg>(jacrev<kArg>(std::move(f), at), at);
}

/// The Hessian of a scalar function at `primal` times `tangent`, without the Hessian.
template <class F, class T>
T hvp(const F& f, const T& primal, const T& tangent, Location at = Location::current()) {
  return jvp(grad(f, {}, at), primal, tangent, at).second;
}

}  // namespace adze
