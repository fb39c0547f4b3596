#include <limits>
#include <sstream>

#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;

TEST(Array, FromScalarsTakesTheirDtype) {
  EXPECT_EQ(Array(1.0f).dtype(), DType::kF32);
  EXPECT_EQ(Array(1.0).dtype(), DType::kF64);
  EXPECT_EQ(Array(1).dtype(), DType::kI32);
  EXPECT_EQ(Array(std::int64_t{1}).dtype(), DType::kI64);
  EXPECT_EQ(Array(1u).dtype(), DType::kU32);
  EXPECT_EQ(Array(true).dtype(), DType::kBool);
  EXPECT_EQ(Array(std::size_t{7}).dtype(), DType::kU64);
  EXPECT_EQ(Array(std::uint8_t{200}).dtype(), DType::kU8);
  EXPECT_EQ(Array(std::int16_t{-7}).item<std::int16_t>(), -7);
  EXPECT_EQ(Array(UINT64_MAX).item<std::uint64_t>(), UINT64_MAX);
  EXPECT_EQ(Array(Half(1.5)).dtype(), DType::kF16);
  EXPECT_EQ(Array(BFloat16(0.1f)).item<double>(), 0.10009765625);
  EXPECT_EQ(Array(2.5f).shape(), Dims{});
  EXPECT_EQ(Array(2.5f).item<float>(), 2.5f);
}

TEST(Array, FromDataAndShape) {
  const Array a({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}, {2, 3});
  EXPECT_EQ(to_string(a.type()), "f32[2,3]");
  EXPECT_EQ(a.size(), 6);
  EXPECT_EQ(a.rank(), 2);
  EXPECT_EQ(a.to_vector<float>(), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  const Array b(std::vector<std::int32_t>{7, 8}, {2});
  EXPECT_EQ(b.data<std::int32_t>()[1], 8);
  const Array c({true, false}, {2});
  EXPECT_EQ(c.dtype(), DType::kBool);
  EXPECT_EQ(Array(std::vector<float>{}, {0, 3}).size(), 0);
  EXPECT_EQ(error_of<RuntimeError>([] {
              Array(std::vector<float>{1, 2}, {3});
            }),
            "Array: shape [3] needs 3 elements, got 2");
}

TEST(Array, ReadingAsAnotherTypeIsAnError) {
  const Array a({1.f, 2.f}, {2});
  EXPECT_EQ(error_of<RuntimeError>([&] { a.data<double>(); }), "data: f32[2] read as f64");
  EXPECT_EQ(error_of<RuntimeError>([&] { a.item<float>(); }), "item: f32[2] has 2 elements, not one");
  EXPECT_EQ(Array(2.75f).item<int>(), 2);
  EXPECT_EQ(Array(3).item<double>(), 3.0);
  EXPECT_EQ(error_of<RuntimeError>([] { Array(std::numeric_limits<float>::infinity()).item<int>(); }),
            "item: inf is no integer");
}

TEST(Array, EmptyOnesSaySo) {
  Array a;
  EXPECT_TRUE(a.empty());
  const std::string reason =
      "this Array is empty: never assigned, moved from, or donated to a compiled function";
  EXPECT_EQ(error_of<RuntimeError>([&] { a.shape(); }), "type: " + reason);
  EXPECT_EQ(error_of<RuntimeError>([&] { a.data<float>(); }), "data: " + reason);
  Array b(1.0f);
  Array c = std::move(b);
  EXPECT_TRUE(b.empty());  // NOLINT: moved from on purpose
  const int line = __LINE__ + 1;
  const std::string error = error_of<RuntimeError>([&] { exp(b) + c; });
  EXPECT_EQ(error,
            "exp: operand is an empty Array: never assigned, moved from, or donated to a compiled function\n"
            "  at array_test.cpp:" +
                std::to_string(line));
  b = c;
  EXPECT_EQ(b.item<float>(), 1.0f);
}

TEST(Array, CopiesShareAndNeverChange) {
  Array a({1.f, 2.f}, {2});
  const Array b = a;
  a += 1;
  expect_array(a, "f32[2]", {2, 3});
  expect_array(b, "f32[2]", {1, 2});
}

TEST(Array, Prints) {
  std::ostringstream out;
  out << Array({1.f, 2.5f, -3.f, 4.f}, {2, 2}) << ' ' << Array(true) << ' ' << Array();
  EXPECT_EQ(out.str(), "f32[2,2] [[1, 2.5], [-3, 4]] bool[] true (empty)");
  EXPECT_EQ(to_string(arange(20)), "i32[20] [0, 1, 2, 3, 4, 5, 6, 7, ...]");
}

TEST(Array, Construction) {
  expect_array(zeros({2, 2}), "f32[2,2]", {0, 0, 0, 0});
  expect_array(ones({3}, DType::kI32), "i32[3]", {1, 1, 1});
  expect_array(full({2}, 2.5), "f32[2]", {2.5, 2.5});
  expect_array(full({2}, 7), "i32[2]", {7, 7});
  expect_array(full({2, 2}, Array({1.f, 2.f}, {2})), "f32[2,2]", {1, 2, 1, 2});
  expect_array(arange(4), "i32[4]", {0, 1, 2, 3});
  expect_array(arange(1, 8, 3), "i32[3]", {1, 4, 7});
  expect_array(arange(3, 0, -1), "i32[3]", {3, 2, 1});
  expect_array(arange(0.0, 1.0, 0.25), "f32[4]", {0, 0.25, 0.5, 0.75});
  expect_array(arange(0), "i32[0]", {});
  expect_array(linspace(0, 1, 5), "f32[5]", {0, 0.25, 0.5, 0.75, 1});
  expect_array(linspace(3, 4, 1), "f32[1]", {3});
  expect_array(eye(2), "f32[2,2]", {1, 0, 0, 1});
  expect_array(eye(2, 3, DType::kI32, 1), "i32[2,3]", {0, 1, 0, 0, 0, 1});
  expect_array(iota({2, 3}, 1), "i32[2,3]", {0, 1, 2, 0, 1, 2});
  expect_array(zeros_like(Array({1, 2}, {2})), "i32[2]", {0, 0});
  EXPECT_EQ(error_of<TypeError>([] { arange(0, 1, 0); }), "arange: no range from 0 to 1 in steps of 0");
}

TEST(Array, HugeAndNegativeShapesAreErrors) {
  EXPECT_NE(error_of<TypeError>([] { zeros({-1}); }), "no error");
  EXPECT_NE(error_of<TypeError>([] { zeros({1 << 30, 1 << 30}); }), "no error");
}

}  // namespace
}  // namespace adze
