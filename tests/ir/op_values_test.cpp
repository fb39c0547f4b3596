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

/// The op on each of `x` is within `ulps` of that of `y`.
void expect_close(const OpDef& op, std::initializer_list<double> x, std::initializer_list<double> y,
                  double ulps = 3, Attrs attrs = {}) {
  SCOPED_TRACE(op.name);
  const Dims shape = {static_cast<std::int64_t>(x.size())};
  EXPECT_EQ(difference(apply(op, {tensor<double>(shape, x)}, std::move(attrs)), tensor<double>(shape, y),
                       {.max_ulp = ulps}),
            "");
}

TEST(OpValues, TrigonometricAndHyperbolic) {
  constexpr float kPi = 3.14159274F;
  expect_unary<float>(op_tan, {0, -0.0F, kInf, kNan}, {0, -0.0F, kNan, kNan});
  expect_unary<float>(op_asin, {0, -0.0F, 1, -1, 2, kNan}, {0, -0.0F, kPi / 2, -kPi / 2, kNan, kNan});
  expect_unary<float>(op_acos, {1, -1, 0, -1.5F, kNan}, {0, kPi, kPi / 2, kNan, kNan});
  expect_unary<float>(op_atan, {-0.0F, kInf, -kInf, kNan}, {-0.0F, kPi / 2, -kPi / 2, kNan});
  expect_binary<float>(
      op_atan2, {0.0F, -0.0F, 0.0F, -0.0F, 1, -1, kInf, kInf, -kInf, 1, -1, kNan, 1},
      {0.0F, 0.0F, -0.0F, -0.0F, 0, 0, kInf, -kInf, kInf, -kInf, kInf, 1, kNan},
      {0.0F, -0.0F, kPi, -kPi, kPi / 2, -kPi / 2, kPi / 4, 2.35619449F, -kPi / 4, kPi, -0.0F, kNan, kNan});
  expect_unary<float>(op_sinh, {-0.0F, 1e-30F, 90, -kInf, kNan}, {-0.0F, 1e-30F, kInf, -kInf, kNan});
  expect_unary<float>(op_cosh, {0, -90, kInf, kNan}, {1, kInf, kInf, kNan});
  expect_unary<float>(op_asinh, {-0.0F, 1e-30F, -kInf, kNan}, {-0.0F, 1e-30F, -kInf, kNan});
  expect_unary<float>(op_acosh, {1, 0.5F, -3, -1e30F, kInf, -kInf, kNan},
                      {0, kNan, kNan, kNan, kInf, kNan, kNan});
  expect_unary<float>(op_atanh, {-0.0F, 1, -1, 2, -1e30F, kInf}, {-0.0F, kInf, -kInf, kNan, kNan, kNan});
  expect_close(op_sinh, {1e-9, 0.3, -710.4}, {1e-9, 0.30452029344714261, -1.6663642832806496e308});
  expect_close(op_asinh, {1e-9, 0.3, 1e300}, {1e-9, 0.29567304756342244, 691.46867507877365});
  expect_close(op_acosh, {1 + 0x1p-40, 2, 1e300},
               {1.3486991523485068e-6, 1.3169578969248168, 691.46867507877365});
}

