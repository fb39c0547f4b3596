#include <fmt/format.h>

#include <algorithm>

#include "ir/eval_helpers.h"
#include "ir/fold_rows.h"
#include "ir/interpreter.h"
#include "ir/loops_context.h"
#include "ir/op_helpers.h"
#include "ir/window_eval.h"
#include "ir/windows.h"

namespace adze {

// reduce and reduce_window: folds by any monoid, given as a subgraph of rank-0 values (states...,
// elements...) -> states.... Operands are the arrays, then a start value for each.

namespace {

const Graph& body_of(const Attrs& attrs) {
  return *attrs.get<GraphRef>("body");
}

/// Checks arrays, start values and the body. Gives how many arrays there are.
std::size_t check_folded(InferContext& c) {
  if (c.size() == 0 || c.size() % 2 != 0) {
    c.fail(fmt::format("takes arrays and a start value for each, not {} operands", c.size()));
  }
  const std::size_t count = c.size() / 2;
  std::vector<DType> states;
  for (std::size_t i = 0; i < count; ++i) {
    check_dtype(c, i, DTypeSet::kAny);
    if (c.operand(i).shape != c.operand(0).shape) {
      c.fail(fmt::format("arrays must have the same shape: {} vs {}", to_string(c.operand(0)),
                         to_string(c.operand(i))));
    }
    const TensorType start{c.operand(i).dtype, {}};
    if (c.operand(count + i) != start) {
      c.fail(
          fmt::format("start value {} must be {}: {}", i, to_string(start), to_string(c.operand(count + i))));
    }
    states.push_back(start.dtype);
  }
  if (!c.attr<GraphRef>("body")) c.fail("body is missing");
  std::vector<DType> parameters = states;
  parameters.insert(parameters.end(), states.begin(), states.end());
  check_scalar_body(c, "body", body_of(c.attrs()), parameters, states);
  return count;
}

std::vector<TensorType> results_of(const InferContext& c, std::size_t count, const Dims& shape) {
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < count; ++i) types.push_back({c.operand(i).dtype, shape});
  return types;
}

/// Axes may come in any order; folding is row-major over them.
Dims sorted_axes(const Attrs& attrs) {
  Dims axes = attrs.get<Dims>("axes");
  std::sort(axes.begin(), axes.end());
  return axes;
}

// --- Meaning ---

/// The state of one fold: element by element through the interpreter.
class Fold {
 public:
  Fold(const EvalContext& c) : c_(c), count_(c.operands.size() / 2) {
    for (std::size_t i = 0; i < count_; ++i) states_.push_back(*c.operands[count_ + i]);
  }
  /// Folds the elements at flat offset `at`; the start values where it is negative.
  void take(std::int64_t at) {
    std::vector<Literal> arguments = states_;
    for (std::size_t i = 0; i < count_; ++i) {
      arguments.push_back(*c_.operands[count_ + i]);
      if (at >= 0) copy_element(arguments.back(), 0, *c_.operands[i], at);
    }
    states_ = interpret(body_of(c_.attrs), arguments);
  }
  void store(std::int64_t at) {
    for (std::size_t i = 0; i < count_; ++i) copy_element(c_.results[i], at, states_[i], 0);
  }

