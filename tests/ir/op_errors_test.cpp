// What each op says about operands and attributes that do not fit.
#include <gtest/gtest.h>

#include "ir/graph_builder.h"
#include "ir/op.h"
#include "tests/support/literals.h"

namespace adze {
namespace {

constexpr DType kF = DType::kF32;

/// The first line of what emitting throws: the rule's own message.
std::string error_of(const OpDef& op, std::vector<TensorType> operands, Attrs attrs = {}) {
  GraphBuilder builder;
  std::vector<ValueId> ids;
  for (const TensorType& type : operands) ids.push_back(builder.parameter(type));
  try {
    builder.emit(op, ids, std::move(attrs));
  } catch (const TypeError& error) {
    const std::string message = error.what();
    return message.substr(0, message.find('\n'));
  }
  return "no error";
}

TEST(OpErrors, NamesOperandsWithTheirOriginAndPlace) {
  GraphBuilder builder;
  const ValueId x = builder.parameter({kF, {3}}, "x");
  const ValueId y = builder.parameter({kF, {4}}, "model.bias");
  try {
    builder.emit(op_add, {x, y}, {}, Location{"dir/net.cpp", 42, ""});
    FAIL();
  } catch (const TypeError& error) {
    EXPECT_STREQ(error.what(),
                 "add: operands must have the same type: f32[3] vs f32[4]\n"
                 "  lhs %0 f32[3] x\n"
                 "  rhs %1 f32[4] model.bias\n"
                 "  at net.cpp:42");
  }
}

TEST(OpErrors, Elementwise) {
  EXPECT_EQ(error_of(op_add, {{kF, {3}}, {DType::kF64, {3}}}),
            "add: operands must have the same type: f32[3] vs f64[3]");
  EXPECT_EQ(error_of(op_add, {{DType::kBool, {3}}, {DType::kBool, {3}}}),
            "add: lhs must be a float or an integer: bool[3]");
  EXPECT_EQ(error_of(op_exp, {{DType::kI32, {}}}), "exp: operand must be a float: i32[]");
  EXPECT_EQ(error_of(op_pow, {{DType::kI32, {}}, {DType::kI32, {}}}), "pow: lhs must be a float: i32[]");
  EXPECT_EQ(error_of(op_and_, {{kF, {}}, {kF, {}}}), "and: lhs must be bool or an integer: f32[]");
  EXPECT_EQ(error_of(op_not_, {{kF, {}}}), "not: operand must be bool or an integer: f32[]");
  EXPECT_EQ(error_of(op_add, {{kF, {}}}), "add: takes 2 operands, got 1");
  EXPECT_EQ(error_of(op_neg, {{kF, {}}}, {{"axis", std::int64_t{1}}}), "neg: has no attribute 'axis'");
}

TEST(OpErrors, Select) {
  EXPECT_EQ(error_of(op_select, {{kF, {2}}, {kF, {2}}, {kF, {2}}}), "select: predicate must be bool: f32[2]");
  EXPECT_EQ(error_of(op_select, {{DType::kBool, {2}}, {kF, {2}}, {kF, {3}}}),
            "select: operands must have the same type: f32[2] vs f32[3]");
  EXPECT_EQ(error_of(op_select, {{DType::kBool, {}}, {kF, {2}}, {kF, {2}}}),
            "select: predicate and values must have the same shape: bool[] vs f32[2]");
}

TEST(OpErrors, ConstantIotaConvert) {
  EXPECT_EQ(error_of(op_constant, {}), "constant: attribute 'value' is missing");
  EXPECT_EQ(error_of(op_constant, {}, {{"value", ConstantRef()}}), "constant: value is missing");
  EXPECT_EQ(error_of(op_convert, {{kF, {2}}}, {{"dtype", true}}),
            "convert: attribute 'dtype' must be a dtype, not a bool");
  EXPECT_EQ(error_of(op_iota, {}, {{"shape", Dims{}}}), "iota: dimension 0 is out of range for shape []");
  EXPECT_EQ(error_of(op_iota, {}, {{"shape", Dims{2}}, {"dimension", std::int64_t{-1}}}),
            "iota: dimension -1 is out of range for shape [2]");
  EXPECT_EQ(error_of(op_iota, {}, {{"shape", Dims{2}}, {"dtype", DType::kBool}}),
            "iota: dtype must be a float or an integer: bool");
  EXPECT_EQ(error_of(op_iota, {}, {{"shape", Dims{-2}}}), "iota: shape [-2] has a negative size");
  const std::int64_t big = std::int64_t{1} << 40;
  EXPECT_EQ(error_of(op_iota, {}, {{"shape", Dims{big, big, big}}}),
            "iota: shape [1099511627776,1099511627776,1099511627776] is too large (more than 2^48 elements)");
}

TEST(OpErrors, BroadcastInDim) {
  const auto error = [](Dims from, Dims shape, Dims dims) {
    return error_of(op_broadcast_in_dim, {{kF, from}}, {{"shape", shape}, {"dims", dims}});
  };
  EXPECT_EQ(error({3}, {2, 3}, {}), "broadcast_in_dim: dims [] must have one entry a dimension of f32[3]");
  EXPECT_EQ(error({3}, {2, 3}, {2}), "broadcast_in_dim: dims [2] is out of range: 2 for rank 2");
  EXPECT_EQ(error({3}, {2, 3}, {-1}), "broadcast_in_dim: dims [-1] is out of range: -1 for rank 2");
  EXPECT_EQ(error({3, 3}, {3, 3}, {1, 1}), "broadcast_in_dim: dims [1,1] names 1 twice");
  EXPECT_EQ(error({3, 3}, {3, 3}, {1, 0}), "broadcast_in_dim: dims [1,0] must increase");
  EXPECT_EQ(error({3}, {2, 4}, {1}),
            "broadcast_in_dim: size 3 of operand dimension 0 does not fit size 4 of result dimension 1");
  EXPECT_EQ(error({}, {2, -4}, {}), "broadcast_in_dim: shape [2,-4] has a negative size");
}

TEST(OpErrors, ReshapeTransposeReverse) {
  EXPECT_EQ(error_of(op_reshape, {{kF, {2, 3}}}, {{"shape", Dims{4}}}),
            "reshape: sizes differ: f32[2,3] has 6 elements, shape [4] has 4");
  EXPECT_EQ(error_of(op_reshape, {{kF, {2, 3}}}, {{"shape", Dims{-1}}}),
            "reshape: shape [-1] has a negative size");
  EXPECT_EQ(error_of(op_transpose, {{kF, {2, 3}}}, {{"permutation", Dims{0}}}),
            "transpose: permutation [0] must have one entry a dimension of f32[2,3]");
  EXPECT_EQ(error_of(op_transpose, {{kF, {2, 3}}}, {{"permutation", Dims{0, 0}}}),
            "transpose: permutation [0,0] names 0 twice");
  EXPECT_EQ(error_of(op_transpose, {{kF, {2, 3}}}, {{"permutation", Dims{0, 2}}}),
            "transpose: permutation [0,2] is out of range: 2 for rank 2");
  EXPECT_EQ(error_of(op_reverse, {{kF, {2}}}, {{"dims", Dims{1}}}),
            "reverse: dims [1] is out of range: 1 for rank 1");
  EXPECT_EQ(error_of(op_reverse, {{kF, {2}}}, {{"dims", Dims{0, 0}}}), "reverse: dims [0,0] names 0 twice");
}

TEST(OpErrors, Slice) {
  const auto error = [](Dims start, Dims limit, Dims strides) {
    return error_of(op_slice, {{kF, {4}}}, {{"start", start}, {"limit", limit}, {"strides", strides}});
  };
  EXPECT_EQ(error({0}, {5}, {}), "slice: [0, 5) is not a range within size 4 of dimension 0");
  EXPECT_EQ(error({-1}, {3}, {}), "slice: [-1, 3) is not a range within size 4 of dimension 0");
  EXPECT_EQ(error({3}, {2}, {}), "slice: [3, 2) is not a range within size 4 of dimension 0");
  EXPECT_EQ(error({0}, {4}, {0}), "slice: stride 0 of dimension 0 must be positive");
  EXPECT_EQ(error({0, 0}, {4}, {}), "slice: start [0,0] must have one entry a dimension of f32[4]");
  EXPECT_EQ(error({0}, {}, {}), "slice: limit [] must have one entry a dimension of f32[4]");
  EXPECT_EQ(error({0}, {4}, {1, 1}), "slice: strides [1,1] must have one entry a dimension of f32[4]");
}

TEST(OpErrors, Pad) {
  const auto error = [](Dims low, Dims high, Dims interior, DType value = kF) {
    return error_of(op_pad, {{kF, {4}}, {value, {}}}, {{"low", low}, {"high", high}, {"interior", interior}});
  };
  EXPECT_EQ(error({0}, {0}, {}, DType::kF64), "pad: value must be f32[]: f64[]");
  EXPECT_EQ(error({}, {0}, {}), "pad: low [] must have one entry a dimension of f32[4]");
  EXPECT_EQ(error({0}, {0, 1}, {}), "pad: high [0,1] must have one entry a dimension of f32[4]");
  EXPECT_EQ(error({0}, {0}, {-1}), "pad: interior -1 of dimension 0 is negative");
  EXPECT_EQ(error({-3}, {-2}, {}), "pad: size 4 of dimension 0 with low -3 and high -2 is negative");
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(error({most}, {0}, {}), "pad: low 9223372036854775807 of dimension 0 is out of range");
  EXPECT_EQ(error({-most - 1}, {most}, {}), "pad: low -9223372036854775808 of dimension 0 is out of range");
  EXPECT_EQ(error({0}, {std::int64_t{1} << 50}, {}),
            "pad: high 1125899906842624 of dimension 0 is out of range");
  EXPECT_EQ(error({0}, {0}, {most}), "pad: interior 9223372036854775807 of dimension 0 is out of range");
  EXPECT_EQ(error({0}, {0}, {std::int64_t{1} << 48}),
            "pad: shape [844424930131972] is too large (more than 2^48 elements)");
  EXPECT_EQ(error_of(op_pad, {{kF, {std::int64_t{1} << 40}}, {kF, {}}},
                     {{"low", Dims{0}}, {"high", Dims{0}}, {"interior", Dims{std::int64_t{1} << 48}}}),
            "pad: the size of dimension 0 overflows");
}

TEST(OpErrors, Concatenate) {
  const Attrs along_0 = {{"dimension", std::int64_t{0}}};
  EXPECT_EQ(error_of(op_concatenate, {}, along_0), "concatenate: takes at least 1 operand, got 0");
  EXPECT_EQ(error_of(op_concatenate, {{kF, {}}}, along_0),
            "concatenate: dimension 0 is out of range for f32[]");
  EXPECT_EQ(error_of(op_concatenate, {{kF, {2, 3}}, {kF, {2, 4}}}, along_0),
            "concatenate: operands must have the same type but for dimension 0: f32[2,3] vs f32[2,4]");
  EXPECT_EQ(error_of(op_concatenate, {{kF, {2}}, {kF, {2, 4}}}, along_0),
            "concatenate: operands must have the same type but for dimension 0: f32[2] vs f32[2,4]");
  EXPECT_EQ(error_of(op_concatenate, {{kF, {2}}, {DType::kI32, {2}}}, along_0),
            "concatenate: operands must have the same type but for dimension 0: f32[2] vs i32[2]");
}

TEST(OpErrors, Reductions) {
  EXPECT_EQ(error_of(op_reduce_sum, {{kF, {2}}}, {{"axes", Dims{1}}}),
            "reduce_sum: axes [1] is out of range: 1 for rank 1");
  EXPECT_EQ(error_of(op_reduce_max, {{kF, {2, 2}}}, {{"axes", Dims{1, 1}}}),
            "reduce_max: axes [1,1] names 1 twice");
  EXPECT_EQ(error_of(op_reduce_sum, {{DType::kBool, {2}}}, {{"axes", Dims{0}}}),
            "reduce_sum: operand must be a float or an integer: bool[2]");
  EXPECT_EQ(error_of(op_reduce_and, {{kF, {2}}}, {{"axes", Dims{0}}}),
            "reduce_and: operand must be bool or an integer: f32[2]");
  EXPECT_EQ(error_of(op_argmax, {{kF, {2}}}, {{"axis", std::int64_t{1}}}),
            "argmax: axis [1] is out of range: 1 for rank 1");
  EXPECT_EQ(error_of(op_argmin, {{kF, {2, 0}}}, {{"axis", std::int64_t{1}}}),
            "argmin: dimension 1 of f32[2,0] is empty");
  EXPECT_EQ(error_of(op_argmax, {{kF, {2}}}, {{"axis", std::int64_t{0}}, {"index_dtype", kF}}),
            "argmax: index_dtype must be an integer: f32");
}

TEST(OpErrors, DotGeneral) {
  const auto error = [](Dims lhs, Dims rhs, DimPair contract, DimPair batch = {}) {
    return error_of(op_dot_general, {{kF, lhs}, {kF, rhs}}, {{"contract", contract}, {"batch", batch}});
  };
  EXPECT_EQ(error({32, 128}, {64, 10}, {{1}, {0}}), "dot_general: contracting dimensions differ: 128 vs 64");
  EXPECT_EQ(error({2, 3}, {3, 3}, {{1}, {1}}, {{0}, {0}}), "dot_general: batch dimensions differ: 2 vs 3");
  EXPECT_EQ(error({2, 3}, {3, 3}, {{1}, {0, 1}}),
            "dot_general: contract must pair each lhs dimension with one of rhs: [1] x [0,1]");
  EXPECT_EQ(error({2, 3}, {3, 3}, {{2}, {0}}), "dot_general: lhs contract [2] is out of range: 2 for rank 2");
  EXPECT_EQ(error({3, 3}, {3, 3}, {{0, 0}, {0, 1}}), "dot_general: lhs contract [0,0] names 0 twice");
  EXPECT_EQ(error({3, 3}, {3, 3}, {{1}, {1}}, {{0}, {-1}}),
            "dot_general: rhs batch [-1] is out of range: -1 for rank 2");
  EXPECT_EQ(error({3, 3}, {3, 3}, {{0}, {1}}, {{0}, {0}}),
            "dot_general: lhs dimension 0 is both batch and contracting");
  EXPECT_EQ(error_of(op_dot_general, {{kF, {2}}, {DType::kF64, {2}}}, {{"contract", DimPair{{0}, {0}}}}),
            "dot_general: operands must have the same dtype: f32[2] vs f64[2]");
  EXPECT_EQ(
      error_of(op_dot_general, {{DType::kBool, {2}}, {DType::kBool, {2}}}, {{"contract", DimPair{{0}, {0}}}}),
      "dot_general: lhs must be a float or an integer: bool[2]");
  const auto preferred_error = [](DType operands, DType preferred) {
    return error_of(op_dot_general, {{operands, {2}}, {operands, {2}}},
                    {{"contract", DimPair{{0}, {0}}}, {"preferred_element_type", preferred}});
  };
  EXPECT_EQ(preferred_error(kF, DType::kF16),
            "dot_general: preferred_element_type f16 cannot take products of f32: it must not be narrower");
  EXPECT_EQ(
      preferred_error(DType::kI8, DType::kU32),
      "dot_general: preferred_element_type u32 cannot take products of i8: a float or an integer of the "
      "same sign can");
  EXPECT_EQ(preferred_error(kF, DType::kI32),
            "dot_general: preferred_element_type i32 cannot take products of f32: a float can");
  const std::int64_t big = std::int64_t{1} << 30;
  EXPECT_EQ(error({big}, {big}, {}),
            "dot_general: shape [1073741824,1073741824] is too large (more than 2^48 elements)");
}

TEST(OpErrors, Convolution) {
  const auto error = [](Dims lhs, Dims rhs, Attrs attrs = {}) {
    return error_of(op_conv_general_dilated, {{kF, lhs}, {kF, rhs}}, std::move(attrs));
  };
  const std::string name = "conv_general_dilated: ";
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3, 3}),
            name + "operands must have the same rank, at least 2: f32[2,3,8] vs f32[4,3,3,3]");
  EXPECT_EQ(error({2, 3, 8}, {4, 2, 3}),
            name + "rhs must have 3 input features (3 of lhs / feature_group_count 1), not 2");
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3}, {{"window_strides", Dims{-1}}}),
            name + "window_strides [-1] must be at least 1");
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3}, {{"rhs_dilation", Dims{0}}}),
            name + "rhs_dilation [0] must be at least 1");
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3}, {{"window_strides", Dims{1, 1}}}),
            name + "window_strides [1,1] must have 1 entry");
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3}, {{"padding", DimPair{{-5}, {-4}}}}),
            name + "padding -5 and -4 cuts more than there is: 8 in windowed dimension 0");
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3}, {{"feature_group_count", std::int64_t{2}}}),
            name + "feature_group_count 2 must divide the 3 features of lhs");
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3}, {{"feature_group_count", std::int64_t{3}}}),
            name + "feature_group_count 3 must divide the 4 output features of rhs");
  EXPECT_EQ(error({3, 3, 8}, {4, 3, 3}, {{"batch_group_count", std::int64_t{2}}}),
            name + "batch_group_count 2 must divide the batch of lhs, 3");
  EXPECT_EQ(error({3, 3, 8}, {4, 3, 3}, {{"batch_group_count", std::int64_t{0}}}),
            name + "batch_group_count must be at least 1: 0");
  EXPECT_EQ(error({2, 4, 8}, {4, 2, 3},
                  {{"batch_group_count", std::int64_t{2}}, {"feature_group_count", std::int64_t{2}}}),
            name + "feature_group_count 2 and batch_group_count 2 must not both be above 1");
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3}, {{"lhs_spec", Dims{0, 1, 3}}}),
            name + "lhs_spec [0,1,3] is out of range: 3 for rank 3");
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3}, {{"out_spec", Dims{0, 1}}}),
            name + "out_spec [0,1] must name each of 3 dimensions");
  EXPECT_EQ(error_of(op_conv_general_dilated, {{kF, {2, 3, 8}}, {DType::kF64, {4, 3, 3}}}),
            name + "operands must have the same dtype: f32[2,3,8] vs f64[4,3,3]");
  EXPECT_EQ(error({2, 3, 8}, {4, 3, 3}, {{"lhs_dilation", Dims{std::int64_t{1} << 47}}}),
            name + "size 8 with dilation 140737488355328 of windowed dimension 0 is out of range");
}

