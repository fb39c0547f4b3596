#include <cstdio>

#include <algorithm>
#include <string>

#include "ir/op.h"
#include "tools/commands.h"

namespace adze::tool {
namespace {

std::string_view name_of(OpPattern pattern) {
  switch (pattern) {
    case OpPattern::kElementwise:
      return "elementwise";
    case OpPattern::kIndexMap:
      return "index map";
    case OpPattern::kConstant:
      return "constant";
    case OpPattern::kReduction:
      return "reduction";
    case OpPattern::kContraction:
      return "contraction";
    case OpPattern::kLoops:
      return "loops";
    case OpPattern::kComposite:
      return "composite";
    case OpPattern::kControl:
      return "control";
    case OpPattern::kCollective:
      return "collective";
  }
  return "?";
}

/// What an op has, by name: its rules, then how it is lowered.
struct Rule {
  const char* name;
  bool (*has)(const OpDef&);
};
constexpr Rule kRules[] = {
    {"fold", [](const OpDef& op) { return static_cast<bool>(op.fold); }},
    {"jvp", [](const OpDef& op) { return op.jvp || op.traits.linear; }},  // a linear op is its own
    {"zero_derivative", [](const OpDef& op) { return op.traits.zero_derivative; }},
    {"transpose", [](const OpDef& op) { return static_cast<bool>(op.transpose); }},
    {"batch",
     [](const OpDef& op) { return op.batch || op.pattern == OpPattern::kElementwise; }},  // by the pattern
    {"scalar", [](const OpDef& op) { return static_cast<bool>(op.scalar); }},
    {"index_map", [](const OpDef& op) { return static_cast<bool>(op.index_map); }},
    {"reduce", [](const OpDef& op) { return static_cast<bool>(op.reduce); }},
    {"contract", [](const OpDef& op) { return static_cast<bool>(op.contract); }},
    {"loops", [](const OpDef& op) { return static_cast<bool>(op.loops); }},
    {"decompose", [](const OpDef& op) { return static_cast<bool>(op.decompose); }},
    {"control", [](const OpDef& op) { return op.control.has_value(); }},
    {"eval", [](const OpDef& op) { return static_cast<bool>(op.eval); }},
};

/// "lhs, rhs", "operand..."; attributes that must be given, "[others]": "dims, [strides]".
std::string signature(const OpDef& op) {
  std::string text = "(";
  for (const std::string& operand : op.operand_names) text += (text.size() > 1 ? ", " : "") + operand;
  text += op.variadic ? "...)" : ")";
  if (op.attrs.empty()) return text;
  text += " {";
  for (const AttrSpec& attr : op.attrs) {
    if (text.back() != '{') text += ", ";
    text += attr.default_value ? "[" + attr.name + "]" : attr.name;
  }
  return text + "}";
}

}  // namespace

int ops_command() {
  std::size_t width = 2;
  for (const OpDef* op : all_ops()) width = std::max(width, op->name.size());
  const int columns = static_cast<int>(width);
  std::printf("%-*s  %-11s  %7s  %-60s  %s\n", columns, "op", "pattern", "samples", "rules",
              "(operands) {attributes, [with a default]}");
  std::size_t samples = 0;
  std::vector<std::size_t> counts(std::size(kRules));
  for (const OpDef* op : all_ops()) {
    const std::size_t of_this = op->samples ? op->samples().size() : 0;
    samples += of_this;
    std::string rules;
    for (std::size_t i = 0; i < std::size(kRules); ++i) {
      if (!kRules[i].has(*op)) continue;
      ++counts[i];
      rules += (rules.empty() ? "" : " ") + std::string(kRules[i].name);
    }
    std::printf("%-*.*s  %-11s  %7zu  %-60s  %s\n", columns, static_cast<int>(op->name.size()),
                op->name.data(), std::string(name_of(op->pattern)).c_str(), of_this, rules.c_str(),
                signature(*op).c_str());
  }
  std::printf("ops=%zu samples=%zu", all_ops().size(), samples);
  for (std::size_t i = 0; i < std::size(kRules); ++i) std::printf(" %s=%zu", kRules[i].name, counts[i]);
  std::printf("\n");
  return kGood;
}

}  // namespace adze::tool
