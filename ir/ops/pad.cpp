#include <fmt/format.h>

#include <optional>
#include <utility>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

/// More than any tensor holds is an error even where it would cancel out: rules negate and add amounts
/// freely.
constexpr std::int64_t kMaxAmount = std::int64_t{1} << 48;

/// Empty interior stands for zeros.
std::int64_t interior_at(const Attrs& attrs, std::size_t dim) {
  const Dims& interior = attrs.get<Dims>("interior");
  return interior.empty() ? 0 : interior[dim];
}

/// low + size + (size - 1) * interior + high; none where it overflows.
std::optional<std::int64_t> padded_size(std::int64_t size, std::int64_t low, std::int64_t high,
                                        std::int64_t interior) {
  std::int64_t padded = 0;
  if (size > 0 && __builtin_mul_overflow(size - 1, interior, &padded)) return std::nullopt;
  if (__builtin_add_overflow(padded, low + size + high, &padded)) return std::nullopt;
  return padded;
}

std::vector<TensorType> infer_pad(InferContext& c) {
  const TensorType& x = c.operand(0);
  const Dims& low = c.attr<Dims>("low");
  const Dims& high = c.attr<Dims>("high");
  const Dims& interior = c.attr<Dims>("interior");
  check_dtype(c, 0, DTypeSet::kAny);
  if (c.operand(1) != TensorType{x.dtype, {}}) {
    c.fail(fmt::format("value must be {}: {}", to_string(TensorType{x.dtype, {}}), to_string(c.operand(1))));
  }
  check_length(c, "low", low);
  check_length(c, "high", high);
  if (!interior.empty()) check_length(c, "interior", interior);
  Dims shape;
  for (std::size_t d = 0; d < x.shape.size(); ++d) {
    const std::int64_t between = interior_at(c.attrs(), d);
    if (between < 0) c.fail(fmt::format("interior {} of dimension {} is negative", between, d));
    for (const auto& [name, amount] : {std::pair{"low", low[d]}, {"high", high[d]}, {"interior", between}}) {
      if (amount < -kMaxAmount || amount > kMaxAmount) {
        c.fail(fmt::format("{} {} of dimension {} is out of range", name, amount, d));
      }
    }
    const auto size = padded_size(x.shape[d], low[d], high[d], between);
    if (!size) c.fail(fmt::format("the size of dimension {} overflows", d));
    if (*size < 0) {
      c.fail(fmt::format("size {} of dimension {} with low {} and high {} is negative", x.shape[d], d, low[d],
                         high[d]));
    }
    shape.push_back(*size);
  }
  return {{x.dtype, check_shape(c, std::move(shape))}};
}

/// The identity, and padding around nothing.
ValueId fold_pad(FoldContext& c) {
  if (c.type(c.operand(0)).element_count() == 0) {
    return emit_broadcast(c.builder(), c.operand(1), c.result_type().shape, {});
  }
  for (const auto name : {"low", "high", "interior"}) {
    for (const std::int64_t amount : c.attr<Dims>(name)) {
      if (amount != 0) return kNoValue;
    }
  }
  return c.operand(0);
}

/// The operand's cotangent: what pad placed, gathered again. The value's: the sum of the rest.
ValueList transpose_pad(TransposeContext& c) {
  GraphBuilder& b = c.builder();
  const Dims& size = c.operand_type(0).shape;
  const Dims& low = c.attr<Dims>("low");
  const Dims& high = c.attr<Dims>("high");
  Dims unpad_low, unpad_high, step, zeros(size.size(), 0);
  for (std::size_t d = 0; d < size.size(); ++d) {
    unpad_low.push_back(-low[d]);
    unpad_high.push_back(-high[d]);
    step.push_back(size[d] <= 1 ? 1 : interior_at(c.attrs(), d) + 1);
  }
  const ValueId unpadded = emit_pad(b, c.cotangent(), unpad_low, unpad_high);
  const ValueId from_operand = emit_slice(b, unpadded, zeros, b.type(unpadded).shape, step);
  ValueId from_value = kNoValue;
  if (c.is_linear(1)) {
    const Dims all = iota_dims(c.result_type().rank());
    from_value = c.sub(emit_reduce_sum(b, c.cotangent(), all), emit_reduce_sum(b, from_operand, all));
  }
  return {c.is_linear(0) ? from_operand : kNoValue, from_value};
}

/// The batch is a dim that is not padded. A value for each member of the batch is selected where a pad of
/// all true by false says that no element is.
ValueList batch_pad(BatchContext& c) {
  GraphBuilder& b = c.builder();
  const auto pad = [&](ValueId x, const Dims& interior, ValueId value) {
    return emit_pad(b, x, prepend(0, c.attr<Dims>("low")), prepend(0, c.attr<Dims>("high")),
                    interior.empty() ? interior : prepend(0, interior), value);
  };
  const Dims interior = c.attr<Dims>("interior");
  if (!c.is_batched(1)) return pad(c.operand(0), interior, c.operand(1));
  const Dims shape = c.batched_result_type().shape;
  const ValueId values = emit_broadcast(b, c.operand(1), shape, {0});
  const ValueId x = c.with_batch(0);
  const ValueId all = b.full({DType::kBool, c.type(x).shape}, 1);
  const ValueId is_element = pad(all, interior, b.scalar(DType::kBool, 0));
  return c.select(is_element, pad(x, interior, b.scalar(c.result_type().dtype, 0)), values);
}

