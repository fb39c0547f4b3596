// Hand-checked values of every op, written from the definitions.
#include <gtest/gtest.h>

#include <cmath>

#include "ir/evaluate.h"
#include "ir/graph_builder.h"
#include "ir/op.h"
#include "tests/support/literals.h"

namespace adze {
namespace {

using testing::difference;
using testing::scalar;
using testing::tensor;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();

/// The op's only result.
Literal apply(const OpDef& op, std::vector<Literal> operands, Attrs attrs = {}) {
  GraphBuilder builder;
  std::vector<ValueId> ids;
  std::vector<const Literal*> pointers;
  for (const Literal& operand : operands) {
    ids.push_back(builder.parameter(operand.type()));
    pointers.push_back(&operand);
  }
  const ValueId result = builder.emit(op, ids, std::move(attrs));
  const TensorType type = builder.type(result);
  return evaluate(op, builder.graph().producer(result)->attrs, pointers, std::span(&type, 1))[0];
}

void expect_value(const Literal& actual, const Literal& expected) {
  EXPECT_EQ(difference(actual, expected), "");
}

template <class T>
void expect_unary(const OpDef& op, std::initializer_list<T> x, std::initializer_list<T> y) {
  SCOPED_TRACE(op.name);
  const Dims shape = {static_cast<std::int64_t>(x.size())};
  expect_value(apply(op, {tensor<T>(shape, x)}), tensor<T>(shape, y));
}

template <class T, class R>
void check_binary(const OpDef& op, std::initializer_list<T> x, std::initializer_list<T> y,
                  std::initializer_list<R> z) {
  SCOPED_TRACE(op.name);
  const Dims shape = {static_cast<std::int64_t>(x.size())};
  expect_value(apply(op, {tensor<T>(shape, x), tensor<T>(shape, y)}), tensor<R>(shape, z));
}

template <class T>
void expect_binary(const OpDef& op, std::initializer_list<T> x, std::initializer_list<T> y,
                   std::initializer_list<T> z) {
  check_binary<T, T>(op, x, y, z);
}

template <class T>
void expect_comparison(const OpDef& op, std::initializer_list<T> x, std::initializer_list<T> y,
                       std::initializer_list<bool> z) {
  check_binary<T, bool>(op, x, y, z);
}

TEST(OpValues, Unary) {
  expect_unary<float>(op_neg, {1, -2, 0.0F, kInf, kNan}, {-1, 2, -0.0F, -kInf, kNan});
  expect_unary<std::int32_t>(op_neg, {1, -2, kMin}, {-1, 2, kMin});
  expect_unary<std::uint32_t>(op_neg, {1, 0}, {4294967295U, 0});
  expect_unary<float>(op_abs, {1, -2, -0.0F, -kInf, kNan}, {1, 2, 0.0F, kInf, kNan});
  expect_unary<std::int32_t>(op_abs, {3, -3, kMin}, {3, 3, kMin});
  expect_unary<float>(op_sign, {5, -0.1F, 0.0F, -0.0F, -kInf, kNan}, {1, -1, 0.0F, -0.0F, -1, kNan});
  expect_unary<std::int64_t>(op_sign, {7, -7, 0}, {1, -1, 0});
  expect_unary<std::uint32_t>(op_sign, {4294967295U, 0}, {1, 0});
  expect_unary<float>(op_floor, {1.5F, -1.5F, -0.5F, -0.0F, 8388609, kInf},
                      {1, -2, -1, -0.0F, 8388609, kInf});
  expect_unary<float>(op_exp, {0, -kInf, kInf, 89, -104, kNan}, {1, 0, kInf, kInf, 0, kNan});
  expect_unary<float>(op_log, {1, 0, -0.0F, -1, kInf, kNan}, {0, -kInf, -kInf, kNan, kInf, kNan});
  expect_unary<float>(op_log1p, {0, -0.0F, -1, -2, kInf, 1e-10F}, {0, -0.0F, -kInf, kNan, kInf, 1e-10F});
  expect_unary<float>(op_expm1, {0, -0.0F, -kInf, kInf, 1e-10F}, {0, -0.0F, -1, kInf, 1e-10F});
  expect_unary<float>(op_tanh, {0, -0.0F, kInf, -kInf, 20, kNan}, {0, -0.0F, 1, -1, 1, kNan});
  expect_unary<float>(op_logistic, {0, kInf, -kInf, -200, 100, kNan}, {0.5F, 1, 0, 0, 1, kNan});
  expect_unary<float>(op_sqrt, {4, 2, 0, -0.0F, -1, kInf}, {2, 1.41421356F, 0, -0.0F, kNan, kInf});
  expect_unary<float>(op_rsqrt, {4, 0.25F, 0, -0.0F, -1, kInf}, {0.5F, 2, kInf, -kInf, kNan, 0});
  expect_unary<float>(op_sin, {0, -0.0F, kInf}, {0, -0.0F, kNan});
  expect_unary<float>(op_cos, {0, -0.0F, -kInf}, {1, 1, kNan});
  expect_value(apply(op_is_finite, {tensor<float>({4}, {1, kInf, -kInf, kNan})}),
               tensor<bool>({4}, {true, false, false, false}));
  expect_unary<bool>(op_not_, {true, false}, {false, true});
  expect_unary<std::int32_t>(op_not_, {0, 5}, {-1, -6});
  expect_unary<float>(op_stop_gradient, {1, -0.0F, kNan}, {1, -0.0F, kNan});
}

TEST(OpValues, ElementaryFunctionsAreThoseOfTheMathLibrary) {
  for (const double x : {-1.25, -0.3, 0.7, 2.5}) {
    const auto expect = [&](const OpDef& op, double argument, double result) {
      SCOPED_TRACE(op.name);
      expect_value(apply(op, {scalar(argument)}), scalar(result));
    };
    expect(op_exp, x, std::exp(x));
    expect(op_expm1, x, std::expm1(x));
    expect(op_log, x * x, std::log(x * x));
    expect(op_log1p, x * x, std::log1p(x * x));
    expect(op_tanh, x, std::tanh(x));
    expect(op_sin, x, std::sin(x));
    expect(op_cos, x, std::cos(x));
    expect(op_sqrt, x * x, std::fabs(x));
  }
}

TEST(OpValues, Binary) {
  expect_binary<float>(op_add, {1, 0.0F, -0.0F, kInf}, {2, -0.0F, -0.0F, -kInf}, {3, 0.0F, -0.0F, kNan});
  expect_binary<std::int32_t>(op_add, {1, kMax}, {2, 1}, {3, kMin});
  expect_binary<float>(op_sub, {1, 0.0F, kInf}, {3, 0.0F, kInf}, {-2, 0.0F, kNan});
  expect_binary<std::uint32_t>(op_sub, {1}, {2}, {4294967295U});
  expect_binary<float>(op_mul, {2, -0.0F, 0}, {3, 2, kInf}, {6, -0.0F, kNan});
  expect_binary<std::int64_t>(op_mul, {std::int64_t{1} << 62, -3}, {4, 5}, {0, -15});
  expect_binary<float>(op_div, {1, 1, -1, 0}, {4, 0, 0, 0}, {0.25F, kInf, -kInf, kNan});
  expect_binary<std::int32_t>(op_div, {7, -7, 7, kMin}, {2, 2, 0, -1}, {3, -3, -1, kMin});
  expect_binary<std::uint32_t>(op_div, {7, 7}, {2, 0}, {3, 4294967295U});
  expect_binary<float>(op_rem, {7.5F, -7.5F, 7.5F, 1, kInf}, {2, 2, -2, 0, 2},
                       {1.5F, -1.5F, 1.5F, kNan, kNan});
  expect_binary<std::int32_t>(op_rem, {7, -7, 7, kMin}, {3, 3, 0, -1}, {1, -1, 7, 0});
  expect_binary<float>(op_max, {1, kNan, 1, -kInf}, {2, 1, kNan, -3}, {2, kNan, kNan, -3});
  expect_binary<float>(op_min, {1, kNan, 1, kInf}, {2, 1, kNan, 3}, {1, kNan, kNan, 3});
  expect_binary<std::int32_t>(op_max, {1, -5}, {-2, -4}, {1, -4});
  expect_binary<std::uint32_t>(op_min, {1, 4294967295U}, {2, 0}, {1, 0});
  expect_binary<float>(op_pow, {2, 0, kNan, -2, -2, 0}, {10, 0, 0, 3, 0.5F, -1},
                       {1024, 1, 1, -8, kNan, kInf});
  expect_binary<bool>(op_and_, {true, true, false, false}, {true, false, true, false},
                      {true, false, false, false});
  expect_binary<bool>(op_or_, {true, true, false, false}, {true, false, true, false},
                      {true, true, true, false});
  expect_binary<std::int32_t>(op_and_, {12, -1}, {10, 7}, {8, 7});
  expect_binary<std::int32_t>(op_or_, {12, -1}, {10, 7}, {14, -1});
}

TEST(OpValues, Comparisons) {
  const std::initializer_list<float> x = {1, 2, 2, 0.0F, kNan, kInf}, y = {2, 1, 2, -0.0F, kNan, kInf};
  expect_comparison<float>(op_eq, x, y, {false, false, true, true, false, true});
  expect_comparison<float>(op_ne, x, y, {true, true, false, false, true, false});
  expect_comparison<float>(op_lt, x, y, {true, false, false, false, false, false});
  expect_comparison<float>(op_le, x, y, {true, false, true, true, false, true});
  expect_comparison<float>(op_gt, x, y, {false, true, false, false, false, false});
  expect_comparison<float>(op_ge, x, y, {false, true, true, true, false, true});
  expect_comparison<std::int32_t>(op_lt, {-1, 1}, {1, -1}, {true, false});
  expect_comparison<std::uint32_t>(op_lt, {4294967295U, 1}, {1, 4294967295U}, {false, true});
  expect_comparison<bool>(op_lt, {false, true}, {true, false}, {true, false});
  expect_comparison<bool>(op_eq, {false, true}, {false, false}, {true, false});
}

TEST(OpValues, Select) {
  expect_value(apply(op_select, {tensor<bool>({3}, {true, false, true}), tensor<float>({3}, {1, kNan, 3}),
                                 tensor<float>({3}, {kNan, 5, 6})}),
               tensor<float>({3}, {1, 5, 3}));
}

TEST(OpValues, Convert) {
  const auto convert = [](const Literal& x, DType dtype) {
    return apply(op_convert, {x}, {{"dtype", dtype}});
  };
  const Literal floats = tensor<float>({8}, {1.9F, -1.9F, kNan, kInf, -kInf, 3e9F, -0.0F, 0.5F});
  expect_value(convert(floats, DType::kI32), tensor<std::int32_t>({8}, {1, -1, 0, kMax, kMin, kMax, 0, 0}));
  expect_value(convert(floats, DType::kU32),
               tensor<std::uint32_t>({8}, {1, 0, 0, 4294967295U, 0, 3000000000U, 0, 0}));
  expect_value(convert(floats, DType::kBool),
               tensor<bool>({8}, {true, true, true, true, true, true, false, true}));
  expect_value(convert(tensor<std::int64_t>({2}, {(std::int64_t{1} << 32) + 5, -1}), DType::kI32),
               tensor<std::int32_t>({2}, {5, -1}));
  expect_value(convert(tensor<std::int32_t>({2}, {-1, 7}), DType::kU32),
               tensor<std::uint32_t>({2}, {4294967295U, 7}));
  expect_value(convert(tensor<std::int32_t>({1}, {16777217}), DType::kF32), tensor<float>({1}, {16777216}));
  expect_value(convert(tensor<bool>({2}, {true, false}), DType::kF64), tensor<double>({2}, {1, 0}));
  expect_value(convert(tensor<double>({1}, {1e300}), DType::kF32), tensor<float>({1}, {kInf}));
}

TEST(OpValues, ConstantAndIota) {
  const Literal value = tensor<float>({2}, {1.5F, -0.0F});
  expect_value(apply(op_constant, {}, {{"value", std::make_shared<const Literal>(value)}}), value);
  expect_value(apply(op_iota, {}, {{"shape", Dims{4}}}), tensor<std::int32_t>({4}, {0, 1, 2, 3}));
  expect_value(
      apply(op_iota, {}, {{"dtype", DType::kF32}, {"shape", Dims{2, 3}}, {"dimension", std::int64_t{1}}}),
      tensor<float>({2, 3}, {0, 1, 2, 0, 1, 2}));
}

const Literal kMatrix = tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6});