TEST(OpErrors, Windows) {
  const auto error = [](Dims shape, Attrs attrs) {
    return error_of(op_reduce_window_max, {{kF, shape}}, std::move(attrs));
  };
  EXPECT_EQ(error({4, 4}, {{"window_dimensions", Dims{2}}}),
            "reduce_window_max: window_dimensions [2] must have one entry a dimension of f32[4,4]");
  EXPECT_EQ(error({4}, {{"window_dimensions", Dims{0}}}),
            "reduce_window_max: window_dimensions [0] must be at least 1");
  EXPECT_EQ(error({4}, {{"window_dimensions", Dims{2}}, {"window_strides", Dims{0}}}),
            "reduce_window_max: window_strides [0] must be at least 1");
  EXPECT_EQ(error({4}, {{"window_dimensions", Dims{2}}, {"padding", DimPair{{1, 1}, {1}}}}),
            "reduce_window_max: low padding [1,1] must have 1 entry");
  EXPECT_EQ(error_of(op_select_and_scatter_add, {{kF, {3}}, {kF, {4}}}, {{"window_dimensions", Dims{3}}}),
            "select_and_scatter_add: source must have a value for each window, f32[2]: f32[3]");
  EXPECT_EQ(error_of(op_select_and_scatter_add, {{kF, {2}}, {kF, {4}}},
                     {{"window_dimensions", Dims{3}}, {"select", std::string("gt")}}),
            "select_and_scatter_add: select must be ge or le: gt");
  const DimPair dims{{0}, {1}};
  const auto skew_error = [&](Dims strides, Dims base) {
    return error_of(op_skew, {{kF, {4, 3}}, {kF, {}}},
                    {{"dims", dims},
                     {"sizes", Dims{4}},
                     {"strides", strides},
                     {"dilation", Dims{1}},
                     {"offset", Dims{0}},
                     {"base_dilation", base}});
  };
  EXPECT_EQ(skew_error({0}, {1}), "skew: stride 0 must be at least 1");
  EXPECT_EQ(skew_error({1}, {-1}), "skew: base_dilation -1 must be at least 1");
  EXPECT_EQ(skew_error({1, 1}, {1}), "skew: strides [1,1] must have one entry a skewed dimension of [0]");
  EXPECT_EQ(skew_error({std::int64_t{1} << 62}, {1}), "skew: positions in dimension 0 are out of range");
}

