#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"
#include "ir/prod_tangent.h"
#include "ir/scalar_host.h"

namespace adze {

namespace {

// --- Meaning ---

/// The value a fold starts from: 0, 1, -inf or lowest, inf or highest, all ones, 0.
template <class T>
T initial(ReduceKind kind) {
  using Limits = std::numeric_limits<T>;
  switch (kind) {
    case ReduceKind::kProd:
      return T(1);
    case ReduceKind::kMax:
      return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    case ReduceKind::kMin:
      return Limits::has_infinity ? Limits::infinity() : Limits::max();
    case ReduceKind::kAnd:
      if constexpr (!std::is_floating_point_v<T>) return host::bit_not(T(0));
      break;
    default:
      break;
  }
  return T(0);
}

template <class T>
T combine(ReduceKind kind, T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return kind == ReduceKind::kAnd ? host::bit_and(a, b) : host::bit_or(a, b);
  } else {
    switch (kind) {
      case ReduceKind::kSum:
        return host::add(a, b);
      case ReduceKind::kProd:
        return host::mul(a, b);
      case ReduceKind::kMax:
        return host::max(a, b);
      case ReduceKind::kMin:
        return host::min(a, b);
      default:
        break;
    }
    if constexpr (std::is_integral_v<T>) {
      return kind == ReduceKind::kAnd ? host::bit_and(a, b) : host::bit_or(a, b);
    }
    return a;
  }
}

/// f32 and the halves are folded in f64: the reference should be nearer to the truth than what is compared
/// with it.
void eval_reduce(EvalContext& c, ReduceKind kind) {
  const TensorType& type = c.operands[0]->type();
  const Dims& axes = c.attrs.get<Dims>("axes");
  const auto bases = offsets_over(type.shape, remaining_dims(type.rank(), axes));
  const auto folded = offsets_over(type.shape, axes);
  with_type(type.dtype, [&]<class T>() {
    using Accumulator = std::conditional_t<is_float_type<T>, double, T>;
    const auto from = c.operands[0]->template data<T>();
    const auto to = c.results[0].template data<T>();
    for (std::size_t i = 0; i < bases.size(); ++i) {
      auto value = initial<Accumulator>(kind);
      for (const std::int64_t offset : folded) {
        value =
            combine(kind, value, static_cast<Accumulator>(from[static_cast<std::size_t>(bases[i] + offset)]));
      }
      to[i] = static_cast<T>(value);
    }
  });
}

// --- Simplification ---

/// Reducing nothing or dims of size 1; a reduction of the same reduction; copies made by broadcast_in_dim.
ValueId fold_reduce(FoldContext& c, ReduceKind kind) {
  GraphBuilder& b = c.builder();
  const ValueId x = c.operand(0);
  const TensorType type = c.type(x);
  const Dims axes = c.attr<Dims>("axes");
  const Dims sizes = pick(type.shape, axes);
  if (std::all_of(sizes.begin(), sizes.end(), [](std::int64_t size) { return size == 1; })) {
    return emit_reshape(b, x, c.result_type().shape);
  }
  const Node* producer = c.producer(0);
  if (!producer) return kNoValue;
  if (producer->op == &c.op()) {
    const ValueId source = producer->operands[0];
    const Dims inner = producer->attrs.get<Dims>("axes");
    Dims all = pick(remaining_dims(c.type(source).rank(), inner), axes);
    all.insert(all.end(), inner.begin(), inner.end());
    std::sort(all.begin(), all.end());
    return c.emit(c.op(), {source}, {{"axes", all}});
  }
  if (producer->op == &op_broadcast_in_dim && kind != ReduceKind::kProd) {
    const ValueId source = producer->operands[0];
    const Dims dims = producer->attrs.get<Dims>("dims");
    Dims copied, others;
    for (const std::int64_t axis : axes) (contains(dims, axis) ? others : copied).push_back(axis);
    const std::int64_t copies = element_count(pick(type.shape, copied));
    if (copied.empty() || copies == 0) return kNoValue;
    // The dims that stay are renumbered.
    const Dims stay = remaining_dims(type.rank(), copied);
    const auto renumber = [&](Dims list) {
      for (std::int64_t& d : list) d = std::find(stay.begin(), stay.end(), d) - stay.begin();
      return list;
    };
    ValueId value = emit_broadcast(b, source, pick(type.shape, stay), renumber(dims));
    if (!others.empty()) value = c.emit(c.op(), {value}, {{"axes", renumber(others)}});
    if (kind != ReduceKind::kSum) return value;
    const DType dtype = compute_dtype(type.dtype);  // halves may not hold the count, and round once
    Literal times(TensorType{dtype, {}});
    times.set_int(0, copies);  // wraps, as the sum does
    return emit_convert(b, c.mul(emit_convert(b, value, dtype), b.constant(std::move(times))), type.dtype);
  }
  return kNoValue;
}

// --- Differentiation ---

/// `x`, of the result's shape, spread over the operand's shape again.
ValueId unreduce(RuleContext& c, ValueId x, const Dims& shape) {
  return emit_broadcast(c.builder(), x, shape,
                        remaining_dims(static_cast<std::int64_t>(shape.size()), c.attr<Dims>("axes")));
}

/// The tangent of the extreme element; the mean over the elements that tie for it.
ValueList extremum_jvp(JvpContext& c) {
  GraphBuilder& b = c.builder();
  const Dims& axes = c.attr<Dims>("axes");
  const TensorType type = c.type(c.primal(0));
  const ValueId chosen = c.emit(op_eq, {c.primal(0), unreduce(c, c.output(), type.shape)});
  const ValueId weight = emit_convert(b, chosen, type.dtype);
  const ValueId count = emit_reduce_sum(b, weight, axes);
  return c.div(emit_reduce_sum(b, c.mul(c.tangent(0), weight), axes), count);
}

ValueList prod_jvp(JvpContext& c) {
  return prod_tangent(c, c.primal(0), c.tangent(0), c.attr<Dims>("axes"));
}

// --- The ops ---

std::vector<OpSample> reduce_samples(ReduceKind kind) {
  const bool bits = kind == ReduceKind::kAnd || kind == ReduceKind::kOr;
  const bool reordered = kind == ReduceKind::kSum || kind == ReduceKind::kProd;
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, Dims shape, Dims axes, int derivative_order) {
    OpSample sample{.operands = {{dtype, std::move(shape)}},
                    .attrs = {{"axes", std::move(axes)}},
                    .derivative_order = derivative_order};
    if (kind == ReduceKind::kProd && is_float(dtype)) {
      sample.low = 0.5;
      sample.high = 1.5;
    }
    if (is_integer(dtype)) {
      sample.low = -100;
      sample.high = 100;
    }
    if (reordered && is_float(dtype)) sample.relative_tolerance = sum_tolerance(dtype);
    if (!reordered && is_float(dtype)) sample.special = {kInf, -kInf, kNan};
    samples.push_back(std::move(sample));
  };
  if (bits) {
    for (const DType dtype : {DType::kBool, DType::kI32}) {
      add(dtype, {19}, {0}, 0);
      add(dtype, {3, 5}, {0}, 0);
      add(dtype, {3, 17}, {1}, 0);
      add(dtype, {2, 0}, {1}, 0);
      add(dtype, {}, {}, 0);
    }
    add(DType::kI64, {5, 2}, {0, 1}, 0);
    add(DType::kU32, {7}, {0}, 0);
    add(DType::kU8, {70}, {0}, 0);
    return samples;
  }
  add(DType::kF32, {}, {}, 0);
  add(DType::kF32, {1}, {0}, 0);
  for (const std::int64_t size : {15, 17, 131}) add(DType::kF32, {size}, {0}, 0);
  add(DType::kF32, {5, 33}, {1}, 0);
  add(DType::kF32, {33, 5}, {0}, 0);
  add(DType::kF32, {3, 5, 7}, {0, 2}, 0);
  add(DType::kF32, {3, 5, 7}, {1}, 0);
  add(DType::kF32, {3, 5, 7}, {0, 1, 2}, 0);
  add(DType::kF32, {3, 0}, {1}, 0);
  add(DType::kF32, {0, 3}, {1}, 0);
  add(DType::kF32, {0, 3, 2}, {2}, 0);
  add(DType::kI32, {23}, {0}, 0);
  add(DType::kI64, {4, 9}, {0}, 0);
  add(DType::kU32, {4, 9}, {1}, 0);
  add(DType::kI8, {5, 70}, {1}, 0);
  add(DType::kU16, {33, 5}, {0}, 0);
  add(DType::kU64, {19}, {0}, 0);
  add(DType::kF16, {5, 33}, {1}, 0);
  add(DType::kBF16, {131}, {0}, 0);
  add(DType::kBF16, {33, 5}, {0}, 0);
  add(DType::kF64, {37}, {0}, 0);
  add(DType::kF64, {3, 4}, {1}, 2);
  add(DType::kF64, {2, 3, 2}, {0, 2}, 2);
  add(DType::kF64, {5}, {0}, 2);
  return samples;
}

