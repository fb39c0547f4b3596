#pragma once

#include <gtest/gtest.h>

#include <adze/adze.h>
#include <cmath>
#include <cstdint>

namespace adze::testing {

/// A tree of f64 with normal numbers in the places of the float Arrays, zeros in others.
template <class Tree>
Tree random_direction(const Tree& tree, std::uint64_t seed) {
  return tree_map(
      [&](const Array& leaf) {
        return is_float(leaf.dtype()) ? random::normal(random::key(++seed), leaf.shape(), leaf.dtype())
                                      : zeros_like(leaf);
      },
      tree);
}

/// The gradient of the scalar function `f` of a tree of f64, along a random direction, against a central
/// difference of fourth order: relative to the slope's size.
template <class F, class Tree>
void expect_gradient(const F& f, const Tree& at, double tolerance = 1e-8) {
  const Tree direction = random_direction(at, 1000);
  const Tree gradient = compile(grad(f))(at);
  double slope = 0;
  const std::vector<Array> g = tree_leaves(gradient), d = tree_leaves(direction);
  for (std::size_t i = 0; i < g.size(); ++i) slope += sum(g[i] * d[i]).template item<double>();
  const auto value = compile(f);
  const auto along = [&](double h) {
    return value(tree_map([&](const Array& x, const Array& v) { return x + h * v; }, at, direction))
        .template item<double>();
  };
  const double h = 1e-3;
  const double difference = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h);
  EXPECT_GT(std::abs(slope), 1e-6) << "a direction that tells nothing";
  EXPECT_NEAR(slope, difference, tolerance * std::max(1.0, std::abs(slope)));
}

}  // namespace adze::testing