TEST(OpValues, ErrorAndGammaFunctions) {
  expect_unary<float>(op_erf, {-0.0F, kInf, -kInf, kNan}, {-0.0F, 1, -1, kNan});
  expect_unary<float>(op_erfc, {0, kInf, -kInf, 30, kNan}, {1, 0, 2, 0, kNan});
  expect_unary<float>(op_erf_inv, {-0.0F, 1, -1, 1.5F, kNan}, {-0.0F, kInf, -kInf, kNan, kNan});
  expect_unary<float>(op_lgamma, {1, 2, 0, -1, kInf, -kInf, kNan}, {0, 0, kInf, kInf, kInf, kInf, kNan});
  expect_unary<float>(op_digamma, {0, -0.0F, -1, kInf, -kInf, kNan}, {kNan, kNan, kNan, kInf, kNan, kNan});
  expect_close(op_erf_inv, {1e-20, 0.5, -0.99, 0.999999},
               {8.8622692545275797e-21, 0.47693627620446987, -1.8213863677184495, 3.4589107372754988}, 64);
  // psi(1) = -gamma, psi(1/2) = -gamma - 2 ln 2, psi(-1/2) = psi(1/2) + 2.
  expect_close(op_digamma, {1, 0.5, -0.5, 1e-20, 1e20},
               {-0.57721566490153286, -1.9635100260214235, 0.03648997397857652, -1e20, 46.051701859880914},
               16);
  // psi_1(1) = pi^2 / 6, psi_1(1/2) = pi^2 / 2, psi_1(-1/2) = psi_1(1/2) + 4; psi_2(1) = -2 zeta(3), psi_3(1)
  // = pi^4/15.
  const auto order = [](std::int64_t n) { return Attrs{{"n", n}}; };
  expect_close(op_polygamma, {1, 0.5, -0.5, 1e8},
               {1.6449340668482264, 4.9348022005446793, 8.9348022005446793, 1.0000000050000000e-8}, 8,
               order(1));
  expect_close(op_polygamma, {1, -0.5}, {-2.4041138063191886, -0.82879664423431999}, 16, order(2));
  expect_close(op_polygamma, {1, -0.5}, {6.4939394022668291, 193.40909103400244}, 16, order(3));
  expect_close(op_polygamma, {0, -3},
               {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()}, 8,
               order(1));
}

TEST(OpValues, RootsAndPowers) {
  expect_unary<float>(op_cbrt, {-0.0F, 8, -27, kInf, -kInf, kNan}, {-0.0F, 2, -3, kInf, -kInf, kNan});
  expect_unary<float>(op_exp2, {0, 10, -149, 128, -200, kNan},
                      {1, 1024, 1.4012984643248171e-45F, kInf, 0, kNan});
  expect_unary<float>(op_square, {-3, kInf, kNan}, {9, kInf, kNan});
  expect_unary<std::int32_t>(op_square, {-3, 65536}, {9, 0});
  const auto power = [](std::int64_t y) { return Attrs{{"y", y}}; };
  const Literal x = tensor<float>({5}, {-2, 0.5F, 0, kInf, kNan});
  expect_value(apply(op_integer_pow, {x}, power(5)), tensor<float>({5}, {-32, 0.03125F, 0, kInf, kNan}));
  expect_value(apply(op_integer_pow, {x}, power(-3)), tensor<float>({5}, {-0.125F, 8, kInf, 0, kNan}));
  expect_value(apply(op_integer_pow, {x}, power(0)), tensor<float>({5}, {1, 1, 1, 1, 1}));
  expect_value(apply(op_integer_pow, {tensor<std::int32_t>({3}, {3, -2, 65536})}, power(3)),
               tensor<std::int32_t>({3}, {27, -8, 0}));
}