TEST(OpValues, BroadcastInDim) {
  const auto broadcast = [](const Literal& x, Dims shape, Dims dims) {
    return apply(op_broadcast_in_dim, {x}, {{"shape", shape}, {"dims", dims}});
  };
  expect_value(broadcast(scalar(7.0F), {3}, {}), tensor<float>({3}, {7, 7, 7}));
  expect_value(broadcast(tensor<float>({3}, {1, 2, 3}), {2, 3}, {1}),
               tensor<float>({2, 3}, {1, 2, 3, 1, 2, 3}));
  expect_value(broadcast(tensor<float>({2}, {1, 2}), {2, 3}, {0}), tensor<float>({2, 3}, {1, 1, 1, 2, 2, 2}));
  expect_value(broadcast(tensor<float>({2, 1}, {1, 2}), {2, 2, 2}, {0, 2}),
               tensor<float>({2, 2, 2}, {1, 1, 1, 1, 2, 2, 2, 2}));
}

TEST(OpValues, ReshapeTransposeReverse) {
  expect_value(apply(op_reshape, {kMatrix}, {{"shape", Dims{3, 2}}}),
               tensor<float>({3, 2}, {1, 2, 3, 4, 5, 6}));
  expect_value(apply(op_transpose, {kMatrix}, {{"permutation", Dims{1, 0}}}),
               tensor<float>({3, 2}, {1, 4, 2, 5, 3, 6}));
  const Literal cube = tensor<float>({2, 1, 3}, {1, 2, 3, 4, 5, 6});
  expect_value(apply(op_transpose, {cube}, {{"permutation", Dims{2, 0, 1}}}),
               tensor<float>({3, 2, 1}, {1, 4, 2, 5, 3, 6}));
  expect_value(apply(op_reverse, {kMatrix}, {{"dims", Dims{1}}}), tensor<float>({2, 3}, {3, 2, 1, 6, 5, 4}));
  expect_value(apply(op_reverse, {kMatrix}, {{"dims", Dims{1, 0}}}),
               tensor<float>({2, 3}, {6, 5, 4, 3, 2, 1}));
}

