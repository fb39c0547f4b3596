#include <fmt/format.h>

#include "ir/op_helpers.h"

namespace adze {

// Counting, moving and reinterpreting the bits of integers. Counts of a shift are unsigned: what is negative
// or at least the width moves every bit out.

namespace {

std::int64_t width(DType dtype) {
  return static_cast<std::int64_t>(8 * byte_size(dtype));
}

ValueId fold_shift(FoldContext& c) {
  return c.is_splat(1, 0) ? c.operand(0) : kNoValue;
}

ElementwiseSamples bit_samples() {
  return {.dtypes = DTypeSet::kInteger,
          .low = -1e9,
          .high = 1e9,
          .special = {0, 1, -1, 7, 255, 65536, -2147483648.0, 2147483647, 4294967295.0, 1e15},
          .derivative_order = 0};
}

ElementwiseSamples shift_samples() {
  return {.dtypes = DTypeSet::kInteger,
          .ranges = {{-1e9, 1e9}, {0, 40}},
          .special = {0, 1, 2, 7, 31, 32, 33, 63, 64, -1, -8, -2147483648.0},
          .derivative_order = 0};
}

ElementwiseRules shift_rules() {
  ElementwiseRules rules;
  rules.operands = 2;
  rules.dtypes = DTypeSet::kInteger;
  rules.traits = {.zero_derivative = true};
  rules.fold = fold_shift;
  rules.samples = binary_samples(shift_samples());
  return rules;
}

/// On signed types: `shr` fills with the sign, so the bits that came in are masked away.
Scalar logical_scalar(ScalarBuilder& b, Args x) {
  const Scalar shifted = b.shr(x[0], x[1]);
  if (!is_signed(b.dtype(x[0]))) return shifted;
  // All ones moved up by width - count, in two steps because a shift by the width gives 0.
  const Scalar rest = b.sub(b.like(x[1], static_cast<double>(width(b.dtype(x[1])) - 1)), x[1]);
  const Scalar incoming = b.shl(b.shl(b.like(x[0], -1), rest), b.like(x[1], 1));
  return b.and_(shifted, b.not_(incoming));
}

/// A negative number keeps its ones where the complement gets zeros.
Scalar arithmetic_scalar(ScalarBuilder& b, Args x) {
  const DType dtype = b.dtype(x[0]);
  const Scalar zero = b.like(x[0], 0);
  Scalar negative = b.lt(x[0], zero);
  if (!is_signed(dtype))
    negative = b.ne(b.shr(x[0], b.like(x[1], static_cast<double>(width(dtype) - 1))), zero);
  const Scalar flipped = b.select(negative, b.not_(x[0]), x[0]);
  const Scalar shifted = b.shr(flipped, x[1]);
  return b.select(negative, b.not_(shifted), shifted);
}

constexpr DType kCastable[] = {DType::kI8,  DType::kU8,  DType::kI16, DType::kU16, DType::kF16, DType::kBF16,
                               DType::kI32, DType::kU32, DType::kF32, DType::kI64, DType::kU64, DType::kF64};

std::vector<OpSample> bitcast_samples() {
  std::vector<OpSample> samples;
  for (const DType from : kCastable) {
    for (const DType to : kCastable) {
      if (byte_size(from) != byte_size(to)) continue;
      samples.push_back({.operands = {{from, {from == to ? 1 : 21}}},
                         .attrs = {{"dtype", to}},
                         .low = -1e9,
                         .high = 1e9,
                         .special = {0.0, -0.0, 1, -1, 1065353216, -2147483648.0, kInf, -kInf},
                         .derivative_order = 0});
    }
  }
  samples.push_back(
      {.operands = {{DType::kF32, {2, 0}}}, .attrs = {{"dtype", DType::kU32}}, .derivative_order = 0});
  return samples;
}

}  // namespace

/// How many bits are one.
const OpDef op_population_count =
    elementwise("population_count", {.dtypes = DTypeSet::kInteger,
                                     .traits = {.zero_derivative = true},
                                     .scalar = [](ScalarBuilder& b, Args x) { return b.popcnt(x[0]); },
                                     .samples = unary_samples(bit_samples())});

/// How many bits above the highest one are zero; the width for 0.
const OpDef op_clz = elementwise("clz", {.dtypes = DTypeSet::kInteger,
                                         .traits = {.zero_derivative = true},
                                         .scalar = [](ScalarBuilder& b, Args x) { return b.clz(x[0]); },
                                         .samples = unary_samples(bit_samples())});

const OpDef op_shift_left = [] {
  ElementwiseRules rules = shift_rules();
  rules.scalar = [](ScalarBuilder& b, Args x) { return b.shl(x[0], x[1]); };
  return elementwise("shift_left", std::move(rules));
}();

/// Fills with the highest bit, of unsigned types too.
const OpDef op_shift_right_arithmetic = [] {
  ElementwiseRules rules = shift_rules();
  rules.scalar = arithmetic_scalar;
  return elementwise("shift_right_arithmetic", std::move(rules));
}();

/// Fills with zeros.
const OpDef op_shift_right_logical = [] {
  ElementwiseRules rules = shift_rules();
  rules.scalar = logical_scalar;
  return elementwise("shift_right_logical", std::move(rules));
}();

/// The same bits as another dtype of as many.
const OpDef op_bitcast_convert{
    .name = "bitcast_convert",
    .pattern = OpPattern::kElementwise,
    .traits = {.zero_derivative = true, .moves_bits = true},
    .attrs = {{"dtype", DType::kF32}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      const DType dtype = c.attr<DType>("dtype");
      check_dtype(c, 0, DTypeSet::kNumeric);
      if (!contains(DTypeSet::kNumeric, dtype) || byte_size(dtype) != byte_size(c.operand(0).dtype)) {
        c.fail(fmt::format("dtype must be a number type of {} bits, as operand's: {} to {}",
                           width(c.operand(0).dtype), to_string(c.operand(0)), to_string(dtype)));
      }
      return {{dtype, c.operand(0).shape}};
    },
    .fold = [](FoldContext& c) -> ValueId {
      if (c.type(c.operand(0)).dtype == c.result_type().dtype) return c.operand(0);
      const Node* producer = c.producer(0);
      if (!producer || producer->op != &op_bitcast_convert) return kNoValue;
      const ValueId source = producer->operands[0];
      if (c.type(source).dtype == c.result_type().dtype) return source;
      return c.emit(op_bitcast_convert, {source}, c.attrs());
    },
    .scalar = [](ScalarBuilder& b, Args x) { return b.exprs().bitcast(x[0], b.result_dtype()); },
    .samples = bitcast_samples,
};

}  // namespace adze
