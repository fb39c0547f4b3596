#include "passes/pipeline.h"

#include <algorithm>

#include "ir/text.h"
#include "passes/batching.h"
#include "passes/canonicalize.h"
#include "passes/decompose.h"
#include "passes/expand_math.h"
#include "passes/fold_layout.h"
#include "passes/lower_to_loops.h"
#include "passes/pass_runner.h"
#include "passes/plan_launch.h"
#include "passes/plan_scratch.h"
#include "passes/schedule_cpu.h"
#include "passes/schedule_gpu.h"
#include "passes/simplify_loops.h"
#include "passes/subgraphs.h"

namespace adze {
namespace {

/// A compilation between two passes.
struct State {
  Lowered lowered;
  const std::vector<bool>& donated;
  const CompileContext& context;
};

/// One row of the pipeline.
struct Pass {
  std::string_view name;
  Level level;  ///< what it makes or rewrites
  void (*run)(State&);
  void (*instead)(State&) = nullptr;  ///< when disabled; nullptr: nothing to do
  std::string_view stage = {};        ///< ADZE_DUMP's name for the state after this row
  bool optional = true;
  std::optional<TargetKind> only = {};  ///< for targets of this kind
};

/// Would the kernel need libm as it is: elementary functions that only expand_math turns into arithmetic?
bool has_elementary_functions(const loop::Kernel& kernel) {
  for (std::uint32_t i = 0; i < kernel.exprs.size(); ++i) {
    const loop::Expr& expr = kernel.exprs[loop::ExprId{i}];
    if (expr.kind == loop::ExprKind::kScalar && can_expand(expr.op, expr.dtype)) return true;
  }
  return false;
}

void run_schedule_cpu(State& s) {
  for (loop::Kernel& kernel : s.lowered.program.kernels) {
    // Vector loops call nothing: what expand_math will not expand stays scalar.
    if (!s.context.enabled("expand_math") && has_elementary_functions(kernel)) continue;
    kernel = schedule_cpu(std::move(kernel), s.context.target);
  }
}

/// A graph pass, in subgraphs too.
template <Graph (*pass)(const Graph&)>
void on_graphs(State& s) {
  s.lowered.graph = on_all_graphs(s.lowered.graph, pass);
}

constexpr Pass kPasses[] = {
    {"decompose",
     Level::kGraph,
     [](State& s) { s.lowered.graph = decompose(s.lowered.graph); },
     nullptr,
     {},
     false},
    {"canonicalize", Level::kGraph, on_graphs<canonicalize>},
    {"fold_layout", Level::kGraph, on_graphs<fold_layout>},
    // Again: composed movement ops leave identities and equal nodes behind.
    {"canonicalize", Level::kGraph, on_graphs<canonicalize>},
    {"fuse", Level::kGroups, [](State& s) { s.lowered.groups = fuse(s.lowered.graph); },
     [](State& s) { s.lowered.groups = group_each_node(s.lowered.graph); }},
    // Fused before planned: a plan made first would stand in the way of fusion.
    {"order_kernels", Level::kGroups,
     [](State& s) { s.lowered.groups = order_kernels(s.lowered.graph, std::move(s.lowered.groups)); }},
    {"plan_memory", Level::kPlan,
     [](State& s) { s.lowered.plan = plan_memory(s.lowered.graph, s.lowered.groups, s.donated, true); },
     [](State& s) { s.lowered.plan = plan_memory(s.lowered.graph, s.lowered.groups, s.donated, false); },
     "plan"},
    {"lower_to_loops",
     Level::kLoops,
     [](State& s) { s.lowered.program = lower_to_loops(s.lowered.graph, s.lowered.groups, s.lowered.plan); },
     nullptr,
     {},
     false},
    {"simplify_loops", Level::kLoops,
     [](State& s) {
       for (loop::Kernel& kernel : s.lowered.program.kernels) kernel = simplify_loops(std::move(kernel));
     }},
    {"schedule_cpu", Level::kLoops, run_schedule_cpu, nullptr, {}, true, TargetKind::kCpu},
    {"schedule_gpu",
     Level::kLoops,
     [](State& s) {
       for (loop::Kernel& kernel : s.lowered.program.kernels) {
         kernel = schedule_gpu(std::move(kernel), s.context.target);
       }
     },
     [](State& s) {
       for (loop::Kernel& kernel : s.lowered.program.kernels) {
         kernel = on_one_thread(std::move(kernel), s.context.target);
       }
     },
     {},
     true,
     TargetKind::kGpu},
    {"expand_math", Level::kLoops,
     [](State& s) {
       if (s.context.target.has_math) return;
       for (loop::Kernel& kernel : s.lowered.program.kernels) {
         kernel = expand_math(std::move(kernel), s.context.target.has_fma);
       }
     }},
    // Schedules decide on scratch, so its place comes last; it uses what the memory plan leaves free at each
    // call.
    {"plan_scratch",
     Level::kLoops,
     [](State& s) { plan_scratch(s.lowered.program, s.lowered.plan, true); },
     [](State& s) { plan_scratch(s.lowered.program, s.lowered.plan, false); },
     {},
     true,
     TargetKind::kCpu},
    {"plan_phases", Level::kLoops,
     [](State& s) { plan_phases(s.lowered.program, s.lowered.plan.result_aliases, true); },
     [](State& s) { plan_phases(s.lowered.program, s.lowered.plan.result_aliases, false); }},
    {"plan_launch",
     Level::kLoops,
     [](State& s) { plan_launch(s.lowered.program, s.context.target, s.context.launch); },
     nullptr,
     {},
     false,
     TargetKind::kGpu},
    {"plan_transfers",
     Level::kLoops,
     [](State& s) { s.lowered.transfers = plan_transfers(s.lowered.program, s.lowered.plan.result_aliases); },
     nullptr,
     {},
     false,
     TargetKind::kGpu},
};

PassRunner::Subject subject_of(const Lowered& lowered, Level level) {
  switch (level) {
    case Level::kGraph:
      return {[&] { verify(lowered.graph); }, [&] { return print(lowered.graph); }};
    case Level::kGroups:
      return {[&] { verify(lowered.graph, lowered.groups); },
              [&] { return print(lowered.graph, lowered.groups); }};
    case Level::kPlan:
      return {[&] { verify(lowered.graph, lowered.groups); },
              [&] { return print(lowered.graph, lowered.plan); }};
    case Level::kLoops:
      return {[&] { loop::verify(lowered.program); },
              [&] { return loop::print(lowered.program) + print(lowered.program, lowered.transfers); }};
  }
  ADZE_CHECK(false, "a level of the pipeline without a text form");
}

}  // namespace

Lowered lower(const Graph& graph, const std::vector<bool>& donated, CompileContext& context, Level last) {
  ADZE_CHECK(donated.empty() || donated.size() == graph.parameters().size(), "one donation flag a parameter");
  check_axes_bound(graph);
  const std::vector<bool> flags = donated.empty() ? std::vector<bool>(graph.parameters().size()) : donated;
  State state{{graph, {}, {}, {}, {}}, flags, context};
  PassRunner runner(context, graph.name());

  Level level = Level::kGraph;
  for (const Pass& pass : kPasses) {
    // The graph passes may all be off, so the stage is shown on leaving the level, whatever the last row was.
    if (level == Level::kGraph && pass.level != level) {
      runner.dump_stage("graph", subject_of(state.lowered, level));
    }
    if (pass.level > last) return std::move(state.lowered);
    if (pass.only && *pass.only != context.target.kind) continue;
    const auto bind = [&](void (*function)(State&)) {
      return function ? std::function<void()>([&state, function] { function(state); })
                      : std::function<void()>();
    };
    runner.run(pass.name, pass.level == level, bind(pass.run), bind(pass.optional ? pass.instead : pass.run),
               subject_of(state.lowered, pass.level));
    level = pass.level;
    if (!pass.stage.empty()) runner.dump_stage(pass.stage, subject_of(state.lowered, level));
  }
  runner.dump_stage("loops", subject_of(state.lowered, level));
  return std::move(state.lowered);
}

const std::vector<std::string>& pass_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const Pass& pass : kPasses) {
      const std::string name(pass.name);
      if (pass.optional && std::find(result.begin(), result.end(), name) == result.end())
        result.push_back(name);
    }
    return result;
  }();
  return names;
}

}  // namespace adze
