#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "support/literals.h"
#include "support/random_values.h"

/// Graph passes on text.
namespace adze::testing {

using GraphPass = Graph (*)(const Graph&);

/// Both graphs give the same bits, or values within `tolerance`, on random inputs.
inline void expect_same_results(const Graph& expected, const Graph& actual, Tolerance tolerance = {}) {
  const std::vector<Literal> arguments = random_arguments(expected, 1);
  const std::vector<Literal> e = interpret(expected, arguments), a = interpret(actual, arguments);
  ASSERT_EQ(a.size(), e.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(difference(a[i], e[i], tolerance), "") << "result " << i << '\n' << print(actual);
  }
}

/// pass(before) is `after`, up to names, and means the same.
inline void expect_pass(GraphPass pass, std::string_view before, std::string_view after) {
  const Graph graph = parse_graph(before);
  const Graph result = pass(graph);
  verify(result);
  EXPECT_EQ(print(result), print(parse_graph(after)));
  expect_same_results(graph, result);
}

inline void expect_unchanged(GraphPass pass, std::string_view text) {
  expect_pass(pass, text, text);
}

}  // namespace adze::testing