TEST(OpValues, Rounding) {
  const Literal x = tensor<float>({9}, {0.5F, 1.5F, 2.5F, -0.5F, -2.5F, 0.49999997F, 8388609, -kInf, kNan});
  const auto method = [](const char* name) { return Attrs{{"method", std::string(name)}}; };
  expect_value(apply(op_round, {x}), tensor<float>({9}, {1, 2, 3, -1, -3, 0, 8388609, -kInf, kNan}));
  expect_value(apply(op_round, {x}, method("to_nearest_even")),
               tensor<float>({9}, {0, 2, 2, -0.0F, -2, 0, 8388609, -kInf, kNan}));
  expect_unary<float>(op_ceil, {1.2F, -1.2F, -0.5F, -0.0F, 0, kInf, kNan},
                      {2, -1, -0.0F, -0.0F, 0, kInf, kNan});
  constexpr float kLeast = 1.4012984643248171e-45F, kMost = 3.40282347e38F;
  expect_binary<float>(
      op_nextafter, {1, 1, 0, -0.0F, kLeast, kMost, kInf, -1, 2, 0.0F, kNan, 1},
      {2, -2, 1, -1, -1, kInf, 0, -2, 2, -0.0F, 1, kNan},
      {1.00000012F, 0.99999994F, kLeast, -kLeast, 0, kInf, kMost, -1.00000012F, 2, -0.0F, kNan, kNan});
  const auto format = [](std::int64_t exponent_bits, std::int64_t mantissa_bits) {
    return Attrs{{"exponent_bits", exponent_bits}, {"mantissa_bits", mantissa_bits}};
  };
  // f16 has its largest number at 65504 and its smallest normal one at 2^-14; halves go to even.
  expect_value(
      apply(op_reduce_precision,
            {tensor<float>({9}, {65519, 65520, -65520, 0x1p-14F, 6.09e-5F, -1e-8F, 2049, 2051, kNan})},
            format(5, 10)),
      tensor<float>({9}, {65504, kInf, -kInf, 0x1p-14F, 0, -0.0F, 2048, 2052, kNan}));
  expect_value(apply(op_reduce_precision, {tensor<float>({2}, {1.00390625F, 1.01171875F})}, format(8, 7)),
               tensor<float>({2}, {1, 1.015625F}));
}

TEST(OpValues, Clamp) {
  expect_value(
      apply(op_clamp, {tensor<float>({5}, {0, 0, 0, 0, 2}), tensor<float>({5}, {-1, 0.5F, 3, kNan, 1.5F}),
                       tensor<float>({5}, {1, 1, 1, 1, 1})}),
      tensor<float>({5}, {0, 0.5F, 1, kNan, 1}));
}

TEST(OpValues, Bits) {
  expect_binary<std::int32_t>(op_xor_, {12, -1, 5}, {10, 0, 5}, {6, -1, 0});
  check_binary<bool, bool>(op_xor_, {true, true, false}, {true, false, false}, {false, true, false});
  expect_unary<std::int32_t>(op_population_count, {0, 7, -1, kMin}, {0, 3, 32, 1});
  expect_unary<std::int64_t>(op_population_count, {-1}, {64});
  expect_unary<std::int32_t>(op_clz, {0, 1, -1, kMax}, {32, 31, 0, 1});
  expect_unary<std::int64_t>(op_clz, {0, 1}, {64, 63});
  expect_binary<std::int32_t>(op_shift_left, {1, 1, 3, 1, 1}, {4, 31, 31, 32, -1}, {16, kMin, kMin, 0, 0});
  expect_binary<std::int32_t>(op_shift_right_logical, {-1, -1, -8, 8, -1, 5, -1}, {1, 31, 0, 2, 32, 0, -1},
                              {kMax, 1, -8, 2, 0, 5, 0});
  expect_binary<std::int32_t>(op_shift_right_arithmetic, {-8, 8, -8, 8, -8, 8}, {1, 1, 31, 40, 40, -1},
                              {-4, 4, -1, 0, -1, 0});
  expect_binary<std::uint32_t>(op_shift_right_arithmetic, {0xF0000000U, 16, 0x80000000U}, {4, 2, 99},
                               {0xFF000000U, 4, 0xFFFFFFFFU});
  expect_binary<std::int64_t>(op_shift_right_logical, {-1, -1}, {60, 64}, {15, 0});
  expect_value(apply(op_bitcast_convert, {tensor<float>({2}, {1, -0.0F})}, {{"dtype", DType::kI32}}),
               tensor<std::int32_t>({2}, {0x3F800000, kMin}));
  expect_value(
      apply(op_bitcast_convert, {tensor<std::uint32_t>({1}, {0xC0000000U})}, {{"dtype", DType::kF32}}),
      tensor<float>({1}, {-2}));
}

}  // namespace
}  // namespace adze
