#include <cmath>

#include "ir/op_helpers.h"

namespace adze {

// Bitwise on integers, logical on bool.

namespace {

bool all_ones(const FoldContext& c, std::size_t i) {
  const DType dtype = c.result_type().dtype;
  if (is_signed(dtype)) return c.is_splat(i, -1);
  if (dtype == DType::kBool) return c.is_splat(i, 1);
  // As a double the largest u64 cannot be told from those just below.
  return dtype != DType::kU64 && c.is_splat(i, std::ldexp(1.0, static_cast<int>(8 * byte_size(dtype))) - 1);
}

/// For and, or: the value that changes nothing and the one that decides.
ValueId fold_bits(FoldContext& c, bool ones_decide) {
  if (c.operand(0) == c.operand(1)) return c.operand(0);
  for (std::size_t i = 0; i < 2; ++i) {
    if (all_ones(c, i)) return ones_decide ? c.operand(i) : c.operand(1 - i);
    if (c.is_splat(i, 0)) return ones_decide ? c.operand(1 - i) : c.operand(i);
  }
  return kNoValue;
}

ElementwiseSamples bit_samples() {
  return {.dtypes = DTypeSet::kBits, .low = -100, .high = 100, .special = {0, 1, -1}, .derivative_order = 0};
}

}  // namespace

const OpDef op_not_ =
    elementwise("not", {.dtypes = DTypeSet::kBits,
                        .traits = {.zero_derivative = true},
                        .fold =
                            [](FoldContext& c) {
                              const Node* producer = c.producer(0);
                              return producer && producer->op == &op_not_ ? producer->operands[0] : kNoValue;
                            },
                        .scalar = [](ScalarBuilder& b, Args x) { return b.not_(x[0]); },
                        .samples = unary_samples(bit_samples())});

const OpDef op_and_ =
    elementwise("and", {.operands = 2,
                        .dtypes = DTypeSet::kBits,
                        .traits = {.commutative = true, .zero_derivative = true},
                        .fold = [](FoldContext& c) { return fold_bits(c, false); },
                        .scalar = [](ScalarBuilder& b, Args x) { return b.and_(x[0], x[1]); },
                        .samples = binary_samples(bit_samples())});

const OpDef op_or_ = elementwise("or", {.operands = 2,
                                        .dtypes = DTypeSet::kBits,
                                        .traits = {.commutative = true, .zero_derivative = true},
                                        .fold = [](FoldContext& c) { return fold_bits(c, true); },
                                        .scalar = [](ScalarBuilder& b, Args x) { return b.or_(x[0], x[1]); },
                                        .samples = binary_samples(bit_samples())});

const OpDef op_xor_ =
    elementwise("xor", {.operands = 2,
                        .dtypes = DTypeSet::kBits,
                        .traits = {.commutative = true, .zero_derivative = true},
                        .fold =
                            [](FoldContext& c) {
                              if (c.operand(0) == c.operand(1)) return c.zero();
                              for (std::size_t i = 0; i < 2; ++i) {
                                if (c.is_splat(i, 0)) return c.operand(1 - i);
                                if (all_ones(c, i)) return c.emit(op_not_, {c.operand(1 - i)});
                              }
                              return kNoValue;
                            },
                        .scalar = [](ScalarBuilder& b, Args x) { return b.xor_(x[0], x[1]); },
                        .samples = binary_samples(bit_samples())});

}  // namespace adze
