// What is emitted for every sample of every op compiles for the GPUs that are supported: NVRTC needs none.
#include <gtest/gtest.h>

#include "codegen/cuda/embedded.h"
#include "codegen/cuda/emit_cuda.h"
#include "codegen/cuda/nvrtc.h"
#include "ir/op.h"
#include "passes/pipeline.h"
#include "tests/support/op_samples.h"

namespace adze {
namespace {

constexpr std::size_t kBatch = 64;  ///< programs in one source

class NvrtcOps : public ::testing::TestWithParam<int> {};

TEST_P(NvrtcOps, EverySampleCompiles) {
  if (const std::string problem = nvrtc_problem(); !problem.empty()) GTEST_SKIP() << problem;
  std::vector<loop::Program> programs;
  for (const OpDef* op : testing::ops_with_values()) {
    for (const OpSample& sample : op->samples()) {
      // The kernels are the same in both modes, so each mode gets half of them.
      CompileContext context;
      context.target = gpu_target(GetParam(), 100);
      context.launch =
          programs.size() % 2 == 0 ? loop::Launch::Mode::kPersistent : loop::Launch::Mode::kGraph;
      programs.push_back(lower(testing::sample_graph(*op, sample), {}, context).program);
      programs.back().name += std::to_string(programs.size());
    }
  }
  ASSERT_GE(programs.size(), testing::ops_with_values().size());
  for (std::size_t first = 0; first < programs.size(); first += kBatch) {
    std::string source;
    for (std::size_t i = first; i < std::min(first + kBatch, programs.size()); ++i) {
      const std::string text = emit_cuda(programs[i]).text;
      EXPECT_EQ(text.find("#include"), std::string::npos);
      // The prelude once, and each program's functions in a namespace of its own.
      if (i == first) source = kCudaPrelude;
      source += "namespace n" + std::to_string(i) + " {\n" + text.substr(kCudaPrelude.size()) + "}\n";
    }
    CompileContext context;
    EXPECT_FALSE(compile_cuda(source, "ops", GetParam(), CudaCode::kCubin, context).empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, NvrtcOps, ::testing::Values(80, 90),
                         [](const auto& parameter) { return "sm_" + std::to_string(parameter.param); });

}  // namespace
}  // namespace adze
