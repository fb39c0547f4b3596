#include "ir/op_helpers.h"

namespace adze {

namespace {

/// Binary digits of the integers that a float holds exactly; of an integer, without its sign.
int digits(DType dtype) {
  switch (dtype) {
    case DType::kBF16:
      return 8;
    case DType::kF16:
      return 11;
    case DType::kF32:
      return 24;
    case DType::kF64:
      return 53;
    default:
      return static_cast<int>(8 * byte_size(dtype)) - (is_signed(dtype) ? 1 : 0);
  }
}

/// Does every value of `from` have an exact counterpart in `to`?
bool is_widening(DType from, DType to) {
  if (from == DType::kBool) return true;
  if (is_float(from)) return is_float(to) && byte_size(to) > byte_size(from);
  return is_integer(from) && to != DType::kBool && (is_signed(to) || !is_signed(from)) &&
         (is_float(to) ? digits(to) >= digits(from) : byte_size(to) > byte_size(from));
}

ValueId fold_convert(FoldContext& c) {
  const ValueId x = c.operand(0);
  const DType from = c.type(x).dtype;
  const DType to = c.result_type().dtype;
  if (from == to) return x;
  const Node* producer = c.producer(0);
  if (producer && producer->op == &op_convert) {
    const ValueId source = producer->operands[0];
    const DType first = c.type(source).dtype;
    // Through a wider type and back, or on to an even wider one; 0 and 1 pass through all.
    const bool exact =
        is_widening(first, from) && (first == to || first == DType::kBool || is_widening(from, to));
    if (exact) return emit_convert(c.builder(), source, to);
  }
  return kNoValue;
}

std::vector<OpSample> convert_samples() {
  std::vector<OpSample> samples;
  // All pairs of the wide dtypes; a narrow one with every other of another kind, by turns.
  const auto is_narrow = [](DType dtype) { return dtype != DType::kBool && byte_size(dtype) < 4; };
  for (const DType from : all_dtypes()) {
    for (const DType to : all_dtypes()) {
      const bool by_turns = (static_cast<int>(from) + static_cast<int>(to)) % 3 == 0;
      if ((is_narrow(from) || is_narrow(to)) && !by_turns && !is_half(from) && !is_half(to)) continue;
      const bool smooth = from == DType::kF64 && to == DType::kF64;
      samples.push_back({.operands = {{from, {from == to ? 1 : 21}}},
                         .attrs = {{"dtype", to}},
                         .low = -300,
                         .high = 300,
                         .special = {0.0, -0.0, 0.5, -0.5, 1, -1, 127.5, -129, 65519.99, 2147483648.0,
                                     -2147483649.0, 4294967296.0, 1e19, -1e19, 1e30, kInf, -kInf, kNan},
                         .derivative_order = smooth ? 2 : 0});
    }
  }
  samples.push_back(
      {.operands = {{DType::kF64, {}}}, .attrs = {{"dtype", DType::kF32}}, .derivative_order = 0});
  samples.push_back(
      {.operands = {{DType::kF32, {2, 0}}}, .attrs = {{"dtype", DType::kI32}}, .derivative_order = 0});
  return samples;
}

}  // namespace

/// Each element as `dtype`. Float to integer truncates and saturates, NaN becomes 0; to bool: x != 0; between
/// integers the low bits are kept.
const OpDef op_convert{
    .name = "convert",
    .pattern = OpPattern::kElementwise,
    .attrs = {{"dtype", DType::kF32}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      const DType dtype = c.attr<DType>("dtype");
      return {{dtype, c.operand(0).shape}};
    },
    .fold = fold_convert,
    .jvp = [](JvpContext& c) -> ValueList {
      if (!is_float(c.result_type().dtype)) return kNoValue;
      return emit_convert(c.builder(), c.tangent(0), c.result_type().dtype);
    },
    .transpose = [](TransposeContext& c) -> ValueList {
      return emit_convert(c.builder(), c.cotangent(), c.operand_type(0).dtype);
    },
    .scalar = [](ScalarBuilder& b, Args x) { return b.convert(x[0], b.result_dtype()); },
    .samples = convert_samples,
};

}  // namespace adze
