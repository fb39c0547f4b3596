#include <fmt/format.h>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"
#include "ir/window_eval.h"
#include "ir/windows.h"

namespace adze {

// The derivatives of extremes over windows: both ops find, for each window over `operand`, its first extreme
// element (NaN wins); one takes a value there, the other adds a value there. `select` is "ge" for maxima,
// "le" for minima, as in JAX.

namespace {

bool selects_max(const Attrs& attrs) {
  return attrs.get<std::string>("select") == "ge";
}

std::vector<AttrSpec> select_attrs() {
  std::vector<AttrSpec> attrs = window_attrs();
  attrs.insert(attrs.begin(), {"select", std::string("ge"), std::string("ge")});
  return attrs;
}

/// Checks all, gives the type of a value a window.
TensorType check_select(InferContext& c) {
  check_dtype(c, 0, DTypeSet::kFloat);
  if (c.operand(0).dtype != c.operand(1).dtype) {
    c.fail(fmt::format("operands must have the same dtype: {} vs {}", to_string(c.operand(0)),
                       to_string(c.operand(1))));
  }
  const std::string& select = c.attr<std::string>("select");
  if (select != "ge" && select != "le") c.fail(fmt::format("select must be ge or le: {}", select));
  check_window_attrs(c, c.operand(1));
  return {c.operand(1).dtype, check_shape(c, window_counts(c.operand(1).shape, windows_of(c.attrs())))};
}

/// Which element of each window is its first extreme one, in row-major order of the window.
struct Choice {
  WindowedDims over;
  Dims window_shape;  ///< windows' counts, then the windows' dims
  ValueId index;      ///< i32, one a window; none where every window is one element
  ValueId position;   ///< i32 over the windows' dims: row-major position in the window
};

Choice choose(RuleContext& c, ValueId operand) {
  GraphBuilder& b = c.builder();
  const TensorType type = c.type(operand);
  Choice choice{.over = windowed_dims(type.shape, windows_of(c.attrs())),
                .window_shape = {},
                .index = {},
                .position = {}};
  if (choice.over.dims.empty()) return choice;
  const bool is_max = selects_max(c.attrs());
  const ValueId windows = emit_windows(b, operand, choice.over.dims, choice.over.windows,
                                       b.constant(extreme_value(type.dtype, !is_max)));
  choice.window_shape = b.type(windows).shape;
  const auto rank = static_cast<std::ptrdiff_t>(type.rank());
  const Dims counts(choice.window_shape.begin(), choice.window_shape.begin() + rank);
  const Dims sizes(choice.window_shape.begin() + rank, choice.window_shape.end());
  Dims flat = counts;
  flat.push_back(element_count(sizes));
  choice.index = c.emit(is_max ? op_argmax : op_argmin, {emit_reshape(b, windows, flat)},
                        {{"axis", static_cast<std::int64_t>(rank)}, {"index_dtype", DType::kI32}});
  const ValueId positions = c.emit(
      op_iota, {}, {{"shape", Dims{flat.back()}}, {"dimension", std::int64_t{0}}, {"dtype", DType::kI32}});
  choice.position = emit_reshape(b, positions, sizes);
  return choice;
}

Dims window_axes(const Choice& choice, std::int64_t rank) {
  Dims axes;
  for (auto d = rank; d < static_cast<std::int64_t>(choice.window_shape.size()); ++d) axes.push_back(d);
  return axes;
}

/// Sums what the chosen positions hold.
ValueList decompose_gather(DecomposeContext& c) {
  GraphBuilder& b = c.builder();
  const Choice choice = choose(c, c.operand(1));
  if (!choice.index) return c.operand(0);
  const std::int64_t rank = c.result_type().rank();
  const Dims axes = window_axes(choice, rank);
  const ValueId values = emit_windows(b, c.operand(0), choice.over.dims, choice.over.windows);
  const ValueId is_chosen =
      c.emit(op_eq, {emit_broadcast(b, choice.index, choice.window_shape, iota_dims(rank)),
                     emit_broadcast(b, choice.position, choice.window_shape, axes)});
  return emit_reduce_sum(b, c.select(is_chosen, values, kNoValue), axes);
}

/// Does every element lie under one window at most?
bool are_disjoint(const Windows& windows) {
  for (std::size_t d = 0; d < windows.size.size(); ++d) {
    if (windows.base_dilation[d] != 1 || windows.window_dilation[d] != 1) return false;
    if (windows.strides[d] < windows.size[d]) return false;
  }
  return true;
}

/// Disjoint windows, each with its source at the chosen position, side by side are the operand again.
ValueId lay_out_windows(DecomposeContext& c, const Choice& choice) {
  GraphBuilder& b = c.builder();
  const Dims sizes = c.result_type().shape;
  const Windows& windows = choice.over.windows;
  Dims shape, count_dims, window_dims, offsets = windows.padding.lhs;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    count_dims.push_back(static_cast<std::int64_t>(shape.size()));
    shape.push_back(choice.window_shape[d]);
    if (!contains(choice.over.dims, static_cast<std::int64_t>(d))) continue;
    shape.push_back(windows.size[window_dims.size()]);
    window_dims.push_back(static_cast<std::int64_t>(shape.size()) - 1);
  }
  const ValueId is_chosen = c.emit(op_eq, {emit_broadcast(b, choice.index, shape, count_dims),
                                           emit_broadcast(b, choice.position, shape, window_dims)});
  const ValueId values = c.select(is_chosen, emit_broadcast(b, c.operand(0), shape, count_dims), kNoValue);
  for (std::int64_t& offset : offsets) offset = -offset;
  return emit_side_by_side(b, values,
                           {choice.over.dims, windows.strides, offsets, pick(sizes, choice.over.dims)});
}

/// Every element sums over the windows that it is in: no two writes meet.
ValueList decompose_scatter(DecomposeContext& c) {
  GraphBuilder& b = c.builder();
  const Choice choice = choose(c, c.operand(1));
  if (!choice.index) return c.operand(0);
  if (are_disjoint(choice.over.windows)) return lay_out_windows(c, choice);
  const TensorType type = c.result_type();
  const Dims axes = window_axes(choice, type.rank());
  const auto back = [&](ValueId a_window) {
    const ValueId spread = emit_broadcast(b, a_window, choice.window_shape, iota_dims(type.rank()));
    return emit_back_from_windows(b, spread, choice.over.dims, pick(type.shape, choice.over.dims),
                                  choice.over.windows);
  };
  const ValueId chosen = back(choice.index), values = back(c.operand(0));
  const ValueId is_chosen =
      c.emit(op_eq, {chosen, emit_broadcast(b, choice.position, b.type(chosen).shape, axes)});
  return emit_reduce_sum(b, c.select(is_chosen, values, kNoValue), axes);
}

/// The flat offset of each window's element, -1 where padding was chosen.
template <class F>
void for_each_choice(const Literal& operand, const Attrs& attrs, F&& f) {
  const bool is_max = selects_max(attrs);
  const double padding = is_max ? -kInf : kInf;
  for_each_window(operand.type().shape, windows_of(attrs),
                  [&](std::int64_t i, std::span<const std::int64_t> elements) {
                    std::int64_t best = elements[0];
                    double best_value = best < 0 ? padding : operand.as_double(best);
                    for (const std::int64_t at : elements) {
                      const double value = at < 0 ? padding : operand.as_double(at);
                      if (best_value != best_value) break;
                      if (value != value || (is_max ? value > best_value : value < best_value)) {
                        best = at;
                        best_value = value;
                      }
                    }
                    f(i, best);
                  });
}

/// `operand` and what goes with it over the batch.
ValueList batch_select(BatchContext& c) {
  return c.emit(c.op(), {c.with_batch(0), c.with_batch(1)}, batched_window_attrs(c.attrs()));
}

std::vector<OpSample> select_samples(bool of_windows) {
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, const std::string& select, Dims shape, Dims window, Dims strides,
                       DimPair padding, Dims base, Dims dilation, int derivative_order) {
    Attrs attrs = {{"window_dimensions", std::move(window)},
                   {"window_strides", std::move(strides)},
                   {"padding", std::move(padding)},
                   {"base_dilation", std::move(base)},
                   {"window_dilation", std::move(dilation)}};
    const Dims counts = window_counts(shape, windows_of(attrs));
    attrs.set("select", select);
    OpSample sample{.operands = {{dtype, of_windows ? counts : shape}, {dtype, shape}},
                    .attrs = std::move(attrs),
                    .relative_tolerance = dtype == DType::kF32 ? 1e-5 : 1e-13,
                    .derivative_order = derivative_order};
    if (derivative_order > 0) sample.adjust = spread_values;
    samples.push_back(std::move(sample));
  };
  add(DType::kF32, "ge", {17}, {3}, {}, {}, {}, {}, 0);
  add(DType::kF32, "le", {17}, {2}, {2}, {}, {}, {}, 0);
  add(DType::kF32, "ge", {3, 10, 12}, {1, 2, 2}, {1, 2, 2}, {}, {}, {}, 0);
  add(DType::kF32, "ge", {3, 9, 11}, {1, 3, 3}, {1, 2, 2}, {{0, 1, 1}, {0, 1, 1}}, {}, {}, 0);
  add(DType::kF32, "le", {6, 5}, {3, 2}, {1, 2}, {{1, -1}, {-2, 2}}, {2, 3}, {1, 2}, 0);
  add(DType::kF32, "ge", {5, 4}, {1, 1}, {}, {}, {}, {}, 0);
  add(DType::kF32, "ge", {}, {}, {}, {}, {}, {}, 0);
  add(DType::kF32, "ge", {3}, {5}, {}, {}, {}, {}, 0);
  add(DType::kF32, "ge", {3, 11, 9}, {1, 2, 2}, {1, 3, 2}, {{0, 1, -1}, {0, -2, 0}}, {}, {}, 0);
  add(DType::kF64, "ge", {31}, {5}, {}, {}, {}, {}, 0);
  add(DType::kF64, "ge", {4, 4}, {2, 2}, {2, 2}, {}, {}, {}, 2);
  add(DType::kF64, "ge", {5, 4}, {2, 3}, {2, 1}, {{0, 1}, {1, 1}}, {}, {}, 2);
  add(DType::kF64, "le", {4}, {3}, {2}, {{1}, {2}}, {2}, {}, 2);
  return samples;
}

}  // namespace

