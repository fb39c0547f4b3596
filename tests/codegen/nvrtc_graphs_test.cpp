// NVRTC compiles every graph of a directory (ADZE_TEST_GRAPHS) for the GPUs that are supported: what
// tests/e2e dumps of the workloads and the examples.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "codegen/cuda/emit_cuda.h"
#include "codegen/cuda/nvrtc.h"
#include "ir/text.h"
#include "passes/pipeline.h"
#include "tests/support/temp_dir.h"

namespace adze {
namespace {

TEST(NvrtcGraphs, Compile) {
  const char* directory = std::getenv("ADZE_TEST_GRAPHS");
  if (directory == nullptr) GTEST_SKIP() << "skipped: ADZE_TEST_GRAPHS names no directory";
  if (const std::string problem = nvrtc_problem(); !problem.empty()) GTEST_SKIP() << "skipped: " << problem;
  std::size_t compiled = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.path().extension() != ".graph") continue;
    const Graph graph = parse_graph(testing::TempDir::read(entry.path()));
    for (const int architecture : {80, 90}) {
      for (const auto mode : {loop::Launch::Mode::kPersistent, loop::Launch::Mode::kGraph}) {
        CompileContext context;
        context.target = gpu_target(architecture, architecture == 80 ? 108 : 132);
        context.launch = mode;
        const loop::Program program = lower(graph, {}, context).program;
        const CudaSource source = emit_cuda(program);
        const std::string code =
            compile_cuda(source.text, program.name, architecture, CudaCode::kCubin, context);
        EXPECT_FALSE(code.empty()) << entry.path();
        ++compiled;
      }
    }
  }
  RecordProperty("compiled", static_cast<int>(compiled));
  std::printf("%zu programs compiled\n", compiled);
}

}  // namespace
}  // namespace adze
