#include <map>
#include <optional>

#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;

enum class Kind { kPlain, kFancy };

struct Layer {
  Array weight, bias;
  int units = 0;
};

struct Model {
  Layer hidden;
  std::vector<Layer> layers;
  std::optional<Array> scale;
  std::map<std::string, Array> extra;
  Kind kind = Kind::kPlain;
  std::string name;
};

/// No aggregate: its members are private.
class Cell {
 public:
  explicit Cell(Array state) : state_(std::move(state)) {}
  const Array& state() const { return state_; }

 private:
  friend struct tree_traits<Cell>;
  Array state_;
  int steps_ = 3;
};

}  // namespace

template <>
struct tree_traits<Cell> {
  template <class Field>
  static void visit(Cell& cell, Field&& field) {
    field("state", cell.state_);
    field("steps", cell.steps_);
  }
};

namespace {

Model make_model() {
  Model model;
  model.hidden = {Array(1.0f), Array(2.0f), 4};
  model.layers = {{Array(3.0f), Array(4.0f), 5}, {Array(5.0f), Array(6.0f), 6}};
  model.scale = Array(7.0f);
  model.extra = {{"a", Array(8.0f)}, {"b", Array(9.0f)}};
  model.name = "net";
  return model;
}

TEST(Tree, LeavesInOrderOfDeclaration) {
  std::vector<float> values;
  for (const Array& leaf : tree_leaves(make_model())) values.push_back(leaf.item<float>());
  EXPECT_EQ(values, (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(Tree, PathsNameMembersIndicesAndKeys) {
  EXPECT_EQ(
      tree_paths(make_model(), "model"),
      (std::vector<std::string>{"model.hidden.weight", "model.hidden.bias", "model.layers[0].weight",
                                "model.layers[0].bias", "model.layers[1].weight", "model.layers[1].bias",
                                "model.scale", "model.extra.a", "model.extra.b"}));
  EXPECT_EQ(tree_paths(std::tuple(Array(1), std::pair(Array(2), Array(3))), "t"),
            (std::vector<std::string>{"t[0]", "t[1][0]", "t[1][1]"}));
  EXPECT_EQ(tree_paths(std::array<Array, 2>{}), (std::vector<std::string>{"[0]", "[1]"}));
  EXPECT_EQ(tree_paths(Layer{}), (std::vector<std::string>{"weight", "bias"}));
  EXPECT_EQ(tree_paths(Array(), "x"), (std::vector<std::string>{"x"}));
}

TEST(Tree, LocalAndAnonymousTypesHaveNamesToo) {
  struct Local {
    Array alpha;
    Layer beta;
  };
  EXPECT_EQ(tree_paths(Local{}), (std::vector<std::string>{"alpha", "beta.weight", "beta.bias"}));
}

TEST(Tree, TraitsMakeAClassATree) {
  const Cell cell(Array(2.0f));
  EXPECT_EQ(tree_paths(cell, "cell"), (std::vector<std::string>{"cell.state"}));
  EXPECT_EQ(tree_map([](const Array& x) { return x * 2; }, cell).state().item<float>(), 4.0f);
}

TEST(Tree, MapKeepsStructureAndStaticParts) {
  const Model doubled = tree_map([](const Array& x) { return x * 2; }, make_model());
  EXPECT_EQ(doubled.layers[1].bias.item<float>(), 12.0f);
  EXPECT_EQ(doubled.extra.at("b").item<float>(), 18.0f);
  EXPECT_EQ(doubled.hidden.units, 4);
  EXPECT_EQ(doubled.name, "net");
  const Model sum = tree_map([](const Array& a, const Array& b) { return a + b; }, make_model(), doubled);
  EXPECT_EQ(sum.hidden.weight.item<float>(), 3.0f);
}

TEST(Tree, MapOverTreesOfDifferentStructureIsAnError) {
  Model other = make_model();
  other.layers.pop_back();
  const auto add_trees = [&] {
    tree_map([](const Array& a, const Array& b) { return a + b; }, make_model(), other);
  };
  EXPECT_EQ(error_of<TypeError>(add_trees), "tree_map: the trees differ in structure");
  EXPECT_EQ(error_of<TypeError>([] { tree_unflatten(Layer{}, {Array(1)}); }),
            "tree: 1 Arrays for a tree of 2");
}

TEST(Tree, ZerosLikeOfATree) {
  const Model zeros = zeros_like(make_model());
  expect_array(zeros.layers[0].weight, "f32[]", {0});
}

struct Settings {
  float rate;
  bool flag;
  std::vector<int> sizes;
};

TEST(Tree, WithoutArraysIsStatic) {
  EXPECT_TRUE(tree_leaves(Settings{0.5f, true, {1, 2}}).empty());
  int traces = 0;
  const auto f = compile([&](const Array& x, const Settings& settings) {
    ++traces;
    return x * settings.rate + static_cast<double>(settings.sizes.size());
  });
  EXPECT_EQ(f(Array(2.0f), Settings{0.5f, true, {1, 2}}).item<float>(), 3.0f);
  EXPECT_EQ(f(Array(2.0f), Settings{0.5f, true, {1, 2}}).item<float>(), 3.0f);
  EXPECT_EQ(traces, 1);
  EXPECT_EQ(f(Array(2.0f), Settings{1.0f, true, {1, 2}}).item<float>(), 4.0f);
  EXPECT_EQ(f(Array(2.0f), Settings{1.0f, true, {1, 2, 3}}).item<float>(), 5.0f);
  EXPECT_EQ(traces, 3);
}

struct Fixed {
  Array x;
  const int n = 2;
};

TEST(Tree, StringsLiteralsAndConstMembersAreStatic) {
  int traces = 0;
  const auto f = compile([&](const Fixed& fixed, const std::string& mode) {
    ++traces;
    return mode == "double" ? fixed.x * fixed.n : fixed.x;
  });
  EXPECT_EQ(f(Fixed{Array(3.0f)}, "double").item<float>(), 6.0f);
  EXPECT_EQ(f(Fixed{Array(4.0f)}, "double").item<float>(), 8.0f);
  EXPECT_EQ(traces, 1);
  EXPECT_EQ(f(Fixed{Array(4.0f)}, "keep").item<float>(), 4.0f);
  EXPECT_EQ(f(Fixed{Array(4.0f), 5}, "double").item<float>(), 20.0f);
  EXPECT_EQ(traces, 3);
}

}  // namespace
}  // namespace adze
