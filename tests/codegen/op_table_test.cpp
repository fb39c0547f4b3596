// Every sample of every op, compiled for several vector widths, against the interpreter: bit for bit, but for
// sums that are reordered and elementary functions.
#include <gtest/gtest.h>

#include <algorithm>

#include "codegen/host_target.h"
#include "ir/interpreter.h"
#include "ir/op.h"
#include "ir/text.h"
#include "runtime/executable.h"
#include "tests/support/execute.h"
#include "tests/support/literals.h"
#include "tests/support/native_code.h"
#include "tests/support/op_samples.h"

namespace adze {
namespace {

/// The host (or what ADZE_CPU names), AVX2, and the 128-bit baseline.
constexpr const char* kTargets[] = {"", "x86-64-v3", "x86-64"};

struct Case {
  const OpDef* op;
  std::string cpu;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.op->name; }
};

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  std::string cpu = info.param.cpu.empty() ? "host" : info.param.cpu;
  std::replace(cpu.begin(), cpu.end(), '-', '_');
  return std::string(info.param.op->name) + "_on_" + cpu;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const OpDef* op : testing::ops_with_values()) {
    for (const char* cpu : kTargets) all.push_back({op, cpu});
  }
  return all;
}

class CompiledOp : public ::testing::TestWithParam<Case> {};

TEST_P(CompiledOp, AgreesWithTheInterpreter) {
  ADZE_NEEDS_NATIVE_CODE();
  const OpDef& op = *GetParam().op;
  for (const OpSample& sample : op.samples()) {
    const Graph graph = testing::sample_graph(op, sample);
    CompileContext context;
    context.target = GetParam().cpu.empty() ? host_target() : target_for_cpu(GetParam().cpu);
    const auto executable = Executable::build(graph, {}, Device::kCpu, context);
    for (const auto& inputs : testing::value_inputs(sample)) {
      const std::vector<Literal> compiled = testing::execute(*executable, inputs);
      const std::vector<Literal> expected = interpret(graph, inputs);
      ASSERT_EQ(compiled.size(), expected.size());
      for (std::size_t k = 0; k < expected.size(); ++k) {
        ASSERT_EQ(testing::difference(compiled[k], expected[k], {sample.max_ulp, sample.relative_tolerance}),
                  "")
            << print(graph) << "on " << ::testing::PrintToString(inputs);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllOps, CompiledOp, ::testing::ValuesIn(cases()), name_of);

}  // namespace
}  // namespace adze
