#include <array>
#include <limits>
#include <sstream>
#include <string_view>

#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Broadcasting, Table) {
  struct Row {
    Dims a, b;
    std::string result;  // "" where they do not broadcast
  };
  const std::vector<Row> table = {
      {{}, {}, "f32[]"},
      {{3}, {}, "f32[3]"},
      {{}, {2, 3}, "f32[2,3]"},
      {{3}, {3}, "f32[3]"},
      {{1}, {3}, "f32[3]"},
      {{2, 3}, {3}, "f32[2,3]"},
      {{2, 1}, {3}, "f32[2,3]"},
      {{2, 1}, {1, 3}, "f32[2,3]"},
      {{4, 1, 3}, {2, 1}, "f32[4,2,3]"},
      {{0, 3}, {1, 3}, "f32[0,3]"},
      {{1}, {0}, "f32[0]"},
      {{3}, {4}, ""},
      {{2, 3}, {2}, ""},
      {{2, 3}, {3, 3}, ""},
      {{0}, {2}, ""},
  };
  for (const Row& row : table) {
    const Array a = ones(row.a), b = ones(row.b);
    if (!row.result.empty()) {
      EXPECT_EQ(to_string((a + b).type()), row.result);
      EXPECT_EQ(to_string((b + a).type()), row.result);
    } else {
      const std::string expected =
          "add: shapes " + to_string(a.type()) + " and " + to_string(b.type()) + " do not broadcast\n";
      EXPECT_EQ(error_of<TypeError>([&] { a + b; }).substr(0, expected.size()), expected);
    }
  }
}

TEST(Broadcasting, Values) {
  const Array column({1.f, 2.f}, {2, 1}), row({10.f, 20.f, 30.f}, {3});
  expect_array(column + row, "f32[2,3]", {11, 21, 31, 12, 22, 32});
  expect_array(row - column, "f32[2,3]", {9, 19, 29, 8, 18, 28});
  expect_array(where(row > 15, column, 0), "f32[2,3]", {0, 1, 1, 0, 2, 2});
}

TEST(Dtypes, ScalarsAdoptAndArraysPromote) {
  const Array f32(1.5f), f64(1.5), i32(3), i64(std::int64_t{3}), u32(3u), boolean(true);
  EXPECT_EQ((f32 * 2.0).dtype(), DType::kF32);
  EXPECT_EQ((f32 * 2).dtype(), DType::kF32);
  EXPECT_EQ((f64 * 2.0f).dtype(), DType::kF64);
  EXPECT_EQ((i32 * 2).dtype(), DType::kI32);
  EXPECT_EQ((i64 * 2).dtype(), DType::kI64);
  EXPECT_EQ((u32 * 2).dtype(), DType::kU32);
  EXPECT_EQ((i32 * 2.5).dtype(), DType::kF32);
  EXPECT_EQ((i64 * 2.5).dtype(), DType::kF32);
  EXPECT_EQ((boolean * 2).dtype(), DType::kI32);
  EXPECT_EQ((f32 + f64).dtype(), DType::kF64);
  EXPECT_EQ((f32 + i32).dtype(), DType::kF32);
  EXPECT_EQ((i32 + i64).dtype(), DType::kI64);
  EXPECT_EQ((i32 + u32).dtype(), DType::kI64);
  EXPECT_EQ((i64 + f32).dtype(), DType::kF32);
  EXPECT_EQ((boolean + i32).dtype(), DType::kI32);
  EXPECT_EQ(where(boolean, f32, 0).dtype(), DType::kF32);
  EXPECT_EQ((i32 * 2.5).item<double>(), 7.5);
  EXPECT_EQ((i64 + (std::int64_t{1} << 60)).item<std::int64_t>(), (std::int64_t{1} << 60) + 3);
  EXPECT_EQ((i32 / 2).item<int>(), 1);
}

