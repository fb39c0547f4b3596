#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/literal.h"

namespace adze::fuzz {

/// A graph and one literal for each of its parameters.
struct Program {
  Graph graph;
  std::vector<Literal> inputs;
};

/// Two functions of the text form: the graph, and @inputs, which returns its arguments.
std::string print(const Program& program);
/// What `print` wrote. Throws IoError.
Program parse(const std::string& text, const std::string& file);

/// `values` of the graph as the results, `cut` values as parameters (of the values they have), and nothing
/// that is not needed for it. `literals`: the value of each of the graph's values.
Program excerpt(const Program& program, const std::vector<ValueId>& values, const std::vector<bool>& cut,
                const std::vector<Literal>& literals);
/// Of every value of the graph.
std::vector<Literal> all_values(const Program& program);

}  // namespace adze::fuzz