TEST(OpErrors, FoldsByABody) {
  const auto body = [](const OpDef& op, DType dtype) {
    GraphBuilder b;
    const ValueId x = b.parameter({dtype, {}}), y = b.parameter({dtype, {}});
    const ValueId result = b.emit(op, {x, y});
    return std::make_shared<const Graph>(b.finish({result}));
  };
  const auto error = [&](std::vector<TensorType> operands, GraphRef of, Dims axes = {0}) {
    return error_of(op_reduce, std::move(operands), {{"axes", axes}, {"body", std::move(of)}});
  };
  const GraphRef add = body(op_add, kF);
  EXPECT_EQ(error({{kF, {3}}}, add), "reduce: takes arrays and a start value for each, not 1 operands");
  EXPECT_EQ(error({{kF, {3}}, {kF, {1}}}, add), "reduce: start value 0 must be f32[]: f32[1]");
  EXPECT_EQ(error({{kF, {3}}, {kF, {}}}, add, {1}), "reduce: axes [1] is out of range: 1 for rank 1");
  EXPECT_EQ(error({{kF, {3}}, {kF, {}}}, GraphRef()), "reduce: body is missing");
  EXPECT_EQ(error({{kF, {3}}, {kF, {}}}, body(op_add, DType::kI32)),
            "reduce: 'body' parameter 0 must be f32[], not i32[]");
  EXPECT_EQ(error({{kF, {3}}, {kF, {}}}, body(op_lt, kF)),
            "reduce: 'body' result 0 must be f32[], not bool[]");
  EXPECT_EQ(error({{kF, {3}}, {kF, {4}}, {kF, {}}, {kF, {}}}, add),
            "reduce: arrays must have the same shape: f32[3] vs f32[4]");
}

