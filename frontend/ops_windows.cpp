#include <fmt/format.h>

#include <algorithm>

#include "adze/lax.h"
#include "emit.h"
#include "ir/graph_builder.h"
#include "ir/windows.h"

namespace adze {

using detail::apply;

namespace {

Dims dilated(Dims sizes, const Dims& dilation) {
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    if (d < dilation.size()) sizes[d] = dilated_size(sizes[d], dilation[d]);
  }
  return sizes;
}

DimPair to_pair(const Padding::Amounts& amounts) {
  DimPair pair;
  for (const auto& [low, high] : amounts) {
    pair.lhs.push_back(low);
    pair.rhs.push_back(high);
  }
  return pair;
}

}  // namespace

Padding::Amounts Padding::resolve(const Dims& sizes, const Dims& windows, const Dims& strides) const {
  if (const auto* amounts = std::get_if<Amounts>(&value_)) return *amounts;
  const std::string& name = std::get<std::string>(value_);
  if (name == "VALID") return {};
  if (name != "SAME" && name != "SAME_LOWER") {
    throw TypeError("padding must be VALID, SAME, SAME_LOWER or a list of (low, high): " + name);
  }
  Amounts amounts;
  for (std::size_t d = 0; d < sizes.size() && d < windows.size(); ++d) {
    const std::int64_t stride = d < strides.size() ? std::max<std::int64_t>(1, strides[d]) : 1;
    const std::int64_t count = (sizes[d] + stride - 1) / stride;
    const std::int64_t amount = std::max<std::int64_t>(0, (count - 1) * stride + windows[d] - sizes[d]);
    const std::int64_t low = name == "SAME" ? amount / 2 : (amount + 1) / 2;
    amounts.emplace_back(low, amount - low);
  }
  return amounts;
}

// --- Convolution ---

namespace {

/// Dims of one operand: the two letters of `first`, then the spatial letters in the order of `spatial`. Where
/// that is empty it becomes the letters in their order here.
Dims layout_dims(const char* what, const std::string& layout, std::int64_t rank, std::string_view first,
                 std::string& spatial) {
  const auto fail = [&](const std::string& problem) {
    throw TypeError(fmt::format("conv_general_dilated: {} \"{}\" {}", what, layout, problem));
  };
  if (static_cast<std::int64_t>(layout.size()) != rank) fail(fmt::format("must name {} dimensions", rank));
  std::string letters;
  for (std::size_t i = 0; i < layout.size(); ++i) {
    if (layout.find(layout[i], i + 1) != std::string::npos) fail(fmt::format("names {} twice", layout[i]));
    if (first.find(layout[i]) == std::string::npos) letters.push_back(layout[i]);
  }
  if (spatial.empty()) spatial = letters;
  Dims dims;
  for (const char letter : std::string(first) + spatial) {
    const std::size_t at = layout.find(letter);
    if (at == std::string::npos) fail(fmt::format("has no dimension {}", letter));
    dims.push_back(static_cast<std::int64_t>(at));
  }
  return dims;
}

}  // namespace

Array conv_general_dilated(Operand lhs, Operand rhs, const ConvOptions& options) {
  const Composition here("conv_general_dilated", lhs.at());
  const TensorType x = lhs.type(), w = rhs.type();
  Attrs attrs{{"window_strides", options.window_strides},
              {"lhs_dilation", options.lhs_dilation},
              {"rhs_dilation", options.rhs_dilation},
              {"feature_group_count", options.feature_group_count},
              {"batch_group_count", options.batch_group_count}};
  detail::checked(lhs, [&] {
    if (x.rank() != w.rank() || x.rank() < 2) return;  // the op says so
    Dims lhs_dims, rhs_dims;
    for (std::int64_t d = 0; d < x.rank(); ++d) lhs_dims.push_back(d);
    rhs_dims = lhs_dims;
    std::string spatial;
    if (!options.rhs_layout.empty()) {
      rhs_dims = layout_dims("rhs_layout", options.rhs_layout, w.rank(), "OI", spatial);
      attrs.set("rhs_spec", rhs_dims);
    }
    if (!options.lhs_layout.empty()) {
      lhs_dims = layout_dims("lhs_layout", options.lhs_layout, x.rank(), "NC", spatial);
      attrs.set("lhs_spec", lhs_dims);
    }
    if (!options.out_layout.empty()) {
      attrs.set("out_spec", layout_dims("out_layout", options.out_layout, x.rank(), "NC", spatial));
    }
    Dims sizes, windows;
    for (std::size_t d = 2; d < lhs_dims.size(); ++d) {
      sizes.push_back(x.shape[static_cast<std::size_t>(lhs_dims[d])]);
      windows.push_back(w.shape[static_cast<std::size_t>(rhs_dims[d])]);
    }
    attrs.set("padding", to_pair(options.padding.resolve(dilated(sizes, options.lhs_dilation),
                                                         dilated(windows, options.rhs_dilation),
                                                         options.window_strides)));
  });
  if (x.dtype == w.dtype) return apply(op_conv_general_dilated, {lhs, rhs}, attrs);
  const std::array operands{lhs, rhs};
  const DType dtype = detail::common_dtype(operands);
  return apply(op_conv_general_dilated, {astype(lhs, dtype), astype(rhs, dtype)}, attrs);
}

// --- Windows ---

