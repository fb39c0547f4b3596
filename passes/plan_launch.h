#pragma once

#include <optional>
#include <vector>

#include "ir/loop_ir.h"
#include "passes/target.h"

namespace adze {

/// Numbers the calls by phase: a call begins a new one where it touches memory that a call of the current
/// phase writes, or writes memory that one of them reads. Before: calls in order, with all their places, of
/// scratch too; `result_aliases` as in MemoryPlan. After: KernelCall::phase; a border of a region is one of
/// phases, and no call of a region's first phase writes its predicate. Without `share` every call is a phase
/// of its own.
void plan_phases(loop::Program& program, const std::vector<std::optional<std::size_t>>& result_aliases,
                 bool share = true);

/// Decides how a GPU runs the program, by the cost model below or as `mode` says. Before: scheduled kernels
/// and phases. After: Program::launch.
///
/// The model compares two estimates. One persistent launch pays a grid barrier a phase and has one block a
/// multiprocessor, so it can hide less latency; a graph pays a launch a kernel and fills the machine. So
/// small work wants the first and large work the second. A program with regions is always one launch, whose
/// blocks go through the loops and branches together.
void plan_launch(loop::Program& program, const Target& target,
                 std::optional<loop::Launch::Mode> mode = std::nullopt);

/// The persistent launch passes every buffer of the program as an argument of one kernel, the graph only
/// those of each call: above this number of buffers it has to be a graph, which takes a program without
/// regions (CompileError).
inline constexpr std::size_t kMostLaunchBuffers = 480;

}  // namespace adze
