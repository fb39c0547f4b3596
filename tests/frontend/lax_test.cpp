#include <limits>

#include "ir/text.h"
#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;
using testing::expect_close;

TEST(Convolution, ByHandAndInEveryLayout) {
  const Array x = reshape(arange(9, DType::kF32), {1, 1, 3, 3}), w({1.f, 2.f, 3.f, 4.f}, {1, 1, 2, 2});
  // 0*1 + 1*2 + 3*3 + 4*4, ...
  expect_array(conv_general_dilated(x, w), "f32[1,1,2,2]", {27, 37, 57, 67});
  expect_array(conv_general_dilated(x, w, {.padding = {{1, 0}, {0, 1}}}), "f32[1,1,3,3]",
               {4, 11, 6, 27, 37, 17, 57, 67, 29});
  expect_array(conv_general_dilated(x, w, {.window_strides = {2, 1}}), "f32[1,1,1,2]", {27, 37});
  expect_array(conv_general_dilated(x, w, {.rhs_dilation = {2, 2}}), "f32[1,1,1,1]", {0 + 4 + 18 + 32});
  EXPECT_EQ(conv_general_dilated(x, w, {.padding = "SAME"}).shape(), (Dims{1, 1, 3, 3}));
  EXPECT_EQ(conv_general_dilated(x, w, {.window_strides = {2, 2}, .padding = "SAME"}).shape(),
            (Dims{1, 1, 2, 2}));

  const Array many = sin(reshape(arange(2 * 3 * 5 * 6, DType::kF32), {2, 3, 5, 6})),
              weights = sin(reshape(arange(4 * 3 * 2 * 3, DType::kF32), {4, 3, 2, 3}));
  const Array expected = conv_general_dilated(many, weights);
  const Array last =
      conv_general_dilated(transpose(many, Dims{0, 2, 3, 1}), transpose(weights, Dims{2, 3, 1, 0}),
                           {.lhs_layout = "NHWC", .rhs_layout = "HWIO", .out_layout = "NHWC"});
  expect_close(transpose(last, Dims{0, 3, 1, 2}), expected, 1e-5);
  const Array across =
      conv_general_dilated(transpose(many, Dims{1, 3, 2, 0}), weights,
                           {.lhs_layout = "CWHN", .rhs_layout = "OIHW", .out_layout = "WCNH"});
  expect_close(transpose(across, Dims{2, 1, 3, 0}), expected, 1e-5);
}

TEST(Convolution, GroupsAreConvolutionsOfTheirOwn) {
  const Array x = sin(reshape(arange(2 * 4 * 6, DType::kF32), {2, 4, 6})),
              w = cos(reshape(arange(6 * 2 * 3, DType::kF32), {6, 2, 3}));
  std::vector<Array> parts;
  for (std::int64_t g = 0; g < 2; ++g) {
    parts.push_back(
        conv_general_dilated(slice_axis(x, 1, 2 * g, 2 * g + 2), slice_axis(w, 0, 3 * g, 3 * g + 3)));
  }
  expect_close(conv_general_dilated(x, w, {.feature_group_count = 2}), concatenate(parts, 1), 1e-5);
}

TEST(Convolution, Errors) {
  const Array x = ones({2, 3, 8, 8}), w = ones({4, 3, 3, 3});
  const auto first_line = [](const std::string& message) { return message.substr(0, message.find('\n')); };
  const auto error = [&](const ConvOptions& options) {
    return first_line(error_of<TypeError>([&] { conv_general_dilated(x, w, options); }));
  };
  EXPECT_EQ(error({.padding = "same"}),
            "padding must be VALID, SAME, SAME_LOWER or a list of (low, high): same");
  EXPECT_EQ(error({.lhs_layout = "NHW"}), "conv_general_dilated: lhs_layout \"NHW\" must name 4 dimensions");
  EXPECT_EQ(error({.lhs_layout = "NHHC"}), "conv_general_dilated: lhs_layout \"NHHC\" names H twice");
  EXPECT_EQ(error({.lhs_layout = "NXYC", .rhs_layout = "OIHW"}),
            "conv_general_dilated: lhs_layout \"NXYC\" has no dimension H");
  EXPECT_EQ(error({.window_strides = {1, -2}}),
            "conv_general_dilated: window_strides [1,-2] must be at least 1");
  EXPECT_EQ(error({.feature_group_count = 2}),
            "conv_general_dilated: feature_group_count 2 must divide the 3 features of lhs");
}