 private:
  const EvalContext& c_;
  std::size_t count_;
  std::vector<Literal> states_;
};

void eval_reduce(EvalContext& c) {
  const Dims& shape = c.operands[0]->type().shape;
  const Dims axes = sorted_axes(c.attrs);
  const auto folded = offsets_over(shape, axes);
  std::int64_t to = 0;
  for (const std::int64_t base :
       offsets_over(shape, remaining_dims(static_cast<std::int64_t>(shape.size()), axes))) {
    Fold fold(c);
    for (const std::int64_t offset : folded) fold.take(base + offset);
    fold.store(to++);
  }
}

void eval_reduce_window(EvalContext& c) {
  for_each_window(c.operands[0]->type().shape, windows_of(c.attrs),
                  [&](std::int64_t i, std::span<const std::int64_t> elements) {
                    Fold fold(c);
                    for (const std::int64_t at : elements) fold.take(at);
                    fold.store(i);
                  });
}

void lower_reduce(LoopsContext& c) {
  const std::size_t count = c.result_count();
  const Dims& shape = c.operand_type(0).shape;
  const Dims axes = sorted_axes(c.attrs());
  const auto inner_loops = [&](const std::vector<Scalar>& kept,
                               const std::vector<LoopsContext::Register>& states) {
    c.loops(pick(shape, axes), [&](const std::vector<Scalar>& folded) {
      std::vector<Scalar> index(shape.size()), arguments;
      for (std::size_t i = 0; i < axes.size(); ++i) index[static_cast<std::size_t>(axes[i])] = folded[i];
      std::size_t next = 0;
      for (Scalar& at : index) {
        if (!at) at = kept[next++];
      }
      for (const LoopsContext::Register state : states) arguments.push_back(c.get(state));
      for (std::size_t i = 0; i < count; ++i) arguments.push_back(c.let("x", c.load(i, index)));
      std::vector<Scalar> results = apply_scalar_body(c.exprs(), body_of(c.attrs()), arguments);
      for (Scalar& result : results) result = c.let("next", result);
      for (std::size_t i = 0; i < count; ++i) c.set(states[i], results[i]);
    });
    for (std::size_t i = 0; i < count; ++i) c.store(i, kept, c.get(states[i]));
  };
  c.loops(
      without_dims(shape, axes),
      [&](const std::vector<Scalar>& kept) {
        std::vector<LoopsContext::Register> states;
        const std::function<void()> with_states = [&] {
          if (states.size() == count) return inner_loops(kept, states);
          c.with_register("state", c.load(count + states.size(), {}), [&](LoopsContext::Register state) {
            states.push_back(state);
            with_states();
          });
        };
        with_states();
      },
      loop::LoopKind::kParallel);
}

// --- Simplification ---

/// The reductions that fold by `op`, and what they start from.
struct KnownMonoid {
  const OpDef* op;
  const OpDef* reduction;
  const OpDef* windowed;  ///< nullptr: none
  double neutral;         ///< kAllOnes: every bit
};
constexpr double kAllOnes = -1;

/// The reduction that a fold of one array is, if its body is a single sum, product, maximum, ...
const KnownMonoid* known_monoid(const FoldContext& c, DType dtype) {
  static const KnownMonoid known[] = {
      {&op_add, &op_reduce_sum, &op_reduce_window_sum, 0},
      {&op_mul, &op_reduce_prod, &op_reduce_window_prod, 1},
      {&op_max, &op_reduce_max, &op_reduce_window_max, -kInf},
      {&op_min, &op_reduce_min, &op_reduce_window_min, kInf},
      {&op_and_, &op_reduce_and, nullptr, kAllOnes},
      {&op_or_, &op_reduce_or, nullptr, 0},
  };
  if (c.size() != 2) return nullptr;
  const Graph& body = body_of(c.attrs());
  if (body.nodes().size() != 1 || body.results()[0] != body.nodes()[0].result) return nullptr;
  const Node& node = body.nodes()[0];
  if (node.operands.size() != 2 || node.operands[0] == node.operands[1]) return nullptr;
  for (const KnownMonoid& monoid : known) {
    if (monoid.op == node.op && (dtype != DType::kBool || !monoid.windowed)) return &monoid;
  }
  return nullptr;
}

bool starts_neutral(const FoldContext& c, const KnownMonoid& monoid, DType dtype) {
  const double all_ones = dtype == DType::kBool ? 1 : -1;
  return c.is_splat(1, monoid.neutral == kAllOnes ? all_ones : monoid.neutral);
}

ValueId fold_reduce(FoldContext& c) {
  const DType dtype = c.type(c.operand(0)).dtype;
  const KnownMonoid* monoid = known_monoid(c, dtype);
  if (!monoid) return kNoValue;
  const ValueId reduced = c.emit(*monoid->reduction, {c.operand(0)}, {{"axes", sorted_axes(c.attrs())}});
  if (starts_neutral(c, *monoid, dtype)) return reduced;
  const ValueId start = emit_broadcast(c.builder(), c.operand(1), c.result_type().shape, {});
  return c.emit(*monoid->op, {start, reduced});
}

ValueId fold_reduce_window(FoldContext& c) {
  const DType dtype = c.type(c.operand(0)).dtype;
  const KnownMonoid* monoid = known_monoid(c, dtype);
  if (!monoid || !monoid->windowed || !starts_neutral(c, *monoid, dtype)) return kNoValue;
  Attrs attrs = c.attrs();
  attrs.erase("body");
  return c.emit(*monoid->windowed, {c.operand(0)}, std::move(attrs));
}

// --- Differentiation and vmap ---

template <class Context>
std::vector<ValueId> range_of(Context& c, ValueId (Context::*at)(std::size_t) const, std::size_t first,
                              std::size_t count) {
  std::vector<ValueId> values;
  for (std::size_t i = first; i < first + count; ++i) values.push_back((c.*at)(i));
  return values;
}

ValueList reduce_jvp(JvpContext& c) {
  const std::size_t n = c.size() / 2;
  return fold_tangents(c, body_of(c.attrs()), range_of(c, &JvpContext::primal, 0, n),
                       range_of(c, &JvpContext::primal, n, n), range_of(c, &JvpContext::tangent, 0, n),
                       range_of(c, &JvpContext::tangent, n, n), sorted_axes(c.attrs()));
}

/// x with the windows' elements in new dims at the end, `start` where there are none.
struct WindowRows {
  std::vector<ValueId> values;
  Dims axes;
};
WindowRows window_rows(RuleContext& c, const std::vector<ValueId>& xs, const std::vector<ValueId>& starts) {
  GraphBuilder& b = c.builder();
  const Dims shape = c.type(xs[0]).shape;
  const WindowedDims over = windowed_dims(shape, windows_of(c.attrs()));
  WindowRows result;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    result.values.push_back(xs[i] ? emit_windows(b, xs[i], over.dims, over.windows, starts[i]) : kNoValue);
  }
  for (std::size_t i = 0; i < over.dims.size(); ++i) {
    result.axes.push_back(static_cast<std::int64_t>(shape.size() + i));
  }
  return result;
}

