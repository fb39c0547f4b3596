// Every sample of every op through the CUDA back end, executed on the host, against the interpreter: bit for
// bit, but for sums that are reordered and elementary functions. Both ways of launching.
#include <gtest/gtest.h>

#include "ir/interpreter.h"
#include "ir/op.h"
#include "ir/text.h"
#include "tests/support/cuda_host.h"
#include "tests/support/literals.h"
#include "tests/support/op_samples.h"

namespace adze {
namespace {

using Mode = loop::Launch::Mode;

struct Case {
  const OpDef* op;
  OpSample sample;
  Graph graph;
  Mode mode;
  Lowered lowered;
  std::unique_ptr<GpuProgram> loaded;
};

/// All samples, compiled together: the start of a compiler costs more than a sample does.
std::vector<Case>& cases() {
  static std::vector<Case> all = [] {
    std::vector<Case> list;
    for (const OpDef* op : testing::ops_with_values()) {
      for (const OpSample& sample : op->samples()) {
        for (const Mode mode : {Mode::kPersistent, Mode::kGraph}) {
          const Graph graph = testing::sample_graph(*op, sample);
          list.push_back({op, sample, graph, mode, testing::lower_for_gpu(graph, mode), nullptr});
        }
      }
    }
    std::vector<const loop::Program*> programs;
    for (const Case& c : list) programs.push_back(&c.lowered.program);
    CompileContext context;
    auto loaded = load_on_cuda_host(programs, context);
    for (std::size_t i = 0; i < list.size(); ++i) list[i].loaded = std::move(loaded[i]);
    return list;
  }();
  return all;
}

class CudaHostOp : public ::testing::TestWithParam<const OpDef*> {};

TEST_P(CudaHostOp, AgreesWithTheInterpreter) {
  std::size_t ran = 0;
  for (const Case& c : cases()) {
    if (c.op != GetParam()) continue;
    for (const auto& inputs : testing::value_inputs(c.sample)) {
      const std::vector<Literal> actual =
          testing::run_on_device(cuda_host_device(), c.lowered.program, *c.loaded, inputs);
      const std::vector<Literal> expected = interpret(c.graph, inputs);
      ASSERT_EQ(actual.size(), expected.size());
      for (std::size_t k = 0; k < expected.size(); ++k) {
        ASSERT_EQ(
            testing::difference(actual[k], expected[k], {c.sample.max_ulp, c.sample.relative_tolerance}), "")
            << loop::to_string(c.mode) << "\n"
            << print(c.graph) << loop::print(c.lowered.program) << "on " << ::testing::PrintToString(inputs);
      }
      ++ran;
    }
  }
  EXPECT_GT(ran, 0u);
}

INSTANTIATE_TEST_SUITE_P(AllOps, CudaHostOp, ::testing::ValuesIn(testing::ops_with_values()),
                         [](const auto& parameter) { return std::string(parameter.param->name); });

}  // namespace
}  // namespace adze