Scalar map_pad(IndexContext& c) {
  using loop::ScalarOp;
  const Dims& low = c.attr<Dims>("low");
  const Dims& size = c.operand_type(0).shape;
  loop::Exprs& e = c.exprs();
  const Scalar value = c.load(1, {});
  Scalar guard;
  std::vector<Scalar> index;
  for (std::size_t d = 0; d < size.size(); ++d) {
    if (size[d] == 0) {
      c.load(0, std::vector<Scalar>(size.size(), e.index(0)), e.constant(DType::kBool, 0));
      return value;
    }
    const std::int64_t step = interior_at(c.attrs(), d) + 1;
    const std::int64_t last = (size[d] - 1) * step;  // where the last element went
    const Scalar position = e.add(c.index(d), -low[d]);
    if (low[d] > 0) guard = e.both(guard, e.apply(ScalarOp::ge, {position, e.index(0)}));
    if (c.result_type().shape[d] - 1 - low[d] > last) {
      guard = e.both(guard, e.apply(ScalarOp::le, {position, e.index(last)}));
    }
    if (step > 1) guard = e.both(guard, e.apply(ScalarOp::eq, {e.rem(position, step), e.index(0)}));
    index.push_back(e.div(position, step));
  }
  if (!guard) return c.load(0, std::move(index));
  return e.apply(ScalarOp::select, {guard, c.load(0, std::move(index), guard), value});
}

void eval_pad(EvalContext& c) {
  const Dims& low = c.attrs.get<Dims>("low");
  const Literal& x = *c.operands[0];
  Literal& result = c.results[0];
  for (std::int64_t i = 0; i < result.size(); ++i) copy_element(result, i, *c.operands[1], 0);
  const Dims strides = row_major_strides(result.type().shape);
  std::int64_t from = 0;
  for_each_index(x.type().shape, [&](const Dims& index) {
    std::int64_t to = 0;
    bool inside = true;
    for (std::size_t d = 0; d < index.size(); ++d) {
      const std::int64_t position = low[d] + index[d] * (interior_at(c.attrs, d) + 1);
      inside = inside && position >= 0 && position < result.type().shape[d];
      to += position * strides[d];
    }
    if (inside) copy_element(result, to, x, from);
    ++from;
  });
}

std::vector<OpSample> pad_samples() {
  const auto sample = [](DType dtype, Dims from, Dims low, Dims high, Dims interior, int derivative_order) {
    return OpSample{
        .operands = {{dtype, std::move(from)}, {dtype, {}}},
        .attrs = {{"low", std::move(low)}, {"high", std::move(high)}, {"interior", std::move(interior)}},
        .derivative_order = derivative_order};
  };
  return {sample(DType::kF32, {15}, {1}, {2}, {}, 0),
          sample(DType::kF32, {15}, {-2}, {3}, {}, 0),
          sample(DType::kF32, {15}, {4}, {-7}, {}, 0),
          sample(DType::kF32, {11}, {0}, {0}, {2}, 0),
          sample(DType::kF32, {11}, {-2}, {-2}, {2}, 0),
          sample(DType::kF32, {3, 7}, {1, 0}, {0, 4}, {0, 1}, 0),
          sample(DType::kF32, {0, 3}, {2, 1}, {1, 0}, {1, 1}, 0),
          sample(DType::kF32, {}, {}, {}, {}, 0),
          sample(DType::kF32, {4}, {-4}, {0}, {}, 0),
          sample(DType::kI32, {2, 3}, {1, 1}, {1, 1}, {1, 0}, 0),
          sample(DType::kI64, {5}, {3}, {3}, {}, 0),
          sample(DType::kU32, {5}, {0}, {1}, {}, 0),
          sample(DType::kBool, {31}, {1}, {1}, {}, 0),
          sample(DType::kF64, {3, 2}, {1, -1}, {-1, 2}, {1, 2}, 2),
          sample(DType::kF64, {4}, {2}, {1}, {}, 2),
          sample(DType::kF64, {1}, {1}, {0}, {kMaxAmount}, 2),
          sample(DType::kF64, {3}, {-5}, {4}, {1}, 2)};
}

}  // namespace

/// `low` copies of `value` before, `high` after and `interior` between the elements of each dim. Negative low
/// and high cut elements off, after the interior padding. An empty `interior` is all zeros.
const OpDef op_pad{
    .name = "pad",
    .pattern = OpPattern::kIndexMap,
    .traits = {.linear = true},
    .operand_names = {"operand", "value"},
    .attrs = {{"low", Dims{}}, {"high", Dims{}}, {"interior", Dims{}, Dims{}}},
    .infer_types = infer_pad,
    .fold = fold_pad,
    .transpose = transpose_pad,
    .batch = batch_pad,
    .index_map = map_pad,
    .eval = eval_pad,
    .samples = pad_samples,
};

}  // namespace adze
