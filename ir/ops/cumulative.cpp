#include <cmath>
#include <cstring>

#include "ir/eval_helpers.h"
#include "ir/loops_context.h"
#include "ir/op_helpers.h"
#include "ir/scalar_host.h"
#include "ir/window_eval.h"
#include "ir/windows.h"

namespace adze {

// What runs along one axis and gives every step's state: cumsum, cumprod, cummax, cummin, cumlogsumexp, and
// linear_recurrence, in which the derivatives of all of them are written.

namespace {

enum class Cumulation { kSum, kProd, kMax, kMin, kLogSumExp };

std::size_t axis_of(const Attrs& attrs) {
  return static_cast<std::size_t>(attrs.get<std::int64_t>("axis"));
}

std::vector<AttrSpec> cumulative_attrs() {
  return {{"axis", std::int64_t{0}}, {"reverse", false, false}};
}

Literal start_of(Cumulation kind, DType dtype) {
  switch (kind) {
    case Cumulation::kSum:
      return Literal(TensorType{dtype, {}});
    case Cumulation::kProd:
      return Literal::full({dtype, {}}, 1);
    case Cumulation::kMin:
      return extreme_value(dtype, true);
    case Cumulation::kMax:
    case Cumulation::kLogSumExp:
      break;
  }
  return extreme_value(dtype, false);
}

Scalar constant_of(loop::Exprs& e, const Literal& value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, value.bytes(), value.byte_size());
  return e.bits(value.type().dtype, bits);
}

/// One loop nest over the other axes, which are independent, and in it one over the axis. `step` gives the
/// next state from the last one and the element's index; of halves it is an f32, rounded where it is stored.
void cumulative_loops(LoopsContext& c, const Literal& start,
                      const std::function<Scalar(Scalar, const std::vector<Scalar>&)>& step) {
  const Dims& shape = c.result_type().shape;
  const std::size_t axis = axis_of(c.attrs());
  const bool reverse = c.attr<bool>("reverse");
  loop::Exprs& e = c.exprs();
  const Dims others = without_dims(shape, {static_cast<std::int64_t>(axis)});
  c.loops(
      others,
      [&](const std::vector<Scalar>& outer) {
        c.with_register("state", constant_of(e, start), [&](LoopsContext::Register state) {
          c.loop("t", shape[axis], [&](Scalar t) {
            std::vector<Scalar> index = outer;
            const Scalar at = reverse ? e.add(e.mul(t, -1), shape[axis] - 1) : t;
            index.insert(index.begin() + static_cast<std::ptrdiff_t>(axis), at);
            const Scalar next = c.let("next", step(c.get(state), index));
            c.set(state, next);
            c.store(0, index, e.convert(next, c.result_type().dtype));
          });
        });
      },
      loop::LoopKind::kParallel);
}

/// log(exp(a) + exp(b)) without overflow; equal infinities give themselves.
Scalar log_add_exp(ScalarBuilder& b, Scalar x, Scalar y) {
  const Scalar larger = b.max(x, y);
  const Scalar ratio = b.exp(b.neg(b.abs(b.sub(x, y))));
  const Scalar more = b.select(b.eq(x, y), b.like(x, 0.69314718055994530942), b.log1p(ratio));
  return b.add(larger, more);
}

double log_add_exp(double x, double y) {
  return host::max(x, y) + (x == y ? std::log(2.0) : std::log1p(std::exp(-std::fabs(x - y))));
}

void lower_cumulative(LoopsContext& c, Cumulation kind) {
  const DType dtype = compute_dtype(c.result_type().dtype);
  ScalarBuilder b(c.exprs(), dtype, c.attrs());
  cumulative_loops(c, start_of(kind, dtype), [&](Scalar state, const std::vector<Scalar>& index) {
    const Scalar x = b.convert(c.load(0, index), dtype);
    switch (kind) {
      case Cumulation::kSum:
        return b.add(state, x);
      case Cumulation::kProd:
        return b.mul(state, x);
      case Cumulation::kMax:
        return b.max(state, x);
      case Cumulation::kMin:
        return b.min(state, x);
      case Cumulation::kLogSumExp:
        break;
    }
    return log_add_exp(b, state, x);
  });
}

/// Calls f(offset) for the elements of one row after the other, `begin` before each row.
template <class Begin, class F>
void for_each_step(const Dims& shape, const Attrs& attrs, Begin&& begin, F&& f) {
  const std::size_t axis = axis_of(attrs);
  Dims starts = shape;
  if (starts[axis] == 0) return;
  starts[axis] = 1;
  const Dims strides = row_major_strides(shape);
  for_each_index(starts, [&](const Dims& index) {
    begin();
    for (std::int64_t t = 0; t < shape[axis]; ++t) {
      const std::int64_t at = attrs.get<bool>("reverse") ? shape[axis] - 1 - t : t;
      f(flat_offset(index, strides) + at * strides[axis]);
    }
  });
}

void eval_cumulative(EvalContext& c, Cumulation kind) {
  const Literal& x = *c.operands[0];
  const Literal start = start_of(kind, x.type().dtype);
  with_wide_type(x.type().dtype, [&]<class T>() {
    T state = 0;
    for_each_step(
        x.type().shape, c.attrs, [&] { state = get<T>(start, 0); },
        [&](std::int64_t at) {
          const T element = get<T>(x, at);
          if constexpr (std::is_same_v<T, double>) {
            if (kind == Cumulation::kLogSumExp) state = log_add_exp(state, element);
          }
          if (kind == Cumulation::kSum) state = host::add(state, element);
          if (kind == Cumulation::kProd) state = host::mul(state, element);
          if (kind == Cumulation::kMax) state = host::max(state, element);
          if (kind == Cumulation::kMin) state = host::min(state, element);
          set(c.results[0], at, state);
        });
  });
}

void eval_recurrence(EvalContext& c) {
  const Literal& a = *c.operands[0];
  const Literal& b = *c.operands[1];
  with_wide_type(a.type().dtype, [&]<class T>() {
    T state = 0;
    for_each_step(
        a.type().shape, c.attrs, [&] { state = 0; },
        [&](std::int64_t at) {
          state = host::add(host::mul(get<T>(a, at), state), get<T>(b, at));
          set(c.results[0], at, state);
        });
  });
}

std::vector<TensorType> infer_cumulative(InferContext& c, DTypeSet dtypes) {
  check_dtype(c, 0, dtypes);
  check_same_types(c);
  check_dims(c, "axis", {c.attr<std::int64_t>("axis")}, c.operand(0).rank());
  return {c.operand(0)};
}

// --- Derivatives ---

/// Every step's predecessor, `first` for the first step; the successor where `forward` is false.
ValueId shifted(RuleContext& c, ValueId x, double first, bool forward = true) {
  GraphBuilder& b = c.builder();
  const bool down = c.attr<bool>("reverse") != forward;  // along rising indices
  Dims low(static_cast<std::size_t>(c.type(x).rank()), 0), high = low;
  low[axis_of(c.attrs())] = down ? 1 : -1;
  high[axis_of(c.attrs())] = down ? -1 : 1;
  return emit_pad(b, x, std::move(low), std::move(high), {}, b.scalar(c.type(x).dtype, first));
}

ValueId recurrence(RuleContext& c, ValueId a, ValueId b) {
  return b ? c.emit(op_linear_recurrence, {a, b}, c.attrs()) : kNoValue;
}

/// p[t] = x[t] * p[t - 1], so dp[t] = x[t] * dp[t - 1] + p[t - 1] * dx[t]: exact where factors are zero.
ValueList cumprod_jvp(JvpContext& c) {
  return recurrence(c, c.primal(0), c.mul(shifted(c, c.output(), 1), c.tangent(0)));
}

/// The tangent of whichever is larger, the state or the element; at a tie the mean of both, as in max.
ValueList extremum_jvp(JvpContext& c, bool is_max) {
  const ValueId x = c.primal(0), last = shifted(c, c.output(), is_max ? -kInf : kInf);
  const ValueId is_new = c.emit(is_max ? op_gt : op_lt, {x, last}), is_tie = c.emit(op_eq, {x, last});
  const ValueId weight = c.select(is_new, c.one(), c.select(is_tie, c.constant(0.5), c.zero()));
  return recurrence(c, c.sub(c.one(), weight), c.mul(weight, c.tangent(0)));
}

/// dl[t] = exp(l[t - 1] - l[t]) * dl[t - 1] + exp(x[t] - l[t]) * dx[t]; nothing below an infinite sum.
ValueList logsumexp_jvp(JvpContext& c) {
  const ValueId sum = c.select(c.emit(op_is_finite, {c.output()}), c.output(), c.zero());
  const auto share = [&](ValueId part) { return c.emit(op_exp, {c.sub(part, sum)}); };
  return recurrence(c, share(shifted(c, c.output(), -kInf)), c.mul(share(c.primal(0)), c.tangent(0)));
}

ValueList recurrence_jvp(JvpContext& c) {
  ValueId source = c.tangent(1);
  if (c.has_tangent(0)) source = c.add(c.mul(c.tangent(0), shifted(c, c.output(), 0)), source);
  return recurrence(c, c.primal(0), source);
}

Attrs reversed(const Attrs& attrs) {
  Attrs result = attrs;
  result.set("reverse", !attrs.get<bool>("reverse"));
  return result;
}

/// Backwards: what a step receives it hands on to the step before it, times its factor.
ValueList transpose_recurrence(TransposeContext& c) {
  const ValueId factors = shifted(c, c.operand(0), 0, false);
  return {kNoValue, c.emit(c.op(), {factors, c.cotangent()}, reversed(c.attrs()))};
}

ValueList batch_cumulative(BatchContext& c) {
  Attrs attrs = c.attrs();
  attrs.set("axis", c.attr<std::int64_t>("axis") + 1);
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(c.with_batch(i));
  return c.emit(c.op(), std::move(operands), std::move(attrs));
}

// --- The ops ---

std::vector<OpSample> cumulative_samples(std::size_t operands, bool has_integers, bool reordered,
                                         bool extremum, std::pair<double, double> range) {
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, Dims shape, std::int64_t axis, bool reverse, int derivative_order) {
    OpSample sample{.operands = std::vector<TensorType>(operands, {dtype, std::move(shape)}),
                    .attrs = {{"axis", axis}, {"reverse", reverse}},
                    .low = range.first,
                    .high = range.second,
                    .derivative_order = derivative_order};
    if (is_integer(dtype)) {
      sample.low = -100;
      sample.high = 100;
    } else if (reordered) {
      sample.relative_tolerance = sum_tolerance(dtype);
    }
    if (extremum && derivative_order > 0) sample.adjust = spread_values;
    if (extremum && derivative_order == 0 && is_float(dtype)) sample.special = {kInf, -kInf, kNan};
    samples.push_back(std::move(sample));
  };
  for (const bool reverse : {false, true}) {
    add(DType::kF32, {17}, 0, reverse, 0);
    add(DType::kF32, {5, 9}, 1, reverse, 0);
    add(DType::kF32, {9, 33}, 0, reverse, 0);
    add(DType::kF32, {3, 4, 5}, 1, reverse, 0);
    add(DType::kF64, {4}, 0, reverse, 2);
    add(DType::kF64, {2, 3}, 0, reverse, 2);
  }
  add(DType::kF32, {1}, 0, false, 0);
  add(DType::kF32, {3, 0}, 1, false, 0);
  add(DType::kF32, {0, 3}, 1, false, 0);
  add(DType::kF64, {31}, 0, false, 0);
  add(DType::kBF16, {5, 19}, 1, false, 0);
  if (has_integers) {
    add(DType::kI8, {33}, 0, false, 0);
    add(DType::kU64, {3, 5}, 0, true, 0);
    add(DType::kI32, {19}, 0, false, 0);
    add(DType::kI64, {3, 5}, 1, true, 0);
    add(DType::kU32, {7, 2}, 0, false, 0);
  }
  return samples;
}

