#include <cmath>

#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;
using testing::values_of;

namespace init = nn::init;

TEST(Init, NumbersOfJax) {
  // jax.nn.initializers of JAX 0.10.2 for jax.random.key(42).
  const Array key = random::key(42);
  const Dims shape{2, 3};
  const double tolerance = 3e-7;
  expect_array(init::xavier_uniform(key, shape), "f32[2,3]",
               {-0.02473609521985054, 0.39391589164733887, 0.25473809242248535, 0.13367953896522522,
                -0.1081322431564331, 0.1881226748228073},
               tolerance);
  expect_array(init::xavier_normal(key, shape), "f32[2,3]",
               {-0.019425004720687866, 0.31951215863227844, 0.2026711106300354, 0.10534006357192993,
                -0.0851031169295311, 0.14876757562160492},
               tolerance);
  expect_array(init::he_uniform(key, shape), "f32[2,3]",
               {-0.03911120072007179, 0.622835636138916, 0.4027762711048126, 0.21136590838432312,
                -0.17097207903862, 0.2974480390548706},
               tolerance);
  expect_array(init::he_normal(key, {2, 2, 1, 1}), "f32[2,2,1,1]",
               {-0.021717816591262817, 0.3572254478931427, 0.22659318149089813, 0.11777377128601074},
               tolerance);
  expect_array(init::lecun_uniform(key, shape), "f32[2,3]",
               {-0.027655795216560364, 0.44041135907173157, 0.2848058342933655, 0.14945827424526215,
                -0.12089551985263824, 0.21032753586769104},
               tolerance);
  expect_array(init::lecun_normal(key, shape), "f32[2,3]",
               {-0.021717816591262817, 0.3572254478931427, 0.22659318149089813, 0.11777377128601074,
                -0.09514818340539932, 0.16632720828056335},
               tolerance);
  expect_array(init::orthogonal(key, shape), "f32[2,3]",
               {-0.08792734146118164, 0.918591320514679, -0.3853037655353546, 0.8722633719444275,
                0.2578020691871643, 0.41556572914123535},
               1e-6);
  expect_array(init::orthogonal(key, {3, 2}, 2), "f32[3,2]",
               {-0.17585468292236328, 1.744526743888855, 1.837182641029358, 0.5156041383743286,
                -0.7706075310707092, 0.8311314582824707},
               1e-6);
  expect_array(init::variance_scaling(key, shape, 3, init::Distribution::kNormal, {.fan = init::Fan::kOut}),
               "f32[2,3]",
               {-0.02830461598932743, 0.4671318531036377, 0.2957029640674591, 0.15354591608047485,
                -0.12403281778097153, 0.21692314743995667},
               tolerance);
  expect_array(init::truncated_normal(key, {3}, 0.5), "f32[3]",
               {-0.013508249074220657, 0.22219040989875793, 0.14093853533267975}, tolerance);
}

/// Mean zero and the given variance, within four standard deviations of their estimates.
void expect_moments(const char* name, const Array& weights, double variance, double kurtosis) {
  SCOPED_TRACE(name);
  double sum = 0, squares = 0;
  const std::vector<double> values = values_of(weights);
  for (const double x : values) {
    sum += x;
    squares += x * x;
  }
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0, 4 * std::sqrt(variance / n));
  EXPECT_NEAR(squares / n, variance, 4 * variance * std::sqrt((kurtosis - 1) / n));
}

TEST(Init, Moments) {
  using init::Distribution;
  using init::Fan;
  const double uniform = 1.8, normal = 3, truncated = 2.37;  // fourth moments over squared variances
  const Dims shape{120, 400};
  int seed = 0;
  const auto key = [&] { return random::key(static_cast<std::uint64_t>(++seed)); };
  expect_moments("xavier_uniform", init::xavier_uniform(key(), shape), 1.0 / 260, uniform);
  expect_moments("xavier_normal", init::xavier_normal(key(), shape), 1.0 / 260, truncated);
  expect_moments("he_uniform", init::he_uniform(key(), shape), 2.0 / 120, uniform);
  expect_moments("he_normal", init::he_normal(key(), shape), 2.0 / 120, truncated);
  expect_moments("he_normal, out", init::he_normal(key(), shape, {.fan = Fan::kOut}), 2.0 / 400, truncated);
  expect_moments("lecun_uniform", init::lecun_uniform(key(), shape), 1.0 / 120, uniform);
  expect_moments("lecun_normal", init::lecun_normal(key(), shape, {.dtype = DType::kF64}), 1.0 / 120,
                 truncated);
  expect_moments("a convolution's", init::he_uniform(key(), {3, 3, 20, 40}), 2.0 / 180, uniform);
  expect_moments("a transposed one's", init::he_uniform(key(), {40, 20, 3, 3}, {.in_axis = 1, .out_axis = 0}),
                 2.0 / 180, uniform);
  expect_moments("plain normal",
                 init::variance_scaling(key(), shape, 5, Distribution::kNormal, {.fan = Fan::kAverage}),
                 5.0 / 260, normal);
  expect_moments("normal", init::normal(key(), shape, 0.02), 4e-4, normal);
  expect_moments("uniform", init::uniform(key(), shape, -0.3, 0.3), 0.03, uniform);
  // The variance of a normal between -2 and 2 is 0.7737.
  expect_moments("truncated_normal", init::truncated_normal(key(), shape, 0.1),
                 0.01 * 0.87962566103423978 * 0.87962566103423978, truncated);
  expect_moments("orthogonal", init::orthogonal(key(), {120, 60}), 1.0 / 120, normal);
  const Array cut = init::truncated_normal(key(), shape, 1, -0.5, 2);
  EXPECT_GT(min(cut).item<double>(), -0.5);
  EXPECT_LT(max(cut).item<double>(), 2);
}

TEST(Init, OrthogonalMatrices) {
  const Array tall = init::orthogonal(random::key(1), {30, 12}, 1, DType::kF64);
  testing::expect_close(matmul(transpose(tall), tall), eye(12, {}, DType::kF64), 1e-14);
  const Array wide = reshape(init::orthogonal(random::key(2), {2, 3, 40}, 3, DType::kF64), {6, 40});
  testing::expect_close(matmul(wide, transpose(wide)), 9 * eye(6, {}, DType::kF64), 1e-14);
}

TEST(Init, Constants) {
  expect_array(init::zeros({2}), "f32[2]", {0, 0});
  expect_array(init::ones({2}, DType::kF64), "f64[2]", {1, 1});
  expect_array(init::constant({2}, 0.25), "f32[2]", {0.25, 0.25});
  expect_array(init::he_normal(random::key(0), {0, 3}), "f32[0,3]", {});
}

TEST(Init, Errors) {
  EXPECT_EQ(error_of<TypeError>([] { init::he_normal(random::key(0), {3}); }),
            "nn::init: weights: axis -2 is out of range for rank 1");
  EXPECT_EQ(error_of<TypeError>([] { init::orthogonal(random::key(0), {3}); }),
            "nn::init::orthogonal: weights need two axes or more, got [3]");
}

}  // namespace
}  // namespace adze
