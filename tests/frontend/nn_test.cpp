#include <cmath>

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

/// Applies `row` to each of the last axis' rows.
template <class F>
Array by_rows(const Array& x, const F& row) {
  std::vector<double> values = values_of(x);
  const std::size_t n = static_cast<std::size_t>(x.shape().back());
  for (std::size_t start = 0; start < values.size(); start += n) row(values.data() + start, n);
  return Array(values, x.shape());
}

TEST(Embedding, LooksUpAndAttends) {
  const nn::Embedding layer{draw(1, {5, 3})};
  const Array ids({4, 0, 4, 2, 1, 4}, {2, 3});
  const Array hot = one_hot(ids, 5, kF64);
  expect_close(layer(ids), matmul(hot, layer.table), 1e-14);
  EXPECT_TRUE(std::isnan(values_of(layer(Array(5)))[0]));
  const Array x = draw(2, {2, 4, 3});
  expect_close(layer.attend(x), matmul(x, transpose(layer.table)), 1e-14);
  expect_gradient([&](const nn::Embedding& e) { return sum(sin(e.attend(sin(e(ids))))); }, layer);
  EXPECT_NEAR(stddev(nn::embedding(random::key(3), 300, 100).table).item<double>(), 0.1, 2e-3);
}

TEST(Activations, NumbersOfJax) {
  const Array x({-2.0, -0.5, 0.0, 0.5, 3.0}, {5});
  expect_array(selu(x), "f64[5]",
               {-1.520166468595695, -0.6917581878028712, 0.0, 0.5253504936777402, 3.1521029620664414}, 1e-15);
  expect_array(gelu(x, false), "f64[5]",
               {-0.04550026389635841, -0.15426876936299344, 0.0, 0.34573123063700656, 2.99595030590511},
               1e-15);
  expect_array(gelu(x), "f64[5]",
               {-0.04540230591222494, -0.15428599017485609, 0.0, 0.3457140098251439, 2.996362607918227},
               1e-15);
  expect_array(elu(x), "f64[5]", {-0.8646647167633873, -0.3934693402873665, 0, 0.5, 3}, 1e-15);
  expect_array(silu(x), "f64[5]",
               {-0.2384058440442351, -0.1887703343990727, 0, 0.3112296656009273, 2.8577223804673}, 1e-15);
  expect_array(leaky_relu(x), "f64[5]", {-0.02, -0.005, 0, 0.5, 3}, 1e-15);
  expect_array(glu(Array({1.0, 2.0, 0.5, -1.0}, {4})), "f64[2]", {0.6224593312018546, 0.5378828427399902},
               1e-15);
  expect_array(glu(Array({1.0, 2.0, 0.5, -1.0}, {2, 2}), 0), "f64[1,2]",
               {0.6224593312018546, 2 / (1 + std::exp(1.0))}, 1e-15);
  expect_gradient([](const Array& a) { return sum(sin(selu(a) + gelu(a, false) * gelu(a))); }, x + 0.1);
  expect_gradient([](const Array& a) { return sum(sin(glu(reshape(a, {5, 2}), 1))); }, draw(9, {10}));
}

TEST(LayerNorm, AgainstPlainLoops) {
  const Array x = draw(1, {3, 2, 5}) * 3 + 10;
  nn::LayerNorm layer = nn::layer_norm({5}, kF64);
  layer.scale = draw(2, {5});
  layer.bias = draw(3, {5});
  const std::vector<double> scale = values_of(layer.scale), bias = values_of(layer.bias);
  const Array expected = by_rows(x, [&](double* row, std::size_t n) {
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < n; ++i) mean += row[i] / 5;
    for (std::size_t i = 0; i < n; ++i) variance += (row[i] - mean) * (row[i] - mean) / 5;
    for (std::size_t i = 0; i < n; ++i) {
      row[i] = (row[i] - mean) / std::sqrt(variance + 1e-5) * scale[i] + bias[i];
    }
  });
  expect_close(layer(x), expected, 1e-13);
  expect_gradient([](const std::pair<nn::LayerNorm, Array>& p) { return sum(sin(p.first(p.second))); },
                  std::pair(layer, x));
  // Over two axes: one mean and variance for each of the three.
  const nn::LayerNorm two = nn::layer_norm({2, 5}, kF64);
  const Array flat = nn::layer_norm({10}, kF64)(reshape(x, {3, 10}));
  expect_close(two(x), reshape(flat, {3, 2, 5}), 1e-13);
  EXPECT_EQ(error_of<TypeError>([&] { nn::layer_norm({4})(x); }).substr(0, 66),
            "layer_norm: a layer for [4] does not fit the last axes of f64[3,2,");
}