TEST(OpValues, Slice) {
  const auto slice = [](const Literal& x, Dims start, Dims limit, Dims strides) {
    return apply(op_slice, {x}, {{"start", start}, {"limit", limit}, {"strides", strides}});
  };
  expect_value(slice(kMatrix, {0, 1}, {2, 3}, {}), tensor<float>({2, 2}, {2, 3, 5, 6}));
  expect_value(slice(kMatrix, {0, 0}, {2, 3}, {1, 2}), tensor<float>({2, 2}, {1, 3, 4, 6}));
  expect_value(slice(tensor<float>({5}, {0, 1, 2, 3, 4}), {1}, {5}, {3}), tensor<float>({2}, {1, 4}));
  expect_value(slice(kMatrix, {1, 3}, {2, 3}, {}), tensor<float>({1, 0}, {}));
}

TEST(OpValues, Pad) {
  const auto pad = [](const Literal& x, Dims low, Dims high, Dims interior) {
    return apply(op_pad, {x, scalar(9.0F)}, {{"low", low}, {"high", high}, {"interior", interior}});
  };
  const Literal x = tensor<float>({3}, {1, 2, 3});
  expect_value(pad(x, {1}, {2}, {}), tensor<float>({6}, {9, 1, 2, 3, 9, 9}));
  expect_value(pad(x, {0}, {0}, {1}), tensor<float>({5}, {1, 9, 2, 9, 3}));
  expect_value(pad(x, {-1}, {1}, {}), tensor<float>({3}, {2, 3, 9}));
  expect_value(pad(x, {-1}, {-1}, {1}), tensor<float>({3}, {9, 2, 9}));
  expect_value(pad(x, {-3}, {2}, {}), tensor<float>({2}, {9, 9}));
  expect_value(pad(x, {-5}, {3}, {}), tensor<float>({1}, {9}));
  expect_value(pad(tensor<float>({0}, {}), {1}, {1}, {3}), tensor<float>({2}, {9, 9}));
  expect_value(pad(kMatrix, {1, 0}, {0, -2}, {}), tensor<float>({3, 1}, {9, 1, 4}));
}

