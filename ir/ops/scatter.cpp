#include <fmt/format.h>

#include "ir/eval_helpers.h"
#include "ir/gather_dims.h"
#include "ir/loops_context.h"
#include "ir/op_helpers.h"
#include "ir/scalar_builder.h"
#include "ir/scalar_host.h"

namespace adze {

namespace {

using loop::LoopKind;
using loop::ScalarOp;

/// How an update joins what is there. kSet: the last update in row-major order of the indices stays.
enum class ScatterKind { kSet, kAdd, kMul, kMin, kMax };

bool fills(const Attrs& attrs) {
  return attrs.get<std::string>("mode") == "fill";
}

std::vector<TensorType> infer_scatter(InferContext& c, ScatterKind kind) {
  const TensorType& operand = c.operand(0);
  const TensorType& indices = c.operand(1);
  const TensorType& updates = c.operand(2);
  check_dtype(c, 0, kind == ScatterKind::kSet ? DTypeSet::kAny : DTypeSet::kNumeric);
  check_gather_mode(c);
  if (updates.dtype != operand.dtype)
    c.fail(fmt::format("operand and updates must have one dtype: {} vs {}", to_string(operand),
                       to_string(updates)));
  const GatherDims dims = GatherDims::of_scatter(c.attrs(), operand.shape, updates.shape);
  check_gather_dims(c, dims, operand, indices, updates.rank());
  const Dims batch = without_dims(updates.shape, dims.offset);
  if (batch != Dims(indices.shape.begin(), indices.shape.end() - 1)) {
    c.fail(
        fmt::format("the updates' dimensions other than update_window_dims, {}, must be those of the "
                    "indices before the index vector: {}",
                    to_string(batch), to_string(indices)));
  }
  return {operand};
}

// --- Meaning ---

template <class T>
T joined(ScatterKind kind, T old, T update) {
  if constexpr (std::is_same_v<T, bool>) {
    return update;
  } else if constexpr (is_half_type<T>) {
    if (kind == ScatterKind::kSet) return update;
    return T(joined<float>(kind, old, update));
  } else {
    switch (kind) {
      case ScatterKind::kAdd:
        return host::add(old, update);
      case ScatterKind::kMul:
        return host::mul(old, update);
      case ScatterKind::kMin:
        return host::min(old, update);
      case ScatterKind::kMax:
        return host::max(old, update);
      case ScatterKind::kSet:
        break;
    }
    return update;
  }
}

void eval_scatter(EvalContext& c, ScatterKind kind) {
  const Literal& updates = *c.operands[2];
  Literal& result = c.results[0];
  result = *c.operands[0];
  const Dims& shape = result.type().shape;
  const GatherDims dims = GatherDims::of_scatter(c.attrs, shape, updates.type().shape);
  const Dims strides = row_major_strides(shape);
  with_type(result.type().dtype, [&]<class T>() {
    const auto to = result.data<T>();
    const auto from = updates.data<T>();
    std::size_t i = 0;
    Dims place;
    for_each_index(updates.type().shape, [&](const Dims& index) {
      const T update = from[i++];
      if (!eval_gather_place(dims, shape, fills(c.attrs), index, *c.operands[1], place)) return;
      T& element = to[static_cast<std::size_t>(flat_offset(place, strides))];
      element = joined(kind, element, update);
    });
  });
}

// --- Loops ---

/// Which dims of the updates can be done at once: batches, and dims of windows that start at 0 or are one
/// element wide, all of them or none; updates of different windows never meet in the same element then.
std::vector<bool> parallel_dims(const GatherDims& dims, const Dims& operand, std::int64_t rank) {
  const Dims window = dims.window_dims();
  bool aligned = true;
  for (const std::int64_t d : window) {
    const auto i = static_cast<std::size_t>(d);
    const bool starts_at_zero = !contains(dims.start_index_map, d) || dims.slice_sizes[i] == operand[i];
    aligned = aligned && (starts_at_zero || dims.slice_sizes[i] == 1);
  }
  std::vector<bool> parallel;
  std::int64_t batch = 0;
  for (std::int64_t d = 0; d < rank; ++d) {
    parallel.push_back(contains(dims.offset, d) ? aligned : contains(dims.indices_batching, batch++));
  }
  return parallel;
}

void loops_scatter(LoopsContext& c, ScatterKind kind) {
  loop::Exprs& e = c.exprs();
  const Dims& shape = c.operand_type(0).shape;
  const Dims& updates = c.operand_type(2).shape;
  const GatherDims dims = GatherDims::of_scatter(c.attrs(), shape, updates);
  const bool fill = fills(c.attrs());
  const DType dtype = c.operand_type(0).dtype;
  c.loops(
      shape, [&](const std::vector<Scalar>& index) { c.store(0, index, c.load(0, index)); },
      LoopKind::kParallel);

  const auto update = [&](const std::vector<Scalar>& index) {
    GatherPlace place =
        gather_place(e, dims, shape, fill, index, [&](std::vector<Scalar> at) { return c.load(1, at); });
    const auto apply = [&] {
      Scalar value = c.load(2, index);
      if (kind != ScatterKind::kSet) {
        Scalar old = c.load_result(0, place.index);
        value = e.convert(value, compute_dtype(dtype));
        old = e.convert(old, compute_dtype(dtype));
        const ScalarOp join = kind == ScatterKind::kAdd   ? ScalarOp::add
                              : kind == ScatterKind::kMul ? ScalarOp::mul
                              : kind == ScatterKind::kMin ? ScalarOp::min
                                                          : ScalarOp::max;
        value = e.convert(e.apply(join, {old, value}), dtype);
      }
      c.store(0, place.index, value);
    };
    if (place.inside) {
      c.when(place.inside, apply);
    } else {
      apply();
    }
  };

  // Parallel dims outside, the others in row-major order inside.
  const std::vector<bool> parallel = parallel_dims(dims, shape, static_cast<std::int64_t>(updates.size()));
  std::vector<std::size_t> order;
  for (const bool wanted : {true, false})
    for (std::size_t d = 0; d < updates.size(); ++d)
      if (parallel[d] == wanted) order.push_back(d);
  std::vector<Scalar> index(updates.size());
  const std::function<void(std::size_t)> nest = [&](std::size_t depth) {
    if (depth == order.size()) return update(index);
    const std::size_t d = order[depth];
    c.loop(
        "u" + std::to_string(d), updates[d],
        [&](Scalar i) {
          index[d] = i;
          nest(depth + 1);
        },
        parallel[d] ? LoopKind::kParallel : LoopKind::kSerial);
  };
  nest(0);
}

// --- Differentiation ---

struct ScatterRule {
  JvpContext& c;
  GatherDims dims = GatherDims::of_scatter(c.attrs(), c.type(c.primal(0)).shape, c.type(c.primal(2)).shape);

