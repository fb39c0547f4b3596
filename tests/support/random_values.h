#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "ir/graph.h"
#include "ir/literal.h"

/// Values for tests: drawn at random and combined.
namespace adze::testing {

/// Uniform in [0, 1), the same on every standard library (std::uniform_real_distribution is not).
inline double uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1.0p-53;
}

/// Floats uniform in [low, high), integers 0 to 4, bools either way.
inline Literal random_literal(const TensorType& type, std::mt19937_64& random, double low = -2,
                              double high = 2) {
  Literal literal(type);
  for (std::int64_t i = 0; i < literal.size(); ++i) {
    if (is_float(type.dtype)) {
      literal.set_double(i, low + (high - low) * uniform(random));
    } else {
      literal.set_int(i, static_cast<std::int64_t>(random() % (type.dtype == DType::kBool ? 2 : 5)));
    }
  }
  return literal;
}

inline std::vector<Literal> random_arguments(const Graph& graph, std::uint64_t seed, double low = -2,
                                             double high = 2) {
  std::mt19937_64 random(seed);
  std::vector<Literal> arguments;
  for (const Parameter& parameter : graph.parameters()) {
    arguments.push_back(random_literal(graph.type(parameter.value), random, low, high));
  }
  return arguments;
}

inline double inner_product(const Literal& a, const Literal& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += a.as_double(i) * b.as_double(i);
  return sum;
}

/// x + step * direction, elementwise.
inline Literal moved(const Literal& x, double step, const Literal& direction) {
  Literal result = x;
  for (std::int64_t i = 0; i < x.size(); ++i)
    result.set_double(i, x.as_double(i) + step * direction.as_double(i));
  return result;
}

}  // namespace adze::testing
