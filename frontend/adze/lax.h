#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "adze/array.h"
#include "adze/ops.h"
#include "adze/trace.h"

/// The structured ops under the layers of networks, with JAX's (jax.lax's) names and meanings: convolutions,
/// reductions over windows and with any monoid, sums along an axis, triangular systems.
namespace adze {

/// How far windows reach over an operand's edges: (low, high) for each windowed dimension, negative amounts
/// cutting elements off; or "VALID" (none), "SAME" (as many windows as strides in the operand, the odd
/// element behind) or "SAME_LOWER" (before).
class Padding {
 public:
  using Amounts = std::vector<std::pair<std::int64_t, std::int64_t>>;
  Padding() : value_("VALID") {}
  Padding(const char* name) : value_(name) {}               // NOLINT
  Padding(Amounts amounts) : value_(std::move(amounts)) {}  // NOLINT
  Padding(std::initializer_list<std::pair<std::int64_t, std::int64_t>> list)
      : value_(Amounts(list)) {}  // NOLINT
  /// For windows of these (dilated) sizes over these (dilated) sizes. TypeError for an unknown name.
  Amounts resolve(const Dims& sizes, const Dims& windows, const Dims& strides) const;

 private:
  std::variant<std::string, Amounts> value_;
};

/// Lists have one entry a spatial dimension; empty ones are all ones. Layouts name the dimensions of the
/// operands by letters: N the batch, C the features, O and I the rhs's output and input features, any others
/// the spatial dimensions, which are matched by their letters. Empty: "NCHW", "OIHW" and "NCHW", with as many
/// spatial dimensions as there are.
struct ConvOptions {
  Dims window_strides = {};
  Padding padding = {};
  Dims lhs_dilation = {}, rhs_dilation = {};
  std::string lhs_layout = {}, rhs_layout = {}, out_layout = {};
  std::int64_t feature_group_count = 1, batch_group_count = 1;
};
/// Convolution (strictly: correlation) of lhs with the windows rhs, which are converted to one dtype. Groups
/// split the features of lhs, or its batch, into parts that meet one part each of the rhs's output features.
/// TypeError where shapes, layouts, strides or groups do not fit.
Array conv_general_dilated(Operand lhs, Operand rhs, const ConvOptions& options = {});

/// Windows over an operand; one entry a dimension, empty lists are all ones.
struct WindowOptions {
  Dims window_dimensions;
  Dims window_strides = {};
  Padding padding = {};
  Dims base_dilation = {}, window_dilation = {};
};
/// The sum (product, largest, smallest element) under each window; padding counts as 0 (1, the lowest and the
/// highest number). The derivative of an extreme is that of the window's first extreme element.
Array reduce_window_sum(Operand x, const WindowOptions& options);
Array reduce_window_prod(Operand x, const WindowOptions& options);
Array reduce_window_max(Operand x, const WindowOptions& options);
Array reduce_window_min(Operand x, const WindowOptions& options);

// Running along an axis, from its end where `reverse`: what each element and all before it give together.

Array cumsum(Operand x, std::int64_t axis = 0, bool reverse = false);
Array cumprod(Operand x, std::int64_t axis = 0, bool reverse = false);
Array cummax(Operand x, std::int64_t axis = 0, bool reverse = false);
Array cummin(Operand x, std::int64_t axis = 0, bool reverse = false);
Array cumlogsumexp(Operand x, std::int64_t axis = 0, bool reverse = false);
/// y[t] = a[t] * y[t - 1] + b[t] along `axis`, from 0.
Array linear_recurrence(Operand a, Operand b, std::int64_t axis = 0, bool reverse = false);

namespace linalg {

/// The lower triangular L with L L^T = a, for positive definite matrices a[..., n, n], of which the lower
/// triangle is read; NaN where a is not positive definite.
Array cholesky(Operand a);

struct TriangularSolveOptions {
  bool left_side = true;       ///< op(a) x = b, or x op(a) = b
  bool lower = false;          ///< which triangle of a is read
  bool transpose_a = false;    ///< op transposes
  bool unit_diagonal = false;  ///< a's diagonal counts as ones
};
/// x for matrices a[..., n, n] and b[..., n, m] (b[..., m, n] on the right side).
Array triangular_solve(Operand a, Operand b, const TriangularSolveOptions& options = {});

}  // namespace linalg

namespace detail {

/// The op with a traced `body`; sums, products, extremes and logic become the reductions of that name.
std::vector<Array> reduce_by(const TracedGraph& body, const std::vector<Array>& operands,
                             const std::vector<Array>& init, const Axes& axes, Location at);
std::vector<Array> reduce_window_by(const TracedGraph& body, const std::vector<Array>& operands,
                                    const std::vector<Array>& init, const WindowOptions& options,
                                    Location at);
/// `init` as an Array of the operand's dtype.
Array start_value(Operand init, const Array& operand);

/// Traces body(states, elements) on scalars of the operands' dtypes.
template <class F, class States>
TracedGraph trace_monoid(const F& body, const char* what, States scalars, Location at) {
  for (Array* scalar : leaf_pointers(scalars)) *scalar = zeros({}, scalar->dtype());
  const FunctionNames names{what, {"state", "element"}};
  const CallSite site{&names, what, at, at};
  return trace_call([&](States state,
                        States element) -> States { return body(std::move(state), std::move(element)); },
                    site, std::tuple<States, States>(scalars, scalars))
      .traced;
}

template <std::size_t n>
std::array<Array, n> to_array_of(std::vector<Array> values) {
  std::array<Array, n> result;
  std::move(values.begin(), values.end(), result.begin());
  return result;
}

}  // namespace detail

/// Folds `axes` of x by body(state, element) -> state, an associative function of scalars, from `init`:
/// `reduce(x, 0,
/// [](Array a, Array b) { return a + b; })`. The body may use elementwise functions only.
template <class F>
Array reduce(Operand x, Operand init, const F& body, const Axes& axes = {}) {
  const Array operand = x.array();
  const auto traced = detail::trace_monoid(body, "reduce", operand, x.at());
  return detail::reduce_by(traced, {operand}, {detail::start_value(init, operand)}, axes, x.at())[0];
}
/// Several arrays of one shape together: body(states, elements) -> states, arrays of scalars each.
template <std::size_t n, class F>
std::array<Array, n> reduce(const std::array<Array, n>& x, const std::array<Array, n>& init, const F& body,
                            const Axes& axes = {}, Location at = Location::current()) {
  const auto traced = detail::trace_monoid(body, "reduce", x, at);
  return detail::to_array_of<n>(
      detail::reduce_by(traced, {x.begin(), x.end()}, {init.begin(), init.end()}, axes, at));
}
/// The same under each window; padding counts as `init`.
template <class F>
Array reduce_window(Operand x, Operand init, const F& body, const WindowOptions& options) {
  const Array operand = x.array();
  const auto traced = detail::trace_monoid(body, "reduce_window", operand, x.at());
  return detail::reduce_window_by(traced, {operand}, {detail::start_value(init, operand)}, options,
                                  x.at())[0];
}
template <std::size_t n, class F>
std::array<Array, n> reduce_window(const std::array<Array, n>& x, const std::array<Array, n>& init,
                                   const F& body, const WindowOptions& options,
                                   Location at = Location::current()) {
  const auto traced = detail::trace_monoid(body, "reduce_window", x, at);
  return detail::to_array_of<n>(
      detail::reduce_window_by(traced, {x.begin(), x.end()}, {init.begin(), init.end()}, options, at));
}

}  // namespace adze
