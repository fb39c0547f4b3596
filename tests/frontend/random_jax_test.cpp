#include <functional>

#include "support/arrays.h"

// The numbers of JAX 0.10.2 (jax_threefry_partitionable on, as it is by default) for jax.random.key(42),
// drawn at once and inside a compiled function that is given the key.
namespace adze {
namespace {

using testing::expect_array;

using Draw = std::function<Array(const Array& key)>;

void expect_draw(const char* name, const Draw& draw, const std::string& type,
                 const std::vector<double>& values, double tolerance = 0) {
  SCOPED_TRACE(name);
  const Array key = random::key(42);
  expect_array(draw(key), type, values, tolerance);
  expect_array(compile(draw)(key), type, values, tolerance);
  // A key made in the trace, and one captured.
  expect_array(compile([&](const Array& x) { return draw(random::fold_in(random::key(0), x)); })(
                   Array(std::int32_t{3})),
               type, testing::values_of(draw(random::fold_in(random::key(0), 3))), tolerance);
  expect_array(compile([&](const Array&) { return draw(key); })(Array(0)), type, values, tolerance);
}

TEST(RandomJax, Keys) {
  expect_draw("split", [](const Array& key) { return random::split_stacked(key, 3); }, "u32[3,2]",
              {1832780943, 270669613, 64467757, 2916123636, 2465931498, 255383827});
  expect_draw("split into Arrays", [](const Array& key) { return random::split(key, 3)[1]; }, "u32[2]",
              {64467757, 2916123636});
  expect_draw("fold_in", [](const Array& key) { return random::fold_in(key, 7); }, "u32[2]",
              {2547012911, 1371500959});
}

TEST(RandomJax, BitsOfOtherWidths) {
  expect_draw("u8", [](const Array& key) { return random::bits(key, {3}, DType::kU8); }, "u8[3]",
              {162, 217, 249});
  expect_draw("u16", [](const Array& key) { return random::bits(key, {3}, DType::kU16); }, "u16[3]",
              {5026, 12505, 63993});
  // In halves, which doubles can hold.
  const auto half = [](const Array& key, int part) {
    const Array wide = random::bits(key, {2}, DType::kU64);
    return astype(part == 0 ? wide / 4294967296 : wide % 4294967296, DType::kU32);
  };
  expect_draw("u64, high", [&](const Array& key) { return half(key, 0); }, "u32[2]", {1832780943, 64467757});
  expect_draw("u64, low", [&](const Array& key) { return half(key, 1); }, "u32[2]", {270669613, 2916123636});
}

TEST(RandomJax, Bits) {
  expect_draw("bits",
              [](const Array& key) {
                return random::bits(key, {2, 3});
              },
              "u32[2,3]", {2098992034, 2919706841, 2646866425, 2409546199, 1935504149, 2516274904});
  expect_draw("uniform", [](const Array& key) { return random::uniform(key, {4}); }, "f32[4]",
              {0.48870956897735596, 0.6797971725463867, 0.6162714958190918, 0.5610160827636719});
  expect_draw("uniform in a range", [](const Array& key) { return random::uniform(key, {4}, -3, 5); },
              "f32[4]", {0.9096765518188477, 2.4383773803710938, 1.9301719665527344, 1.488128662109375});
  expect_draw("uniform f64", [](const Array& key) { return random::uniform(key, {3}, 0, 1, DType::kF64); },
              "f64[3]", {0.4267275666499091, 0.015010069515314584, 0.5741444178995352});
  expect_draw("bernoulli", [](const Array& key) { return random::bernoulli(key, 0.3, {12}); }, "bool[12]",
              {0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0});
}

TEST(RandomJax, Integers) {
  expect_draw("randint", [](const Array& key) { return random::randint(key, {6}, -5, 1000); }, "i32[6]",
              {184, 514, 736, 539, 804, 979});
  expect_draw("randint over all",
              [](const Array& key) { return random::randint(key, {4}, INT32_MIN, INT32_MAX); }, "i32[4]",
              {977810628, 1236381714, -1367112521, -1019495231});
  expect_draw("permutation", [](const Array& key) { return random::permutation(key, 12); }, "i32[12]",
              {7, 4, 2, 5, 3, 6, 10, 11, 8, 9, 0, 1});
  // jax.random.permutation(key, x, axis=1)
  expect_draw("of columns",
              [](const Array& key) {
                return random::permutation(key, reshape(arange(24), {2, 12}), 1);
              },
              "i32[2,12]",
              {7, 4, 2, 5, 3, 6, 10, 11, 8, 9, 0, 1, 19, 16, 14, 17, 15, 18, 22, 23, 20, 21, 12, 13});
}

TEST(RandomJax, KeysCanBeMapped) {
  const Array keys = random::split_stacked(random::key(42), 3);
  const auto draw = [](const Array& key) {
    const auto [a, b] = random::split<2>(key);
    return random::uniform(a, {4}) + astype(random::permutation(b, 4), DType::kF32);
  };
  const Array mapped = compile(vmap(draw))(keys);
  for (std::int64_t i = 0; i < 3; ++i) {
    expect_array(index(mapped, i), "f32[4]", testing::values_of(draw(index(keys, i))));
  }
}

TEST(RandomJax, Categorical) {
  const Array logits({0.f, 1.f, 2.f, 3.f, 0.f, -1.f}, {2, 3});
  expect_draw(
      "gumbel", [](const Array& key) { return random::gumbel(key, {5}); }, "f32[5]",
      {0.3340933918952942, 0.952019453048706, 0.7255305647850037, 0.5481715202331543, 0.2268049567937851},
      1e-6);
  expect_draw("categorical", [&](const Array& key) { return random::categorical(key, logits); }, "i32[2]",
              {2, 0});
  expect_draw("of a shape",
              [&](const Array& key) {
                return random::categorical(key, logits, -1, Dims{4, 2});
              },
              "i32[4,2]", {2, 0, 2, 0, 1, 0, 1, 0});
  expect_draw("along the first axis",
              [&](const Array& key) {
                return random::categorical(key, logits, 0, Dims{2, 3});
              },
              "i32[2,3]", {1, 0, 0, 1, 0, 0});
}

TEST(RandomJax, Normal) {
  expect_draw(
      "normal", [](const Array& key) { return random::normal(key, {5}); }, "f32[5]",
      {-0.02830461598932743, 0.4671318531036377, 0.2957029640674591, 0.15354591608047485,
       -0.12403281778097153},
      3e-7);
  expect_draw(
      "normal f64", [](const Array& key) { return random::normal(key, {3}, DType::kF64); }, "f64[3]",
      {-0.18471174528191162, -2.169824560397754, 0.18693555179382582}, 1e-14);
  expect_draw(
      "truncated normal", [](const Array& key) { return random::truncated_normal(key, {5}, -2, 2); },
      "f32[5]",
      {-0.027016498148441315, 0.44438081979751587, 0.2818770706653595, 0.14650805294513702,
       -0.11836230009794235},
      3e-7);
  expect_draw(
      "far from the middle", [](const Array& key) { return random::truncated_normal(key, {5}, 0.5, 3); },
      "f32[5]",
      {1.0010056495666504, 1.2831929922103882, 1.1788620948791504, 1.0975507497787476, 0.95374995470047},
      1e-6);
  expect_draw(
      "truncated normal f64",
      [](const Array& key) { return random::truncated_normal(key, {3}, -1, 2, DType::kF64); }, "f64[3]",
      {0.01998452592513169, -0.9504476695340623, 0.32827144083703297}, 1e-14);
}

}  // namespace
}  // namespace adze