/// numpy.promote_types of JAX (with 64-bit types), row by row; u64 with a signed integer gives f64.
TEST(Dtypes, PromotionIsJaxs) {
  constexpr std::array kOrder = {DType::kBool, DType::kU8,  DType::kU16, DType::kU32, DType::kU64,
                                 DType::kI8,   DType::kI16, DType::kI32, DType::kI64, DType::kBF16,
                                 DType::kF16,  DType::kF32, DType::kF64};
  constexpr std::array<std::string_view, 13> kRows = {
      "bool u8 u16 u32 u64 i8 i16 i32 i64 bf16 f16 f32 f64",
      "u8 u8 u16 u32 u64 i16 i16 i32 i64 bf16 f16 f32 f64",
      "u16 u16 u16 u32 u64 i32 i32 i32 i64 bf16 f16 f32 f64",
      "u32 u32 u32 u32 u64 i64 i64 i64 i64 bf16 f16 f32 f64",
      "u64 u64 u64 u64 u64 f64 f64 f64 f64 bf16 f16 f32 f64",
      "i8 i16 i32 i64 f64 i8 i16 i32 i64 bf16 f16 f32 f64",
      "i16 i16 i32 i64 f64 i16 i16 i32 i64 bf16 f16 f32 f64",
      "i32 i32 i32 i64 f64 i32 i32 i32 i64 bf16 f16 f32 f64",
      "i64 i64 i64 i64 f64 i64 i64 i64 i64 bf16 f16 f32 f64",
      "bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 f32 f32 f64",
      "f16 f16 f16 f16 f16 f16 f16 f16 f16 f32 f16 f32 f64",
      "f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f64",
      "f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64"};
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    std::istringstream row{std::string(kRows[i])};
    for (const DType other : kOrder) {
      std::string expected;
      row >> expected;
      EXPECT_EQ(to_string((zeros({}, kOrder[i]) == zeros({}, other)).dtype()), "bool");
      EXPECT_EQ(to_string(where(true, zeros({}, kOrder[i]), zeros({}, other)).dtype()), expected)
          << to_string(kOrder[i]) << " and " << to_string(other);
    }
  }
}

TEST(Dtypes, ScalarsAreWeakAmongNarrowOnes) {
  const Array u8(std::uint8_t{200}), i8(std::int8_t{100}), u64(UINT64_MAX), bf16(BFloat16(1.5)), f16(Half(3));
  EXPECT_EQ((u8 + 100).item<int>(), 44);  // wraps
  EXPECT_EQ((i8 + 28).item<int>(), -128);
  EXPECT_EQ((i8 * 0.5).dtype(), DType::kF32);
  EXPECT_EQ((u64 - 1).item<std::uint64_t>(), UINT64_MAX - 1);
  EXPECT_EQ((u64 / UINT64_MAX).item<int>(), 1);
  EXPECT_EQ((bf16 * 0.1).dtype(), DType::kBF16);
  EXPECT_EQ((bf16 * 2).item<BFloat16>(), 3.0F);
  EXPECT_EQ((f16 / 7).item<Half>(), static_cast<float>(Half(3.0F / 7)));
  EXPECT_EQ(to_string(f16 / 7), "f16[] 0.4285");
  EXPECT_EQ(to_string(Array({std::int8_t{65}, std::int8_t{-1}}, {2})), "i8[2] [65, -1]");
  EXPECT_EQ(testing::error_of<TypeError>([&] { u8 + 256; }).substr(0, 34),
            "the scalar 256 does not fit u8, th");
  EXPECT_EQ(testing::error_of<TypeError>([&] { u64 + -1; }).substr(0, 34),
            "the scalar -1 does not fit u64, th");
  EXPECT_EQ(testing::error_of<TypeError>([&] { Array(1) + UINT64_MAX; }).substr(0, 31),
            "the scalar 18446744073709551615");
  EXPECT_EQ((Array(1.5f) * UINT64_MAX).item<float>(), 1.5F * 0x1p64F);
  EXPECT_EQ(Array({Half(1), Half(2)}, {2}).to_vector<Half>()[1].bits, Half(2).bits);
}

TEST(Dtypes, ProductsInAPreferredDtype) {
  const Array x = full({2, 300}, 1.0, DType::kBF16), y = full({300, 2}, 1.0, DType::kBF16);
  expect_array(dot_general(x, y, {{1}, {0}}), "bf16[2,2]", {300, 300, 300, 300});
  expect_array(dot_general(x * 1.0625, y, {{1}, {0}, {}, {}, DType::kF32}), "f32[2,2]",
               {318.75, 318.75, 318.75, 318.75});
  const Array bytes = full({200}, 127, DType::kI8);
  EXPECT_EQ(dot_general(bytes, bytes, {{0}, {0}, {}, {}, DType::kI32}).item<int>(), 127 * 127 * 200);
  EXPECT_EQ(sum(full({1000}, 1.0, DType::kBF16)).item<float>(),
            1000.0F);  // added up in bf16 it would stay 256
  EXPECT_EQ(to_string(mean(full({70000}, 2.0, DType::kF16))), "f16[] 2");  // though the sum is no f16
  EXPECT_EQ(to_string(sum(full({300}, 127, DType::kI8))), "i32[] 38100");
  EXPECT_EQ(to_string(sum(full({300}, 255, DType::kU8))), "u32[] 76500");
}

