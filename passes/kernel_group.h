#pragma once

#include <span>
#include <vector>

#include "passes/fusion.h"
#include "passes/fusion_rules.h"

namespace adze {

/// A set of nodes that will be one group, and the values others need from it (both ascending).
struct Cluster {
  std::vector<NodeId> nodes;
  std::vector<ValueId> outputs;
};

/// Makes groups of clusters that together compute all that the results need, each legal by `rules`; producers
/// first, otherwise in the order of the graph.
std::vector<KernelGroup> make_groups(FusionRules& rules, std::vector<Cluster> clusters);

/// The limits of a group that must exist whatever its size.
inline constexpr FusionLimits kNoLimits{.max_ops = 1 << 30, .max_inputs = 1 << 30};

/// What `FusionRules` finds in a finished body (of which `rules` was made). InternalError when it breaks a
/// promise.
KernelFacts facts_of(FusionRules& rules);

}  // namespace adze
