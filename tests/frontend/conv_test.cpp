#include <cmath>
#include <limits>

#include "support/arrays.h"
#include "support/gradient_checks.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;
using testing::expect_close;
using testing::expect_gradient;
using testing::values_of;

constexpr DType kF64 = DType::kF64;

Array draw(std::uint64_t seed, Dims shape) {
  return random::normal(random::key(seed), std::move(shape), kF64);
}

std::size_t offset(const Dims& shape, const Dims& place) {
  std::int64_t result = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) result = result * shape[i] + place[i];
  return static_cast<std::size_t>(result);
}

/// Calls f for each place in `shape`.
template <class F>
void for_each_place(const Dims& shape, const F& f) {
  if (element_count(shape) == 0) return;
  Dims place(shape.size(), 0);
  for (;;) {
    f(place);
    std::size_t i = shape.size();
    while (i-- > 0) {
      if (++place[i] < shape[i]) break;
      place[i] = 0;
      if (i == 0) return;
    }
    if (shape.empty()) return;
  }
}

/// By the formula of nn::Conv, with `low` zeros before each spatial dimension.
Array plain_conv(const Array& x, const nn::Conv& layer, const Dims& low, const Dims& counts) {
  const std::size_t spatial = low.size();
  const Dims xs = x.shape(), ks = layer.kernel.shape();
  const std::int64_t in = ks[spatial], out = ks[spatial + 1];
  const std::vector<double> xv = values_of(x), kv = values_of(layer.kernel), bv = values_of(layer.bias);
  Dims shape{xs[0]};
  shape.insert(shape.end(), counts.begin(), counts.end());
  shape.push_back(out);
  std::vector<double> y(static_cast<std::size_t>(element_count(shape)));
  const Dims window(ks.begin(), ks.end() - 1);
  for_each_place(shape, [&](const Dims& at) {
    const std::int64_t o = at.back(), group = o / (out / layer.groups);
    double sum = bv[static_cast<std::size_t>(o)];
    for_each_place(window, [&](const Dims& k) {
      Dims from{at[0]};
      for (std::size_t d = 0; d < spatial; ++d) {
        const std::int64_t stride = layer.strides.empty() ? 1 : layer.strides[d];
        const std::int64_t dilation = layer.dilation.empty() ? 1 : layer.dilation[d];
        from.push_back(at[d + 1] * stride + k[d] * dilation - low[d]);
        if (from.back() < 0 || from.back() >= xs[d + 1]) return;
      }
      from.push_back(group * in + k[spatial]);
      Dims weight = k;
      weight.push_back(o);
      sum += xv[offset(xs, from)] * kv[offset(ks, weight)];
    });
    y[offset(shape, at)] = sum;
  });
  return Array(y, shape);
}

nn::Conv layer(const Dims& window, std::int64_t in, std::int64_t out, nn::ConvOptions options) {
  options.dtype = kF64;
  nn::Conv result = nn::conv(random::key(5), window, in, out, options);
  result.bias = draw(6, {out});
  return result;
}

void expect_conv(const Array& x, const nn::Conv& conv, const Dims& low, const Dims& counts) {
  const Array expected = plain_conv(x, conv, low, counts);
  expect_close(compile([](const nn::Conv& c, const Array& v) { return c(v); })(conv, x), expected, 1e-13);
}

TEST(Conv, AgainstPlainLoops) {
  expect_conv(draw(1, {2, 9, 3}), layer({3}, 3, 4, {}), {1}, {9});
  expect_conv(draw(1, {2, 9, 3}), layer({4}, 3, 4, {.strides = {2}}), {1}, {5});
  expect_conv(draw(1, {2, 6, 7, 3}), layer({3, 2}, 3, 4, {.padding = nn::Padding::valid()}), {0, 0}, {4, 6});
  expect_conv(draw(1, {2, 6, 7, 3}), layer({3, 3}, 3, 4, {.strides = {2, 3}, .dilation = {2, 1}}), {1, 1},
              {3, 3});
  expect_conv(draw(1, {2, 6, 7, 3}), layer({3, 2}, 3, 4, {.padding = nn::Padding::by({2, -1}, {0, 3})}),
              {2, -1}, {6, 8});
  expect_conv(draw(1, {2, 5, 5, 6}), layer({3, 3}, 6, 4, {.groups = 2}), {1, 1}, {5, 5});
  expect_conv(draw(1, {2, 5, 5, 3}), layer({3, 3}, 3, 6, {.groups = 3}), {1, 1}, {5, 5});
  expect_conv(draw(1, {1, 3, 4, 5, 2}), layer({2, 3, 2}, 2, 3, {}), {0, 1, 0}, {3, 4, 5});
}

TEST(Conv, LeadingDimensions) {
  const nn::Conv conv = layer({3, 3}, 2, 3, {});
  const Array x = draw(1, {2, 3, 5, 4, 2}), y = conv(x);
  EXPECT_EQ(y.shape(), (Dims{2, 3, 5, 4, 3}));
  expect_close(index(index(y, 1), 2), conv(index(index(x, 1), 2)), 1e-13);
}

