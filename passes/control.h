#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ir/graph.h"
#include "ir/op.h"

namespace adze {

/// A node of pattern kControl, by what its op's file says of its attributes and operands.
struct ControlNode {
  explicit ControlNode(const Node& node);

  ControlKind kind;
  /// scan: body; while: condition, body; cond: the branches; call: body.
  std::vector<GraphRef> subgraphs;
  std::size_t body = 0;                 ///< scan, while: which of them is the body
  std::size_t carries = 0;              ///< how many: the first results of node and body
  std::size_t first_carry = 0;          ///< operand of the node that is the first initial carry
  std::size_t first_carry_of_body = 0;  ///< the body's parameter
  std::int64_t length = 0;              ///< scan: iterations
  bool reverse = false;                 ///< scan: from the last slice to the first
};

/// The control node that a graph consists of; nullptr where it has none that makes a result.
const Node* control_node(const Graph& body);

}  // namespace adze
