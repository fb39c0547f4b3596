#pragma once

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "adze/array.h"
#include "adze/trace.h"
#include "adze/tree.h"

/// Derivatives. Every transformation takes and gives ordinary functions, so they nest in any order and depth,
/// and inside `compile`. Outside a trace their result runs op by op.
namespace adze {

namespace detail {

/// The gradient graph of `traced` by the leaves with active[i], evaluated on `leaves`: the value (if asked
/// for), the further results, the gradients.
std::vector<Array> evaluate_gradient(const TracedGraph& traced, const std::vector<const Array*>& leaves,
                                     const std::vector<bool>& active, bool with_value);

/// Values of the traced function's results.
std::vector<Array> evaluate_traced(const TracedGraph& traced, const std::vector<const Array*>& leaves);
/// The results and their tangents, one a result (zeros for those of integers).
std::pair<std::vector<Array>, std::vector<Array>> evaluate_jvp(const TracedGraph& traced,
                                                               const std::vector<const Array*>& primals,
                                                               const std::vector<const Array*>& tangents);
/// Cotangents of all leaves (zeros for those of integers), given one a result.
std::vector<Array> evaluate_vjp(const TracedGraph& traced, const std::vector<Array>& primals,
                                const std::vector<const Array*>& cotangents);

/// `tree` with its leaves taken from `values`, beginning at `first`.
template <class T>
T take_leaves(T tree, const std::vector<Array>& values, std::size_t first) {
  for (Array* leaf : leaf_pointers(tree)) *leaf = values[first++];
  return tree;
}

/// A function's result as (value, auxiliary results).
template <class R>
struct AuxOf {
  static constexpr bool kHas = false;
};
template <class T>
struct AuxOf<std::pair<Array, T>> {
  static constexpr bool kHas = true;
  static T take(std::pair<Array, T> result) { return std::move(result.second); }
};
template <class... T>
requires(sizeof...(T) > 0) struct AuxOf<std::tuple<Array, T...>> {
  static constexpr bool kHas = true;
  static auto take(std::tuple<Array, T...> result) {
    return std::apply(
        [](Array&, auto&... rest) {
          if constexpr (sizeof...(rest) == 1)
            return (std::move(rest), ...);
          else
            return std::tuple(std::move(rest)...);
        },
        result);
  }
};

/// What `grad` (kWithValue = false) and `value_and_grad` return.
template <class F, bool kWithValue, std::size_t... kArgnums>
class GradFunction : public Callable<GradFunction<F, kWithValue, kArgnums...>> {
 public:
  GradFunction(F f, FunctionNames names, Location at)
      : function_(std::move(f)), names_(std::move(names)), wrapped_(at) {}

  template <class... Args>
  auto call(Location at, Args&&... args) const {
    static_assert(((kArgnums < sizeof...(Args)) && ...), "grad: argument number out of range");
    using Result = CallResult<F, Args...>;
    static_assert(
        std::is_same_v<Result, Array> || AuxOf<Result>::kHas,
        "grad: the function returns a scalar Array, or a pair or tuple of one and auxiliary results");
    const std::tuple<std::decay_t<Args>...> inputs(args...);
    const CallSite site{&names_, kWithValue ? "value_and_grad" : "grad", wrapped_, at};
    TracedCall<Result> traced = trace_call(function_, site, inputs);

    // Which leaves to differentiate by, and where each argument's gradients start among the gradients.
    std::vector<const Array*> leaves;
    std::vector<bool> active;
    std::vector<std::size_t> starts;
    std::size_t gradients = 0;
    const auto append = [&](const auto& tree) {
      const bool wanted = ((kArgnums == starts.size()) || ...);
      starts.push_back(gradients);
      for (const Array* leaf : leaf_pointers(tree)) {
        leaves.push_back(leaf);
        active.push_back(wanted);
        gradients += wanted;
      }
    };
    std::apply([&](const auto&... input) { (append(input), ...); }, inputs);
    std::vector<Array> values;
    try {
      values = evaluate_gradient(traced.traced, leaves, active, kWithValue);
    } catch (const Error&) {
      rethrow_in_context(site);
    }
    const std::size_t first = values.size() - gradients;
    const auto gradient = [&](const auto& argument, std::size_t index) {
      return take_leaves(argument, values, first + starts[index]);
    };
    if constexpr (sizeof...(kArgnums) == 1) {
      return assemble(std::move(traced.result), (gradient(std::get<kArgnums>(inputs), kArgnums), ...),
                      values);
    } else {
      return assemble(std::move(traced.result), std::tuple(gradient(std::get<kArgnums>(inputs), kArgnums)...),
                      values);
    }
  }