namespace {

Attrs window_attributes(const Operand& x, const WindowOptions& options) {
  return detail::checked(x, [&] {
    const auto padding = options.padding.resolve(dilated(x.type().shape, options.base_dilation),
                                                 dilated(options.window_dimensions, options.window_dilation),
                                                 options.window_strides);
    return Attrs{{"window_dimensions", options.window_dimensions},
                 {"window_strides", options.window_strides},
                 {"padding", to_pair(padding)},
                 {"base_dilation", options.base_dilation},
                 {"window_dilation", options.window_dilation}};
  });
}

Array over_windows(const char* name, const OpDef& op, Operand x, const WindowOptions& options) {
  const Composition here(name, x.at());
  return apply(op, {x}, window_attributes(x, options));
}

}  // namespace

Array reduce_window_sum(Operand x, const WindowOptions& options) {
  return over_windows("reduce_window_sum", op_reduce_window_sum, x, options);
}
Array reduce_window_prod(Operand x, const WindowOptions& options) {
  return over_windows("reduce_window_prod", op_reduce_window_prod, x, options);
}
Array reduce_window_max(Operand x, const WindowOptions& options) {
  return over_windows("reduce_window_max", op_reduce_window_max, x, options);
}
Array reduce_window_min(Operand x, const WindowOptions& options) {
  return over_windows("reduce_window_min", op_reduce_window_min, x, options);
}

// --- Any monoid ---

namespace detail {

Array start_value(Operand init, const Array& operand) {
  return init.is_scalar() ? scalar_array(init, operand.dtype()) : init.array();
}

namespace {

/// Applies the op, which has several results, through a graph of its own: known start values fold with it.
std::vector<Array> apply_fold(const OpDef& op, const TracedGraph& body, const std::vector<Array>& operands,
                              const std::vector<Array>& init, Attrs attrs, Location at) {
  if (!body.captures.empty()) {
    throw TypeError(
        fmt::format("{}: the body must not use other Arrays than its arguments and constants", op.name));
  }
  attrs.set("body", body.graph);
  GraphBuilder builder({.fold = true});
  std::vector<Array> arguments = operands;
  std::vector<ValueId> values;
  for (const Array& x : operands) values.push_back(builder.parameter(x.type()));
  for (const Array& x : init) {
    if (!x.traced() && x.size() == 1 && x.rank() == 0) {
      values.push_back(builder.scalar(x.dtype(), x.item<double>()));
    } else {
      values.push_back(builder.parameter(x.type()));
      arguments.push_back(x);
    }
  }
  const LocationScope scope(builder, at);
  ValueList results = builder.emit_multi(op, std::move(values), std::move(attrs));
  return evaluate(builder.finish(std::move(results)), arguments);
}

}  // namespace

std::vector<Array> reduce_by(const TracedGraph& body, const std::vector<Array>& operands,
                             const std::vector<Array>& init, const Axes& axes, Location at) {
  const Composition here("reduce", at);
  const Dims list = checked(operands[0], [&] { return axes.resolve("reduce", operands[0].rank()); });
  return apply_fold(op_reduce, body, operands, init, {{"axes", list}}, at);
}

std::vector<Array> reduce_window_by(const TracedGraph& body, const std::vector<Array>& operands,
                                    const std::vector<Array>& init, const WindowOptions& options,
                                    Location at) {
  const Composition here("reduce_window", at);
  return apply_fold(op_reduce_window, body, operands, init, window_attributes(operands[0], options), at);
}

}  // namespace detail

// --- Along an axis ---

namespace {

Attrs along(const char* name, const Operand& x, std::int64_t axis, bool reverse) {
  const std::int64_t resolved =
      detail::checked(x, [&] { return detail::resolve_axis(name, axis, x.type().rank()); });
  return {{"axis", resolved}, {"reverse", reverse}};
}

Array cumulate(const char* name, const OpDef& op, Operand x, std::int64_t axis, bool reverse) {
  const Composition here(name, x.at());
  return apply(op, {x}, along(name, x, axis, reverse));
}

}  // namespace

Array cumsum(Operand x, std::int64_t axis, bool reverse) {
  return cumulate("cumsum", op_cumsum, x, axis, reverse);
}
Array cumprod(Operand x, std::int64_t axis, bool reverse) {
  return cumulate("cumprod", op_cumprod, x, axis, reverse);
}
Array cummax(Operand x, std::int64_t axis, bool reverse) {
  return cumulate("cummax", op_cummax, x, axis, reverse);
}
Array cummin(Operand x, std::int64_t axis, bool reverse) {
  return cumulate("cummin", op_cummin, x, axis, reverse);
}
Array cumlogsumexp(Operand x, std::int64_t axis, bool reverse) {
  return cumulate("cumlogsumexp", op_cumlogsumexp, x, axis, reverse);
}
Array linear_recurrence(Operand a, Operand b, std::int64_t axis, bool reverse) {
  const Composition here("linear_recurrence", a.at());
  return apply(op_linear_recurrence, {a, b}, along("linear_recurrence", a, axis, reverse));
}

// --- Linear algebra ---

namespace linalg {

Array cholesky(Operand a) {
  return apply(op_cholesky, {a});
}

Array triangular_solve(Operand a, Operand b, const TriangularSolveOptions& options) {
  return apply(op_triangular_solve, {a, b},
               {{"left_side", options.left_side},
                {"lower", options.lower},
                {"transpose_a", options.transpose_a},
                {"unit_diagonal", options.unit_diagonal}});
}

}  // namespace linalg

}  // namespace adze
