#include "passes/in_place.h"

#include <algorithm>

#include "passes/control.h"
#include "passes/kernel_group.h"
#include "passes/memory_plan.h"

namespace adze {

InPlace::InPlace(const KernelGroup& group) : body_(group.body) {
  FusionRules rules(body_);
  facts_ = facts_of(rules);
}

bool InPlace::allows(std::size_t input, std::size_t output) const {
  const ValueId from = body_.parameters()[input].value, to = body_.results()[output];
  if (body_.type(from) != body_.type(to)) return false;
  if (facts_.kind == GroupKind::kOpaque) return carries_through(from, to);
  const auto is = [](ValueId value) {
    return [value](const KernelFacts::Use& use) { return use.value == value; };
  };
  const auto read = std::find_if(facts_.inputs.begin(), facts_.inputs.end(), is(from));
  const auto written = std::find_if(facts_.outputs.begin(), facts_.outputs.end(), is(to));
  if (read == facts_.inputs.end() || written == facts_.outputs.end()) return false;
  // Values of rows are stored at another time than those of the full space, so both must be needed for the
  // same. An operand of a contraction is never needed for the full space alone: other products read it too.
  return read->indices == written->indices && read->needed_by == written->needed_by;
}

/// A loop works in the memory of its initial carry, unless it reads that as something else, too.
bool InPlace::carries_through(ValueId from, ValueId to) const {
  const Node* node = control_node(body_);
  if (!node) return false;
  const ControlNode control(*node);
  const std::size_t result = to.index - node->result.index;
  return result < control.carries && node->operands[control.first_carry + result] == from &&
         std::count(node->operands.begin(), node->operands.end(), from) == 1;
}

bool can_alias(const KernelGroup& group, std::size_t input, std::size_t output) {
  return InPlace(group).allows(input, output);
}

}  // namespace adze