ValueList reduce_window_jvp(JvpContext& c) {
  const std::size_t n = c.size() / 2;
  const auto xs = range_of(c, &JvpContext::primal, 0, n), starts = range_of(c, &JvpContext::primal, n, n);
  auto tangents = range_of(c, &JvpContext::tangent, 0, n);
  const auto start_tangents = range_of(c, &JvpContext::tangent, n, n);
  for (std::size_t i = 0; i < n; ++i) {
    if (start_tangents[i]) tangents[i] = c.instantiate(tangents[i], c.type(xs[i]));
  }
  const WindowRows rows = window_rows(c, xs, starts);
  const WindowRows tangent_rows = window_rows(c, tangents, start_tangents);
  return fold_tangents(c, body_of(c.attrs()), rows.values, starts, tangent_rows.values, start_tangents,
                       rows.axes);
}

ValueList decompose_reduce_window(DecomposeContext& c) {
  const std::size_t n = c.size() / 2;
  const std::vector<ValueId> starts(c.operands().begin() + static_cast<std::ptrdiff_t>(n),
                                    c.operands().end());
  WindowRows rows =
      window_rows(c, {c.operands().begin(), c.operands().begin() + static_cast<std::ptrdiff_t>(n)}, starts);
  rows.values.insert(rows.values.end(), starts.begin(), starts.end());
  return c.builder().emit_multi(op_reduce, std::move(rows.values),
                                {{"axes", rows.axes}, {"body", c.attr<GraphRef>("body")}});
}

/// The op over the batch; where start values have a batch of their own, what `unbatched` emits over it.
ValueList batch_folded(
    BatchContext& c, Attrs attrs,
    const std::function<std::vector<ValueId>(RuleContext&, const std::vector<ValueId>&)>& unbatched) {
  GraphBuilder& b = c.builder();
  const std::size_t n = c.size() / 2;
  bool own_starts = false;
  for (std::size_t i = n; i < c.size(); ++i) own_starts = own_starts || c.is_batched(i);
  std::vector<ValueId> operands;
  if (!own_starts) {
    for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(i < n ? c.with_batch(i) : c.operand(i));
    return b.emit_multi(c.op(), std::move(operands), std::move(attrs));
  }
  GraphBuilder one;
  std::vector<ValueId> parameters;
  for (std::size_t i = 0; i < c.size(); ++i) {
    operands.push_back(c.operand(i));
    parameters.push_back(one.parameter({c.type(c.operand(i)).dtype, c.shape(i)}));
  }
  std::vector<TensorType> types;
  for (std::size_t k = 0; k < c.result_count(); ++k) types.push_back(c.result_type(k));
  Node node;
  node.op = &c.op();
  node.attrs = c.attrs();
  RuleContext rules(one, node, std::move(types));
  std::vector<ValueId> results = unbatched(rules, parameters);
  const BatchedGraph batched =
      c.subgraphs().batch(one.finish(std::move(results)), c.batched(), c.batch_size(), c.axis_name(),
                          std::vector<bool>(c.result_count(), true));
  return inline_graph(b, batched.graph, operands);
}

