// Folding in the builder: what each rule simplifies, and what it must leave alone.
#include <gtest/gtest.h>

#include "ir/graph_builder.h"
#include "ir/op.h"
#include "ir/op_helpers.h"
#include "ir/text.h"
#include "tests/support/literals.h"

namespace adze {
namespace {

class Fold : public ::testing::Test {
 protected:
  ValueId parameter(DType dtype, Dims shape = {3}) { return b.parameter({dtype, std::move(shape)}); }
  ValueId splat(DType dtype, double value) { return b.full({dtype, {3}}, value); }
  const OpDef* op_of(ValueId value) {
    return b.graph().producer(value) ? b.graph().producer(value)->op : nullptr;
  }
  const Literal& constant_of(ValueId value) {
    EXPECT_EQ(op_of(value), &op_constant);
    return *b.graph().producer(value)->attrs.get<ConstantRef>("value");
  }

  GraphBuilder b{{.fold = true}};
};

TEST_F(Fold, ExactIdentitiesOfFloats) {
  const ValueId x = parameter(DType::kF32);
  const auto zero = splat(DType::kF32, 0.0), minus_zero = splat(DType::kF32, -0.0),
             one = splat(DType::kF32, 1);
  EXPECT_EQ(b.emit(op_add, {x, minus_zero}), x);
  EXPECT_EQ(b.emit(op_sub, {x, zero}), x);
  EXPECT_EQ(b.emit(op_mul, {x, one}), x);
  EXPECT_EQ(b.emit(op_mul, {one, x}), x);
  EXPECT_EQ(b.emit(op_div, {x, one}), x);
  EXPECT_EQ(b.emit(op_neg, {b.emit(op_neg, {x})}), x);
  EXPECT_EQ(op_of(b.emit(op_mul, {x, splat(DType::kF32, -1)})), &op_neg);
  EXPECT_EQ(b.emit(op_max, {x, x}), x);
  EXPECT_EQ(b.emit(op_pow, {x, one}), x);
  EXPECT_EQ(op_of(b.emit(op_pow, {x, splat(DType::kF32, 2)})), &op_mul);
}

TEST_F(Fold, InexactIdentitiesOfFloatsStay) {
  const ValueId x = parameter(DType::kF32);
  const auto zero = splat(DType::kF32, 0.0), minus_zero = splat(DType::kF32, -0.0);
  EXPECT_EQ(op_of(b.emit(op_add, {x, zero})), &op_add) << "-0.0 + 0.0 is 0.0";
  EXPECT_EQ(op_of(b.emit(op_sub, {x, minus_zero})), &op_sub);
  EXPECT_EQ(op_of(b.emit(op_sub, {zero, x})), &op_sub);
  EXPECT_EQ(op_of(b.emit(op_mul, {x, zero})), &op_mul) << "NaN * 0 is NaN";
  EXPECT_EQ(op_of(b.emit(op_sub, {x, x})), &op_sub) << "inf - inf is NaN";
  EXPECT_EQ(op_of(b.emit(op_eq, {x, x})), &op_eq) << "NaN is not NaN";
  EXPECT_EQ(op_of(b.emit(op_div, {x, x})), &op_div);
}

TEST_F(Fold, BitsAndFormats) {
  const ValueId x = parameter(DType::kI32), f = parameter(DType::kF32);
  const auto zero = splat(DType::kI32, 0), ones = splat(DType::kI32, -1);
  EXPECT_EQ(b.emit(op_xor_, {x, zero}), x);
  EXPECT_EQ(b.emit(op_xor_, {x, x}), zero);
  EXPECT_EQ(op_of(b.emit(op_xor_, {x, ones})), &op_not_);
  EXPECT_EQ(b.emit(op_shift_left, {x, zero}), x);
  EXPECT_EQ(b.emit(op_shift_right_arithmetic, {x, zero}), x);
  EXPECT_EQ(op_of(b.emit(op_shift_right_logical, {zero, x})), &op_shift_right_logical);
  const auto as = [&](ValueId value, DType dtype) {
    return b.emit(op_bitcast_convert, {value}, {{"dtype", dtype}});
  };
  EXPECT_EQ(as(as(f, DType::kI32), DType::kF32), f);
  EXPECT_EQ(as(as(f, DType::kI32), DType::kU32), as(f, DType::kU32));
  const auto reduced = [&](std::int64_t exponent_bits, std::int64_t mantissa_bits) {
    return b.emit(op_reduce_precision, {f},
                  {{"exponent_bits", exponent_bits}, {"mantissa_bits", mantissa_bits}});
  };
  EXPECT_EQ(reduced(8, 23), f);
  EXPECT_EQ(op_of(reduced(8, 7)), &op_reduce_precision);
  EXPECT_EQ(op_of(reduced(5, 23)), &op_reduce_precision);
  EXPECT_EQ(b.emit(op_integer_pow, {f}, {{"y", std::int64_t{1}}}), f);
  EXPECT_EQ(b.emit(op_integer_pow, {f}, {{"y", std::int64_t{0}}}), splat(DType::kF32, 1));
  const ValueId floor = b.emit(op_floor, {f});
  EXPECT_EQ(b.emit(op_ceil, {floor}), floor);
  EXPECT_EQ(b.emit(op_round, {floor}), floor);
  EXPECT_EQ(op_of(b.emit(op_clamp, {f, parameter(DType::kF32), f})), &op_clamp) << "NaN is not between";
}

TEST_F(Fold, ConstantsOfBothZeroSignsAreNoSplat) {
  const ValueId x = parameter(DType::kF32);
  const ValueId zeros = b.constant(testing::tensor<float>({3}, {-0.0F, 0.0F, -0.0F}));
  EXPECT_EQ(op_of(b.emit(op_add, {x, zeros})), &op_add);
}

TEST_F(Fold, Integers) {
  const ValueId x = parameter(DType::kI32);
  const auto zero = splat(DType::kI32, 0), one = splat(DType::kI32, 1), ones = splat(DType::kI32, -1);
  EXPECT_EQ(b.emit(op_add, {x, zero}), x);
  EXPECT_EQ(b.emit(op_sub, {x, zero}), x);
  EXPECT_EQ(op_of(b.emit(op_sub, {zero, x})), &op_neg);
  EXPECT_EQ(b.emit(op_sub, {x, x}), zero);
  EXPECT_EQ(b.emit(op_mul, {x, zero}), zero);
  EXPECT_EQ(b.emit(op_mul, {x, one}), x);
  EXPECT_EQ(b.emit(op_and_, {x, ones}), x);
  EXPECT_EQ(b.emit(op_and_, {x, zero}), zero);
  EXPECT_EQ(b.emit(op_or_, {x, zero}), x);
  EXPECT_EQ(b.emit(op_or_, {x, ones}), ones);
  EXPECT_EQ(b.emit(op_or_, {x, x}), x);
  EXPECT_EQ(b.emit(op_not_, {b.emit(op_not_, {x})}), x);
  EXPECT_EQ(b.emit(op_le, {x, x}), splat(DType::kBool, 1));
  EXPECT_EQ(b.emit(op_ne, {x, x}), splat(DType::kBool, 0));
}

TEST_F(Fold, Select) {
  const ValueId p = parameter(DType::kBool), x = parameter(DType::kF32), y = parameter(DType::kF32);
  EXPECT_EQ(b.emit(op_select, {splat(DType::kBool, 1), x, y}), x);
  EXPECT_EQ(b.emit(op_select, {splat(DType::kBool, 0), x, y}), y);
  EXPECT_EQ(b.emit(op_select, {p, x, x}), x);
  EXPECT_EQ(b.emit(op_select, {b.emit(op_not_, {p}), x, y}), b.emit(op_select, {p, y, x}));
}

TEST_F(Fold, Convert) {
  const ValueId x = parameter(DType::kF32);
  EXPECT_EQ(b.emit(op_convert, {x}, {{"dtype", DType::kF32}}), x);
  const ValueId wide = emit_convert(b, x, DType::kF64);
  EXPECT_EQ(emit_convert(b, wide, DType::kF32), x);
  const ValueId narrow_and_back = emit_convert(b, emit_convert(b, wide, DType::kI32), DType::kF64);
  EXPECT_EQ(op_of(narrow_and_back), &op_convert) << "the fraction is lost";
  const ValueId p = parameter(DType::kBool);
  EXPECT_EQ(emit_convert(b, emit_convert(b, p, DType::kI32), DType::kF32), emit_convert(b, p, DType::kF32));
}

TEST_F(Fold, Movement) {
  const ValueId x = parameter(DType::kF32, {2, 3});
  const auto transpose = [&](ValueId v, Dims p) { return b.emit(op_transpose, {v}, {{"permutation", p}}); };
  const auto reshape = [&](ValueId v, Dims s) { return b.emit(op_reshape, {v}, {{"shape", s}}); };
  EXPECT_EQ(transpose(x, {0, 1}), x);
  EXPECT_EQ(transpose(transpose(x, {1, 0}), {1, 0}), x);
  EXPECT_EQ(reshape(x, {2, 3}), x);
  EXPECT_EQ(reshape(reshape(x, {6}), {2, 3}), x);
  EXPECT_EQ(reshape(reshape(x, {6}), {3, 2}), reshape(x, {3, 2}));
  const ValueId cube = parameter(DType::kF32, {2, 3, 4});
  EXPECT_EQ(transpose(transpose(cube, {1, 2, 0}), {1, 0, 2}), transpose(cube, {2, 1, 0}));
  const ValueId row = parameter(DType::kF32, {3});
  const ValueId twice = emit_broadcast(b, emit_broadcast(b, row, {2, 3}, {1}), {4, 2, 3}, {1, 2});
  EXPECT_EQ(twice, emit_broadcast(b, row, {4, 2, 3}, {2}));
  EXPECT_EQ(b.emit(op_broadcast_in_dim, {row}, {{"shape", Dims{3}}, {"dims", Dims{0}}}), row);
  EXPECT_EQ(b.emit(op_slice, {row}, {{"start", Dims{0}}, {"limit", Dims{3}}}), row);
  EXPECT_EQ(b.emit(op_pad, {row, b.scalar(DType::kF32, 0)}, {{"low", Dims{0}}, {"high", Dims{0}}}), row);
  EXPECT_EQ(b.emit(op_concatenate, {row}, {{"dimension", std::int64_t{0}}}), row);
  EXPECT_EQ(b.emit(op_reverse, {row}, {{"dims", Dims{}}}), row);
  const Attrs along_0 = {{"dims", Dims{0}}};
  EXPECT_EQ(b.emit(op_reverse, {b.emit(op_reverse, {row}, along_0)}, along_0), row);
}

TEST_F(Fold, EmptyOperandsOfMovement) {
  const ValueId none = parameter(DType::kF32, {0}), x = parameter(DType::kF32, {3}),
                y = parameter(DType::kF32, {2});
  const Attrs along_0 = {{"dimension", std::int64_t{0}}};
  EXPECT_EQ(b.emit(op_concatenate, {none, x}, along_0), x);
  EXPECT_EQ(b.emit(op_concatenate, {x, none, y}, along_0), b.emit(op_concatenate, {x, y}, along_0));
  EXPECT_EQ(op_of(b.emit(op_concatenate, {none, none}, along_0)), &op_concatenate);
  const ValueId value = parameter(DType::kF32, {});
  EXPECT_EQ(b.emit(op_pad, {none, value}, {{"low", Dims{2}}, {"high", Dims{1}}}),
            emit_broadcast(b, value, {3}, {}));
}

TEST_F(Fold, Reductions) {
  const ValueId x = parameter(DType::kF32, {2, 3, 1});
  const auto sum = [&](ValueId v, Dims axes) { return b.emit(op_reduce_sum, {v}, {{"axes", axes}}); };
  EXPECT_EQ(sum(x, {}), x);
  EXPECT_EQ(sum(x, {2}), emit_reshape(b, x, {2, 3}));
  EXPECT_EQ(sum(sum(x, {1}), {0, 1}), sum(x, {0, 1, 2}));
  EXPECT_EQ(sum(sum(x, {0}), {0}), sum(x, {0, 1}));
  const ValueId s = parameter(DType::kF32, {});
  const ValueId spread = emit_broadcast(b, s, {4, 5}, {});
  EXPECT_EQ(sum(spread, {0, 1}), b.emit(op_mul, {s, b.scalar(DType::kF32, 20)}));
  EXPECT_EQ(b.emit(op_reduce_max, {spread}, {{"axes", Dims{0, 1}}}), s);
  const ValueId row = parameter(DType::kF32, {3});
  const ValueId rows = emit_broadcast(b, row, {2, 3}, {1});
  EXPECT_EQ(b.emit(op_reduce_min, {rows}, {{"axes", Dims{0}}}), row);
  EXPECT_EQ(b.emit(op_reduce_max, {rows}, {{"axes", Dims{0, 1}}}),
            b.emit(op_reduce_max, {row}, {{"axes", Dims{0}}}));
  const ValueId bytes = b.parameter({DType::kI32, {}});
  const ValueId many = emit_broadcast(b, bytes, {std::int64_t{1} << 32}, {});
  EXPECT_EQ(b.emit(op_reduce_sum, {many}, {{"axes", Dims{0}}}), b.scalar(DType::kI32, 0))
      << "2^32 wraps to 0";
  const ValueId nothing = emit_broadcast(b, s, {0}, {});
  EXPECT_EQ(op_of(b.emit(op_reduce_max, {nothing}, {{"axes", Dims{0}}})), &op_reduce_max) << "-inf, not s";
}

TEST_F(Fold, SmallConstantsAreEvaluated) {
  const ValueId x = b.constant(testing::tensor<float>({3}, {1, 2, 3}));
  EXPECT_EQ(constant_of(b.emit(op_add, {x, x})), testing::tensor<float>({3}, {2, 4, 6}));
  EXPECT_EQ(constant_of(b.emit(op_reduce_sum, {x}, {{"axes", Dims{0}}})), testing::scalar(6.0F));
  EXPECT_EQ(constant_of(b.emit(op_add, {x, splat(DType::kF32, 1)})), testing::tensor<float>({3}, {2, 3, 4}));
}

TEST_F(Fold, SplatsStaySplats) {
  const ValueId two = b.full({DType::kF32, {1000, 1000}}, 2);
  const ValueId three = b.full({DType::kF32, {1000, 1000}}, 3);
  EXPECT_EQ(b.emit(op_mul, {two, three}), b.full({DType::kF32, {1000, 1000}}, 6));
  EXPECT_EQ(op_of(two), &op_broadcast_in_dim);
}

TEST_F(Fold, NothingFoldsUnlessAsked) {
  GraphBuilder plain;
  const ValueId x = plain.scalar(DType::kF32, 1);
  EXPECT_EQ(plain.graph().producer(plain.emit(op_mul, {x, x}))->op, &op_mul);
}

TEST_F(Fold, StopGradientStays) {
  EXPECT_EQ(op_of(b.emit(op_stop_gradient, {parameter(DType::kF32)})), &op_stop_gradient);
}

}  // namespace
}  // namespace adze
