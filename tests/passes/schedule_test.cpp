#include <gtest/gtest.h>

#include "support/loop_checks.h"
#include "support/op_samples.h"
#include "support/programs.h"

namespace adze::testing {
namespace {

TEST(Loops, Softmax) {
  const Graph graph = parse_as(kRowSoftmax, "f32");
  check_loops(graph, {random_arguments(graph, 1)}, {.relative = 1e-5});
}
TEST(Loops, Mlp) {
  const Graph graph = parse_as(kMlpLoss, "f32");
  check_loops(graph, {random_arguments(graph, 1)}, {.relative = 1e-5});
}

TEST(Loops, EverySampleOfEveryOp) {
  for (const OpDef* op : all_ops()) {
    for (const OpSample& sample : op->samples()) {
      const Graph graph = sample_graph(*op, sample);
      SCOPED_TRACE(std::string(op->name));
      check_loops(graph, value_inputs(sample),
                  {.max_ulp = sample.max_ulp, .relative = sample.relative_tolerance});
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace adze::testing
