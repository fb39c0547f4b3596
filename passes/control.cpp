#include "passes/control.h"

namespace adze {

ControlNode::ControlNode(const Node& node) : kind(node.op->control.value()) {
  const auto graph = [&](const char* name) { subgraphs.push_back(node.attrs.get<GraphRef>(name)); };
  const auto count = [&](const char* name) {
    return static_cast<std::size_t>(node.attrs.get<std::int64_t>(name));
  };
  switch (kind) {
    case ControlKind::kScan:
      graph("body");
      carries = count("num_carry");
      first_carry = first_carry_of_body = count("num_consts");
      length = node.attrs.get<std::int64_t>("length");
      reverse = node.attrs.get<bool>("reverse");
      return;
    case ControlKind::kWhile:
      graph("cond");
      graph("body");
      body = 1;
      carries = node.result_count;
      first_carry_of_body = count("body_consts");
      first_carry = count("cond_consts") + first_carry_of_body;
      return;
    case ControlKind::kCond:
      subgraphs = node.attrs.get<GraphList>("branches");
      return;
    case ControlKind::kCall:
      graph("body");
      return;
  }
}

const Node* control_node(const Graph& body) {
  const Node* node = body.results().empty() ? nullptr : body.producer(body.results()[0]);
  return node && node->op->pattern == OpPattern::kControl ? node : nullptr;
}

}  // namespace adze
