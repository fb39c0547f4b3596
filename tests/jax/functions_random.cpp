#include "jax/functions.h"

namespace adze::testing {
namespace {

using Arrays = std::vector<Array>;

/// The shapes under whose text ("random.bits[3,5]") the functions below are found.
const std::vector<Dims>& shapes() {
  static const std::vector<Dims> list = {{}, {1}, {7}, {3, 5}, {2, 0, 3}, {1000}, {4, 33, 2}};
  return list;
}

/// Adds the function, which draws an Array of that shape from a key, for every shape.
void add_shaped(FunctionTable& table, const std::string& name,
                std::function<Array(const Array& key, const Dims&)> draw) {
  for (const Dims& shape : shapes()) {
    table[name + to_string(shape)] = {1, [=](const Arrays& a) { return Arrays{draw(a[0], shape)}; }};
  }
}

Function initialiser(std::function<Array(const Array& key)> draw) {
  return {1, [draw](const Arrays& a) { return Arrays{draw(a[0])}; }};
}

}  // namespace

FunctionTable random_functions() {
  using namespace random;
  constexpr DType kF64 = DType::kF64;
  FunctionTable table;
  add_shaped(table, "random.bits", [](const Array& key, const Dims& s) { return bits(key, s); });
  add_shaped(table, "random.uniform", [](const Array& key, const Dims& s) { return uniform(key, s); });
  add_shaped(table, "random.uniform_f64",
             [](const Array& key, const Dims& s) { return uniform(key, s, 0, 1, kF64); });
  add_shaped(table, "random.uniform_range",
             [](const Array& key, const Dims& s) { return uniform(key, s, -3, 0.5); });
  add_shaped(table, "random.normal", [](const Array& key, const Dims& s) { return normal(key, s); });
  add_shaped(table, "random.normal_f64",
             [](const Array& key, const Dims& s) { return normal(key, s, kF64); });
  add_shaped(table, "random.truncated_normal",
             [](const Array& key, const Dims& s) { return truncated_normal(key, s, -1.5, 2); });
  add_shaped(table, "random.gumbel", [](const Array& key, const Dims& s) { return gumbel(key, s); });
  add_shaped(table, "random.bernoulli",
             [](const Array& key, const Dims& s) { return bernoulli(key, 0.3, s); });
  add_shaped(table, "random.randint",
             [](const Array& key, const Dims& s) { return randint(key, s, -10, 1000); });
  add_shaped(table, "random.randint_wide", [](const Array& key, const Dims& s) {
    return randint(key, s, std::numeric_limits<std::int32_t>::min(),
                   std::numeric_limits<std::int32_t>::max());
  });
  table["random.split"] = {1, [](const Arrays& a) { return random::split(a[0], 5); }};
  table["random.split_stacked"] = {1, [](const Arrays& a) { return Arrays{split_stacked(a[0], 7)}; }};
  table["random.fold_in"] = {2, [](const Arrays& a) { return Arrays{fold_in(a[0], a[1])}; }};
  table["random.categorical"] = {2, [](const Arrays& a) { return Arrays{categorical(a[0], a[1])}; }};
  table["random.categorical_axis0"] = {2, [](const Arrays& a) {
                                         return Arrays{categorical(a[0], a[1], 0, Dims{6, a[1].shape()[1]})};
                                       }};
  for (const std::int64_t n : {1, 8, 257}) {
    table["random.permutation" + std::to_string(n)] = {
        1, [n](const Arrays& a) { return Arrays{permutation(a[0], n)}; }};
  }
  const Dims shape{12, 20};
  table["init.xavier_uniform"] =
      initialiser([=](const Array& key) { return nn::init::xavier_uniform(key, shape); });
  table["init.xavier_normal"] =
      initialiser([=](const Array& key) { return nn::init::xavier_normal(key, shape); });
  table["init.he_uniform"] = initialiser([=](const Array& key) { return nn::init::he_uniform(key, shape); });
  table["init.he_normal"] = initialiser([=](const Array& key) { return nn::init::he_normal(key, shape); });
  table["init.lecun_uniform"] =
      initialiser([=](const Array& key) { return nn::init::lecun_uniform(key, shape); });
  table["init.lecun_normal"] =
      initialiser([=](const Array& key) { return nn::init::lecun_normal(key, shape); });
  table["init.he_normal_conv"] = initialiser([](const Array& key) {
    return nn::init::he_normal(key, {3, 3, 4, 6});
  });
  return table;
}

}  // namespace adze::testing
