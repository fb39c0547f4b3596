// Control flow below the graph: subgraphs become loops and branches of one program.
#include <gtest/gtest.h>

#include <algorithm>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "passes/pipeline.h"
#include "support/control_programs.h"
#include "support/literals.h"
#include "support/loop_checks.h"
#include "support/programs.h"
#include "support/random_values.h"
#include "support/run_compiled.h"

namespace adze {
namespace {

using loop::Region;

/// Random arguments of several draws, so that all branches are taken.
std::vector<std::vector<Literal>> draws(const Graph& graph) {
  std::vector<std::vector<Literal>> result;
  for (const unsigned seed : {3u, 4u, 5u}) result.push_back(testing::random_arguments(graph, seed));
  return result;
}

TEST(ControlFlow, InLoopsAsInterpreted) {
  for (const auto& [name, text] : testing::kControlPrograms) {
    SCOPED_TRACE(name);
    for (const char* type : {"f64", "f32"}) {
      const Graph graph = testing::parse_as(text, type);
      testing::check_loops(graph, draws(graph), {.relative = type[1] == '3' ? 1e-5 : 1e-12});
    }
  }
}

/// With all passes, with each off alone, with none, and with all arguments given up.
TEST(ControlFlow, CompiledAsInterpreted) {
  std::vector<std::set<std::string>> switches{{}, {pass_names().begin(), pass_names().end()}};
  for (const std::string& pass : pass_names()) switches.push_back({pass});
  for (const auto& [name, text] : testing::kControlPrograms) {
    const Graph graph = testing::parse_as(text, "f64");
    const std::vector<Literal> arguments = testing::random_arguments(graph, 17);
    const std::vector<Literal> expected = interpret(graph, arguments);
    for (const bool donate : {false, true}) {
      for (const std::set<std::string>& disabled : switches) {
        CompileContext context;
        context.disabled = disabled;
        const std::vector<Literal> actual = testing::run_compiled(
            graph, arguments, std::move(context), std::vector<bool>(graph.parameters().size(), donate));
        for (std::size_t i = 0; i < expected.size(); ++i) {
          ASSERT_EQ(testing::difference(actual[i], expected[i], {.relative = 1e-12}), "")
              << name << ", result " << i << (donate ? ", donated" : "") << " without "
              << (disabled.empty() ? "nothing" : *disabled.begin());
        }
      }
    }
  }
}

Lowered lowered(std::string_view name, bool donate) {
  const auto* program =
      std::find_if(std::begin(testing::kControlPrograms), std::end(testing::kControlPrograms),
                   [&](const auto& p) { return p.name == name; });
  const Graph graph = testing::parse_as(program->text, "f32");
  CompileContext context;
  return lower(graph, std::vector<bool>(graph.parameters().size(), donate), context);
}

std::size_t copies(const loop::Program& program) {
  return static_cast<std::size_t>(std::count_if(
      program.calls.begin(), program.calls.end(),
      [&](const loop::KernelCall& call) { return program.kernels[call.kernel].name.starts_with("copy"); }));
}

TEST(ControlFlow, DonatedParametersAreTrainedInPlace) {
  const Lowered train = lowered("training in a scan", true);
  EXPECT_EQ(train.plan.result_aliases[0], std::optional<std::size_t>(0));
  EXPECT_EQ(train.plan.result_aliases[1], std::optional<std::size_t>(1));
  EXPECT_EQ(copies(train.program), 0u) << loop::print(train.program);
  // Kept by the caller, they are copied once, before the loop.
  const Lowered kept = lowered("training in a scan", false);
  EXPECT_EQ(copies(kept.program), 2u) << loop::print(kept.program);
  ASSERT_EQ(kept.program.regions.size(), 1u);
  EXPECT_EQ(kept.program.regions[0].begin, 2u);
}

TEST(ControlFlow, SlicesAreNotCopied) {
  const Lowered sums = lowered("sums from the end", false);
  ASSERT_EQ(sums.program.regions.size(), 1u);
  EXPECT_EQ(sums.program.regions[0].kind, Region::Kind::kLoop);
  EXPECT_EQ(sums.program.regions[0].count, 6);
  const std::vector<loop::Slice> back{{0, -12}};
  const loop::KernelCall& call = sums.program.calls[sums.program.regions[0].begin];
  const auto moves = std::count_if(call.arguments.begin(), call.arguments.end(),
                                   [&](const auto& ref) { return ref.slices == back && ref.offset == 60; });
  EXPECT_EQ(moves, 2) << loop::print(sums.program);
}

TEST(ControlFlow, TheBordersOfARegionAreThoseOfPhases) {
  for (const auto& [name, text] : testing::kControlPrograms) {
    const loop::Program program = lowered(name, false).program;
    for (const Region& region : program.regions) {
      for (const std::size_t at : {region.begin, region.end}) {
        if (at == 0 || at == program.calls.size()) continue;
        EXPECT_NE(program.calls[at - 1].phase, program.calls[at].phase) << loop::print(program);
      }
    }
  }
}

TEST(ControlFlow, AScanOfNothingIsNoLoop) {
  const Lowered empty = lowered("nothing to do", false);
  EXPECT_TRUE(std::none_of(empty.program.regions.begin(), empty.program.regions.end(),
                           [](const Region& region) { return region.count != 4; }));
}

}  // namespace
}  // namespace adze
