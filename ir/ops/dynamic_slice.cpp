#include <fmt/format.h>

#include <algorithm>

#include "ir/eval_helpers.h"
#include "ir/gather_dims.h"
#include "ir/op_helpers.h"

// dynamic_slice and dynamic_update_slice: windows whose place is data. As in JAX, a window that would reach
// beyond the array is moved inside.

namespace adze {

namespace {

/// Operands from `first` on: one integer of rank 0 for each dimension of operand 0.
void check_starts(const InferContext& c, std::size_t first) {
  const auto rank = static_cast<std::size_t>(c.operand(0).rank());
  if (c.size() - first != rank) {
    c.fail(fmt::format("needs one start index a dimension of {}: {}, got {}", to_string(c.operand(0)), rank,
                       c.size() - first));
  }
  for (std::size_t i = first; i < c.size(); ++i) {
    if (!is_integer(c.operand(i).dtype) || c.operand(i).rank() != 0)
      c.fail(fmt::format("start index {} must be an integer of rank 0, not {}", i - first,
                         to_string(c.operand(i))));
  }
}

void check_sizes(const InferContext& c, const Dims& sizes, const char* what) {
  const Dims& shape = c.operand(0).shape;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (sizes[d] < 0 || sizes[d] > shape[d])
      c.fail(fmt::format("{} of {} along dimension {} does not fit into {}", what, sizes[d], d,
                         to_string(c.operand(0))));
  }
}

/// The first element of the window along `dim`, as an index.
Scalar start_at(IndexContext& c, std::size_t operand, std::size_t dim, std::int64_t window) {
  using loop::ScalarOp;
  loop::Exprs& e = c.exprs();
  const Scalar start = e.convert(c.load(operand, {}), DType::kI64);
  const Scalar last = e.index(c.operand_type(0).shape[dim] - window);
  return e.apply(ScalarOp::min, {e.apply(ScalarOp::max, {start, e.index(0)}), last});
}

Dims eval_starts(const EvalContext& c, std::size_t first, const Dims& window) {
  const Dims& shape = c.operands[0]->type().shape;
  Dims starts;
  for (std::size_t d = 0; d < shape.size(); ++d)
    starts.push_back(std::clamp<std::int64_t>(c.operands[first + d]->as_int(0), 0, shape[d] - window[d]));
  return starts;
}

/// The start indices, each over the batch, as one array of index vectors: [batch, rank].
ValueId index_vectors(BatchContext& c, std::size_t first) {
  std::vector<ValueId> components;
  for (std::size_t i = first; i < c.size(); ++i) {
    const ValueId wide = emit_convert(c.builder(), c.with_batch(i), DType::kI64);
    components.push_back(emit_reshape(c.builder(), wide, {c.batch_size(), 1}));
  }
  if (components.empty()) return c.builder().full({DType::kI64, {c.batch_size(), 0}}, 0);
  return c.emit(op_concatenate, std::move(components), {{"dimension", std::int64_t{1}}});
}

bool any_start_batched(const BatchContext& c, std::size_t first) {
  for (std::size_t i = first; i < c.size(); ++i)
    if (c.is_batched(i)) return true;
  return false;
}

/// The operands from `first` on, a start of 0 for the batch in front of them.
std::vector<ValueId> starts_with_zero(BatchContext& c, std::size_t first) {
  const DType dtype = c.size() > first ? c.type(c.operand(first)).dtype : DType::kI32;
  std::vector<ValueId> starts{c.builder().scalar(dtype, 0)};
  for (std::size_t i = first; i < c.size(); ++i) starts.push_back(c.operand(i));
  return starts;
}

std::vector<ValueId> joined(std::vector<ValueId> first, const std::vector<ValueId>& rest) {
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

// --- dynamic_slice ---

std::vector<TensorType> infer_slice(InferContext& c) {
  check_dtype(c, 0, DTypeSet::kAny);
  const Dims& sizes = c.attr<Dims>("slice_sizes");
  check_length(c, "slice_sizes", sizes);
  check_starts(c, 1);
  check_sizes(c, sizes, "a slice");
  return {{c.operand(0).dtype, sizes}};
}

Scalar map_slice(IndexContext& c) {
  std::vector<Scalar> index;
  for (std::size_t d = 0; d < c.result_type().shape.size(); ++d) {
    index.push_back(c.exprs().add(start_at(c, 1 + d, d, c.result_type().shape[d]), c.index(d)));
  }
  return c.load(0, std::move(index));
}

void eval_slice(EvalContext& c) {
  const Dims& shape = c.operands[0]->type().shape;
  const Dims strides = row_major_strides(shape);
  const Dims starts = eval_starts(c, 1, c.results[0].type().shape);
  eval_movement(
      c, [&](const Dims& index) { return flat_offset(index, strides) + flat_offset(starts, strides); });
}

std::vector<ValueId> primal_starts(const JvpContext& c, std::size_t first) {
  std::vector<ValueId> starts;
  for (std::size_t i = first; i < c.size(); ++i) starts.push_back(c.primal(i));
  return starts;
}

std::vector<ValueId> known_starts(const TransposeContext& c, std::size_t first) {
  std::vector<ValueId> starts;
  for (std::size_t i = first; i < c.size(); ++i) starts.push_back(c.operand(i));
  return starts;
}

ValueList jvp_slice(JvpContext& c) {
  if (!c.has_tangent(0)) return kNoValue;
  return c.emit(c.op(), joined({c.tangent(0)}, primal_starts(c, 1)), c.attrs());
}

ValueList transpose_slice(TransposeContext& c) {
  ValueList cotangents(c.size(), kNoValue);
  const ValueId zeros = c.builder().full(c.operand_type(0), 0);
  cotangents[0] = c.emit(op_dynamic_update_slice, joined({zeros, c.cotangent()}, known_starts(c, 1)));
  return cotangents;
}

ValueList batch_slice(BatchContext& c) {
  Dims sizes = c.attr<Dims>("slice_sizes");
  if (!any_start_batched(c, 1)) {
    sizes.insert(sizes.begin(), c.batch_size());
    return c.emit(c.op(), joined({c.operand(0)}, starts_with_zero(c, 1)), {{"slice_sizes", sizes}});
  }
  const auto rank = static_cast<std::int64_t>(sizes.size());
  Dims offset = iota_dims(rank);
  for (std::int64_t& d : offset) ++d;
  GatherDims dims{.offset = offset,
                  .collapsed = {},
                  .start_index_map = iota_dims(rank),
                  .operand_batching = {},
                  .indices_batching = {},
                  .slice_sizes = sizes};
  if (c.is_batched(0)) {
    dims.start_index_map = offset;
    dims.operand_batching = dims.indices_batching = {0};
    dims.slice_sizes.insert(dims.slice_sizes.begin(), 1);
  }
  Attrs attrs = dims.gather_attrs();
  attrs.set("mode", std::string("clip"));
  return c.emit(op_gather, {c.operand(0), index_vectors(c, 1)}, std::move(attrs));
}

std::vector<OpSample> slice_samples() {
  const auto sample = [](DType dtype, Dims shape, Dims sizes, DType index, int derivative_order) {
    OpSample result{.operands = {{dtype, shape}},
                    .attrs = {{"slice_sizes", std::move(sizes)}},
                    .ranges = {{-2, 2}},
                    .derivative_order = derivative_order};
    for (const std::int64_t size : shape) {
      result.operands.push_back({index, {}});
      result.ranges.emplace_back(-1.5, static_cast<double>(size));
    }
    return result;
  };
  using enum DType;
  return {sample(kF32, {}, {}, kI32, 0),         sample(kF32, {17}, {16}, kI32, 0),
          sample(kF32, {5, 9}, {2, 9}, kI32, 0), sample(kF32, {5, 9}, {3, 4}, kI64, 0),
          sample(kF32, {3, 4}, {0, 2}, kI32, 0), sample(kI32, {7}, {1}, kU32, 0),
          sample(kBool, {19}, {17}, kI32, 0),    sample(kF64, {4, 3}, {2, 2}, kI32, 2)};
}

// --- dynamic_update_slice ---

std::vector<TensorType> infer_update(InferContext& c) {
  check_dtype(c, 0, DTypeSet::kAny);
  const TensorType& operand = c.operand(0);
  const TensorType& update = c.operand(1);
  if (update.dtype != operand.dtype || update.rank() != operand.rank()) {
    c.fail(fmt::format("operand and update must have one dtype and rank: {} vs {}", to_string(operand),
                       to_string(update)));
  }
  check_starts(c, 2);
  check_sizes(c, update.shape, "an update");
  return {operand};
}

Scalar map_update(IndexContext& c) {
  using loop::ScalarOp;
  loop::Exprs& e = c.exprs();
  const Dims& window = c.operand_type(1).shape;
  std::vector<Scalar> index;
  Scalar inside;
  for (std::size_t d = 0; d < window.size(); ++d) {
    const Scalar at = e.apply(ScalarOp::sub, {c.index(d), start_at(c, 2 + d, d, window[d])});
    inside = e.both(inside, e.apply(ScalarOp::ge, {at, e.index(0)}));
    inside = e.both(inside, e.apply(ScalarOp::lt, {at, e.index(window[d])}));
    index.push_back(at);
  }
  if (!inside) {  // rank 0: all of it
    c.load(0, c.index(), e.constant(DType::kBool, 0));
    return c.load(1, std::move(index));
  }
  const Scalar old = c.load(0, c.index());
  return e.apply(ScalarOp::select, {inside, c.load(1, std::move(index), inside), old});
}

void eval_update(EvalContext& c) {
  c.results[0] = *c.operands[0];
  const Literal& update = *c.operands[1];
  const Dims strides = row_major_strides(c.results[0].type().shape);
  const Dims starts = eval_starts(c, 2, update.type().shape);
  std::int64_t i = 0;
  for_each_index(update.type().shape, [&](const Dims& index) {
    copy_element(c.results[0], flat_offset(index, strides) + flat_offset(starts, strides), update, i++);
  });
}

ValueList jvp_update(JvpContext& c) {
  const ValueId operand = c.instantiate(c.tangent(0), c.type(c.primal(0)));
  const ValueId update = c.instantiate(c.tangent(1), c.type(c.primal(1)));
  return c.emit(c.op(), joined({operand, update}, primal_starts(c, 2)));
}

ValueList transpose_update(TransposeContext& c) {
  ValueList cotangents(c.size(), kNoValue);
  const std::vector<ValueId> starts = known_starts(c, 2);
  if (c.is_linear(0)) {
    const ValueId zeros = c.builder().full(c.operand_type(1), 0);
    cotangents[0] = c.emit(c.op(), joined({c.cotangent(), zeros}, starts));
  }
  if (c.is_linear(1)) {
    cotangents[1] =
        c.emit(op_dynamic_slice, joined({c.cotangent()}, starts), {{"slice_sizes", c.operand_type(1).shape}});
  }
  return cotangents;
}

ValueList batch_update(BatchContext& c) {
  if (!any_start_batched(c, 2))
    return c.emit(c.op(), joined({c.with_batch(0), c.with_batch(1)}, starts_with_zero(c, 2)));
  const auto rank = static_cast<std::int64_t>(c.shape(0).size());
  Dims window = iota_dims(rank);
  for (std::int64_t& d : window) ++d;
  const GatherDims dims{.offset = window,
                        .collapsed = {},
                        .start_index_map = window,
                        .operand_batching = {0},
                        .indices_batching = {0},
                        .slice_sizes = {}};
  Attrs attrs = dims.scatter_attrs();
  attrs.set("mode", std::string("clip"));
  attrs.set("unique_indices", true);
  return c.emit(op_scatter, {c.with_batch(0), index_vectors(c, 2), c.with_batch(1)}, std::move(attrs));
}

std::vector<OpSample> update_samples() {
  const auto sample = [](DType dtype, Dims shape, Dims update, DType index, int derivative_order) {
    OpSample result{.operands = {{dtype, shape}, {dtype, std::move(update)}},
                    .ranges = {{-2, 2}, {-2, 2}},
                    .derivative_order = derivative_order};
    for (const std::int64_t size : shape) {
      result.operands.push_back({index, {}});
      result.ranges.emplace_back(-1.5, static_cast<double>(size));
    }
    return result;
  };
  using enum DType;
  return {sample(kF32, {}, {}, kI32, 0),         sample(kF32, {17}, {16}, kI32, 0),
          sample(kF32, {5, 9}, {2, 9}, kI32, 0), sample(kF32, {5, 9}, {3, 4}, kI64, 0),
          sample(kF32, {3, 4}, {0, 2}, kI32, 0), sample(kI32, {7}, {1}, kU32, 0),
          sample(kBool, {19}, {17}, kI32, 0),    sample(kF64, {4, 3}, {2, 2}, kI32, 2)};
}

}  // namespace

const OpDef op_dynamic_slice{
    .name = "dynamic_slice",
    .pattern = OpPattern::kIndexMap,
    .operand_names = {"operand"},
    .variadic = true,
    .attrs = {{"slice_sizes", Dims{}}},
    .infer_types = infer_slice,
    .jvp = jvp_slice,
    .transpose = transpose_slice,
    .batch = batch_slice,
    .index_map = map_slice,
    .eval = eval_slice,
    .samples = slice_samples,
};

const OpDef op_dynamic_update_slice{
    .name = "dynamic_update_slice",
    .pattern = OpPattern::kIndexMap,
    .operand_names = {"operand", "update"},
    .variadic = true,
    .infer_types = infer_update,
    .jvp = jvp_update,
    .transpose = transpose_update,
    .batch = batch_update,
    .index_map = map_update,
    .eval = eval_update,
    .samples = update_samples,
};

}  // namespace adze
