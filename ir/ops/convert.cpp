#include <fmt/format.h>

#include "ir/op_helpers.h"

namespace adze {

namespace {

constexpr DType kDTypes[] = {DType::kBool, DType::kI32, DType::kI64, DType::kU32, DType::kF32, DType::kF64};

/// Does every value of `from` have an exact counterpart in `to`?
bool is_widening(DType from, DType to) {
  if (from == DType::kBool) return true;
  if (from == DType::kF32) return to == DType::kF64;
  if (from == DType::kI32 || from == DType::kU32) return to == DType::kI64 || to == DType::kF64;
  return false;
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
  for (const DType from : kDTypes) {
    for (const DType to : kDTypes) {
      const bool smooth = from == DType::kF64 && to == DType::kF64;
      samples.push_back({.operands = {{from, {from == to ? 1 : 21}}},
                         .attrs = {{"dtype", to}},
                         .low = -300,
                         .high = 300,
                         .special = {0.0, -0.0, 0.5, -0.5, 1, -1, 2147483648.0, -2147483649.0, 4294967296.0,
                                     1e19, -1e19, 1e30, kInf, -kInf, kNan},
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
      check_dtype(c, 0, DTypeSet::kAny);
      if (!contains(DTypeSet::kAny, dtype)) {
        c.fail(fmt::format("dtype must be bool, an integer, f32 or f64: {}", to_string(dtype)));
      }
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