TEST(Ops, Elementwise) {
  const Array x({-1.5f, 0.f, 2.f}, {3});
  expect_array(-x, "f32[3]", {1.5, 0, -2});
  expect_array(abs(x), "f32[3]", {1.5, 0, 2});
  expect_array(sign(x), "f32[3]", {-1, 0, 1});
  expect_array(floor(x), "f32[3]", {-2, 0, 2});
  expect_array(ceil(x), "f32[3]", {-1, 0, 2});
  expect_array(square(x), "f32[3]", {2.25, 0, 4});
  expect_array(clip(x, -1, 1), "f32[3]", {-1, 0, 1});
  expect_array(pow(x, 3), "f32[3]", {-3.375, 0, 8});
  expect_array(pow(x, 2.0), "f32[3]", {2.25, 0, 4});
  expect_array(pow(2, Array({0.f, 3.f}, {2})), "f32[2]", {1, 8}, 1e-6);
  expect_array(maximum(x, 1), "f32[3]", {1, 1, 2});
  expect_array(minimum(x, 1), "f32[3]", {-1.5, 0, 1});
  expect_array(x % 2, "f32[3]", {-1.5, 0, 0});
  expect_array(reciprocal(Array({2.f, 4.f}, {2})), "f32[2]", {0.5, 0.25});
  expect_array(isnan(Array({1.f, std::nanf("")}, {2})), "bool[2]", {0, 1});
  expect_array(isfinite(Array({1.f, INFINITY}, {2})), "bool[2]", {1, 0});
  expect_array(x < 0, "bool[3]", {1, 0, 0});
  expect_array(x <= 0, "bool[3]", {1, 1, 0});
  expect_array(x > 0, "bool[3]", {0, 0, 1});
  expect_array(x >= 0, "bool[3]", {0, 1, 1});
  expect_array(x == 0, "bool[3]", {0, 1, 0});
  expect_array(x != 0, "bool[3]", {1, 0, 1});
  expect_array((!(x > 0)) & (x < 0), "bool[3]", {1, 0, 0});
  expect_array(Array(12) | 3, "i32[]", {15});
  expect_array(~Array(0), "i32[]", {-1});
  expect_array(astype(x, DType::kI32), "i32[3]", {-1, 0, 2});
  expect_array(exp(Array({0.f, 1.f}, {2})), "f32[2]", {1, 2.718281828}, 1e-6);
  expect_array(sqrt(Array({4.0, 2.0}, {2})), "f64[2]", {2, 1.4142135623730951}, 1e-15);
  expect_array(sin(2), "f32[]", {0.9092974268}, 1e-6);
}

TEST(Ops, Activations) {
  const Array x({-2.f, 0.f, 3.f, static_cast<float>(kNan)}, {4});
  expect_array(relu(x), "f32[4]", {0, 0, 3, kNan});
  expect_array(leaky_relu(x, 0.1), "f32[4]", {-0.2, 0, 3, kNan}, 1e-6);
  const Array y({-100.f, -1.f, 0.f, 1.f, 100.f}, {5});
  expect_array(sigmoid(y), "f32[5]", {0, 0.26894142, 0.5, 0.73105858, 1}, 1e-6);
  expect_array(softplus(y), "f32[5]", {0, 0.31326169, 0.69314718, 1.31326169, 100}, 1e-6);
  expect_array(elu(y), "f32[5]", {-1, -0.63212056, 0, 1, 100}, 1e-6);
  expect_array(silu(y), "f32[5]", {0, -0.26894142, 0, 0.73105858, 100}, 1e-6);
  expect_array(gelu(y), "f32[5]", {0, -0.15880801, 0, 0.84119199, 100}, 1e-5);
  const Array z({1000.f, 1000.f, 0.f, 0.f}, {2, 2});
  expect_array(softmax(z), "f32[2,2]", {0.5, 0.5, 0.5, 0.5}, 1e-6);
  expect_array(softmax(z, 0), "f32[2,2]", {1, 1, 0, 0}, 1e-6);
  expect_array(log_softmax(z), "f32[2,2]", {-0.69314718, -0.69314718, -0.69314718, -0.69314718}, 1e-6);
  expect_array(logsumexp(z, 1), "f32[2]", {1000.69314718, 0.69314718}, 1e-6);
  expect_array(logsumexp(z, -1, true), "f32[2,1]", {1000.69314718, 0.69314718}, 1e-6);
  expect_array(logsumexp(Array({-INFINITY, -INFINITY}, {2})), "f32[]", {-kInf});
}

