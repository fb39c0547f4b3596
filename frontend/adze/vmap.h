#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "adze/array.h"
#include "adze/trace.h"
#include "adze/tree.h"

namespace adze {

/// Where the batch is, in the arguments or results of a function: one axis for all Arrays, or a list with one
/// axis for each argument, or for each Array of them. `std::nullopt`: not batched. Negative axes count from
/// the last.
class BatchAxes {
 public:
  BatchAxes(int axis = 0) : list_{axis} {}                                                 // NOLINT: implicit
  BatchAxes(std::nullopt_t) : list_{std::nullopt} {}                                       // NOLINT
  BatchAxes(std::initializer_list<std::optional<int>> axes) : list_(axes), one_(false) {}  // NOLINT

  /// One axis an Array. `counts`: how many each argument has. TypeError where the list fits neither.
  std::vector<std::optional<int>> resolve(const char* what, const std::vector<std::size_t>& counts) const;

 private:
  std::vector<std::optional<int>> list_;
  bool one_ = true;
};

struct VmapOptions {
  BatchAxes in_axes = 0;
  BatchAxes out_axes = 0;
  /// What psum, pmean and pmax in the function call the batch.
  std::string axis_name = {};
  /// Needed only where no argument is batched.
  std::optional<std::int64_t> axis_size = {};
};

namespace detail {

/// The types of one member's leaves, and the batch.
struct BatchLayout {
  std::vector<TensorType> types;
  std::vector<std::optional<int>> axes;  ///< in [0, rank)
  std::int64_t size = 0;
};
/// TypeError where sizes differ, an axis is out of range or nothing is batched.
BatchLayout batch_layout(const VmapOptions& options, const std::vector<const Array*>& leaves,
                         const std::vector<std::string>& paths, const std::vector<std::size_t>& counts);
/// The traced function of one member, run for all: one result a result, with the batch where out_axes say.
std::vector<Array> evaluate_batch(const TracedGraph& traced, const BatchLayout& layout,
                                  const std::vector<const Array*>& leaves, const VmapOptions& options,
                                  const std::vector<std::size_t>& result_counts);

/// How many leaves each element of a tuple has; of another tree: all its leaves.
template <class... T>
std::vector<std::size_t> leaf_counts(const std::tuple<T...>& trees) {
  return std::apply([](const auto&... tree) { return std::vector{leaf_pointers(tree).size()...}; }, trees);
}
template <class T>
std::vector<std::size_t> leaf_counts(const T& tree) {
  return {leaf_pointers(tree).size()};
}
template <class A, class B>
std::vector<std::size_t> leaf_counts(const std::pair<A, B>& trees) {
  return {leaf_pointers(trees.first).size(), leaf_pointers(trees.second).size()};
}

template <class F>
class VmapFunction : public Callable<VmapFunction<F>> {
 public:
  VmapFunction(F f, VmapOptions options, Location at)
      : function_(std::move(f)), options_(std::move(options)), wrapped_(at) {}

  template <class... Args>
  auto call(Location at, Args&&... args) const {
    const FunctionNames names;
    const CallSite site{&names, "vmap", wrapped_, at};
    const std::tuple<std::decay_t<Args>...> inputs(args...);
    const std::vector<const Array*> leaves = leaf_pointers(inputs);
    const std::vector<std::string> paths =
        std::apply([&](const auto&... input) { return argument_paths(names, input...); }, inputs);
    try {
      const BatchLayout layout = batch_layout(
          options_, leaves, paths, std::vector<std::size_t>{leaf_pointers(std::as_const(args)).size()...});
      auto traced = trace_call(function_, site, inputs, &layout.types);
      return tree_unflatten(
          traced.result, evaluate_batch(traced.traced, layout, leaves, options_, leaf_counts(traced.result)));
    } catch (const Error&) {
      rethrow_in_context(site);
    }
  }

 private:
  F function_;
  VmapOptions options_;
  Location wrapped_;
};

}  // namespace detail

/// f over a batch, without a loop: each op is applied to all members at once. The function sees one member:
/// its Arrays lack the batch axis. What does not depend on the batch is computed once, and comes out
/// broadcast (or, with an out axis of nullopt, as it is; TypeError where it does depend).
///
///   vmap(f)(xs);  vmap(f, {.in_axes = {0, std::nullopt}})(xs, w);  vmap(f, {.axis_name = "batch"})(xs)
template <class F>
auto vmap(F f, VmapOptions options = {}, Location at = Location::current()) {
  return detail::VmapFunction<F>(std::move(f), std::move(options), at);
}

}  // namespace adze