TEST(OpErrors, CumulativeAndLinearAlgebra) {
  EXPECT_EQ(error_of(op_cumsum, {{kF, {3}}}, {{"axis", std::int64_t{1}}}),
            "cumsum: axis [1] is out of range: 1 for rank 1");
  EXPECT_EQ(error_of(op_cumlogsumexp, {{DType::kI32, {3}}}, {{"axis", std::int64_t{0}}}).substr(0, 35),
            "cumlogsumexp: operand must be a flo");
  EXPECT_EQ(error_of(op_linear_recurrence, {{kF, {3}}, {kF, {4}}}, {{"axis", std::int64_t{0}}}),
            "linear_recurrence: operands must have the same type: f32[3] vs f32[4]");
  EXPECT_EQ(error_of(op_cholesky, {{kF, {3, 4}}}),
            "cholesky: operand must be square in its last two dimensions: f32[3,4]");
  EXPECT_EQ(error_of(op_cholesky, {{kF, {3}}}),
            "cholesky: operand must be square in its last two dimensions: f32[3]");
  EXPECT_EQ(error_of(op_triangular_solve, {{kF, {3, 3}}, {kF, {4, 2}}}),
            "triangular_solve: b must have 3 rows: f32[3,3] vs f32[4,2]");
  EXPECT_EQ(error_of(op_triangular_solve, {{kF, {3, 3}}, {kF, {4, 2}}}, {{"left_side", false}}),
            "triangular_solve: b must have 3 columns: f32[3,3] vs f32[4,2]");
  EXPECT_EQ(error_of(op_triangular_solve, {{kF, {2, 3, 3}}, {kF, {3, 2}}}),
            "triangular_solve: a and b must have the same leading dimensions: f32[2,3,3] vs f32[3,2]");
}

}  // namespace
}  // namespace adze