TEST(RmsNorm, AgainstPlainLoops) {
  const Array x = draw(1, {4, 5});
  const nn::RmsNorm layer{draw(2, {5})};
  const std::vector<double> scale = values_of(layer.scale);
  const Array expected = by_rows(x, [&](double* row, std::size_t n) {
    double square = 0;
    for (std::size_t i = 0; i < n; ++i) square += row[i] * row[i] / 5;
    for (std::size_t i = 0; i < n; ++i) row[i] *= scale[i] / std::sqrt(square + 1e-6);
  });
  expect_close(layer(x), expected, 1e-13);
  expect_gradient([](const std::pair<nn::RmsNorm, Array>& p) { return sum(sin(p.first(p.second))); },
                  std::pair(layer, x));
  EXPECT_EQ(nn::rms_norm({5})(ones({2, 5})).dtype(), DType::kF32);
}

TEST(BatchNorm, TrainsAndEvaluates) {
  const Array x = draw(1, {6, 2, 3}) * 2 + 1;
  nn::BatchNorm layer = nn::batch_norm(3, kF64);
  layer.scale = draw(2, {3});
  layer.bias = draw(3, {3});
  const nn::BatchNormState before{draw(4, {3}), square(draw(5, {3}))};
  const auto [y, after] = layer.train(x, before);
  const std::vector<double> values = values_of(x), scale = values_of(layer.scale),
                            bias = values_of(layer.bias);
  std::vector<double> expected(values.size()), means, variances;
  for (std::size_t f = 0; f < 3; ++f) {
    double mean = 0, variance = 0;
    for (std::size_t i = f; i < values.size(); i += 3) mean += values[i] / 12;
    for (std::size_t i = f; i < values.size(); i += 3)
      variance += (values[i] - mean) * (values[i] - mean) / 12;
    for (std::size_t i = f; i < values.size(); i += 3) {
      expected[i] = (values[i] - mean) / std::sqrt(variance + 1e-5) * scale[f] + bias[f];
    }
    means.push_back(0.9 * values_of(before.mean)[f] + 0.1 * mean);
    variances.push_back(0.9 * values_of(before.variance)[f] + 0.1 * variance);
  }
  expect_close(y, Array(expected, {6, 2, 3}), 1e-13);
  expect_array(after.mean, "f64[3]", means, 1e-14);
  expect_array(after.variance, "f64[3]", variances, 1e-14);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t f = i % 3;
    expected[i] = (values[i] - means[f]) / std::sqrt(variances[f] + 1e-5) * scale[f] + bias[f];
  }
  expect_close(layer(x, after), Array(expected, {6, 2, 3}), 1e-13);
  expect_gradient(
      [&](const std::pair<nn::BatchNorm, Array>& p) {
        return sum(sin(p.first.train(p.second, before).first));
      },
      std::pair(layer, x));
  // The statistics are not differentiated.
  const Array none = grad([&](const Array& a) { return sum(layer.train(a, before).second.mean); })(x);
  EXPECT_EQ(max(abs(none)).item<double>(), 0);
}

TEST(Dropout, InvertedAndClassic) {
  const Array x = draw(1, {1000}), key = random::key(7);
  const nn::Dropout inverted{.rate = 0.25}, classic{.rate = 0.25, .classic = true};
  const std::vector<double> in = values_of(x), a = values_of(inverted.train(x, key)),
                            b = values_of(classic.train(x, key));
  int dropped = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    dropped += a[i] == 0;
    EXPECT_EQ(a[i] == 0, b[i] == 0);
    if (a[i] == 0) continue;
    EXPECT_DOUBLE_EQ(a[i], in[i] / 0.75);
    EXPECT_EQ(b[i], in[i]);
  }
  EXPECT_NEAR(dropped, 250, 4 * std::sqrt(1000 * 0.25 * 0.75));
  expect_array(inverted(x), "f64[1000]", in);
  expect_close(classic(x), x * 0.75, 0);
  expect_array(nn::Dropout{.rate = 0}.train(x, key), "f64[1000]", in);
  EXPECT_EQ(max(abs(nn::Dropout{.rate = 1}.train(x, key))).item<double>(), 0);
  // The key is data: a compiled step draws anew for each.
  const auto f = compile([&](const Array& k, const Array& v) { return inverted.train(v, k); });
  expect_array(f(key, x), "f64[1000]", a);
  const Array other = random::key(8);
  EXPECT_NE(values_of(f(other, x)), a);
  EXPECT_EQ(f.specialisations(), 1u);
  EXPECT_EQ(error_of<TypeError>([&] { nn::Dropout{.rate = 1.5}.train(x, key); }).substr(0, 40),
            "dropout: the rate is in [0, 1], not 1.5\n");
}