TEST(Conv, Gradients) {
  expect_gradient([](const std::pair<nn::Conv, Array>& p) { return sum(sin(p.first(p.second))); },
                  std::pair(layer({3, 2}, 2, 4, {.strides = {2, 1}, .groups = 2}), draw(1, {2, 5, 4, 2})));
}

TEST(Conv, InitialWeights) {
  const nn::Conv conv = nn::conv(random::key(1), {3, 3}, 20, 40, {.groups = 2});
  EXPECT_EQ(to_string(conv.kernel.type()), "f32[3,3,10,40]");
  EXPECT_NEAR(stddev(conv.kernel).item<double>(), 1 / std::sqrt(90.0), 5e-3);
}

TEST(Conv, Errors) {
  EXPECT_EQ(error_of<TypeError>([] { nn::conv(random::key(1), {3}, 3, 4, {.groups = 2}); }),
            "conv: 2 groups do not divide 3 input and 4 output channels");
  const nn::Conv conv = nn::conv(random::key(1), {3, 3}, 2, 4);
  EXPECT_EQ(error_of<TypeError>([&] {
              conv(ones({5, 5, 3}));
            }).substr(0, 77),
            "conv: f32[5,5,3] has 3 channels, the kernel f32[3,3,2,4] in 1 group takes 2\n ");
  nn::Conv strided = conv;
  strided.strides = {2};
  EXPECT_EQ(error_of<TypeError>([&] {
              strided(ones({5, 5, 2}));
            }).substr(0, 49),
            "conv: strides [2] should be 2 positive numbers\n  ");
}

/// The result of `fold` over what is under each window (x's elements only), and how many there are.
template <class F>
Array plain_pool(const Array& x, const Dims& window, const Dims& strides, const Dims& low, const Dims& counts,
                 const F& fold) {
  const Dims xs = x.shape();
  const std::vector<double> xv = values_of(x);
  Dims shape{xs[0]};
  shape.insert(shape.end(), counts.begin(), counts.end());
  shape.push_back(xs.back());
  std::vector<double> y(static_cast<std::size_t>(element_count(shape)));
  for_each_place(shape, [&](const Dims& at) {
    std::vector<double> under;
    for_each_place(window, [&](const Dims& k) {
      Dims from{at[0]};
      for (std::size_t d = 0; d < window.size(); ++d) {
        from.push_back(at[d + 1] * strides[d] + k[d] - low[d]);
        if (from.back() < 0 || from.back() >= xs[d + 1]) return;
      }
      from.push_back(at.back());
      under.push_back(xv[offset(xs, from)]);
    });
    y[offset(shape, at)] = fold(under);
  });
  return Array(y, shape);
}

TEST(Pooling, AgainstPlainLoops) {
  const auto largest = [](const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); };
  const auto total = [](const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x;
    return sum;
  };
  const Array x = draw(1, {2, 6, 7, 3});
  expect_close(nn::max_pool(x, {2, 2}), plain_pool(x, {2, 2}, {2, 2}, {0, 0}, {3, 3}, largest), 0);
  const nn::PoolOptions same{.strides = {1, 2}, .padding = nn::Padding::same()};
  expect_close(nn::max_pool(x, {3, 3}, same), plain_pool(x, {3, 3}, {1, 2}, {1, 1}, {6, 4}, largest), 0);
  expect_close(nn::avg_pool(x, {2, 3}),
               plain_pool(x, {2, 3}, {2, 3}, {0, 0}, {3, 2}, [&](const auto& v) { return total(v) / 6; }),
               1e-14);
  expect_close(nn::avg_pool(x, {3, 3}, same),
               plain_pool(x, {3, 3}, {1, 2}, {1, 1}, {6, 4}, [&](const auto& v) { return total(v) / 9; }),
               1e-14);
  expect_close(nn::avg_pool(x, {3, 3}, same, true),
               plain_pool(x, {3, 3}, {1, 2}, {1, 1}, {6, 4},
                          [&](const auto& v) { return total(v) / static_cast<double>(v.size()); }),
               1e-14);
  const Array line = draw(2, {5, 2});
  EXPECT_EQ(nn::max_pool(line, {2}).shape(), (Dims{2, 2}));
}

TEST(Pooling, Gradients) {
  const nn::PoolOptions options{.strides = {1, 2}, .padding = nn::Padding::same()};
  const Array x = draw(3, {2, 5, 4, 2});
  expect_gradient([&](const Array& a) { return sum(sin(nn::avg_pool(a, {3, 2}, options, true))); }, x);
  // Steps so small that no other element becomes the largest.
  expect_gradient([&](const Array& a) { return sum(sin(1e-3 * nn::max_pool(1e3 * a, {3, 2}, options))); }, x);
}

TEST(Pooling, Errors) {
  EXPECT_EQ(error_of<TypeError>([] {
              nn::max_pool(ones({4, 4}), {2, 2});
            }).substr(0, 89),
            "max_pool: needs 1 to 3 spatial dimensions, then channels; got a window of 2 over f32[4,4]");
}

}  // namespace
}  // namespace adze
