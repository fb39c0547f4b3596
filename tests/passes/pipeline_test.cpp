// Every optimisation has an off switch: on == off == interpreter, for programs of many kinds.
#include "passes/pipeline.h"

#include <gtest/gtest.h>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "support/literals.h"
#include "support/programs.h"
#include "support/random_graph.h"
#include "support/random_values.h"
#include "support/run_compiled.h"

namespace adze {
namespace {

/// Compiled with all passes, with each pass off alone, and with all off, against the interpreter.
void expect_switches_change_nothing(const Graph& graph, testing::Tolerance tolerance,
                                    const std::vector<bool>& donated = {}) {
  const std::vector<Literal> arguments = testing::random_arguments(graph, 17);
  const std::vector<Literal> expected = interpret(graph, arguments);
  const auto check = [&](std::set<std::string> disabled, const std::string& what) {
    CompileContext context;
    context.disabled = std::move(disabled);
    const std::vector<Literal> actual = testing::run_compiled(graph, arguments, std::move(context), donated);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(testing::difference(actual[i], expected[i], tolerance), "")
          << "result " << i << " with " << what << '\n'
          << print(graph);
    }
  };
  check({}, "all passes");
  for (const std::string& pass : pass_names()) check({pass}, "all passes but " + pass);
  check({pass_names().begin(), pass_names().end()}, "no pass");
}

constexpr testing::Tolerance kDouble = {.relative = 1e-12};
constexpr testing::Tolerance kSingle = {.relative = 2e-5};

TEST(Pipeline, MlpTrainingStep) {
  expect_switches_change_nothing(testing::mlp_training_step("f64"), kDouble);
  expect_switches_change_nothing(testing::mlp_training_step("f32"), kSingle);
}

TEST(Pipeline, MlpTrainingStepWithDonatedWeights) {
  expect_switches_change_nothing(testing::mlp_training_step("f32"), kSingle,
                                 {false, false, true, true, true, true});
}

TEST(Pipeline, RowSoftmax) {
  expect_switches_change_nothing(parse_graph(testing::kRowSoftmax), kDouble);
  expect_switches_change_nothing(testing::parse_as(testing::kRowSoftmax, "f32"), kSingle);
}

TEST(Pipeline, MixedReductions) {
  expect_switches_change_nothing(parse_graph(testing::kMixedReductions), kDouble);
  expect_switches_change_nothing(testing::parse_as(testing::kMixedReductions, "f32"), kSingle);
}

TEST(Pipeline, MovementChain) {
  expect_switches_change_nothing(parse_graph(testing::kMovementChain), kDouble);
  expect_switches_change_nothing(testing::parse_as(testing::kMovementChain, "f32"), kSingle);
}

TEST(Pipeline, SecondDerivative) {
  const std::vector<bool> weights = {false, false, true, true, true, true};
  const Graph gradient = gradient_graph(parse_graph(testing::kMlpLoss), weights, false);
  expect_switches_change_nothing(vjp_graph(gradient, weights), kDouble);
}

TEST(Pipeline, AFoldOfTwoLoopsWithAValueOfTheOuterOne) {
  // 17 leaves a rest behind vectors of any width: the chunks and the rest both name y's element.
  expect_switches_change_nothing(parse_graph(R"(
func @f(%x: f64[3,17], %y: f64[3], %z: f64[3,17]) -> f64[] {
  %yb = broadcast_in_dim %y {dims = [0], shape = [3,17]} : f64[3,17]
  %a = mul %yb, %z : f64[3,17]
  %b = mul %x, %a : f64[3,17]
  %s = reduce_sum %b {axes = [0,1]} : f64[]
  return %s
}
)"),
                                 kDouble);
}

TEST(Pipeline, NothingToDo) {
  expect_switches_change_nothing(parse_graph("func @f(%x: f32[3], %y: i32[]) -> (f32[3], f32[3], i32[]) {\n"
                                             "  return %x, %x, %y\n}\n"),
                                 kSingle);
  expect_switches_change_nothing(parse_graph("func @f() -> f32[2] {\n"
                                             "  %c = constant {value = f32[2] [1, 2]} : f32[2]\n"
                                             "  return %c\n}\n"),
                                 kSingle);
  expect_switches_change_nothing(parse_graph("func @f(%x: f32[0,3]) -> (f32[0,3], f32[3]) {\n"
                                             "  %y = exp %x : f32[0,3]\n"
                                             "  %z = reduce_sum %y {axes = [0]} : f32[3]\n"
                                             "  return %y, %z\n}\n"),
                                 kSingle);
}

class RandomPrograms : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomPrograms, InDoublePrecision) {
  expect_switches_change_nothing(testing::random_graph(GetParam()), {.relative = 1e-11});
}

