#include <fmt/format.h>

#include <string>

#include "ir/op_helpers.h"

namespace adze {

namespace {

constexpr const char* kAwayFromZero = "away_from_zero";
constexpr const char* kToNearestEven = "to_nearest_even";

struct Format {
  DType bits;  ///< the signed integer of its size
  int exponent_bits, mantissa_bits;
};
Format format_of(DType dtype) {
  switch (dtype) {
    case DType::kBF16:
      return {DType::kI16, 8, 7};
    case DType::kF16:
      return {DType::kI16, 5, 10};
    case DType::kF32:
      return {DType::kI32, 8, 23};
    default:
      return {DType::kI64, 11, 52};
  }
}

/// What is an integer already.
ValueId fold_integral(FoldContext& c) {
  const Node* producer = c.producer(0);
  const bool integral =
      producer && (producer->op == &op_floor || producer->op == &op_ceil || producer->op == &op_round);
  return integral ? c.operand(0) : kNoValue;
}

ElementwiseSamples rounding_samples() {
  return {.low = -100,
          .high = 100,
          .special = {0.0, -0.0, 0.5, -0.5, 0.3, -0.3, 1, -1, 1.5, 2.5, -2.5, 0.49999997, 8388607.5,
                      -8388607.5, 4503599627370495.5, 1e30, kInf, -kInf, kNan}};
}

Scalar round_scalar(ScalarBuilder& b, Args x) {
  if (b.attrs().get<std::string>("method") == kToNearestEven) return b.round_even(x[0]);
  const Scalar whole = b.trunc(x[0]);
  const Scalar rest = b.abs(b.sub(x[0], whole));  // exact; NaN for infinities
  const Scalar away = b.add(whole, b.copysign(b.like(whole, 1), x[0]));
  return b.select(b.ge(rest, b.like(rest, 0.5)), away, whole);
}

std::vector<OpSample> round_samples() {
  std::vector<OpSample> samples;
  for (const char* method : {kAwayFromZero, kToNearestEven}) {
    ElementwiseSamples options = rounding_samples();
    options.attrs = {{"method", std::string(method)}};
    for (OpSample& sample : unary_samples(std::move(options))()) samples.push_back(std::move(sample));
  }
  return samples;
}

/// One step on the number line of the bits, which are ordered as the numbers are, apart from the sign.
Scalar nextafter_scalar(ScalarBuilder& b, Args operands) {
  const DType dtype = b.dtype(operands[0]);
  const Format format = format_of(dtype);
  const auto bits_of = [&](Scalar number) { return b.exprs().bitcast(number, format.bits); };
  const auto number = [&](Scalar bits) { return b.exprs().bitcast(bits, dtype); };
  const Scalar x = b.convert(operands[0], compute_dtype(dtype));
  const Scalar y = b.convert(operands[1], compute_dtype(dtype));
  const Scalar zero = b.like(x, 0);
  const Scalar bits = bits_of(operands[0]);
  const Scalar one = b.like(bits, 1);
  const Scalar outwards = b.eq(b.gt(y, x), b.gt(x, zero));
  const Scalar moved = number(b.add(bits, b.select(outwards, one, b.like(bits, -1))));
  const std::uint64_t sign = std::uint64_t{1} << (format.exponent_bits + format.mantissa_bits);
  const Scalar least = number(b.or_(b.and_(bits_of(operands[1]), b.exprs().bits(format.bits, sign)), one));
  const Scalar next = b.select(b.eq(x, zero), least, moved);
  const Scalar is_nan = b.or_(b.ne(x, x), b.ne(y, y));
  return b.select(is_nan, b.like(operands[0], kNan), b.select(b.eq(x, y), operands[1], next));
}

bool keeps_all(DType dtype, const Attrs& attrs) {
  const Format format = format_of(compute_dtype(dtype));
  return attrs.get<std::int64_t>("exponent_bits") >= format.exponent_bits &&
         attrs.get<std::int64_t>("mantissa_bits") >= format.mantissa_bits;
}

/// Rounds the mantissa to nearest even in the integer that the bits are; a carry runs into the exponent, as
/// it should.
Scalar reduce_precision_scalar(ScalarBuilder& b, Args operands) {
  const Scalar x = operands[0];
  const Format format = format_of(b.dtype(x));
  const auto mantissa_bits = b.attrs().get<std::int64_t>("mantissa_bits");
  const auto exponent_bits = b.attrs().get<std::int64_t>("exponent_bits");
  const auto integer = [&](std::uint64_t value) { return b.exprs().bits(format.bits, value); };
  Scalar bits = b.exprs().bitcast(b.abs(x), format.bits);
  if (mantissa_bits < format.mantissa_bits) {
    const auto dropped = static_cast<std::uint64_t>(format.mantissa_bits - mantissa_bits);
    const std::uint64_t last = std::uint64_t{1} << dropped;
    const Scalar odd = b.and_(b.shr(bits, integer(dropped)), integer(1));
    const Scalar rounded = b.add(bits, b.add(odd, integer(last / 2 - 1)));
    bits = b.and_(rounded, b.not_(integer(last - 1)));
  }
  Scalar value = b.exprs().bitcast(bits, b.dtype(x));
  if (exponent_bits < format.exponent_bits) {
    const std::int64_t bias = (std::int64_t{1} << (format.exponent_bits - 1)) - 1;
    const std::int64_t largest =
        (std::int64_t{1} << (exponent_bits - 1)) - 1;  // the exponents are -largest + 1 ...
    const auto power_of_two = [&](std::int64_t exponent) {
      return integer(static_cast<std::uint64_t>(bias + exponent) << format.mantissa_bits);
    };
    value = b.select(b.ge(bits, power_of_two(largest + 1)), b.like(x, kInf), value);
    value = b.select(b.lt(bits, power_of_two(1 - largest)), b.like(x, 0), value);
  }
  return b.select(b.ne(x, x), x, b.copysign(value, x));
}

std::vector<OpSample> reduce_precision_samples() {
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, Dims shape, std::int64_t exponent_bits, std::int64_t mantissa_bits,
                       int order) {
    samples.push_back({.operands = {{dtype, std::move(shape)}},
                       .attrs = {{"exponent_bits", exponent_bits}, {"mantissa_bits", mantissa_bits}},
                       .special = {0.0, -0.0, 1e-7, 6e-8, 6.1e-5, 6.2e-5, 65504, 65519, 65520, -65520, 2049,
                                   2051, 3.3e38, 1e-40, 1e300, kInf, -kInf, kNan},
                       .derivative_order = order});
  };
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    add(dtype, {37}, 5, 10, 0);
    add(dtype, {3, 5}, 8, 7, 0);
    add(dtype, {17}, 8, 0, 0);
    add(dtype, {}, 2, 3, 0);
    add(dtype, {19}, 11, 52, 0);
    add(dtype, {2, 0}, 5, 2, 0);
  }
  // Where all bits are kept the rule, which takes the op for the identity, is the derivative.
  add(DType::kF64, {2, 3}, 11, 52, 2);
  return samples;
}

}  // namespace

