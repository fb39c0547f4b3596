// Whole programs, of many kernels, through the CUDA back end on the host, against the interpreter: both ways
// of launching, whatever passes are off.
#include <gtest/gtest.h>

#include <algorithm>

#include "codegen/cuda/emit_cuda.h"
#include "ir/interpreter.h"
#include "ir/text.h"
#include "tests/support/control_programs.h"
#include "tests/support/cuda_host.h"
#include "tests/support/literals.h"
#include "tests/support/programs.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_values.h"

namespace adze {
namespace {

using Mode = loop::Launch::Mode;

struct Case {
  std::string name;
  Graph graph;
  std::optional<Mode> mode;
  std::set<std::string> disabled;
};

/// Compiles all cases together, then runs each.
void expect_as_interpreted(const std::vector<Case>& cases, testing::Tolerance tolerance) {
  std::vector<Lowered> lowered;
  std::vector<const loop::Program*> programs;
  for (const Case& c : cases) {
    CompileContext context;
    context.disabled = c.disabled;
    lowered.push_back(testing::lower_for_gpu(c.graph, c.mode, context));
  }
  for (const Lowered& l : lowered) programs.push_back(&l.program);
  CompileContext context;
  const auto loaded = load_on_cuda_host(programs, context);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Graph& graph = cases[i].graph;
    std::mt19937_64 random(i);
    std::vector<Literal> inputs;
    for (const Parameter& p : graph.parameters()) {
      inputs.push_back(testing::random_literal(graph.type(p.value), random));
    }
    const std::vector<Literal> expected = interpret(graph, inputs);
    for (int run = 0; run < 2; ++run) {  // again: nothing of the first run is left
      const std::vector<Literal> actual =
          testing::run_on_device(cuda_host_device(), *programs[i], *loaded[i], inputs);
      for (std::size_t k = 0; k < expected.size(); ++k) {
        ASSERT_EQ(testing::difference(actual[k], expected[k], tolerance), "")
            << cases[i].name << ", result " << k << "\n"
            << print(graph) << loop::print(*programs[i]);
      }
    }
  }
}

std::vector<Case> known_programs(const std::string& float_name) {
  std::vector<Case> cases;
  const auto add = [&](const std::string& name, const Graph& graph) {
    for (const Mode mode : {Mode::kPersistent, Mode::kGraph}) {
      cases.push_back({name, graph, mode, {}});
    }
  };
  add("step", testing::mlp_training_step(float_name));
  add("softmax", testing::parse_as(testing::kRowSoftmax, float_name));
  add("mixed", testing::parse_as(testing::kMixedReductions, float_name));
  add("chain", testing::parse_as(testing::kMovementChain, float_name));
  return cases;
}

TEST(CudaHostPrograms, KnownProgramsOfFloats) {
  expect_as_interpreted(known_programs("f32"), {.relative = 1e-5});
}
std::vector<Case> control_flow(const std::string& float_name) {
  std::vector<Case> cases;
  for (const auto& [name, text] : testing::kControlPrograms) {
    const Graph graph = testing::parse_as(text, float_name);
    cases.push_back({std::string(name), graph, std::nullopt, {}});
  }
  return cases;
}

TEST(CudaHostPrograms, LoopsAndBranches) {
  expect_as_interpreted(control_flow("f64"), {.relative = 1e-12});
  expect_as_interpreted(control_flow("f32"), {.relative = 1e-5});
}

TEST(CudaHostPrograms, LoopsAndBranchesWithoutPasses) {
  for (const char* pass : {"fuse", "plan_memory", "schedule_gpu", "plan_phases"}) {
    std::vector<Case> cases = control_flow("f64");
    for (Case& c : cases) c.disabled = {pass};
    expect_as_interpreted(cases, {.relative = 1e-12});
  }
}

TEST(CudaHostPrograms, KnownProgramsOfDoubles) {
  expect_as_interpreted(known_programs("f64"), {.relative = 1e-12});
}

TEST(CudaHostPrograms, PassesCanBeSwitchedOff) {
  std::vector<Case> cases;
  for (const char* pass : {"fuse", "plan_memory", "simplify_loops", "schedule_gpu", "plan_phases"}) {
    cases.push_back({pass, testing::mlp_training_step("f32"), Mode::kPersistent, {pass}});
  }
  expect_as_interpreted(cases, {.relative = 1e-5});
}

TEST(CudaHostPrograms, RandomGraphs) {
  std::vector<Case> cases;
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    testing::RandomGraphOptions options;
    options.dtype = seed % 2 == 0 ? DType::kF32 : DType::kF64;
    cases.push_back(
        {"seed " + std::to_string(seed), testing::RandomGraph(seed, options).make(), std::nullopt, {}});
  }
  expect_as_interpreted(cases, {.relative = 1e-4});
}

TEST(CudaHostPrograms, ResultsAreTheSameEveryTime) {
  const Graph graph = testing::mlp_training_step("f32");
  std::mt19937_64 random(1);
  std::vector<Literal> inputs;
  for (const Parameter& p : graph.parameters()) {
    inputs.push_back(testing::random_literal(graph.type(p.value), random));
  }
  const auto persistent = testing::run_on_cuda_host(graph, inputs, Mode::kPersistent);
  const auto graph_of_kernels = testing::run_on_cuda_host(graph, inputs, Mode::kGraph);
  for (std::size_t k = 0; k < persistent.size(); ++k) {
    EXPECT_EQ(testing::difference(persistent[k], graph_of_kernels[k]), "");
  }
}

TEST(CudaHostPrograms, AStepIsOneLaunchOrOneOfEachKernel) {
  const Graph graph = testing::mlp_training_step("f32");
  const Lowered persistent = testing::lower_for_gpu(graph, Mode::kPersistent);
  const CudaSource one = emit_cuda(persistent.program);
  EXPECT_EQ(one.entries.size(), 1u);
  EXPECT_EQ(one.calls.size(), 1u);
  EXPECT_TRUE(one.entries[0].cooperative);
  const Lowered kernels = testing::lower_for_gpu(graph, Mode::kGraph);
  const CudaSource many = emit_cuda(kernels.program);
  EXPECT_EQ(many.calls.size(), kernels.program.calls.size());
  EXPECT_LE(many.entries.size(), kernels.program.kernels.size());
  EXPECT_TRUE(std::none_of(many.entries.begin(), many.entries.end(),
                           [](const CudaSource::Entry& entry) { return entry.cooperative; }));
}

TEST(CudaHostPrograms, EqualKernelsArePrintedOnce) {
  const Graph graph = parse_graph(R"(
func @twice(%x: f32[8], %y: f32[8]) -> (f32[8], f32[8]) {
  %a = exp %x
  %b = exp %y
  return %a, %b
}
)");
  CompileContext context;
  context.disabled = {"fuse"};
  Lowered lowered = testing::lower_for_gpu(graph, Mode::kGraph, context);
  ASSERT_EQ(lowered.program.calls.size(), 2u);
  // Whether or not the levels above have noticed.
  if (lowered.program.kernels.size() == 1) {
    lowered.program.kernels.push_back(lowered.program.kernels[0]);
    lowered.program.kernels[1].name += "_again";
    lowered.program.calls[1].kernel = 1;
  }
  const CudaSource source = emit_cuda(lowered.program);
  EXPECT_EQ(source.entries.size(), 1u);
  EXPECT_EQ(source.calls.size(), 2u);
}

}  // namespace
}  // namespace adze