 private:
  /// Puts the values of the results, which come before the gradients, into `result`.
  template <class Result, class Gradients>
  static auto assemble(Result result, Gradients gradients, const std::vector<Array>& values) {
    if constexpr (kWithValue) {
      return std::pair(take_leaves(std::move(result), values, 0), std::move(gradients));
    } else if constexpr (AuxOf<Result>::kHas) {
      auto rest = take_leaves(AuxOf<Result>::take(std::move(result)), values, 0);
      return std::pair(std::move(gradients), std::move(rest));
    } else {
      return gradients;
    }
  }

  F function_;
  FunctionNames names_;
  Location wrapped_;
};

}  // namespace detail

/// The gradient of a function that returns one float scalar, by argument 0, or by the arguments named:
/// `grad<0, 2>(f)` gives a tuple of gradients. A gradient has the type of its argument, whose Arrays must all
/// be of a float dtype (CompileError otherwise). Where f returns a pair or tuple whose first element is the
/// scalar, the rest is auxiliary: the gradient function returns (gradient, rest).
template <std::size_t... kArgnums, class F>
auto grad(F f, FunctionNames names = {}, Location at = Location::current()) {
  if constexpr (sizeof...(kArgnums) == 0) {
    return detail::GradFunction<F, false, 0>(std::move(f), std::move(names), at);
  } else {
    return detail::GradFunction<F, false, kArgnums...>(std::move(f), std::move(names), at);
  }
}

/// Like `grad`, returning (f's result, gradient).
template <std::size_t... kArgnums, class F>
auto value_and_grad(F f, FunctionNames names = {}, Location at = Location::current()) {
  if constexpr (sizeof...(kArgnums) == 0) {
    return detail::GradFunction<F, true, 0>(std::move(f), std::move(names), at);
  } else {
    return detail::GradFunction<F, true, kArgnums...>(std::move(f), std::move(names), at);
  }
}

/// Forward mode: (f(primals), the derivative of f there along `tangents`). Both are tuples of arguments,
/// equal in type and shapes; an argument list of one may go without the tuple. Tangents of integers are
/// ignored.
template <class F, class... Args>
auto jvp(const F& f, const std::tuple<Args...>& primals, const std::tuple<Args...>& tangents,
         Location at = Location::current()) {
  const FunctionNames names;
  const detail::CallSite site{&names, "jvp", at, at};
  detail::check_same_trees("jvp: primals and tangents", primals, tangents);
  auto traced = detail::trace_call(f, site, primals);
  auto [values, derivatives] =
      detail::evaluate_jvp(traced.traced, detail::leaf_pointers(primals), detail::leaf_pointers(tangents));
  auto result = tree_unflatten(traced.result, std::move(values));
  return std::pair(std::move(result), tree_unflatten(std::move(traced.result), std::move(derivatives)));
}
template <class F, class T>
auto jvp(const F& f, const T& primal, const T& tangent, Location at = Location::current()) {
  return jvp(f, std::tuple<T>(primal), std::tuple<T>(tangent), at);
}

/// What `vjp` returns beside the value: maps a cotangent of the result (of its type and shapes) to a tuple of
/// cotangents of the arguments.
template <class Result, class Inputs>
class Pullback {
 public:
  Pullback(detail::TracedGraph traced, Result result, Inputs inputs)
      : traced_(std::move(traced)), result_(std::move(result)), inputs_(std::move(inputs)) {}

  Inputs operator()(const Result& cotangent) const {
    detail::check_same_trees("vjp: result and cotangent", result_, cotangent);
    return tree_unflatten(
        inputs_, detail::evaluate_vjp(traced_, tree_leaves(inputs_), detail::leaf_pointers(cotangent)));
  }

 private:
  detail::TracedGraph traced_;
  Result result_;
  Inputs inputs_;
};

/// Reverse mode: (f(args), its pullback).
template <class F, class... Args>
auto vjp(const F& f, const Args&... args) {
  const FunctionNames names;
  const detail::CallSite site{&names, "vjp", {}, {}};
  const std::tuple<std::decay_t<const Args&>...> inputs(args...);
  auto traced = detail::trace_call(f, site, inputs);
  auto values = detail::evaluate_traced(traced.traced, detail::leaf_pointers(inputs));
  auto result = tree_unflatten(traced.result, std::move(values));
  Pullback pullback(std::move(traced.traced), std::move(traced.result), inputs);
  return std::pair(std::move(result), std::move(pullback));
}

}  // namespace adze
