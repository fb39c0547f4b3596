#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"
#include "ir/loop_ir.h"
#include "passes/fusion.h"

namespace adze {

/// Where every buffer of a program lives. Offsets are multiples of kAlignment.
struct MemoryPlan {
  /// By value id of the whole graph: parameters, constants, group outputs.
  std::unordered_map<std::uint32_t, loop::BufferRef> places;
  std::vector<ConstantRef> constants;
  /// For each result: the donated parameter whose memory it takes over, or none. The two are one buffer of
  /// the program: an argument that its caller keeps after all is copied before the run.
  std::vector<std::optional<std::size_t>> result_aliases;
  /// Results that are a parameter, a constant or an earlier result: copied at the end (result, source value).
  /// Not those that are a donated parameter and its alias: they are in place already.
  std::vector<std::pair<std::size_t, ValueId>> copies;
  /// What lives in the arena, in the order of being written; alive from group `first` to group `last`.
  struct Tenant {
    ValueId value;
    std::int64_t bytes = 0;  ///< rounded up to kAlignment
    std::size_t first = 0, last = 0;
  };
  std::vector<Tenant> arena;
  /// A control group: each subgraph has a plan of its own, whose arena is part of a workspace in this one,
  /// alive during the group. Branches, and condition and body of a while, take turns in it.
  struct Nested {
    std::vector<GraphRef> graphs;
    std::vector<MemoryPlan> plans;  ///< by subgraph
    std::int64_t offset = 0, bytes = 0;
    /// By result of scan or while: where in the workspace an iteration writes the next carry, from where it
    /// is copied to its place; none where the body writes it there, over the carry before (result_aliases of
    /// the body's plan).
    std::vector<std::optional<std::int64_t>> next;
    std::int64_t predicate = 0;  ///< of a while, in the workspace
  };
  std::map<std::size_t, Nested> nested;  ///< by group
  std::int64_t arena_bytes = 0;          ///< peak
  std::int64_t lower_bound_bytes = 0;    ///< largest sum of arena bytes alive at once
};

/// Gives every group output an offset in one arena by liveness, or the memory of a result, or (in place) the
/// memory of an input that dies there and is read only at the index being written. `donated[i]`: parameter i
/// may be overwritten once it is dead. Without `share` (plan_memory switched off) nothing shares memory.
/// Subgraphs of control groups are planned too. A final carry lives where the initial one did if that dies
/// there, so a donated one is updated in place from the first iteration to the last.
MemoryPlan plan_memory(const Graph& graph, const std::vector<KernelGroup>& groups,
                       const std::vector<bool>& donated, bool share = true);

/// May output `output` of the group live in the memory of input `input`? Only if they have the same type and
/// the group reads that input only at the index of the output element it is computing. Lowering promises: all
/// loads of one iteration come before its stores.
bool can_alias(const KernelGroup& group, std::size_t input, std::size_t output);

std::string print(const Graph& graph, const MemoryPlan& plan);

}  // namespace adze
