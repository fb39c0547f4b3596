#include <fmt/format.h>

#include <array>
#include <utility>

#include "ir/op_helpers.h"

namespace adze {

namespace {

Scalar rotate_left(ScalarBuilder& b, Scalar x, int count) {
  return b.or_(b.shl(x, b.like(x, count)), b.shr(x, b.like(x, 32 - count)));
}

/// Both words of the cipher. Nodes that differ in `word` alone share every expression but the last one when
/// they are in one kernel, because expressions are hash-consed.
std::pair<Scalar, Scalar> cipher(ScalarBuilder& b, Args operands) {
  constexpr std::array<std::array<int, 4>, 2> kRotations{{{13, 15, 26, 6}, {17, 29, 16, 24}}};
  constexpr double kParity = 0x1BD11BDA;
  const Scalar k0 = operands[0];
  const Scalar k1 = operands[1];
  const std::array<Scalar, 3> schedule{k0, k1, b.xor_(b.xor_(k0, k1), b.like(k0, kParity))};
  Scalar x = b.add(operands[2], schedule[0]);
  Scalar y = b.add(operands[3], schedule[1]);
  for (std::size_t round = 0; round < 5; ++round) {
    for (const int rotation : kRotations[round % 2]) {
      x = b.add(x, y);
      y = b.xor_(rotate_left(b, y, rotation), x);
    }
    x = b.add(x, schedule[(round + 1) % 3]);
    y = b.add(b.add(y, schedule[(round + 2) % 3]), b.like(y, static_cast<double>(round + 1)));
  }
  return {x, y};
}

std::vector<OpSample> threefry_samples() {
  std::vector<OpSample> samples;
  for (const std::int64_t word : {0, 1}) {
    for (const Dims& shape : {Dims{}, Dims{1}, Dims{17}, Dims{3, 5}, Dims{2, 0}}) {
      samples.push_back({.operands = std::vector<TensorType>(4, {DType::kU32, shape}),
                         .attrs = {{"word", word}},
                         .low = 0,
                         .high = 4294967295.0,
                         .special = {0, 1, 2147483648.0, 4294967295.0},
                         .derivative_order = 0});
    }
  }
  return samples;
}

}  // namespace

/// Word 0 or 1 of the Threefry-2x32 block cipher with 20 rounds (Salmon et al., "Parallel random numbers: as
/// easy as 1, 2, 3", 2011): key (k0, k1), counter (x0, x1), all u32.
const OpDef op_threefry2x32{
    .name = "threefry2x32",
    .pattern = OpPattern::kElementwise,
    .traits = {.zero_derivative = true},
    .operand_names = {"k0", "k1", "x0", "x1"},
    .attrs = {{"word", std::int64_t{}}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      for (std::size_t i = 0; i < c.size(); ++i) {
        if (c.operand(i).dtype == DType::kU32) continue;
        c.fail(fmt::format("{} must be u32: {}", operand_name(c, i), to_string(c.operand(i))));
      }
      check_same_types(c);
      const std::int64_t word = c.attr<std::int64_t>("word");
      if (word != 0 && word != 1) c.fail(fmt::format("word must be 0 or 1: {}", word));
      return {c.operand(0)};
    },
    .scalar =
        [](ScalarBuilder& b, Args x) {
          const auto [first, second] = cipher(b, x);
          return b.attrs().get<std::int64_t>("word") == 0 ? first : second;
        },
    .samples = threefry_samples,
};

}  // namespace adze
