#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "passes/ad/ad.h"
#include "support/random_values.h"

/// Derivatives of whole graphs against finite differences and against each other.
namespace adze::testing {

inline std::vector<bool> float_parameters(const Graph& graph) {
  std::vector<bool> active;
  for (const Parameter& parameter : graph.parameters()) {
    active.push_back(is_float(graph.type(parameter.value).dtype));
  }
  return active;
}

/// One random direction: u over the active parameters, v over the float results.
struct Directions {
  std::vector<Literal> u, v;
};

inline Directions random_directions(const Graph& graph, const std::vector<bool>& active, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Directions directions;
  for (std::size_t i = 0; i < active.size(); ++i) {
    if (active[i])
      directions.u.push_back(random_literal(graph.type(graph.parameters()[i].value), random, -1, 1));
  }
  for (const ValueId result : graph.results()) {
    const TensorType& type = graph.type(result);
    if (is_float(type.dtype)) directions.v.push_back(random_literal(type, random, -1, 1));
  }
  return directions;
}

/// <v, f(x)> over the float results.
inline double project(const Graph& graph, const std::vector<Literal>& x, const std::vector<Literal>& v) {
  double sum = 0;
  std::size_t k = 0;
  for (const Literal& result : interpret(graph, x)) {
    if (is_float(result.type().dtype)) sum += inner_product(v[k++], result);
  }
  return sum;
}

/// d/dt <v, f(x + t u)> at 0, by the fourth-order central difference.
inline double finite_difference(const Graph& graph, const std::vector<bool>& active,
                                const std::vector<Literal>& x, const Directions& d, double step = 1e-3) {
  const auto at = [&](double t) {
    std::vector<Literal> point = x;
    std::size_t k = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (active[i]) point[i] = moved(x[i], t, d.u[k++]);
    }
    return project(graph, point, d.v);
  };
  return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step);
}

/// <v, J u> by the jvp graph.
inline double by_jvp(const Graph& graph, const std::vector<bool>& active, std::vector<Literal> x,
                     const Directions& d) {
  const Graph jvp = jvp_graph(graph, active);
  verify(jvp);
  x.insert(x.end(), d.u.begin(), d.u.end());
  const std::vector<Literal> results = interpret(jvp, x);
  double sum = 0;
  for (std::size_t k = 0; k < d.v.size(); ++k)
    sum += inner_product(d.v[k], results[graph.results().size() + k]);
  return sum;
}

/// <J' v, u> by the vjp graph.
inline double by_vjp(const Graph& graph, const std::vector<bool>& active, std::vector<Literal> x,
                     const Directions& d) {
  const Graph vjp = vjp_graph(graph, active);
  verify(vjp);
  x.insert(x.end(), d.v.begin(), d.v.end());
  const std::vector<Literal> results = interpret(vjp, x);
  double sum = 0;
  for (std::size_t k = 0; k < d.u.size(); ++k)
    sum += inner_product(results[graph.results().size() + k], d.u[k]);
  return sum;
}

/// jvp, vjp and finite differences agree at x (f64), and so do those of the jvp and vjp graphs, `order` deep.
inline void check_derivatives(const Graph& graph, const std::vector<bool>& active,
                              const std::vector<Literal>& x, int order, std::uint64_t seed = 1) {
  const Directions d = random_directions(graph, active, seed);
  const double forward = by_jvp(graph, active, x, d);
  const double reverse = by_vjp(graph, active, x, d);
  const double numeric = finite_difference(graph, active, x, d);
  const double size = std::fmax(1, std::abs(numeric));
  EXPECT_NEAR(forward, reverse, 1e-12 * size) << print(graph);
  EXPECT_NEAR(forward, numeric, 1e-7 * size) << print(graph);
  if (order <= 1) return;

  const auto deeper = [&](const Graph& derived, const std::vector<Literal>& extra) {
    std::vector<Literal> point = x;
    point.insert(point.end(), extra.begin(), extra.end());
    std::vector<bool> flags = active;
    flags.resize(point.size(), true);
    check_derivatives(derived, flags, point, order - 1, seed + 1);
  };
  deeper(jvp_graph(graph, active), d.u);
  deeper(vjp_graph(graph, active), d.v);
}

inline void check_derivatives(std::string_view text, int order, double low = -2, double high = 2) {
  const Graph graph = parse_graph(text);
  check_derivatives(graph, float_parameters(graph), random_arguments(graph, 7, low, high), order);
}

}  // namespace adze::testing