/// For each window over `operand`, the value that `tangents`, of the operand's type, has at its first extreme
/// element; 0 where that is padding.
const OpDef op_select_and_gather_add{
    .name = "select_and_gather_add",
    .pattern = OpPattern::kComposite,
    .operand_names = {"tangents", "operand"},
    .attrs = select_attrs(),
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      const TensorType result = check_select(c);
      check_same_types(c);
      return {result};
    },
    .jvp = [](JvpContext& c) -> ValueList {
      if (!c.has_tangent(0)) return kNoValue;
      return c.emit(c.op(), {c.tangent(0), c.primal(1)}, c.attrs());
    },
    .transpose = [](TransposeContext& c) -> ValueList {
      return {c.emit(op_select_and_scatter_add, {c.cotangent(), c.operand(1)}, c.attrs()), kNoValue};
    },
    .batch = batch_select,
    .decompose = decompose_gather,
    .eval =
        [](EvalContext& c) {
          for_each_choice(*c.operands[1], c.attrs, [&](std::int64_t i, std::int64_t at) {
            if (at >= 0) copy_element(c.results[0], i, *c.operands[0], at);
          });
        },
    .samples = [] { return select_samples(false); },
};

/// Adds `source`, which has a value for each window over `operand`, to the place of that window's first
/// extreme element; what falls on padding is dropped. The result has the operand's type.
const OpDef op_select_and_scatter_add{
    .name = "select_and_scatter_add",
    .pattern = OpPattern::kComposite,
    .operand_names = {"source", "operand"},
    .attrs = select_attrs(),
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      const TensorType source = check_select(c);
      if (c.operand(0) != source) {
        c.fail(fmt::format("source must have a value for each window, {}: {}", to_string(source),
                           to_string(c.operand(0))));
      }
      return {c.operand(1)};
    },
    .jvp = [](JvpContext& c) -> ValueList {
      if (!c.has_tangent(0)) return kNoValue;
      return c.emit(c.op(), {c.tangent(0), c.primal(1)}, c.attrs());
    },
    .transpose = [](TransposeContext& c) -> ValueList {
      return {c.emit(op_select_and_gather_add, {c.cotangent(), c.operand(1)}, c.attrs()), kNoValue};
    },
    .batch = batch_select,
    .decompose = decompose_scatter,
    .eval =
        [](EvalContext& c) {
          for_each_choice(*c.operands[1], c.attrs, [&](std::int64_t i, std::int64_t at) {
            if (at >= 0) {
              c.results[0].set_double(at, c.results[0].as_double(at) + c.operands[0]->as_double(i));
            }
          });
        },
    .samples = [] { return select_samples(true); },
};

}  // namespace adze