TEST(OpValues, Concatenate) {
  expect_value(
      apply(op_concatenate, {tensor<float>({2}, {1, 2}), tensor<float>({0}, {}), tensor<float>({1}, {3})},
            {{"dimension", std::int64_t{0}}}),
      tensor<float>({3}, {1, 2, 3}));
  expect_value(
      apply(op_concatenate, {kMatrix, tensor<float>({2, 1}, {8, 9})}, {{"dimension", std::int64_t{1}}}),
      tensor<float>({2, 4}, {1, 2, 3, 8, 4, 5, 6, 9}));
}

TEST(OpValues, Reductions) {
  const auto reduce = [](const OpDef& op, const Literal& x, Dims axes) {
    return apply(op, {x}, {{"axes", axes}});
  };
  expect_value(reduce(op_reduce_sum, kMatrix, {0}), tensor<float>({3}, {5, 7, 9}));
  expect_value(reduce(op_reduce_sum, kMatrix, {1}), tensor<float>({2}, {6, 15}));
  expect_value(reduce(op_reduce_sum, kMatrix, {1, 0}), scalar(21.0F));
  expect_value(reduce(op_reduce_sum, kMatrix, {}), kMatrix);
  expect_value(reduce(op_reduce_prod, kMatrix, {1}), tensor<float>({2}, {6, 120}));
  expect_value(reduce(op_reduce_max, kMatrix, {0}), tensor<float>({3}, {4, 5, 6}));
  expect_value(reduce(op_reduce_min, kMatrix, {0, 1}), scalar(1.0F));
  expect_value(reduce(op_reduce_sum, tensor<std::int32_t>({2}, {kMax, 1}), {0}), scalar(kMin));
  const Literal bools = tensor<bool>({2, 2}, {true, true, true, false});
  expect_value(reduce(op_reduce_and, bools, {1}), tensor<bool>({2}, {true, false}));
  expect_value(reduce(op_reduce_or, bools, {0}), tensor<bool>({2}, {true, true}));
  expect_value(reduce(op_reduce_and, tensor<std::int32_t>({2}, {12, 10}), {0}), scalar(8));
  expect_value(reduce(op_reduce_or, tensor<std::int32_t>({2}, {12, 10}), {0}), scalar(14));
}