TEST(Convolution, GradientsInOneProgramAndOpByOp) {
  const Array x = sin(reshape(arange(2 * 2 * 5 * 5, DType::kF32), {2, 2, 5, 5})),
              w = cos(reshape(arange(3 * 2 * 3 * 2, DType::kF32), {3, 2, 3, 2}));
  const auto loss = [](const Array& a, const Array& b) {
    const Array y = conv_general_dilated(a, b, {.window_strides = {2, 1}, .padding = {{1, 1}, {0, 1}}});
    return sum(square(relu(y)));
  };
  const auto [dx, dw] = grad<0, 1>(loss)(x, w);
  const auto [cx, cw] = compile(grad<0, 1>(loss))(x, w);
  expect_close(cx, dx, 1e-5);
  expect_close(cw, dw, 1e-5);
  const float step = 1e-2f;
  const Array along = ones_like(w);
  const float up = loss(x, w + along * step).item<float>(), down = loss(x, w - along * step).item<float>();
  EXPECT_NEAR(sum(dw).item<float>(), (up - down) / (2 * step), 2e-2 * std::abs(sum(dw).item<float>()));
}

TEST(Windows, PoolingAndItsGradient) {
  const Array x({1.f, 5.f, 2.f, 4.f, 3.f, 0.f, 9.f, 7.f}, {2, 4});
  const WindowOptions two{.window_dimensions = {1, 2}, .window_strides = {1, 2}};
  expect_array(reduce_window_max(x, two), "f32[2,2]", {5, 4, 3, 9});
  expect_array(reduce_window_min(x, two), "f32[2,2]", {1, 2, 0, 7});
  expect_array(reduce_window_sum(x, two), "f32[2,2]", {6, 6, 3, 16});
  expect_array(reduce_window_prod(x, two), "f32[2,2]", {5, 8, 0, 63});
  expect_array(reduce_window_sum(x, {.window_dimensions = {2, 3}, .padding = "SAME"}), "f32[2,4]",
               {9, 20, 27, 22, 3, 12, 16, 16});
  const auto pooled = [&](const Array& v) {
    return sum(reduce_window_max(v, two) * Array({1.f, 2.f, 3.f, 4.f}, {2, 2}));
  };
  expect_array(grad(pooled)(x), "f32[2,4]", {0, 1, 0, 2, 3, 0, 4, 0});
  expect_array(compile(grad(pooled))(x), "f32[2,4]", {0, 1, 0, 2, 3, 0, 4, 0});
  // A tie belongs to the first.
  expect_array(grad([&](const Array& v) { return sum(reduce_window_max(v, two)); })(zeros({1, 4})),
               "f32[1,4]", {1, 0, 1, 0});
}

TEST(Reduce, WithAnyMonoid) {
  const Array x = reshape(arange(6, DType::kF32), {2, 3});
  const auto add = [](const Array& a, const Array& b) { return a + b; };
  expect_array(reduce(x, 0, add, 1), "f32[2]", {3, 12});
  expect_array(reduce(x, 10, add), "f32[]", {25});
  const auto joined = [](const Array& a, const Array& b) { return a + b + a * b; };
  expect_array(reduce(x, 0, joined, 0), "f32[3]", {3, 9, 17});
  expect_array(grad([&](const Array& v) { return reduce(v, 0, joined); })(Array({1.f, 2.f}, {2})), "f32[2]",
               {3, 2});
  // The largest element and its place.
  const std::array<Array, 2> best =
      reduce<2>({Array({3.f, 8.f, 8.f, 1.f}, {4}), arange(4)}, {Array(-1.f), Array(-1)},
                [](const std::array<Array, 2>& a, const std::array<Array, 2>& b) {
                  const Array stays = a[0] >= b[0];
                  return std::array<Array, 2>{where(stays, a[0], b[0]), where(stays, a[1], b[1])};
                });
  expect_array(best[0], "f32[]", {8});
  expect_array(best[1], "i32[]", {1});
  expect_array(reduce_window(x, 0, joined, {.window_dimensions = {1, 2}}), "f32[2,2]", {1, 5, 19, 29});
  const Array captured = ones({2});
  EXPECT_EQ(error_of<TypeError>([&] {
              reduce(x, 0, [&](const Array& a, const Array& b) { return a + b + sum(captured); });
            }).substr(0, 65),
            "reduce: the body must not use other Arrays than its arguments and");
}

