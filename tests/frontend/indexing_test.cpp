#include <gtest/gtest.h>

#include <cmath>

#include "adze/adze.h"
#include "tests/support/arrays.h"

namespace adze {
namespace {

template <class T>
std::vector<T> values(const Array& x) {
  return x.to_vector<T>();
}

TEST(Indexing, TakeReadsSlicesWhereverTheyAre) {
  const Array x = reshape(astype(iota({12}, 0), DType::kF32), {4, 3});
  EXPECT_EQ(values<float>(take(x, Array({2, 0, -1}, {3}))),
            (std::vector<float>{6, 7, 8, 0, 1, 2, 9, 10, 11}));
  EXPECT_EQ(take(x, Array({0, 1, 2, 2}, {2, 2}), 1).shape(), (Dims{4, 2, 2}));
  EXPECT_EQ(values<float>(take(x, Array({9}, {1}), 0, IndexMode::kClip)), (std::vector<float>{9, 10, 11}));
  EXPECT_TRUE(std::isnan(values<float>(take(x, Array({9}, {1})))[0]));
  EXPECT_EQ(values<float>(take_along_axis(x, argsort(-x, 1), 1)),
            (std::vector<float>{2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9}));
}

TEST(Indexing, WritesJoinWhatIsThere) {
  const Array x = zeros({3, 2});
  const Array updates = ones({3, 2});
  const Array places({1, 1, 7}, {3});
  EXPECT_EQ(values<float>(index_add(x, places, updates)), (std::vector<float>{0, 0, 2, 2, 0, 0}));
  EXPECT_EQ(values<float>(index_add(x, places, updates, 0, IndexMode::kClip)),
            (std::vector<float>{0, 0, 2, 2, 1, 1}));
  EXPECT_EQ(values<float>(index_set(x, Array({-1}, {1}), 5)), (std::vector<float>{0, 0, 0, 0, 5, 5}));
  EXPECT_EQ(values<float>(index_max(x, Array({0}, {1}), Array({-1.0F, 4.0F}, {1, 2}))),
            (std::vector<float>{0, 4, 0, 0, 0, 0}));
  EXPECT_EQ(values<float>(index_mul(updates, Array({0}, {1}), 3, 1)), (std::vector<float>{3, 1, 3, 1, 3, 1}));
}

TEST(Indexing, EmbeddingsLearnWhatTheyShowed) {
  const Array table = reshape(astype(iota({8}, 0), DType::kF32), {4, 2});
  const Array words({1, 3, 1}, {3});
  const auto loss = [&](const Array& t) { return sum(square(take(t, words))); };
  EXPECT_EQ(values<float>(compile(grad(loss))(table)), (std::vector<float>{0, 0, 8, 12, 0, 0, 12, 14}));
}

TEST(Indexing, WindowsThatMove) {
  const Array x = astype(iota({6}, 0), DType::kF32);
  EXPECT_EQ(values<float>(dynamic_slice(x, {Array(2)}, {3})), (std::vector<float>{2, 3, 4}));
  EXPECT_EQ(values<float>(dynamic_slice(x, {Array(9)}, {3})), (std::vector<float>{3, 4, 5}));
  EXPECT_EQ(values<float>(dynamic_slice(x, {-2}, {2})), (std::vector<float>{4, 5}));
  EXPECT_EQ(dynamic_index(x, Array(4)).item<float>(), 4);
  EXPECT_EQ(values<float>(dynamic_update_slice(x, zeros({2}), {Array(5)})),
            (std::vector<float>{0, 1, 2, 3, 0, 0}));
}

TEST(Indexing, Orders) {
  const Array x({3.0F, std::nanf(""), -1.0F, 2.0F}, {4});
  EXPECT_EQ(values<float>(slice_axis(sort(x), 0, 0, 3)), (std::vector<float>{-1, 2, 3}));
  EXPECT_EQ(values<std::int32_t>(argsort(x)), (std::vector<std::int32_t>{2, 3, 0, 1}));
  const auto [largest_ones, places] = top_k(Array({5.0F, 9.0F, 5.0F, 1.0F}, {4}), 3);
  EXPECT_EQ(values<float>(largest_ones), (std::vector<float>{9, 5, 5}));
  EXPECT_EQ(values<std::int32_t>(places), (std::vector<std::int32_t>{1, 0, 2}));
  const std::vector<Array> rows = sort({Array({1, 0, 1, 0}, {4}), Array({4, 3, 2, 1}, {4})}, 0, 2);
  EXPECT_EQ(values<std::int32_t>(rows[1]), (std::vector<std::int32_t>{1, 3, 2, 4}));
  const auto largest = [](const Array& a) { return sum(top_k(a, 2).first); };
  EXPECT_EQ(values<float>(grad(largest)(Array({5.0F, 9.0F, 1.0F}, {3}))), (std::vector<float>{1, 1, 0}));
}

TEST(Indexing, ErrorsNameTheIndex) {
  const Array x = zeros({3, 2});
  const auto message = [](const auto& f) -> std::string {
    try {
      f();
    } catch (const TypeError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message([&] { take(x, Array({1.5F}, {1})); }).find("an index must be an integer, got f32[1]"),
            std::string::npos);
  EXPECT_NE(message([&] { take(x, Array({1}, {1}), 2); }).find("axis 2 is out of range for rank 2"),
            std::string::npos);
  EXPECT_NE(message([&] {
              dynamic_slice(x, {0}, {1, 1});
            }).find("needs one start index a dimension"),
            std::string::npos);
  EXPECT_NE(message([&] { top_k(x, 3); }).find("k = 3 must be between 0 and"), std::string::npos);
  EXPECT_NE(message([&] { index_add(x, Array({0}, {1}), zeros({5})); }).find("f32[5]"), std::string::npos);
}

}  // namespace
}  // namespace adze