TEST(OpValues, ReductionsOfNaNAndOfNothing) {
  const auto reduce = [](const OpDef& op, const Literal& x) { return apply(op, {x}, {{"axes", Dims{0}}}); };
  const Literal with_nan = tensor<float>({3}, {1, kNan, 3});
  const Literal none = tensor<float>({0}, {});
  const Literal no_ints = tensor<std::int32_t>({0}, {});
  for (const OpDef* op : {&op_reduce_sum, &op_reduce_prod, &op_reduce_max, &op_reduce_min}) {
    SCOPED_TRACE(op->name);
    expect_value(reduce(*op, with_nan), scalar(kNan));
  }
  expect_value(reduce(op_reduce_sum, none), scalar(0.0F));
  expect_value(reduce(op_reduce_prod, none), scalar(1.0F));
  expect_value(reduce(op_reduce_max, none), scalar(-kInf));
  expect_value(reduce(op_reduce_min, none), scalar(kInf));
  expect_value(reduce(op_reduce_max, no_ints), scalar(kMin));
  expect_value(reduce(op_reduce_min, no_ints), scalar(kMax));
  expect_value(reduce(op_reduce_and, no_ints), scalar(-1));
  expect_value(reduce(op_reduce_or, no_ints), scalar(0));
  expect_value(reduce(op_reduce_and, tensor<bool>({0}, {})), scalar(true));
  expect_value(reduce(op_reduce_or, tensor<bool>({0}, {})), scalar(false));
}

