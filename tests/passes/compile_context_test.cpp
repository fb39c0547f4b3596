#include "passes/compile_context.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "ir/errors.h"
#include "ir/text.h"
#include "passes/pass_runner.h"
#include "passes/pipeline.h"
#include "support/programs.h"
#include "support/temp_dir.h"

namespace adze {
namespace {

/// Sets variables of the environment for one test.
class Environment : public ::testing::Test {
 protected:
  void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }
  void TearDown() override {
    for (const char* name : {"ADZE_DISABLE", "ADZE_DUMP", "ADZE_DUMP_DIR", "ADZE_VERIFY", "ADZE_TIME"}) {
      ::unsetenv(name);
    }
  }
  static std::string error() {
    try {
      CompileContext::from_environment();
    } catch (const CompileError& caught) {
      return caught.what();
    }
    return "no error";
  }
};

TEST_F(Environment, EmptyGivesTheDefaults) {
  const CompileContext context = CompileContext::from_environment();
  EXPECT_TRUE(context.disabled.empty());
  EXPECT_TRUE(context.dump.empty());
  EXPECT_EQ(context.dump_directory, "");
  EXPECT_TRUE(context.verify);
  EXPECT_FALSE(context.report_time);
}

TEST_F(Environment, IsReadEachTime) {
  set("ADZE_DISABLE", "fuse, plan_memory,");
  set("ADZE_DUMP", "graph,fold_layout");
  set("ADZE_DUMP_DIR", "/tmp/somewhere");
  set("ADZE_VERIFY", "0");
  set("ADZE_TIME", "1");
  const CompileContext context = CompileContext::from_environment();
  EXPECT_EQ(context.disabled, (std::set<std::string>{"fuse", "plan_memory"}));
  EXPECT_FALSE(context.enabled("fuse"));
  EXPECT_TRUE(context.enabled("canonicalize"));
  EXPECT_EQ(context.dump, (std::set<std::string>{"graph", "fold_layout"}));
  EXPECT_EQ(context.dump_directory, "/tmp/somewhere");
  EXPECT_FALSE(context.verify);
  EXPECT_TRUE(context.report_time);

  set("ADZE_DISABLE", "");
  EXPECT_TRUE(CompileContext::from_environment().disabled.empty());
}

TEST_F(Environment, UnknownNames) {
  set("ADZE_DISABLE", "fuse,vectorise");
  EXPECT_EQ(
      error(),
      "ADZE_DISABLE: unknown name 'vectorise'; known are canonicalize, fold_layout, fuse, order_kernels, "
      "plan_memory, simplify_loops, schedule_cpu, schedule_gpu, expand_math, plan_scratch, plan_phases");
  set("ADZE_DISABLE", "");
  set("ADZE_DUMP", "opencl");
  EXPECT_EQ(error(),
            "ADZE_DUMP: unknown name 'opencl'; known are graph, plan, loops, llvm, asm, cuda, ptx, "
            "lower_to_loops, plan_launch, plan_transfers, canonicalize, "
            "fold_layout, fuse, order_kernels, plan_memory, simplify_loops, schedule_cpu, schedule_gpu, "
            "expand_math, plan_scratch, plan_phases");
}

TEST_F(Environment, UnknownValues) {
  set("ADZE_VERIFY", "yes");
  EXPECT_EQ(error(), "ADZE_VERIFY: expected 0 or 1, got 'yes'");
}

TEST(CompileContext, TimeTableSumsRepeatedPasses) {
  CompileContext context;
  context.timings = {{"canonicalize", 1.5}, {"fuse", 0.25}, {"canonicalize", 0.5}};
  EXPECT_EQ(context.time_table("step"),
            "compile @step\n"
            "  canonicalize         2.000 ms\n"
            "  fuse                 0.250 ms\n"
            "  total                2.250 ms\n");
}

TEST(CompileContext, WritesTheTimeTableOnRequest) {
  CompileContext context;
  context.timings = {{"fuse", 0.25}};
  ::testing::internal::CaptureStderr();
  context.write_time_table("f");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  context.report_time = true;
  ::testing::internal::CaptureStderr();
  context.write_time_table("f");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), context.time_table("f"));
}

TEST(CompileContext, DumpsToStderr) {
  CompileContext context;
  context.dump = {"loops"};
  ::testing::internal::CaptureStderr();
  context.write_dump("graph", "f", [] { return std::string("not asked for"); });
  context.write_dump("loops", "f", [] { return std::string("the loops"); });
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "// f: loops\nthe loops\n");
}

TEST(CompileContext, DumpsToNumberedFiles) {
  const testing::TempDir directory;
  CompileContext context;
  context.dump = {"graph", "loops"};
  context.dump_directory = directory / "made/here";
  context.write_dump("graph", "net/../f", [] { return std::string("one"); });
  context.write_dump("loops", "net/../f", [] { return std::string("two"); });
  EXPECT_EQ(testing::TempDir::read(context.dump_directory + "/net____f.00.graph"), "one");
  EXPECT_EQ(testing::TempDir::read(context.dump_directory + "/net____f.01.loops"), "two");
}

TEST(CompileContext, DumpDirectoryThatCannotBeMade) {
  const testing::TempDir directory;
  const std::string file = directory.write("file", "in the way");
  CompileContext context;
  context.dump = {"graph"};
  context.dump_directory = file + "/below";
  try {
    context.write_dump("graph", "f", [] { return std::string(); });
    FAIL() << "no error";
  } catch (const IoError& error) {
    EXPECT_EQ(error.what(), context.dump_directory + ": cannot be made (ADZE_DUMP_DIR): Not a directory");
  }
}

TEST(PassRunner, DumpsWhatAPassMadeOrThatItChangedNothing) {
  CompileContext context;
  context.dump = {"canonicalize", "fold_layout"};
  ::testing::internal::CaptureStderr();
  lower(parse_graph(
            "func @f(%0: f32[]) -> f32[] {\n  %a = neg %0 : f32[]\n  %b = neg %a : f32[]\n  return %b\n}\n"),
        {}, context);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "// f: canonicalize\nfunc @f(%0: f32[]) -> f32[] {\n  return %0\n}\n\n"
            "// f: fold_layout\n(unchanged)\n\n"
            "// f: canonicalize\n(unchanged)\n\n");
}

TEST(PassRunner, VerifiesAfterEachPassUnlessToldNotTo) {
  for (const bool verify : {true, false}) {
    CompileContext context;
    context.verify = verify;
    int checks = 0;
    PassRunner runner(context, "f");
    const PassRunner::Subject subject{[&] { ++checks; }, [] { return std::string(); }};
    runner.run(
        "fuse", true, [] {}, {}, subject);
    EXPECT_EQ(checks, verify ? 1 : 0);
  }
}

}  // namespace
}  // namespace adze