/// One query after the other.
Array plain_attention(const Array& q, const Array& k, const Array& v, bool causal) {
  const std::int64_t batch = q.shape()[0], queries = q.shape()[1], heads = q.shape()[2], size = q.shape()[3];
  const std::int64_t keys = k.shape()[1], out = v.shape()[3];
  const std::vector<double> qs = values_of(q), ks = values_of(k), vs = values_of(v);
  std::vector<double> result(static_cast<std::size_t>(batch * queries * heads * out), 0.0);
  const auto at = [&](std::int64_t b, std::int64_t t, std::int64_t h, std::int64_t f, std::int64_t tokens,
                      std::int64_t width) {
    return static_cast<std::size_t>(((b * tokens + t) * heads + h) * width + f);
  };
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t i = 0; i < queries; ++i) {
        const std::int64_t limit = causal ? std::min(i + 1, keys) : keys;
        std::vector<double> weights;
        double total = 0;
        for (std::int64_t j = 0; j < limit; ++j) {
          double score = 0;
          for (std::int64_t f = 0; f < size; ++f)
            score += qs[at(b, i, h, f, queries, size)] * ks[at(b, j, h, f, keys, size)];
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(size))));
          total += weights.back();
        }
        for (std::int64_t j = 0; j < limit; ++j) {
          for (std::int64_t f = 0; f < out; ++f) {
            result[at(b, i, h, f, queries, out)] +=
                weights[static_cast<std::size_t>(j)] / total * vs[at(b, j, h, f, keys, out)];
          }
        }
      }
    }
  }
  return Array(result, {batch, queries, heads, out});
}

struct Qkv {
  Array q, k, v;
};
Qkv qkv() {
  return {draw(1, {2, 4, 3, 5}), draw(2, {2, 6, 3, 5}), draw(3, {2, 6, 3, 7})};
}

TEST(Attention, AgainstPlainLoops) {
  const auto [q, k, v] = qkv();
  const Array plain = nn::dot_product_attention(q, k, v),
              causal = nn::dot_product_attention(q, k, v, {.causal = true});
  expect_close(plain, plain_attention(q, k, v, false), 1e-13);
  expect_close(causal, plain_attention(q, k, v, true), 1e-13);
  // A causal mask, given as one, for all batches and heads.
  const Array mask = iota({4, 6}, 0) >= iota({4, 6}, 1);
  expect_close(nn::dot_product_attention(q, k, v, {.mask = mask}), causal, 1e-14);
  const Array bias = where(mask, 0.0, -1e30);
  expect_close(nn::dot_product_attention(q, k, v, {.bias = astype(bias, kF64)}), causal, 1e-14);
  expect_close(nn::dot_product_attention(q * 2, k, v, {.scale = 0.5 / std::sqrt(5.0)}), plain, 1e-14);
  // No batch, and a query that may look nowhere.
  expect_close(nn::dot_product_attention(index(q, 1), index(k, 1), index(v, 1)), index(plain, 1), 1e-14);
  const Array nowhere = nn::dot_product_attention(q, k, v, {.mask = zeros({4, 6}, DType::kBool)});
  expect_close(nowhere, broadcast_to(mean(v, 1, true), {2, 4, 3, 7}), 1e-13);
}

TEST(Attention, Gradients) {
  expect_gradient(
      [](const Qkv& x) { return sum(sin(nn::dot_product_attention(x.q, x.k, x.v, {.causal = true}))); },
      qkv());
  const nn::MultiHeadAttention layer = nn::multi_head_attention(random::key(5), 6, 2, kF64);
  const Array x = draw(6, {2, 5, 6});
  expect_gradient([&](const nn::MultiHeadAttention& a) { return sum(sin(a(x, {.causal = true}))); }, layer);
}

TEST(Attention, ManyHeads) {
  nn::MultiHeadAttention layer = nn::multi_head_attention(random::key(5), 6, 2, kF64);
  layer.value.bias = draw(1, {6});
  const Array x = draw(6, {2, 5, 6}), memory = draw(7, {2, 3, 6});
  const auto heads = [](const Array& a) { return reshape(a, {2, -1, 2, 3}); };
  const auto expected = [&](const Array& to, bool causal) {
    const Array mixed =
        plain_attention(heads(layer.query(x)), heads(layer.key(to)), heads(layer.value(to)), causal);
    return layer.out(reshape(mixed, {2, 5, 6}));
  };
  expect_close(layer(x), expected(x, false), 1e-13);
  expect_close(layer(x, {.causal = true}), expected(x, true), 1e-13);
  expect_close(layer.attend(x, memory), expected(memory, false), 1e-13);
}

TEST(Attention, Errors) {
  EXPECT_EQ(error_of<TypeError>([] { nn::multi_head_attention(random::key(0), 6, 4); }),
            "multi_head_attention: 6 features do not divide into 4 heads");
  const auto [q, k, v] = qkv();
  EXPECT_EQ(error_of<TypeError>([&, q = q, k = k, v = v] {
              nn::dot_product_attention(q, k, v, {.mask = ones({4, 6})});
            }).substr(0, 58),
            "dot_product_attention: the mask must be bool, got f32[4,6]");
  EXPECT_EQ(error_of<TypeError>([&, v = v] {
              nn::dot_product_attention(ones({2, 2}), v, v);
            }).substr(0, 80),
            "dot_product_attention: query, key and value are [..., tokens, heads, features], ");
}

}  // namespace
}  // namespace adze
