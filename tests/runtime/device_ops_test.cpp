// Every sample of every op on the device that ADZE_TEST_DEVICE names, through the way that users take,
// against the interpreter: bit for bit, but for sums that are reordered and elementary functions. Both ways
// of launching.
#include <gtest/gtest.h>

#include "ir/interpreter.h"
#include "ir/op.h"
#include "ir/text.h"
#include "runtime/executable.h"
#include "tests/support/execute.h"
#include "tests/support/literals.h"
#include "tests/support/op_samples.h"
#include "tests/support/test_device.h"

namespace adze {
namespace {

class OpOnDevice : public ::testing::TestWithParam<const OpDef*> {};

TEST_P(OpOnDevice, AgreesWithTheInterpreter) {
  const std::optional<Device> device = testing::test_device();
  if (!device) GTEST_SKIP() << "ADZE_TEST_DEVICE names no device";
  const OpDef& op = *GetParam();
  for (const OpSample& sample : op.samples()) {
    const Graph graph = testing::sample_graph(op, sample);
    for (const auto mode : {loop::Launch::Mode::kPersistent, loop::Launch::Mode::kGraph}) {
      CompileContext context;
      context.launch = mode;
      const auto executable = Executable::build(graph, {}, *device, context);
      for (const auto& inputs : testing::value_inputs(sample)) {
        const std::vector<Literal> actual = testing::execute(*executable, inputs);
        const std::vector<Literal> expected = interpret(graph, inputs);
        ASSERT_EQ(actual.size(), expected.size());
        for (std::size_t k = 0; k < expected.size(); ++k) {
          ASSERT_EQ(testing::difference(actual[k], expected[k], {sample.max_ulp, sample.relative_tolerance}),
                    "")
              << to_string(mode) << "\n"
              << print(graph) << loop::print(executable->lowered().program) << "on "
              << ::testing::PrintToString(inputs);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllOps, OpOnDevice, ::testing::ValuesIn(testing::ops_with_values()),
                         [](const auto& parameter) { return std::string(parameter.param->name); });

}  // namespace
}  // namespace adze