OpDef cumulative(std::string_view name, Cumulation kind, ValueList (*jvp)(JvpContext&)) {
  const bool of_floats = kind == Cumulation::kLogSumExp;
  OpDef op;
  op.name = name;
  op.pattern = OpPattern::kLoops;
  op.attrs = cumulative_attrs();
  op.infer_types = [of_floats](InferContext& c) {
    return infer_cumulative(c, of_floats ? DTypeSet::kFloat : DTypeSet::kNumeric);
  };
  op.fold = [](FoldContext& c) {
    return c.result_type().shape[axis_of(c.attrs())] == 1 ? c.operand(0) : kNoValue;
  };
  if (jvp) {
    op.jvp = jvp;
  } else {
    op.traits.linear = true;
    op.transpose = [](TransposeContext& c) -> ValueList {
      return c.emit(c.op(), {c.cotangent()}, reversed(c.attrs()));
    };
  }
  op.batch = batch_cumulative;
  op.loops = [kind](LoopsContext& c) { lower_cumulative(c, kind); };
  op.eval = [kind](EvalContext& c) { eval_cumulative(c, kind); };
  op.samples = [kind, of_floats] {
    const bool extremum = kind == Cumulation::kMax || kind == Cumulation::kMin;
    return cumulative_samples(1, !of_floats, !extremum, extremum,
                              kind == Cumulation::kProd ? std::pair{0.5, 1.5} : std::pair{-2.0, 2.0});
  };
  return op;
}

}  // namespace

