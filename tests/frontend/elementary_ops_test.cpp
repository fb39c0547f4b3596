// The elementary functions of ops.h against those of <cmath>, their shapes and dtypes, and their gradients.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "adze/ops.h"
#include "adze/transforms.h"
#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;

struct Function {
  const char* name;
  Array (*of_array)(Operand);
  double (*of_double)(double);
  double low, high;
};

const Function kFunctions[] = {
    {"exp2", exp2, std::exp2, -5, 5},    {"cbrt", cbrt, std::cbrt, -9, 9},
    {"tan", tan, std::tan, -1.5, 1.5},   {"asin", asin, std::asin, -1, 1},
    {"acos", acos, std::acos, -1, 1},    {"atan", atan, std::atan, -9, 9},
    {"sinh", sinh, std::sinh, -5, 5},    {"cosh", cosh, std::cosh, -5, 5},
    {"asinh", asinh, std::asinh, -9, 9}, {"acosh", acosh, std::acosh, 1, 9},
    {"atanh", atanh, std::atanh, -1, 1}, {"erf", erf, std::erf, -3, 3},
    {"erfc", erfc, std::erfc, -3, 3},    {"lgamma", lgamma, std::lgamma, 0.1, 9},
    {"ceil", ceil, std::ceil, -9, 9},    {"round", [](Operand x) { return round(x); }, std::round, -9, 9},
};

TEST(ElementaryOps, AreThoseOfTheStandardLibrary) {
  for (const Function& f : kFunctions) {
    SCOPED_TRACE(f.name);
    const Array x = linspace(f.low, f.high, 23, DType::kF64);
    const Array y = f.of_array(x), y32 = f.of_array(astype(x, DType::kF32));
    EXPECT_EQ(to_string(y.type()), "f64[23]");
    EXPECT_EQ(to_string(y32.type()), "f32[23]");
    for (std::size_t i = 0; i < 23; ++i) {
      const double exact = f.of_double(x.data<double>()[i]);
      const double exact32 = f.of_double(static_cast<double>(static_cast<float>(x.data<double>()[i])));
      if (std::isinf(exact)) continue;  // atanh(1)
      EXPECT_NEAR(y.data<double>()[i], exact, 1e-15 * std::max(1.0, std::abs(exact)));
      EXPECT_NEAR(y32.data<float>()[i], exact32, 4e-7 * std::max(1.0, std::abs(exact32)));
    }
    EXPECT_EQ(f.of_array(1).dtype(), DType::kF32) << "an integer scalar is taken for a float";
  }
}

TEST(ElementaryOps, Binary) {
  const Array y({1.0, -1.0}, {2, 1}), x({2.0, -2.0, 0.0}, {3});
  const Array angle = atan2(y, x);
  EXPECT_EQ(to_string(angle.type()), "f64[2,3]");
  for (std::size_t i = 0; i < 6; ++i) {
    const double expected = std::atan2(y.data<double>()[i / 3], x.data<double>()[i % 3]);
    EXPECT_DOUBLE_EQ(angle.data<double>()[i], expected);
  }
  EXPECT_EQ(nextafter(Array(1.0f), 2).item<float>(), std::nextafter(1.0f, 2.0f));
  EXPECT_EQ(nextafter(Array(1.0), -2).item<double>(), std::nextafter(1.0, -2.0));
}

TEST(ElementaryOps, RoundingAndFormats) {
  const Array x({0.5f, 1.5f, 2.5f, -2.5f}, {4});
  expect_array(round(x), "f32[4]", {1, 2, 3, -3});
  expect_array(round(x, Rounding::kToNearestEven), "f32[4]", {0, 2, 2, -2});
  expect_array(reduce_precision(Array({1.0009765625f, 70000.f, 1e-9f}, {3}), 5, 10), "f32[3]",
               {1.0009765625, std::numeric_limits<double>::infinity(), 0});
  expect_array(integer_pow(Array({2, -3}, {2}), 3), "i32[2]", {8, -27});
  expect_array(integer_pow(Array({2.f, -4.f}, {2}), -2), "f32[2]", {0.25, 0.0625});
  expect_array(clamp(0, Array({-1.f, 0.5f, 2.f}, {3}), 1), "f32[3]", {0, 0.5, 1});
}

TEST(ElementaryOps, Bits) {
  const Array x({-8, 12}, {2});
  expect_array(x ^ 5, "i32[2]", {-8 ^ 5, 12 ^ 5});
  expect_array(Array({true, false}, {2}) ^ Array(true), "bool[2]", {0, 1});
  expect_array(shift_left(x, 1), "i32[2]", {-16, 24});
  expect_array(shift_right_arithmetic(x, 2), "i32[2]", {-2, 3});
  expect_array(shift_right_logical(x, 28), "i32[2]", {15, 0});
  expect_array(population_count(x), "i32[2]", {29, 2});
  expect_array(clz(x), "i32[2]", {0, 28});
  expect_array(bitcast_convert(Array(1.0f), DType::kU32), "u32[]", {0x3F800000});
  EXPECT_NE(error_of<TypeError>([&] {
              bitcast_convert(x, DType::kF64);
            }).find("bitcast_convert: dtype must be a number type of 32 bits, as operand's: i32[2] to f64"),
            std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] {
              integer_pow(x, -1);
            }).find("integer_pow: y must not be negative for integers"),
            std::string::npos);
}

TEST(ElementaryOps, Gradients) {
  const auto derivative = [](auto f, double x) { return grad(f)(Array(x)).template item<double>(); };
  EXPECT_NEAR(derivative([](Array x) { return erf_inv(erf(x)); }, 0.7), 1, 1e-14);
  EXPECT_NEAR(derivative([](Array x) { return atanh(tanh(x)); }, 0.7), 1, 1e-14);
  EXPECT_NEAR(derivative([](Array x) { return lgamma(x); }, 1.0), -0.57721566490153286, 1e-14);
  EXPECT_NEAR(derivative([](Array x) { return digamma(x); }, 1.0), 1.6449340668482264, 1e-14);
  EXPECT_NEAR(derivative([](Array x) { return polygamma(1, x); }, 1.0), -2.4041138063191886, 1e-14);
  EXPECT_NEAR(polygamma(0, Array(1.0)).item<double>(), -0.57721566490153286, 1e-14);
  // As in JAX: nothing goes to the operand where a bound holds, not even where they are equal.
  const auto clamped = [](Array x) { return clamp(Array(0.0), x, Array(1.0)); };
  EXPECT_EQ(derivative(clamped, 0.5), 1);
  EXPECT_EQ(derivative(clamped, 1.0), 0);
  EXPECT_EQ(derivative(clamped, 1.5), 0);
  EXPECT_EQ(derivative([](Array x) { return clamp(x, Array(0.0), Array(1.0)); }, 0.5), 1);
  EXPECT_EQ(derivative([](Array x) { return integer_pow(x, -2); }, 2.0), -0.25);
  EXPECT_EQ(derivative([](Array x) { return square(x); }, 3.0), 6);
}

}  // namespace
}  // namespace adze