const OpDef op_ceil =
    elementwise("ceil", {.traits = {.zero_derivative = true},
                         .fold = fold_integral,
                         .scalar = [](ScalarBuilder& b, Args x) { return b.neg(b.floor(b.neg(x[0]))); },
                         .samples = unary_samples(rounding_samples())});

/// To the nearest integer; method says where halves go: "away_from_zero" or "to_nearest_even".
const OpDef op_round =
    elementwise("round", {.traits = {.zero_derivative = true},
                          .attrs = {{"method", std::string(), std::string(kAwayFromZero)}},
                          .check =
                              [](InferContext& c) {
                                const std::string& method = c.attr<std::string>("method");
                                if (method == kAwayFromZero || method == kToNearestEven) return;
                                c.fail(fmt::format("method must be \"{}\" or \"{}\": \"{}\"", kAwayFromZero,
                                                   kToNearestEven, method));
                              },
                          .fold = fold_integral,
                          .scalar = round_scalar,
                          .samples = round_samples});

/// The number after lhs on the way to rhs; rhs where they are equal. Its derivative is that of lhs.
const OpDef op_nextafter = elementwise(
    "nextafter",
    {.operands = 2,
     .traits = {.moves_bits = true},
     .fold = [](FoldContext& c) { return c.operand(0) == c.operand(1) ? c.operand(0) : kNoValue; },
     .jvp = [](JvpContext& c) -> ValueList { return c.tangent(0); },
     .scalar = nextafter_scalar,
     .samples = binary_samples({.ranges = {{-2, -1}, {1, 2}},
                                .special = {0.0, -0.0, 1, -1, 1e-40, -1e-45, 3.4028234663852886e38,
                                            1.1754943508222875e-38, kInf, -kInf, kNan}})});

/// Rounded as if to a float of so many exponent and mantissa bits: halves to even, what is too large to
/// infinity, what is too small for its normal numbers to zero. The derivative is rounded likewise, as in JAX.
const OpDef op_reduce_precision = elementwise(
    "reduce_precision",
    {.traits = {.linear = true},
     .attrs = {{"exponent_bits", std::int64_t{}}, {"mantissa_bits", std::int64_t{}}},
     .check =
         [](InferContext& c) {
           const std::int64_t exponent_bits = c.attr<std::int64_t>("exponent_bits");
           if (exponent_bits < 1 || exponent_bits > 11) {
             c.fail(fmt::format("exponent_bits must be from 1 to 11: {}", exponent_bits));
           }
           const std::int64_t mantissa_bits = c.attr<std::int64_t>("mantissa_bits");
           if (mantissa_bits < 0 || mantissa_bits > 52) {
             c.fail(fmt::format("mantissa_bits must be from 0 to 52: {}", mantissa_bits));
           }
         },
     .fold =
         [](FoldContext& c) { return keeps_all(c.result_type().dtype, c.attrs()) ? c.operand(0) : kNoValue; },
     .transpose = [](TransposeContext& c) -> ValueList {
       return c.emit(op_reduce_precision, {c.cotangent()}, c.attrs());
     },
     .scalar = reduce_precision_scalar,
     .samples = reduce_precision_samples});

}  // namespace adze
