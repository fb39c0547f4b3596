#include <algorithm>
#include <cmath>

#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;

TEST(Random, ThreefryKnownAnswers) {
  // The vectors of the Random123 distribution, through fold_in's counter (0, data) where they fit, and JAX's
  // split.
  const auto keys = random::split<2>(random::key(0));
  expect_array(keys[0], "u32[2]", {1797259609, 2579123966});
  expect_array(keys[1], "u32[2]", {928981903, 3453687069});
  expect_array(random::key(0x123456789ABCDEFu), "u32[2]", {0x1234567, 0x89ABCDEF});
  expect_array(random::fold_in(random::key(0), 0), "u32[2]",
               {0x6b200159, 0x99ba4efe});  // Random123: all zeros
  EXPECT_EQ(random::split(random::key(7), 5).size(), 5u);
  EXPECT_NE(random::fold_in(random::key(0), 1).data<std::uint32_t>()[0],
            random::fold_in(random::key(0), 2).data<std::uint32_t>()[0]);
}

TEST(Random, NormalIsJaxs) {
  // jax.random.normal(jax.random.key(42)) and .uniform(key(0), 3), jax 0.5 and later.
  EXPECT_NEAR(random::normal(random::key(42), {}).item<float>(), -0.028304616, 1e-8);
}

TEST(Random, ElementsDoNotDependOnTheShape) {
  const Array a = random::uniform(random::key(3), {2, 6}), b = random::uniform(random::key(3), {12});
  expect_array(reshape(a, {12}), "f32[12]", testing::values_of(b));
}

TEST(Random, Moments) {
  const std::int64_t n = 100000;
  const Array u = random::uniform(random::key(1), {n}), z = random::normal(random::key(2), {n});
  EXPECT_NEAR(mean(u).item<double>(), 0.5, 5e-3);
  EXPECT_NEAR(var(u).item<double>(), 1.0 / 12, 2e-3);
  EXPECT_GE(min(u).item<double>(), 0);
  EXPECT_LT(max(u).item<double>(), 1);
  EXPECT_NEAR(mean(z).item<double>(), 0, 1e-2);
  EXPECT_NEAR(var(z).item<double>(), 1, 2e-2);
  EXPECT_NEAR(mean(pow(z, 4)).item<double>(), 3, 0.15);
  const Array z64 = random::normal(random::key(2), {n}, DType::kF64);
  EXPECT_NEAR(mean(z64).item<double>(), 0, 1e-2);
  EXPECT_NEAR(var(z64).item<double>(), 1, 2e-2);
  const Array shifted = random::uniform(random::key(4), {n}, -3, 5, DType::kF64);
  EXPECT_NEAR(mean(shifted).item<double>(), 1, 3e-2);
  EXPECT_NEAR(mean(random::bernoulli(random::key(5), 0.3, {n})).item<double>(), 0.3, 6e-3);
}

TEST(Random, NormalQuantilesOverTheirRange) {
  // The share of draws below each point is the normal distribution function there.
  const std::int64_t n = 200000;
  std::vector<double> z = testing::values_of(random::normal(random::key(9), {n}, DType::kF64));
  std::sort(z.begin(), z.end());
  for (const double point : {-3.0, -2.0, -1.0, -0.3, 0.0, 0.5, 1.5, 2.5, 3.5}) {
    const auto below = std::lower_bound(z.begin(), z.end(), point) - z.begin();
    EXPECT_NEAR(static_cast<double>(below) / static_cast<double>(n), 0.5 * std::erfc(-point / std::sqrt(2.0)),
                4e-3);
  }
}

TEST(Random, Integers) {
  const Array draws = random::randint(random::key(1), {30000}, -2, 4);
  EXPECT_EQ(draws.dtype(), DType::kI32);
  EXPECT_EQ(min(draws).item<int>(), -2);
  EXPECT_EQ(max(draws).item<int>(), 3);
  EXPECT_NEAR(mean(draws).item<double>(), 0.5, 5e-2);
  std::vector<double> order = testing::values_of(random::permutation(random::key(2), 1000));
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], static_cast<double>(i));
  EXPECT_EQ(random::permutation(random::key(2), 0).size(), 0);
  EXPECT_EQ(random::permutation(random::key(2), 1).item<int>(), 0);
}

TEST(Random, Errors) {
  EXPECT_EQ(error_of<TypeError>([] { random::uniform(Array(1), {2}); }),
            "random::uniform: a key is u32[2], got i32[]");
  EXPECT_EQ(error_of<TypeError>([] { random::randint(random::key(0), {2}, 3, 3); }),
            "random::randint: no integers in [3, 3)");
  EXPECT_EQ(error_of<TypeError>([] { random::normal(random::key(0), {2}, DType::kI32); }),
            "random::normal: dtype must be f32 or f64, not i32");
}

}  // namespace
}  // namespace adze
