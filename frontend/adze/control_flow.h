#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "adze/array.h"
#include "adze/ops.h"
#include "adze/trace.h"
#include "adze/tree.h"

/// Control flow that depends on values: loops and branches as parts of the program, run natively inside it.
/// Functions take and give trees; Arrays of the code around that they use are captured. All can be
/// differentiated, batched and nested in each other, and work outside of traces too, where the loop is
/// compiled at its first run with each combination of types.
namespace adze {

struct ScanOptions {
  /// The number of iterations; where left out, the leading dim of the xs.
  std::optional<std::int64_t> length = {};
  /// From the last slice to the first; the ys keep their places.
  bool reverse = false;
  /// How many iterations are written out in one turn of the loop; all of them where it is `length` or more.
  std::int64_t unroll = 1;
};

namespace detail {

/// What a loop or branch is called in errors: "scan", and the names of its arguments.
struct ControlNames {
  const char* transform;
  FunctionNames names;
  Location at;
  CallSite site() const { return {&names, transform, at, at}; }
};

/// The types of the slices; `length` is set where it was not. TypeError where the leading dims differ.
std::vector<TensorType> scan_slices(const std::vector<const Array*>& xs,
                                    const std::vector<std::string>& paths,
                                    std::optional<std::int64_t>& length);
/// `body`: (carries, slices) -> (carries, ys).
std::vector<Array> run_scan(const TracedGraph& body, const std::vector<const Array*>& init,
                            const std::vector<std::string>& carry_paths, const std::vector<const Array*>& xs,
                            const ScanOptions& options, const Location& at);
std::vector<Array> run_while(const TracedGraph& cond, const TracedGraph& body,
                             const std::vector<const Array*>& init,
                             const std::vector<std::string>& carry_paths, const Location& at);
/// `index`: of an integer dtype, or bool for two branches (false: the first).
std::vector<Array> run_cond(const Array& index, const std::vector<TracedGraph>& branches,
                            const std::vector<const Array*>& operands, const Location& at);
/// An i32 index: a bool counts as 0 or 1. TypeError unless of rank 0.
Array branch_index(const char* what, const Array& index, bool is_predicate);

/// A bound of fori_loop: a C++ number, or an Array.
struct LoopBound {
  template <Arithmetic T>
  LoopBound(T value) : known(static_cast<std::int64_t>(value)) {}  // NOLINT: implicit on purpose
  LoopBound(const Array& value) : array(value) {                   // NOLINT
    if (!value.empty() && !value.traced()) known = value.item<std::int64_t>();
  }
  Array as_array() const {
    return known ? Array(static_cast<std::int32_t>(*known)) : astype(array, DType::kI32);
  }
  std::optional<std::int64_t> known = {};
  Array array = {};
};

/// A tree without Arrays.
struct NoLeaves {};

template <class R>
struct IsCarryAndOutput : std::false_type {};
template <class C, class Y>
struct IsCarryAndOutput<std::pair<C, Y>> : std::true_type {};

template <class Out, class... F, class... Operands>
Out run_branches(const char* what, const Array& index, const std::tuple<F...>& functions, Location at,
                 const Operands&... operands) {
  const ControlNames names{what, {}, at};
  const std::tuple<Operands...> inputs(operands...);
  std::vector<TracedGraph> branches;
  std::optional<Out> result;
  const auto add = [&](const auto& function) {
    auto traced = trace_call(function, names.site(), inputs);
    static_assert(std::is_same_v<decltype(traced.result), Out>, "branches must return the same type");
    if (result) check_same_trees(what, *result, traced.result);
    branches.push_back(std::move(traced.traced));
    result = std::move(traced.result);
  };
  std::apply([&](const auto&... function) { (add(function), ...); }, functions);
  return tree_unflatten(*result, run_cond(index, branches, leaf_pointers(inputs), at));
}

}  // namespace detail

/// true_fn(operands...) where `pred`, a bool or number of rank 0, is true (not zero), otherwise
/// false_fn(operands...); only that one is run. Both must return trees of the same structure and types
/// (TypeError).
template <class T, class F, class... Operands>
auto cond(const Array& pred, const T& true_fn, const F& false_fn, const Operands&... operands) {
  using Out = detail::CallResult<T, const Operands&...>;
  return detail::run_branches<Out>("cond", detail::branch_index("cond", pred, true),
                                   std::tie(false_fn, true_fn), {}, operands...);
}

/// Runs branch number `index`, an integer of rank 0 that is clamped to the branches there are. All must
/// return trees of the same structure and types (TypeError).
template <class First, class... Rest, class... Operands>
auto switch_(const Array& index, const std::tuple<First, Rest...>& branches, const Operands&... operands) {
  using Out = detail::CallResult<First, const Operands&...>;
  return detail::run_branches<Out>("switch", detail::branch_index("switch", index, false), branches, {},
                                   operands...);
}

/// (carry, ys) of `carry, y = f(carry, x)` for each slice x of `xs` along its leading axis: a loop inside the
/// program. The carry keeps its types (TypeError); the ys are stacked. Reverse mode stores what it needs of
/// each iteration. Without xs: `scan(f, init, std::tuple<>(), {.length = n})`.
template <class F, class Carry, class Xs>
auto scan(const F& f, const Carry& init, const Xs& xs, const ScanOptions& options = {},
          Location at = Location::current()) {
  using Result = detail::CallResult<F, Carry, Xs>;
  static_assert(detail::IsCarryAndOutput<Result>::value, "scan: the function returns pair(carry, y)");
  static_assert(std::is_same_v<typename Result::first_type, Carry>, "scan: the carry keeps its C++ type");
  const detail::ControlNames names{"scan", {{}, {"carry", "x"}}, at};
  const std::vector<const Array*> carries = detail::leaf_pointers(init), stacks = detail::leaf_pointers(xs);
  const std::vector<std::string> carry_paths = tree_paths(init, "carry"), x_paths = tree_paths(xs, "x");
  ScanOptions known = options;
  std::vector<TensorType> types = detail::leaf_types("scan", carries, carry_paths);
  for (TensorType& type : detail::scan_slices(stacks, x_paths, known.length))
    types.push_back(std::move(type));
  auto traced = detail::trace_call(f, names.site(), std::tuple<Carry, Xs>(init, xs), &types);
  detail::check_same_trees("scan: carry", init, traced.result.first);
  return tree_unflatten(traced.result,
                        detail::run_scan(traced.traced, carries, carry_paths, stacks, known, at));
}

/// f of each slice of `xs` along its leading axis, one after another, the results stacked.
template <class F, class Xs>
auto map(const F& f, const Xs& xs, Location at = Location::current()) {
  const auto step = [&](detail::NoLeaves none, const Xs& x) {
    return std::pair(none, detail::call_function(f, at, Xs(x)));
  };
  return scan(step, detail::NoLeaves{}, xs, {}, at).second;
}

/// `carry = body(carry)` as long as `cond(carry)`, a bool of rank 0, is true. The carry keeps its types
/// (TypeError). Forward mode works; reverse mode is a CompileError, because the number of iterations is not
/// known beforehand.
template <class Cond, class Body, class Carry>
Carry while_loop(const Cond& cond, const Body& body, const Carry& init, Location at = Location::current()) {
  static_assert(std::is_same_v<detail::CallResult<Cond, Carry>, Array>,
                "while_loop: cond returns a bool Array");
  static_assert(std::is_same_v<detail::CallResult<Body, Carry>, Carry>,
                "while_loop: the carry keeps its C++ type");
  const detail::ControlNames names{"while_loop", {{}, {"carry"}}, at};
  const std::vector<const Array*> carries = detail::leaf_pointers(init);
  const std::vector<std::string> paths = tree_paths(init, "carry");
  const std::vector<TensorType> types = detail::leaf_types("while_loop", carries, paths);
  auto predicate = detail::trace_call(cond, names.site(), std::tuple<Carry>(init), &types);
  auto traced = detail::trace_call(body, names.site(), std::tuple<Carry>(init), &types);
  detail::check_same_trees("while_loop: carry", init, traced.result);
  return tree_unflatten(init, detail::run_while(predicate.traced, traced.traced, carries, paths, at));
}

/// `carry = body(i, carry)` for i = lower, ..., upper - 1 (i32). With bounds that are C++ numbers, or Arrays
/// with a value, this is a scan, with reverse mode; otherwise a while_loop.
template <class Body, class Carry>
Carry fori_loop(const detail::LoopBound& lower, const detail::LoopBound& upper, const Body& body,
                const Carry& init, Location at = Location::current()) {
  using State = std::pair<Array, Carry>;
  const auto step = [&](const State& state) {
    return State(state.first + 1, detail::call_function(body, at, Array(state.first), Carry(state.second)));
  };
  if (lower.known && upper.known) {
    const auto counted = [&](const State& state, detail::NoLeaves none) {
      return std::pair(step(state), none);
    };
    const std::int64_t length = *upper.known > *lower.known ? *upper.known - *lower.known : 0;
    return scan(counted, State(lower.as_array(), init), detail::NoLeaves{}, {.length = length}, at)
        .first.second;
  }
  const Array end = upper.as_array();
  return while_loop([&](const State& state) { return state.first < end; }, step,
                    State(lower.as_array(), init), at)
      .second;
}

namespace detail {

/// The parts of associative_scan on leaves: every second slice from `start`, up to `stop`, along `axis`.
template <class T>
T every_second(const T& tree, std::int64_t axis, std::int64_t start, std::int64_t stop) {
  return tree_map([&](const Array& leaf) { return slice_axis(leaf, axis, start, stop, 2); }, tree);
}
/// even[0], odd[0], even[1], ...: even has as many as odd or one more.
Array interleave(const Array& even, const Array& odd, std::int64_t axis);
/// The size along `axis`, the same for all leaves; axis in [0, rank). TypeError.
std::int64_t associative_scan_size(const std::vector<const Array*>& leaves, std::int64_t axis);

template <class F, class T>
T associative_scan(const F& f, const T& elements, std::int64_t axis, std::int64_t size) {
  if (size < 2) return elements;
  // Sums of neighbours give the prefixes at odd places; those at even places are one step away.
  const std::int64_t half = size / 2;
  const T pairs = f(every_second(elements, axis, 0, 2 * half - 1), every_second(elements, axis, 1, 2 * half));
  const T odd = associative_scan(f, pairs, axis, half);
  const auto part = [&](const T& tree, std::int64_t start, std::int64_t stop) {
    return tree_map([&](const Array& leaf) { return slice_axis(leaf, axis, start, stop); }, tree);
  };
  T even = part(elements, 0, 1);
  if (const std::int64_t more = (size + 1) / 2 - 1; more > 0) {
    const T rest = f(part(odd, 0, more), every_second(elements, axis, 2, size));
    even = tree_map([&](const Array& a, const Array& b) { return concatenate({a, b}, axis); }, even, rest);
  }
  return tree_map([&](const Array& a, const Array& b) { return interleave(a, b, axis); }, even, odd);
}

}  // namespace detail

/// The prefixes x0, f(x0, x1), f(f(x0, x1), x2), ... of the slices of `xs` along `axis`, for an associative
/// f, in O(log n) steps, each f applied to stacks of slices (Blelloch, "Prefix sums and their applications",
/// 1990). `reverse`: from the other end.
template <class F, class T>
T associative_scan(const F& f, T xs, std::int64_t axis = 0, bool reverse = false) {
  const std::int64_t size = detail::associative_scan_size(detail::leaf_pointers(std::as_const(xs)), axis);
  const auto flip = [&](const Array& leaf) { return adze::reverse(leaf, axis); };
  if (reverse) xs = tree_map(flip, xs);
  T result = detail::associative_scan(f, xs, axis, size);
  return reverse ? tree_map(flip, result) : result;
}

}  // namespace adze