TEST(Ops, DerivativesAtCorners) {
  const auto slope = [](auto f, float at) { return grad(f)(Array(at)).template item<float>(); };
  EXPECT_EQ(slope([](const Array& x) { return relu(x); }, 0), 0);  // as jax.nn.relu
  EXPECT_EQ(slope([](const Array& x) { return relu(x); }, 1), 1);
  EXPECT_EQ(slope([](const Array& x) { return maximum(x, 0); }, 0), 0.5f);
  EXPECT_EQ(slope([](const Array& x) { return softplus(x); }, 0), 0.5f);
  EXPECT_EQ(slope([](const Array& x) { return elu(x); }, 200), 1);
  EXPECT_EQ(slope([](const Array& x) { return pow(x, 3); }, -2), 12);
  EXPECT_EQ(slope([](const Array& x) { return stop_gradient(x) * x; }, 3), 3);
}

TEST(Ops, Reductions) {
  const Array x({1.f, 5.f, 3.f, 4.f, 2.f, 6.f}, {2, 3});
  expect_array(sum(x), "f32[]", {21});
  expect_array(sum(x, 0), "f32[3]", {5, 7, 9});
  expect_array(sum(x, -1), "f32[2]", {9, 12});
  expect_array(sum(x, {0, 1}, true), "f32[1,1]", {21});
  expect_array(sum(x, 1, true), "f32[2,1]", {9, 12});
  expect_array(mean(x, 0), "f32[3]", {2.5, 3.5, 4.5});
  expect_array(max(x), "f32[]", {6});
  expect_array(min(x, 1), "f32[2]", {1, 2});
  expect_array(prod(x, 1), "f32[2]", {15, 48});
  expect_array(var(x, 1), "f32[2]", {8.0 / 3, 8.0 / 3}, 1e-6);
  expect_array(stddev(Array({1.f, 3.f}, {2})), "f32[]", {1}, 1e-6);
  expect_array(norm(Array({3.f, 4.f}, {2})), "f32[]", {5}, 1e-6);
  expect_array(argmax(x), "i32[]", {5});
  expect_array(argmax(x, 1), "i32[2]", {1, 2});
  expect_array(argmin(x, 0, true), "i32[1,3]", {0, 1, 0});
  expect_array(sum(x > 2), "i32[]", {4});
  expect_array(mean(x > 2), "f32[]", {4.0 / 6}, 1e-6);
  expect_array(mean(Array({1, 2}, {2})), "f32[]", {1.5});
  expect_array(all(x > 0), "bool[]", {1});
  expect_array(any(x > 5, 1), "bool[2]", {0, 1});
  expect_array(sum(zeros({0, 2}), 0), "f32[2]", {0, 0});
  expect_array(max(zeros({0})), "f32[]", {-kInf});
}

TEST(Ops, Products) {
  const Array a({1.f, 2.f, 3.f, 4.f}, {2, 2}), v({1.f, 10.f}, {2});
  expect_array(matmul(a, a), "f32[2,2]", {7, 10, 15, 22});
  expect_array(matmul(a, v), "f32[2]", {21, 43});
  expect_array(matmul(v, a), "f32[2]", {31, 42});
  expect_array(matmul(v, v), "f32[]", {101});
  expect_array(dot(a, v), "f32[2]", {21, 43});
  expect_array(dot(a, 2), "f32[2,2]", {2, 4, 6, 8});
  expect_array(outer(v, v), "f32[2,2]", {1, 10, 10, 100});
  const Array batch = stack({a, a * 2, a * 3});
  expect_array(matmul(batch, v), "f32[3,2]", {21, 43, 42, 86, 63, 129});
  expect_array(matmul(batch, a), "f32[3,2,2]", {7, 10, 15, 22, 14, 20, 30, 44, 21, 30, 45, 66});
  expect_array(matmul(a, batch), "f32[3,2,2]", {7, 10, 15, 22, 14, 20, 30, 44, 21, 30, 45, 66});
  expect_array(matmul(v, batch), "f32[3,2]", {31, 42, 62, 84, 93, 126});
  expect_array(matmul(batch, batch), "f32[3,2,2]", {7, 10, 15, 22, 28, 40, 60, 88, 63, 90, 135, 198});
  EXPECT_EQ(to_string(matmul(ones({4, 1, 2, 3}), ones({5, 3, 6})).type()), "f32[4,5,2,6]");
  expect_array(matmul(astype(a, DType::kF64), v), "f64[2]", {21, 43});
  expect_array(dot_general(a, a, {{0}, {0}}), "f32[2,2]", {10, 14, 14, 20});
}