TEST(OpValues, ArgMaxAndArgMin) {
  const Literal x = tensor<float>({2, 3}, {3, 7, 7, -1, kNan, -2});
  expect_value(apply(op_argmax, {x}, {{"axis", std::int64_t{1}}}), tensor<std::int32_t>({2}, {1, 1}));
  expect_value(apply(op_argmin, {x}, {{"axis", std::int64_t{1}}, {"index_dtype", DType::kI64}}),
               tensor<std::int64_t>({2}, {0, 1}));
  expect_value(apply(op_argmin, {tensor<std::int32_t>({4}, {5, 2, 2, 9})}, {{"axis", std::int64_t{0}}}),
               scalar(1));
}

TEST(OpValues, DotGeneral) {
  const auto dot = [](const Literal& x, const Literal& y, DimPair contract, DimPair batch = {}) {
    return apply(op_dot_general, {x, y}, {{"contract", contract}, {"batch", batch}});
  };
  const Literal other = tensor<float>({3, 2}, {1, 0, 0, 1, 2, 2});
  expect_value(dot(kMatrix, other, {{1}, {0}}), tensor<float>({2, 2}, {7, 8, 16, 17}));
  // The same sums with both operands transposed: x^T is [3,2], contracted over its dim 0.
  expect_value(dot(other, kMatrix, {{0}, {1}}), tensor<float>({2, 2}, {7, 16, 8, 17}));
  expect_value(dot(kMatrix, kMatrix, {{0, 1}, {0, 1}}), scalar(91.0F));
  expect_value(dot(tensor<float>({2}, {1, 2}), tensor<float>({2}, {3, 4}), {}),
               tensor<float>({2, 2}, {3, 4, 6, 8}));
  expect_value(dot(kMatrix, kMatrix, {{1}, {1}}, {{0}, {0}}), tensor<float>({2}, {14, 77}));
  expect_value(dot(tensor<float>({1, 0}, {}), tensor<float>({0, 2}, {}), {{1}, {0}}),
               tensor<float>({1, 2}, {0, 0}));
  expect_value(dot(tensor<std::int32_t>({2}, {kMax, 2}), tensor<std::int32_t>({2}, {1, 1}), {{0}, {0}}),
               scalar(kMin + 1));
}

/// The test vectors of Random123 (kat_vectors, threefry2x32 20).
TEST(OpValues, Threefry2x32) {
  const auto u32 = [](std::vector<std::uint32_t> values) {
    return Literal::from<std::uint32_t>({static_cast<std::int64_t>(values.size())}, values);
  };
  const std::vector<Literal> operands = {
      u32({0, 0xFFFFFFFF, 0x13198A2E}), u32({0, 0xFFFFFFFF, 0x03707344}),   // the key
      u32({0, 0xFFFFFFFF, 0x243F6A88}), u32({0, 0xFFFFFFFF, 0x85A308D3})};  // the counter
  expect_value(apply(op_threefry2x32, operands, {{"word", std::int64_t{0}}}),
               u32({0x6B200159, 0x1CB996FC, 0xC4923A9C}));
  expect_value(apply(op_threefry2x32, operands, {{"word", std::int64_t{1}}}),
               u32({0x99BA4EFE, 0xBB002BE7, 0x483DF7A0}));
}

}  // namespace
}  // namespace adze
