// The 16-bit floats: conversions on every one of their values, and between all neighbours of them.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/half.h"
#include "ir/number_text.h"
#include "ir/scalar_eval.h"

namespace adze {
namespace {

template <class T>
class HalfTest : public ::testing::Test {};
using Halves = ::testing::Types<Half, BFloat16>;
TYPED_TEST_SUITE(HalfTest, Halves);

TYPED_TEST(HalfTest, EveryValueComesBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = TypeParam::from_bits(static_cast<std::uint16_t>(bits));
    const float value = half;
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(static_cast<float>(TypeParam(value))));
      continue;
    }
    EXPECT_EQ(TypeParam(value).bits, bits);
    EXPECT_EQ(TypeParam(static_cast<double>(value)).bits, bits);
  }
  EXPECT_EQ(static_cast<float>(Half::from_bits(0x3555)), 0x1.554p-2F);
  EXPECT_EQ(static_cast<float>(Half::from_bits(0x8001)), -0x1p-24F);
  EXPECT_EQ(static_cast<float>(Half::from_bits(0x7bff)), 65504.0F);
  EXPECT_EQ(static_cast<float>(BFloat16::from_bits(0x0001)), 0x1p-133F);
  EXPECT_EQ(static_cast<float>(BFloat16::from_bits(0xff80)), -INFINITY);
}

/// Between two neighbours: the nearer one, the even one from the middle; just beside the middle no f32, but
/// an f64 can tell.
TYPED_TEST(HalfTest, RoundsToNearestEvenOnce) {
  for (std::uint32_t bits = 0; bits < 0x8000; ++bits) {
    const auto low = TypeParam::from_bits(static_cast<std::uint16_t>(bits));
    const auto high = TypeParam::from_bits(static_cast<std::uint16_t>(bits + 1));
    const double a = static_cast<float>(low);
    double b = static_cast<float>(high);
    if (!std::isfinite(a)) break;
    if (std::isinf(b))
      b = 2 * a - static_cast<float>(TypeParam::from_bits(static_cast<std::uint16_t>(bits - 1)));
    const double middle = (a + b) / 2;
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    for (const double sign : {1.0, -1.0}) {
      const std::uint32_t negative = sign < 0 ? 0x8000 : 0;
      EXPECT_EQ(TypeParam(sign * middle).bits, even | negative) << middle;
      EXPECT_EQ(TypeParam(sign * std::nextafter(middle, a)).bits, bits | negative) << middle;
      EXPECT_EQ(TypeParam(sign * std::nextafter(middle, b)).bits, (bits + 1) | negative) << middle;
      EXPECT_EQ(TypeParam(static_cast<float>(sign * middle)).bits, even | negative) << middle;
    }
  }
}

TYPED_TEST(HalfTest, TextReadsBackBitForBit) {
  constexpr DType kDType = dtype_of<TypeParam>();
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const std::string text = format_number(kDType, bits);
    const ParsedNumber parsed = parse_number(kDType, text);
    EXPECT_EQ(parsed.bits, bits) << text << ' ' << parsed.error;
    EXPECT_LE(text.size(), 18u);  // -1234567890000000
  }
  EXPECT_EQ(format_number(DType::kF16, Half(0.1).bits), "0.1");
  EXPECT_EQ(format_number(DType::kF16, 0x7bff), "65500");
  EXPECT_EQ(format_number(DType::kBF16, BFloat16(3.140625).bits), "3.14");
  EXPECT_EQ(format_number(DType::kBF16, 0x7f80), "inf");
  EXPECT_EQ(format_number(DType::kBF16, 0x7fc0), "nan");
  EXPECT_EQ(format_number(DType::kF16, 0xfe00), "0xfe00");
}

/// What Exprs::convert builds of instructions that know f32 alone, against the direct conversion.
TYPED_TEST(HalfTest, ConversionsOfTheLoopIrRoundOnceToo) {
  constexpr DType kHalf = dtype_of<TypeParam>();
  std::mt19937_64 random(11);
  for (const DType from : all_dtypes()) {
    loop::Exprs exprs;
    const loop::ExprId x = exprs.var(exprs.new_var("x", 0, from), from);
    loop::ScalarCode code(exprs, exprs.convert(x, kHalf));
    const auto check = [&](std::uint64_t bits) {
      code.run({&bits, 1}, 1);
      const auto direct = static_cast<std::uint16_t>(loop::convert_bits(bits, from, kHalf));
      const auto built = static_cast<std::uint16_t>(code.result()[0]);
      const auto nan = [](std::uint16_t half) {
        return std::isnan(static_cast<float>(TypeParam::from_bits(half)));
      };
      EXPECT_TRUE(built == direct || (nan(built) && nan(direct)))
          << to_string(from) << ' ' << format_number(from, bits) << ": " << built << " is not " << direct;
    };
    const std::size_t width = 8 * byte_size(from);
    for (int i = 0; i < 2000; ++i) {
      check(from == DType::kBool ? random() & 1
                                 : random() >> (64 - width) >> (i % 3 == 0 ? random() % width : 0));
    }
    // Ties, and what lies beside them by less than an f32 tells apart.
    for (std::uint32_t half = 0; half < 0x8000 && from != DType::kBool; half += 7) {
      const double low = static_cast<float>(TypeParam::from_bits(static_cast<std::uint16_t>(half)));
      const double high = static_cast<float>(TypeParam::from_bits(static_cast<std::uint16_t>(half + 1)));
      const double middle = (low + high) / 2;
      for (const double value : {middle, std::nextafter(middle, low), std::nextafter(middle, high)}) {
        const std::uint64_t bits = loop::convert_bits(loop::to_bits(value), DType::kF64, from);
        check(bits);
        if (is_integer(from) && bits > 1) check(bits - 1);
        if (is_integer(from) && bits >> (width - 2) == 0) check(bits + 1);
      }
    }
  }
}

TEST(HalfValues, NanInfinityOverflow) {
  EXPECT_EQ(Half(65519.99).bits, 0x7bff);
  EXPECT_EQ(Half(65520.0).bits, 0x7c00);
  EXPECT_EQ(Half(1e300).bits, 0x7c00);
  EXPECT_EQ(Half(-HUGE_VAL).bits, 0xfc00);
  EXPECT_EQ(Half(0x1p-25).bits, 0);
  EXPECT_EQ(Half(0x1.000001p-25).bits, 1);
  EXPECT_EQ(Half(-0.0).bits, 0x8000);
  EXPECT_EQ(Half(std::bit_cast<float>(0x7f800001)).bits & 0x7e00, 0x7e00);
  EXPECT_EQ(BFloat16(std::bit_cast<float>(0x7f800001)).bits & 0x7fc0, 0x7fc0);
  EXPECT_EQ(BFloat16(3.4e38F).bits, 0x7f80);
  // Rounded once: by way of f32 these would be ties.
  EXPECT_EQ(BFloat16((std::int64_t{1} << 32) + (std::int64_t{1} << 24) + 1).bits, 0x4f81);
  EXPECT_EQ(BFloat16((std::uint64_t{1} << 63) + (std::uint64_t{1} << 55) + 1).bits, 0x5f01);
  EXPECT_EQ(Half(true).bits, 0x3c00);
}

}  // namespace
}  // namespace adze