  Attrs scatter_attrs() const {
    Attrs attrs = dims.scatter_attrs();
    attrs.set("mode", c.attr<std::string>("mode"));
    return attrs;
  }
  /// The elements of `x`, of the operand's shape, at the places of the updates; 0 outside.
  ValueId gather(ValueId x) {
    Attrs attrs = dims.gather_attrs();
    attrs.set("mode", c.attr<std::string>("mode"));
    attrs.set("fill_value", 0.0);
    return c.emit(op_gather, {x, c.primal(1)}, std::move(attrs));
  }
  ValueId scatter_add(ValueId operand, ValueId updates) {
    return c.emit(op_scatter_add, {operand, c.primal(1), updates}, scatter_attrs());
  }
  ValueId zeros() { return c.full_like(c.primal(0), 0); }
};

/// The element that an update leaves behind: updates are numbered, the numbers scattered, and gathered again.
/// (The idea is JAX's rule for scatter.)
ValueList jvp_set(JvpContext& c) {
  ScatterRule rule{c};
  GraphBuilder& b = c.builder();
  const TensorType operand = c.type(c.primal(0)), updates = c.type(c.primal(2));
  const std::int64_t count = updates.element_count();
  ValueId numbers = b.emit(op_iota, {}, {{"dtype", DType::kI64}, {"shape", Dims{count}}, {"dimension", 0L}});
  numbers = emit_reshape(b, c.add(numbers, c.full_like(numbers, 1)), updates.shape);
  const ValueId none = b.full({DType::kI64, operand.shape}, 0);
  const ValueId winners = c.emit(c.op(), {none, c.primal(1), numbers}, c.attrs());
  ValueId tangent;
  if (c.has_tangent(0)) {
    tangent = c.select(c.emit(op_eq, {winners, none}), c.tangent(0), kNoValue);
  } else {
    tangent = rule.zeros();
  }
  if (!c.has_tangent(2)) return tangent;
  const ValueId stays = c.emit(op_eq, {rule.gather(winners), numbers});
  return rule.scatter_add(tangent, c.select(stays, c.tangent(2), kNoValue));
}

ValueList jvp_add(JvpContext& c) {
  ScatterRule rule{c};
  const ValueId operand = c.has_tangent(0) ? c.tangent(0) : rule.zeros();
  return c.has_tangent(2) ? rule.scatter_add(operand, c.tangent(2)) : operand;
}

ValueList transpose_add(TransposeContext& c) {
  const GatherDims dims = GatherDims::of_scatter(c.attrs(), c.operand_type(0).shape, c.operand_type(2).shape);
  ValueList cotangents(3, kNoValue);
  if (c.is_linear(0)) cotangents[0] = c.cotangent();
  if (c.is_linear(2)) {
    Attrs attrs = dims.gather_attrs();
    attrs.set("mode", c.attr<std::string>("mode"));
    attrs.set("fill_value", 0.0);
    cotangents[2] = c.emit(op_gather, {c.cotangent(), c.operand(1)}, std::move(attrs));
  }
  return cotangents;
}

/// out = operand * product of the updates of an element: d out = d operand * product, and for each update the
/// product of all others, which is the old value times what the other updates leave. That needs updates that
/// never meet, as in JAX.
ValueList jvp_mul(JvpContext& c) {
  ScatterRule rule{c};
  ValueId tangent;
  if (c.has_tangent(0)) {
    const ValueId ones = c.full_like(c.primal(0), 1);
    tangent = c.mul(c.tangent(0), c.emit(c.op(), {ones, c.primal(1), c.primal(2)}, c.attrs()));
  }
  if (!c.has_tangent(2)) return tangent;
  if (!c.attr<bool>("unique_indices")) {
    throw CompileError(
        "scatter_mul: the derivative by the updates needs unique_indices = true: where updates meet, each "
        "one's "
        "depends on all others");
  }
  const ValueId old = rule.gather(c.primal(0));
  return rule.scatter_add(tangent ? tangent : rule.zeros(), c.mul(c.tangent(2), old));
}

/// The mean over all that equal the extreme value, as for max and min.
ValueList jvp_extremum(JvpContext& c) {
  ScatterRule rule{c};
  GraphBuilder& b = c.builder();
  const DType dtype = c.result_type().dtype;
  const ValueId own = emit_convert(b, c.emit(op_eq, {c.primal(0), c.output()}), dtype);
  const ValueId theirs = emit_convert(b, c.emit(op_eq, {c.primal(2), rule.gather(c.output())}), dtype);
  const ValueId count = rule.scatter_add(own, theirs);
  ValueId sum = c.has_tangent(0) ? c.mul(c.tangent(0), own) : rule.zeros();
  if (c.has_tangent(2)) sum = rule.scatter_add(sum, c.mul(c.tangent(2), theirs));
  return c.div(sum, count);
}

ValueList batch_scatter(BatchContext& c) {
  const GatherDims dims = GatherDims::of_scatter(c.attrs(), c.shape(0), c.shape(2));
  const bool indices = c.is_batched(1);
  const GatherDims batched = indices ? dims.batched_both() : dims.batched_operand(c.batch_size());
  Attrs attrs = c.attrs();
  for (const auto& [name, value] : batched.scatter_attrs()) attrs.set(name, value);
  return c.emit(c.op(), {c.with_batch(0), c.operand(1), c.with_batch(2)}, std::move(attrs));
}

// --- The ops ---

std::vector<OpSample> scatter_samples(ScatterKind kind) {
  using enum DType;
  std::vector<OpSample> samples;
  const bool smooth = kind == ScatterKind::kSet || kind == ScatterKind::kAdd;
  const auto add = [&](DType dtype, Dims operand, Dims indices, Dims updates, GatherDims dims,
                       const char* mode, int derivative_order) {
    const double size = static_cast<double>(operand[0]);
    OpSample sample{.operands = {{dtype, operand}, {kI32, std::move(indices)}, {dtype, std::move(updates)}},
                    .attrs = dims.scatter_attrs(),
                    .ranges = {{-2, 2}, {-2, size + 1}, {-2, 2}},
                    .derivative_order = derivative_order};
    sample.attrs.set("mode", std::string(mode));
    if (kind == ScatterKind::kMul && derivative_order > 0) {
      sample.attrs.set("unique_indices", true);
      sample.adjust = [](std::vector<Literal>& inputs) {  // 0, 1, 2, ...
        for (std::int64_t i = 0; i < inputs[1].size(); ++i) inputs[1].set_int(i, i);
      };
    }
    samples.push_back(std::move(sample));
  };
  const GatherDims rows{{1}, {0}, {0}, {}, {}, {}};
  const GatherDims elements{{}, {0, 1}, {0, 1}, {}, {}, {}};
  const GatherDims windows{{1, 2}, {}, {0, 1}, {}, {}, {}};
  const GatherDims along{{}, {1}, {1}, {0}, {0}, {}};
  for (const char* mode : {"fill", "clip"}) {
    add(kF32, {7, 5}, {17, 1}, {17, 5}, rows, mode, 0);
    add(kF32, {4, 3}, {9, 2}, {9}, elements, mode, 0);
    add(kF32, {4, 5}, {3, 2}, {3, 2, 3}, windows, mode, 0);
    add(kF32, {3, 4}, {3, 6, 1}, {3, 6}, along, mode, 0);
    add(kF64, {4, 2}, {3, 1}, {3, 2}, rows, mode, 2);
    if (smooth) add(kF64, {4, 5}, {3, 2}, {3, 2, 3}, windows, mode, 2);
    if (smooth) add(kF64, {3, 4}, {3, 2, 1}, {3, 2}, along, mode, 2);
    add(kI32, {7, 5}, {4, 1}, {4, 5}, rows, mode, 0);
  }
  add(kF32, {3, 5}, {0, 1}, {0, 5}, rows, "fill", 0);
  add(kF32, {1, 1}, {1, 1}, {1, 1}, rows, "promise_in_bounds", 0);
  add(kBF16, {7, 5}, {4, 1}, {4, 5}, rows, "fill", 0);
  if (kind == ScatterKind::kSet) add(kBool, {7, 5}, {4, 1}, {4, 5}, rows, "fill", 0);
  return samples;
}

OpDef scatter(std::string_view name, ScatterKind kind, ValueList (*jvp)(JvpContext&)) {
  OpDef op;
  op.name = name;
  op.pattern = OpPattern::kLoops;
  op.operand_names = {"operand", "indices", "updates"};
  op.attrs = {{"update_window_dims", Dims{}},
              {"inserted_window_dims", Dims{}},
              {"scatter_dims_to_operand_dims", Dims{}},
              {"operand_batching_dims", Dims{}, Dims{}},
              {"scatter_indices_batching_dims", Dims{}, Dims{}},
              {"mode", std::string(), std::string("fill")},
              {"unique_indices", false, false}};
  op.infer_types = [kind](InferContext& c) { return infer_scatter(c, kind); };
  op.jvp = jvp;
  if (kind == ScatterKind::kAdd) op.transpose = transpose_add;
  op.batch = batch_scatter;
  op.loops = [kind](LoopsContext& c) { loops_scatter(c, kind); };
  op.eval = [kind](EvalContext& c) { eval_scatter(c, kind); };
  op.samples = [kind] { return scatter_samples(kind); };
  return op;
}

}  // namespace

const OpDef op_scatter = scatter("scatter", ScatterKind::kSet, jvp_set);
const OpDef op_scatter_add = scatter("scatter_add", ScatterKind::kAdd, jvp_add);
const OpDef op_scatter_mul = scatter("scatter_mul", ScatterKind::kMul, jvp_mul);
const OpDef op_scatter_min = scatter("scatter_min", ScatterKind::kMin, jvp_extremum);
const OpDef op_scatter_max = scatter("scatter_max", ScatterKind::kMax, jvp_extremum);

}  // namespace adze
