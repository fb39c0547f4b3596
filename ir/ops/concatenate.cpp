#include <fmt/format.h>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

std::vector<TensorType> infer_concatenate(InferContext& c) {
  const std::int64_t dimension = c.attr<std::int64_t>("dimension");
  TensorType result = c.operand(0);
  if (dimension < 0 || dimension >= result.rank()) {
    c.fail(fmt::format("dimension {} is out of range for {}", dimension, to_string(result)));
  }
  const auto d = static_cast<std::size_t>(dimension);
  for (std::size_t i = 0; i < c.size(); ++i) {
    check_dtype(c, i, DTypeSet::kAny);
    TensorType expected = c.operand(0);
    if (c.operand(i).rank() == expected.rank()) expected.shape[d] = c.operand(i).shape[d];
    if (c.operand(i) != expected) {
      c.fail(fmt::format("operands must have the same type but for dimension {}: {} vs {}", dimension,
                         to_string(c.operand(0)), to_string(c.operand(i))));
    }
    if (i > 0) result.shape[d] += c.operand(i).shape[d];  // sizes are at most 2^48: no overflow
  }
  check_shape(c, result.shape);
  return {result};
}

/// Takes each operand's part out of the cotangent.
ValueList transpose_concatenate(TransposeContext& c) {
  const auto d = static_cast<std::size_t>(c.attr<std::int64_t>("dimension"));
  ValueList cotangents;
  Dims start(c.result_type().shape.size(), 0);
  Dims limit = c.result_type().shape;
  for (std::size_t i = 0; i < c.size(); ++i) {
    limit[d] = start[d] + c.operand_type(i).shape[d];
    cotangents.push_back(c.is_linear(i) ? emit_slice(c.builder(), c.cotangent(), start, limit) : kNoValue);
    start[d] = limit[d];
  }
  return cotangents;
}

/// Without empty operands; one operand is the result.
ValueId fold_concatenate(FoldContext& c) {
  if (c.size() == 1) return c.operand(0);
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) {
    if (c.type(c.operand(i)).element_count() > 0) operands.push_back(c.operand(i));
  }
  return operands.empty() || operands.size() == c.size() ? kNoValue : c.emit(c.op(), operands, c.attrs());
}

/// Nested selects over the boundaries, the last operand innermost.
Scalar map_concatenate(IndexContext& c) {
  using loop::ScalarOp;
  const auto d = static_cast<std::size_t>(c.attr<std::int64_t>("dimension"));
  const std::int64_t total = c.result_type().shape[d];
  loop::Exprs& e = c.exprs();
  std::int64_t end = total;
  Scalar element;
  for (std::size_t i = c.size(); i-- > 0;) {
    const std::int64_t begin = end - c.operand_type(i).shape[d];
    const Scalar before_end = end < total ? e.apply(ScalarOp::lt, {c.index(d), e.index(end)}) : Scalar{};
    const Scalar after_begin = begin > 0 ? e.apply(ScalarOp::ge, {c.index(d), e.index(begin)}) : Scalar{};
    std::vector<Scalar> index = c.index();
    index[d] = e.add(index[d], -begin);
    const bool is_empty = begin == end;
    const Scalar guard = is_empty ? e.constant(DType::kBool, 0) : e.both(before_end, after_begin);
    const Scalar loaded = c.load(i, std::move(index), guard);
    if (!is_empty) {
      element = element ? e.apply(ScalarOp::select, {before_end, loaded, element}) : loaded;
    } else if (total == 0) {
      element = loaded;
    }
    end = begin;
  }
  return element;
}

void eval_concatenate(EvalContext& c) {
  const auto d = static_cast<std::size_t>(c.attrs.get<std::int64_t>("dimension"));
  Literal& result = c.results[0];
  const Dims strides = row_major_strides(result.type().shape);
  std::int64_t begin = 0;
  for (const Literal* x : c.operands) {
    std::int64_t from = 0;
    for_each_index(x->type().shape, [&](const Dims& index) {
      copy_element(result, flat_offset(index, strides) + begin * strides[d], *x, from++);
    });
    begin += x->type().shape[d];
  }
}

std::vector<OpSample> concatenate_samples() {
  const auto sample = [](DType dtype, std::vector<Dims> shapes, std::int64_t dimension,
                         int derivative_order) {
    OpSample result{
        .operands = {}, .attrs = {{"dimension", dimension}}, .derivative_order = derivative_order};
    for (Dims& shape : shapes) result.operands.push_back({dtype, std::move(shape)});
    return result;
  };
  return {sample(DType::kF32, {{3}, {17}}, 0, 0),
          sample(DType::kF32, {{5}}, 0, 0),
          sample(DType::kF32, {{2, 3}, {4, 3}, {1, 3}}, 0, 0),
          sample(DType::kF32, {{5, 3}, {5, 16}, {5, 2}}, 1, 0),
          sample(DType::kF32, {{0}, {3}, {0}, {2}}, 0, 0),
          sample(DType::kF32, {{0, 2}, {0, 2}}, 0, 0),
          sample(DType::kI32, {{1, 2, 3}, {1, 1, 3}}, 1, 0),
          sample(DType::kI64, {{1}, {1}, {1}}, 0, 0),
          sample(DType::kU32, {{9}, {8}}, 0, 0),
          sample(DType::kBool, {{15}, {18}}, 0, 0),
          sample(DType::kF64, {{2, 2}, {2, 3}}, 1, 2)};
}

}  // namespace

const OpDef op_concatenate{
    .name = "concatenate",
    .pattern = OpPattern::kIndexMap,
    .traits = {.linear = true},
    .variadic = true,
    .attrs = {{"dimension", std::int64_t{}}},
    .infer_types = infer_concatenate,
    .fold = fold_concatenate,
    .transpose = transpose_concatenate,
    .batch = [](BatchContext& c) -> ValueList {
      std::vector<ValueId> operands;
      for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(c.with_batch(i));
      return c.emit(c.op(), std::move(operands), {{"dimension", c.attr<std::int64_t>("dimension") + 1}});
    },
    .index_map = map_concatenate,
    .eval = eval_concatenate,
    .samples = concatenate_samples,
};

}  // namespace adze