/// The fold as ops over whole rows.
std::vector<ValueId> emit_whole_fold(RuleContext& c, const std::vector<ValueId>& xs,
                                     const std::vector<ValueId>& starts, const Dims& axes) {
  GraphBuilder& b = c.builder();
  std::vector<ValueId> rows;
  for (std::size_t i = 0; i < xs.size(); ++i) rows.push_back(emit_rows(b, xs[i], starts[i], axes));
  return emit_fold(b, std::move(rows), [&](std::vector<ValueId> x, const std::vector<ValueId>& y) {
    const Dims shape = b.type(x[0]).shape;
    x.insert(x.end(), y.begin(), y.end());
    const ValueList results = emit_elementwise(b, body_of(c.attrs()), x, shape);
    return std::vector<ValueId>(results.begin(), results.end());
  });
}

ValueList batch_reduce(BatchContext& c) {
  Attrs attrs = c.attrs();
  Dims axes = sorted_axes(attrs);
  for (std::int64_t& axis : axes) ++axis;
  attrs.set("axes", std::move(axes));
  return batch_folded(c, std::move(attrs), [](RuleContext& one, const std::vector<ValueId>& operands) {
    const auto n = static_cast<std::ptrdiff_t>(operands.size() / 2);
    return emit_whole_fold(one, {operands.begin(), operands.begin() + n},
                           {operands.begin() + n, operands.end()}, sorted_axes(one.attrs()));
  });
}

ValueList batch_reduce_window(BatchContext& c) {
  return batch_folded(
      c, batched_window_attrs(c.attrs()), [](RuleContext& one, const std::vector<ValueId>& operands) {
        const auto n = static_cast<std::ptrdiff_t>(operands.size() / 2);
        const std::vector<ValueId> starts(operands.begin() + n, operands.end());
        const WindowRows rows = window_rows(one, {operands.begin(), operands.begin() + n}, starts);
        return emit_whole_fold(one, rows.values, starts, rows.axes);
      });
}

// --- Samples ---

/// (a, x) -> a + x + a * x: a smooth monoid that no reduction knows.
GraphRef joined_growth(DType dtype) {
  GraphBuilder b;
  const ValueId a = b.parameter({dtype, {}}), x = b.parameter({dtype, {}});
  const ValueId both = b.emit(op_mul, {a, x});
  const ValueId sum = b.emit(op_add, {b.emit(op_add, {a, x}), both});
  return std::make_shared<const Graph>(b.finish({sum}));
}

GraphRef single(const OpDef& op, DType dtype) {
  GraphBuilder b;
  const ValueId a = b.parameter({dtype, {}}), x = b.parameter({dtype, {}});
  const ValueId result = b.emit(op, {a, x});
  return std::make_shared<const Graph>(b.finish({result}));
}

/// The largest value and what comes with it; the first at a tie.
GraphRef largest_with_payload(DType dtype, DType payload) {
  GraphBuilder b;
  const ValueId a = b.parameter({dtype, {}}), p = b.parameter({payload, {}});
  const ValueId x = b.parameter({dtype, {}}), q = b.parameter({payload, {}});
  const ValueId stays = b.emit(op_ge, {a, x});
  const ValueId value = b.emit(op_select, {stays, a, x}), with = b.emit(op_select, {stays, p, q});
  return std::make_shared<const Graph>(b.finish({value, with}));
}

std::vector<TensorType> with_starts(std::vector<DType> dtypes, const Dims& shape) {
  std::vector<TensorType> types;
  for (const DType dtype : dtypes) types.push_back({dtype, shape});
  for (const DType dtype : dtypes) types.push_back({dtype, {}});
  return types;
}