TEST(Reduce, KnownMonoidsAreTheReductionsOfThatName) {
  const Array x = ones({4, 4});
  const Graph graph = trace(
      [](const Array& v) {
        return reduce(
            v, 0, [](const Array& a, const Array& b) { return a + b; }, 1);
      },
      x);
  const std::string text = print(graph);
  EXPECT_NE(text.find("= reduce_sum %"), std::string::npos) << text;
  EXPECT_EQ(text.find("= reduce %"), std::string::npos) << text;
}

TEST(Cumulative, ValuesAndGradients) {
  const Array x({2.f, 0.f, 3.f, 1.f}, {4});
  expect_array(cumsum(x), "f32[4]", {2, 2, 5, 6});
  expect_array(cumsum(x, 0, true), "f32[4]", {6, 4, 4, 1});
  expect_array(cumprod(x), "f32[4]", {2, 0, 0, 0});
  expect_array(cummax(x), "f32[4]", {2, 2, 3, 3});
  expect_array(cummin(x), "f32[4]", {2, 0, 0, 0});
  expect_array(cumlogsumexp(zeros({3})), "f32[3]", {0, 0.69314718, 1.09861229}, 1e-6);
  expect_array(linear_recurrence(Array({9.f, 2.f, 3.f}, {3}), ones({3})), "f32[3]", {1, 3, 10});
  expect_array(cumsum(ones({2, 3}), -1), "f32[2,3]", {1, 2, 3, 1, 2, 3});
  // Exact where a factor is zero: d/dx of 2 + 2*0 + 2*0*3.
  expect_array(grad([](const Array& v) { return sum(cumprod(v)); })(Array({2.f, 0.f, 3.f}, {3})), "f32[3]",
               {1, 8, 0});
  expect_array(grad([](const Array& v) { return index(cummax(v), 3); })(x), "f32[4]", {0, 0, 1, 0});
  EXPECT_EQ(error_of<TypeError>([&] { cumsum(x, 1); }).substr(0, 42),
            "cumsum: axis 1 is out of range for rank 1\n");
}

TEST(LinearAlgebra, FactorsAndSolves) {
  const Array a({4.0, 2.0, 2.0, 5.0}, {2, 2});
  const Array factor = linalg::cholesky(a);
  expect_array(factor, "f64[2,2]", {2, 0, 1, 2}, 1e-15);
  expect_array(linalg::triangular_solve(factor, Array({2.0, 5.0}, {2, 1}), {.lower = true}), "f64[2,1]",
               {1, 2}, 1e-15);
  expect_array(
      linalg::triangular_solve(factor, Array({4.0, 4.0}, {1, 2}), {.left_side = false, .lower = true}),
      "f64[1,2]", {1, 2}, 1e-15);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_array(linalg::cholesky(-a), "f64[2,2]", {nan, 0, nan, nan});
  // log det a = 2 sum(log(diag(L))); its gradient is the inverse, taken from the lower triangle alone.
  const auto log_det = [](const Array& m) {
    const Array diagonal = sum(linalg::cholesky(m) * eye(2, {}, DType::kF64), 1);
    return 2 * sum(log(diagonal));
  };
  expect_array(grad(log_det)(a), "f64[2,2]", {5.0 / 16, 0, -4.0 / 16, 4.0 / 16}, 1e-14);
  EXPECT_EQ(error_of<TypeError>([&] {
              linalg::cholesky(ones({2, 3}));
            }).substr(0, 75),
            "cholesky: operand must be square in its last two dimensions: f32[2,3]\n  ope");
}

}  // namespace
}  // namespace adze