TEST_P(RandomPrograms, InSinglePrecision) {
  expect_switches_change_nothing(
      testing::random_graph(1000 + GetParam(), {.dtype = DType::kF32, .nodes = 12}), {.relative = 1e-3});
}

INSTANTIATE_TEST_SUITE_P(, RandomPrograms, ::testing::Range<std::uint64_t>(0, 8));

TEST(Pipeline, NamesItsPassesOnceInOrder) {
  EXPECT_EQ(pass_names(),
            (std::vector<std::string>{"canonicalize", "fold_layout", "fuse", "order_kernels", "plan_memory",
                                      "simplify_loops", "schedule_cpu", "schedule_gpu", "expand_math",
                                      "plan_scratch", "plan_phases"}));
}

TEST(Pipeline, TimesEveryPassInOrder) {
  CompileContext context;
  context.verify = false;
  lower(parse_graph(testing::kRowSoftmax), {}, context);
  std::vector<std::string> names;
  for (const CompileContext::Timing& timing : context.timings) {
    if (timing.pass != "verify") names.push_back(timing.pass);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"decompose", "canonicalize", "fold_layout", "canonicalize", "fuse",
                                      "order_kernels", "plan_memory", "lower_to_loops", "simplify_loops",
                                      "schedule_cpu", "expand_math", "plan_scratch", "plan_phases"}));
}

TEST(Pipeline, AGpuHasItsOwnRows) {
  CompileContext context;
  context.target = gpu_target(90, 132);
  const Lowered lowered = lower(parse_graph(testing::kRowSoftmax), {}, context);
  std::vector<std::string> names;
  for (const CompileContext::Timing& timing : context.timings) {
    if (timing.pass != "verify") names.push_back(timing.pass);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"decompose", "canonicalize", "fold_layout", "canonicalize",
                                             "fuse", "order_kernels", "plan_memory", "lower_to_loops",
                                             "simplify_loops", "schedule_gpu", "expand_math", "plan_phases",
                                             "plan_launch", "plan_transfers"}));
  ASSERT_TRUE(lowered.program.launch.has_value());
  EXPECT_EQ(lowered.program.launch->threads, 256);
  for (const loop::Kernel& kernel : lowered.program.kernels) EXPECT_TRUE(loop::is_gpu_kernel(kernel));
  // Elementary functions are instructions there.
  EXPECT_NE(loop::print(lowered.program).find("exp("), std::string::npos);
}

TEST(Pipeline, DisabledPassesDoNotRun) {
  CompileContext context;
  context.verify = false;
  context.disabled = {"canonicalize",   "order_kernels", "schedule_cpu",
                      "simplify_loops", "expand_math",   "fuse"};
  const Graph graph = parse_graph(testing::kRowSoftmax);
  const Lowered lowered = lower(graph, {}, context);
  std::vector<std::string> names;
  for (const CompileContext::Timing& timing : context.timings) names.push_back(timing.pass);
  EXPECT_EQ(names, (std::vector<std::string>{"decompose", "fold_layout", "fuse", "plan_memory",
                                             "lower_to_loops", "plan_scratch", "plan_phases"}));
  EXPECT_EQ(lowered.groups.size(), graph.nodes().size());  // one group a node
}

}  // namespace
}  // namespace adze
