#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "passes/fusion.h"
#include "passes/fusion_rules.h"

namespace adze {

/// Makes a group of each kernel; together they compute all that the results need. Producers first, otherwise
/// in the order of the graph.
std::vector<KernelGroup> make_groups(const Graph& graph, const std::vector<KernelFacts>& kernels);

/// The limits of a group that must exist whatever its size.
inline constexpr FusionLimits kNoLimits{.max_ops = 1 << 30, .max_inputs = 1 << 30};

/// A kernel of one node, which there is for every op but those that carry subgraphs: CompileError.
KernelFacts single_node_kernel(FusionRules& rules, NodeId node);

/// What `FusionRules` finds in a finished body (of which `rules` was made). InternalError when it breaks a
/// promise.
KernelFacts facts_of(FusionRules& rules);

/// Gives groups of control ops what `groups_of` makes of their subgraphs.
void add_subprograms(std::vector<KernelGroup>& groups,
                     const std::function<std::vector<KernelGroup>(const Graph&)>& groups_of);

/// Every line of `text` that many spaces further to the right.
std::string indented(std::string_view text, std::size_t spaces);

}  // namespace adze