TEST(Ops, Shapes) {
  const Array x = astype(arange(6), DType::kF32);
  const Array m = reshape(x, {2, 3});
  expect_array(reshape(m, {3, -1}), "f32[3,2]", {0, 1, 2, 3, 4, 5});
  expect_array(ravel(m), "f32[6]", {0, 1, 2, 3, 4, 5});
  expect_array(transpose(m), "f32[3,2]", {0, 3, 1, 4, 2, 5});
  expect_array(transpose(m, Dims{0, 1}), "f32[2,3]", {0, 1, 2, 3, 4, 5});
  expect_array(swapaxes(m, 0, -1), "f32[3,2]", {0, 3, 1, 4, 2, 5});
  EXPECT_EQ(moveaxis(ones({2, 3, 4}), 0, -1).shape(), (Dims{3, 4, 2}));
  EXPECT_EQ(moveaxis(ones({2, 3, 4}), 2, 0).shape(), (Dims{4, 2, 3}));
  EXPECT_EQ(expand_dims(m, {0, -1}).shape(), (Dims{1, 2, 3, 1}));
  EXPECT_EQ(squeeze(ones({1, 2, 1})).shape(), (Dims{2}));
  EXPECT_EQ(squeeze(ones({1, 2, 1}), -1).shape(), (Dims{1, 2}));
  expect_array(broadcast_to(Array({1.f, 2.f}, {2}), {2, 2}), "f32[2,2]", {1, 2, 1, 2});
  expect_array(broadcast_in_dim(Array({1.f, 2.f}, {2}), {2, 2}, {0}), "f32[2,2]", {1, 1, 2, 2});
  expect_array(concatenate({m, m * 10}, 1), "f32[2,6]", {0, 1, 2, 0, 10, 20, 3, 4, 5, 30, 40, 50});
  expect_array(stack({x, x}, -1), "f32[6,2]", {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5});
  const std::vector<Array> parts = split(x, 3);
  ASSERT_EQ(parts.size(), 3u);
  expect_array(parts[1], "f32[2]", {2, 3});
  expect_array(slice(m, {0, 1}, {2, 3}), "f32[2,2]", {1, 2, 4, 5});
  expect_array(slice(x, {0}, {6}, {2}), "f32[3]", {0, 2, 4});
  expect_array(slice_axis(m, 1, -2), "f32[2,2]", {1, 2, 4, 5});
  expect_array(slice_axis(x, 0, 1, -1, 2), "f32[2]", {1, 3});
  expect_array(index(m, -1), "f32[3]", {3, 4, 5});
  expect_array(index(m, 1, 1), "f32[2]", {1, 4});
  expect_array(pad(Array({1.f, 2.f}, {2}), {1}, {2}, 9), "f32[5]", {9, 1, 2, 9, 9});
  expect_array(pad(Array({1.f, 2.f}, {2}), {-1}, {0}, 0), "f32[1]", {2});
  expect_array(pad(Array({1.f, 2.f}, {2}), {0}, {0}, 0, {1}), "f32[3]", {1, 0, 2});
  expect_array(reverse(m, 1), "f32[2,3]", {2, 1, 0, 5, 4, 3});
  expect_array(one_hot(Array({1, 0, 5}, {3}), 3), "f32[3,3]", {0, 1, 0, 1, 0, 0, 0, 0, 0});
}

TEST(Ops, ReshapeSharesMemoryOutsideATrace) {
  const Array x({1.f, 2.f}, {2});
  EXPECT_EQ(reshape(x, {2, 1}).data<float>().data(), x.data<float>().data());
}

}  // namespace
}  // namespace adze
