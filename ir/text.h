#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace adze {

struct PrintOptions {
  bool locations = false;  ///< "// net.cpp:12" at the ends of lines
};

/// The .adze form of one function. parse_graph(print(g)) == g for every graph.
std::string print(const Graph& graph, const PrintOptions& options = {});
/// "%7 f32[32,128] relu net.cpp:41": one value, for error messages.
std::string describe(const Graph& graph, ValueId value);

/// How the parser finds ops by name: `find_op`, or a test's own table.
using OpLookup = const OpDef* (*)(std::string_view name);
const OpDef* find_op(std::string_view name);

/// Parses one `func`; `file` is for messages. Throws IoError "file:line:column: ..." with the line and a
/// caret. Type errors in the text are IoErrors too, at the node's line. Keeps the graph exactly as written.
Graph parse_graph(std::string_view text, const std::string& file = "<text>", OpLookup lookup = find_op);
/// All functions of a file, in order; names are unique.
std::vector<Graph> parse_graphs(std::string_view text, const std::string& file = "<text>",
                                OpLookup lookup = find_op);

/// Re-checks everything GraphBuilder promises: order of ids, operand counts, attributes, inferred types,
/// subgraphs. Throws InternalError with an excerpt.
void verify(const Graph& graph);

}  // namespace adze