std::vector<OpSample> folded_samples(const std::function<Attrs(const Dims& shape, bool second)>& attrs_of) {
  std::vector<OpSample> samples;
  const auto add = [&](std::vector<DType> dtypes, GraphRef body, const Dims& shape, bool second,
                       int derivative_order) {
    OpSample sample{.operands = with_starts(dtypes, shape),
                    .attrs = attrs_of(shape, second),
                    .derivative_order = derivative_order};
    sample.attrs.set("body", std::move(body));
    if (is_float(dtypes[0])) {
      sample.low = -0.5;
      sample.high = 0.5;
      sample.relative_tolerance = dtypes[0] == DType::kF32 ? 1e-5 : 1e-13;
    }
    if (dtypes.size() > 1) sample.relative_tolerance = 0;
    samples.push_back(std::move(sample));
  };
  for (const bool second : {false, true}) {
    for (const Dims& shape : {Dims{1}, Dims{17}, Dims{5, 7}, Dims{3, 4, 5}, Dims{0, 3}}) {
      add({DType::kF32}, joined_growth(DType::kF32), shape, second, 0);
    }
    add({DType::kF32, DType::kI32}, largest_with_payload(DType::kF32, DType::kI32), {4, 9}, second, 0);
    add({DType::kF64}, joined_growth(DType::kF64), {2, 3}, second, 2);
    add({DType::kF64}, joined_growth(DType::kF64), {4}, second, 2);
  }
  for (const OpDef* op : {&op_max, &op_min}) add({DType::kF32}, single(*op, DType::kF32), {3, 5}, false, 0);
  for (const OpDef* op : {&op_add, &op_mul}) add({DType::kI32}, single(*op, DType::kI32), {3, 5}, false, 0);
  for (const OpDef* op : {&op_and_, &op_or_})
    add({DType::kBool}, single(*op, DType::kBool), {3, 5}, false, 0);
  add({DType::kI64}, single(op_and_, DType::kI64), {7}, false, 0);
  add({DType::kI32}, joined_growth(DType::kI32), {7}, false, 0);
  add({DType::kU32}, single(op_max, DType::kU32), {7}, false, 0);
  return samples;
}

}  // namespace

/// Folds `axes` of the arrays by `body`, an associative function (states..., elements...) -> states... of
/// rank-0 values, from the start values. Each fold goes through its elements in row-major order.
const OpDef op_reduce{
    .name = "reduce",
    .pattern = OpPattern::kLoops,
    .variadic = true,
    .attrs = {{"axes", Dims{}}, {"body", GraphRef()}},
    .infer_types =
        [](InferContext& c) {
          const std::size_t count = check_folded(c);
          check_dims(c, "axes", c.attr<Dims>("axes"), c.operand(0).rank());
          return results_of(c, count, without_dims(c.operand(0).shape, c.attr<Dims>("axes")));
        },
    .fold = fold_reduce,
    .jvp = reduce_jvp,
    .batch = batch_reduce,
    .loops = lower_reduce,
    .eval = eval_reduce,
    .samples =
        [] {
          return folded_samples([](const Dims& shape, bool second) {
            const std::int64_t last = static_cast<std::int64_t>(shape.size()) - 1;
            return Attrs{{"axes", second ? iota_dims(last + 1) : Dims{last}}};
          });
        },
};

/// Folds what is under each window (see windows.h) by `body`, as reduce does; padding and holes count as
/// start values.
const OpDef op_reduce_window{
    .name = "reduce_window",
    .pattern = OpPattern::kComposite,
    .variadic = true,
    .attrs =
        [] {
          std::vector<AttrSpec> attrs = window_attrs();
          attrs.push_back({"body", GraphRef()});
          return attrs;
        }(),
    .infer_types =
        [](InferContext& c) {
          const std::size_t count = check_folded(c);
          check_window_attrs(c, c.operand(0));
          return results_of(c, count,
                            check_shape(c, window_counts(c.operand(0).shape, windows_of(c.attrs()))));
        },
    .fold = fold_reduce_window,
    .jvp = reduce_window_jvp,
    .batch = batch_reduce_window,
    .decompose = decompose_reduce_window,
    .eval = eval_reduce_window,
    .samples =
        [] {
          return folded_samples([](const Dims& shape, bool second) {
            Windows windows{.size = Dims(shape.size(), 1),
                            .strides = Dims(shape.size(), 1),
                            .padding = {Dims(shape.size(), 0), Dims(shape.size(), 0)},
                            .base_dilation = Dims(shape.size(), 1),
                            .window_dilation = Dims(shape.size(), 1)};
            windows.size.back() = 2;
            windows.padding.rhs.back() = 1;
            if (second) windows.base_dilation.back() = windows.strides[0] = windows.size[0] = 2;
            return attrs_of(windows);
          });
        },
};

}  // namespace adze
