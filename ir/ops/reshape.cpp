#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

ValueId fold_reshape(FoldContext& c) {
  const ValueId x = c.operand(0);
  if (c.type(x) == c.result_type()) return x;
  const Node* producer = c.producer(0);
  if (producer && producer->op == &op_reshape) {
    const ValueId source = producer->operands[0];
    return emit_reshape(c.builder(), source, c.result_type().shape);
  }
  if (producer && producer->op == &op_broadcast_in_dim && c.type(producer->operands[0]).rank() == 0) {
    const ValueId element = producer->operands[0];
    return emit_broadcast(c.builder(), element, c.result_type().shape, {});
  }
  return kNoValue;
}

/// The operand's index where only dims of size 1 come and go. It holds whatever the range of the result's
/// index, which under a guard (of padding around the reshape) no division can be simplified for.
std::optional<std::vector<Scalar>> without_unit_dims(IndexContext& c) {
  const Dims& to = c.result_type().shape;
  std::vector<Scalar> index;
  std::size_t next = 0;
  for (const std::int64_t size : c.operand_type(0).shape) {
    if (size == 1) {
      index.push_back(c.exprs().index(0));
      continue;
    }
    while (next < to.size() && to[next] == 1) ++next;
    if (next == to.size() || to[next] != size) return std::nullopt;
    index.push_back(c.index(next++));
  }
  while (next < to.size() && to[next] == 1) ++next;
  if (next != to.size()) return std::nullopt;
  return index;
}

/// The operand's index: the flat index, taken apart again.
Scalar map_reshape(IndexContext& c) {
  const Dims& from = c.operand_type(0).shape;
  const Dims from_strides = row_major_strides(from);
  const Dims to_strides = row_major_strides(c.result_type().shape);
  loop::Exprs& e = c.exprs();
  if (c.result_type().element_count() == 0) {
    return c.load(0, std::vector<Scalar>(from.size(), e.index(0)));  // never evaluated
  }
  if (const auto same = without_unit_dims(c)) return c.load(0, *same);
  Scalar flat = e.index(0);
  for (std::size_t i = 0; i < to_strides.size(); ++i) flat = e.add(flat, e.mul(c.index(i), to_strides[i]));
  std::vector<Scalar> index;
  for (std::size_t i = 0; i < from.size(); ++i) {
    index.push_back(e.rem(e.div(flat, from_strides[i]), from[i]));
  }
  return c.load(0, std::move(index));
}

std::vector<OpSample> reshape_samples() {
  const auto sample = [](DType dtype, Dims from, Dims shape, int derivative_order) {
    return OpSample{.operands = {{dtype, std::move(from)}},
                    .attrs = {{"shape", std::move(shape)}},
                    .derivative_order = derivative_order};
  };
  return {sample(DType::kF32, {6}, {2, 3}, 0),       sample(DType::kF32, {4, 3, 5}, {12, 5}, 0),
          sample(DType::kF32, {7, 6}, {3, 14}, 0),   sample(DType::kF32, {1}, {}, 0),
          sample(DType::kF32, {}, {1, 1}, 0),        sample(DType::kI32, {17}, {17, 1}, 0),
          sample(DType::kBool, {2, 8}, {16}, 0),     sample(DType::kF32, {0, 3}, {5, 0}, 0),
          sample(DType::kI64, {3, 1, 5}, {3, 5}, 0), sample(DType::kU32, {2, 2}, {4}, 0),
          sample(DType::kF64, {2, 6}, {3, 4}, 2),    sample(DType::kF64, {1}, {}, 2)};
}

}  // namespace

/// The same elements in row-major order under another shape.
const OpDef op_reshape{
    .name = "reshape",
    .pattern = OpPattern::kIndexMap,
    .traits = {.linear = true},
    .attrs = {{"shape", Dims{}}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      check_dtype(c, 0, DTypeSet::kAny);
      const Dims shape = check_shape(c, c.attr<Dims>("shape"));
      const std::int64_t from = c.operand(0).element_count();
      const std::int64_t to = element_count(shape);
      if (from != to) {
        c.fail(fmt::format("sizes differ: {} has {} elements, shape {} has {}", to_string(c.operand(0)), from,
                           to_string(shape), to));
      }
      return {{c.operand(0).dtype, shape}};
    },
    .fold = fold_reshape,
    .transpose = [](TransposeContext& c) -> ValueList {
      return emit_reshape(c.builder(), c.cotangent(), c.operand_type(0).shape);
    },
    .batch = [](BatchContext& c) -> ValueList {
      return emit_reshape(c.builder(), c.operand(0), c.batched_result_type().shape);
    },
    .index_map = map_reshape,
    .eval =
        [](EvalContext& c) {
          std::copy_n(c.operands[0]->bytes(), c.operands[0]->byte_size(), c.results[0].bytes());
        },
    .samples = reshape_samples,
};

}  // namespace adze