OpDef reduction(std::string_view name, ReduceKind kind) {
  const bool bits = kind == ReduceKind::kAnd || kind == ReduceKind::kOr;
  OpDef op;
  op.name = name;
  op.pattern = OpPattern::kReduction;
  op.attrs = {{"axes", Dims{}}};
  op.infer_types = [bits](InferContext& c) -> std::vector<TensorType> {
    const Dims& axes = c.attr<Dims>("axes");
    check_dtype(c, 0, bits ? DTypeSet::kBits : DTypeSet::kNumeric);
    check_dims(c, "axes", axes, c.operand(0).rank());
    return {{c.operand(0).dtype, without_dims(c.operand(0).shape, axes)}};
  };
  op.fold = [kind](FoldContext& c) { return fold_reduce(c, kind); };
  op.batch = [](BatchContext& c) -> ValueList {
    return c.emit(c.op(), {c.operand(0)}, {{"axes", shifted(c.attr<Dims>("axes"))}});
  };
  op.reduce = [kind](const Attrs& attrs, std::span<const TensorType>) {
    return ReduceSpec{kind, attrs.get<Dims>("axes")};
  };
  op.eval = [kind](EvalContext& c) { eval_reduce(c, kind); };
  op.samples = [kind] { return reduce_samples(kind); };
  return op;
}

OpDef with_jvp(OpDef op, ValueList (*jvp)(JvpContext&)) {
  op.jvp = jvp;
  return op;
}

OpDef without_derivative(OpDef op) {
  op.traits.zero_derivative = true;
  return op;
}

}  // namespace

const OpDef op_reduce_sum = [] {
  OpDef op = reduction("reduce_sum", ReduceKind::kSum);
  op.traits.linear = true;
  op.transpose = [](TransposeContext& c) -> ValueList {
    return unreduce(c, c.cotangent(), c.operand_type(0).shape);
  };
  return op;
}();
const OpDef op_reduce_prod = with_jvp(reduction("reduce_prod", ReduceKind::kProd), prod_jvp);
const OpDef op_reduce_max = with_jvp(reduction("reduce_max", ReduceKind::kMax), extremum_jvp);
const OpDef op_reduce_min = with_jvp(reduction("reduce_min", ReduceKind::kMin), extremum_jvp);
const OpDef op_reduce_and = without_derivative(reduction("reduce_and", ReduceKind::kAnd));
const OpDef op_reduce_or = without_derivative(reduction("reduce_or", ReduceKind::kOr));

}  // namespace adze