/// Sums of all elements up to each one along `axis`, from the end where `reverse`.
const OpDef op_cumsum = cumulative("cumsum", Cumulation::kSum, nullptr);
/// Products of all elements up to each one.
const OpDef op_cumprod = cumulative("cumprod", Cumulation::kProd, cumprod_jvp);
/// The largest element so far; NaN stays.
const OpDef op_cummax =
    cumulative("cummax", Cumulation::kMax, [](JvpContext& c) { return extremum_jvp(c, true); });
/// The smallest element so far; NaN stays.
const OpDef op_cummin =
    cumulative("cummin", Cumulation::kMin, [](JvpContext& c) { return extremum_jvp(c, false); });
/// log(sum(exp(x))) of all elements up to each one, without overflow.
const OpDef op_cumlogsumexp = cumulative("cumlogsumexp", Cumulation::kLogSumExp, logsumexp_jvp);

/// y[t] = a[t] * y[t - 1] + b[t] along `axis`, from 0; from the end where `reverse`.
const OpDef op_linear_recurrence{
    .name = "linear_recurrence",
    .pattern = OpPattern::kLoops,
    .operand_names = {"a", "b"},
    .attrs = cumulative_attrs(),
    .infer_types = [](InferContext& c) { return infer_cumulative(c, DTypeSet::kNumeric); },
    .jvp = recurrence_jvp,
    .transpose = transpose_recurrence,
    .batch = batch_cumulative,
    .loops =
        [](LoopsContext& c) {
          const DType dtype = compute_dtype(c.result_type().dtype);
          ScalarBuilder b(c.exprs(), dtype, c.attrs());
          cumulative_loops(c, Literal(TensorType{dtype, {}}),
                           [&](Scalar state, const std::vector<Scalar>& index) {
                             const auto x = [&](std::size_t i) { return b.convert(c.load(i, index), dtype); };
                             return b.add(b.mul(x(0), state), x(1));
                           });
        },
    .eval = eval_recurrence,
    .samples =
        [] {
          return cumulative_samples(2, true, true, false, {-1.5, 1.5});
        },
};

}  // namespace adze
