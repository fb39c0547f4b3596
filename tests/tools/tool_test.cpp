#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "codegen/cuda/nvrtc.h"
#include "frontend/io/npy.h"
#include "ir/literal.h"
#include "ir/op.h"
#include "ir/text.h"
#include "support/native_code.h"
#include "support/temp_dir.h"

// The `adze` program from outside: what it prints, its exit codes, the files it writes.

namespace adze {
namespace {

constexpr std::string_view kAffine =
    R"(func @affine(%x: f32[2,3], %b: f32[3] "model.bias") -> (f32[2,3], f32[3]) {
  %c = broadcast_in_dim %b {dims = [1], shape = [2,3]}
  %y = add %x, %c
  return %y, %b
}
)";

struct Outcome {
  int code = 0;
  std::string out, err;
};

class Tool : public ::testing::Test {
 protected:
  /// Runs `adze ARGUMENTS` (a shell command line) in the test's directory.
  Outcome run(const std::string& arguments, const std::string& environment = "") {
    const std::string command =
        "cd '" + (dir_ / "") + "' && " + environment + " '" ADZE_TOOL "' " + arguments + " >.out 2>.err";
    const int status = std::system(command.c_str());
    EXPECT_TRUE(WIFEXITED(status)) << command;
    return {WEXITSTATUS(status), testing::TempDir::read(dir_ / ".out"),
            testing::TempDir::read(dir_ / ".err")};
  }
  void write_inputs() {
    const std::vector<float> x = {1, 2, 3, 4, 5, 6}, b = {10, 20, 30};
    io::save_npy(dir_ / "x.npy", Literal::from<float>({2, 3}, x));
    io::save_npy(dir_ / "b.npy", Literal::from<float>({3}, b));
  }
  testing::TempDir dir_;
};

TEST_F(Tool, HelpIsGood) {
  const Outcome all = run("--help");
  EXPECT_EQ(all.code, 0);
  for (const char* word : {"print", "grad", "run", "check", "devices", "ops", "Exit codes"})
    EXPECT_NE(all.out.find(word), std::string::npos);
  for (const char* command : {"print", "grad", "run", "check"}) {
    const Outcome one = run(std::string(command) + " --help");
    EXPECT_EQ(one.code, 0);
    EXPECT_NE(one.out.find("FILE"), std::string::npos);
    EXPECT_EQ(one.err, "");
  }
}

TEST_F(Tool, UsageErrors) {
  dir_.write("two.adze", "func @f() -> () { return }\nfunc @g() -> () { return }\n");
  dir_.write("f.adze", kAffine);
  const std::pair<std::string, std::string> cases[] = {
      {"", "A subcommand is required\nTry `adze --help`."},
      {"print", "FILE is required\nTry `adze --help`."},
      {"print f.adze --emit=ast",
       "--emit: ast not in {input,graph,groups,plan,loops,llvm,asm,cuda,ptx,sass}\nTry `adze --help`."},
      {"print two.adze --emit=input --function=h", "there is no function 'h' (known: f, g)"},
      {"print f.adze --emit=input --function=afine",
       "there is no function 'afine'; did you mean 'affine'? (known: affine)"},
      {"print f.adze --emit=input --donate=2", "@affine has no parameter 2: it has 2, counted from 0"},
      {"run two.adze --output-dir=o --device=interpreter",
       "two.adze holds 2 functions; choose one with --function: f, g"},
      {"run f.adze --output-dir=o --device=interpreter --input x.npy",
       "@affine takes 2 inputs, 1 given\n  parameter 0 (x) f32[2,3]\n  parameter 1 (model.bias) f32[3]"},
      {"run f.adze", "--output-dir is required\nTry `adze --help`."},
      {"print f.adze --target=h100", "--target: 'h100' is not a GPU; expected sm_80, sm_90, ..."},
      {"print f.adze --target=sm_90a", "--target: 'sm_90a' is not a GPU; expected sm_80, sm_90, ..."},
      {"print f.adze --target=sm_", "--target: 'sm_' is not a GPU; expected sm_80, sm_90, ..."},
      {"print f.adze --target=sm_90 --cpu=x86-64", "--cpu excludes --target\nTry `adze --help`."},
      {"print f.adze --target=sm_90 --launch=stream",
       "--launch: stream not in {persistent,graph}\nTry `adze --help`."},
      {"print f.adze --target=sm_90 --emit=asm", "--emit=asm shows code for a CPU, --target=sm_90 is a GPU"},
      {"print f.adze --cpu=x86-64 --emit=ptx", "--emit=ptx shows code for a GPU, --cpu=x86-64 is a CPU"},
      {"check f.adze --device=cudda",
       "--device: there is no device 'cudda'; did you mean 'cuda'? (known: cpu, interpreter, cuda, cuda:N, "
       "cuda-host)"},
      {"run f.adze --output-dir=o --device=interpreter --cpu=x86-64",
       "--cpu=x86-64 is for the device cpu, not for interpreter"},
      {"devices f.adze", "The following argument was not expected: f.adze\nTry `adze --help`."},
      {"grad f.adze --wrt=5", "@affine has no parameter 5: it has 2, counted from 0"},
      {"check f.adze --seed=x", "Could not convert: --seed = x\nTry `adze --help`."},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << arguments;
    EXPECT_EQ(outcome.err, "error: " + message + "\n") << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "o"));
}

TEST_F(Tool, BadFiles) {
  dir_.write("bad.adze", "func @f(%x: f32[2]) -> f32[2] {\n  return %y\n}\n");
  dir_.write("binary.adze", std::string("\0\1\2", 3));
  const std::pair<std::string, std::string> cases[] = {
      {"print none.adze", "none.adze: No such file or directory"},
      {"print .", ".: is a directory"},
      {"print bad.adze", "bad.adze:2:10: %y is not defined\n    return %y\n           ^"},
      {"grad bad.adze", "bad.adze:2:10: %y is not defined\n    return %y\n           ^"},
      {"run bad.adze --output-dir=o", "bad.adze:2:10: %y is not defined\n    return %y\n           ^"},
      {"check bad.adze", "bad.adze:2:10: %y is not defined\n    return %y\n           ^"},
      {"check - <bad.adze", "<stdin>:2:10: %y is not defined\n    return %y\n           ^"},
      {"print binary.adze", "binary.adze:1:1: unexpected byte 0x00\n  ...\n  ^"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 3) << arguments;
    EXPECT_EQ(outcome.err, "error: " + message + "\n") << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
  }
}

TEST_F(Tool, PrintsWhatItReads) {
  dir_.write("f.adze", kAffine);
  const Outcome from_file = run("print f.adze --emit=input"),
                from_stdin = run("print - --emit=input <f.adze");
  EXPECT_EQ(from_file.code, 0);
  EXPECT_EQ(from_file.out, print(parse_graph(kAffine)));
  EXPECT_EQ(from_stdin.out, from_file.out);
  const Outcome disk_full = run("print f.adze --emit=input >/dev/full 2>.full; echo $? $(cat .full)");
  EXPECT_EQ(disk_full.out, "3 error: <stdout>: cannot be written\n");
}

/// Devices that tests run on: those that every machine has, and the one that ADZE_TEST_DEVICE names.
std::vector<std::string> test_devices() {
  std::vector<std::string> names = {"interpreter", "cpu", "cuda-host"};
  if (const char* name = std::getenv("ADZE_TEST_DEVICE")) names.emplace_back(name);
  return names;
}

TEST_F(Tool, RunsOnEveryDevice) {
  dir_.write("f.adze", kAffine);
  write_inputs();
  for (const std::string& device : test_devices()) {
    const Outcome outcome =
        run("run f.adze --input x.npy b.npy --output-dir=" + device + "/deep --device=" + device);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, device + "/deep/result0.npy f32[2,3]\n" + device + "/deep/result1.npy f32[3]\n");
    const Literal y = io::load_npy(dir_ / (device + "/deep/result0.npy"));
    EXPECT_EQ(std::vector<float>(y.data<float>().begin(), y.data<float>().end()),
              (std::vector<float>{11, 22, 33, 14, 25, 36}));
    EXPECT_TRUE(io::load_npy(dir_ / (device + "/deep/result1.npy")) == io::load_npy(dir_ / "b.npy"));
  }
}

TEST_F(Tool, ListsDevices) {
  const Outcome outcome = run("devices");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("cpu (")) << outcome.out;
  EXPECT_NE(outcome.out.find("\ninterpreter\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("\ncuda:0 "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("\ncuda-host\n"), std::string::npos) << outcome.out;
  EXPECT_NE(run("devices", "ADZE_CXX=/nowhere/c++").out.find("\ncuda-host not usable: "), std::string::npos);
}

TEST_F(Tool, ADeviceThatIsNotThere) {
  dir_.write("f.adze", kAffine);
  write_inputs();
  // A GPU with this number is nowhere; on most machines there is not even a driver.
  const Outcome outcome = run("run f.adze --input x.npy b.npy --output-dir=o --device=cuda:77");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_TRUE(outcome.err.starts_with("error: ")) << outcome.err;
  EXPECT_NE(outcome.err.find("cuda"), std::string::npos) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "o"));
}

TEST_F(Tool, InputsMustFitTheirParameters) {
  dir_.write("f.adze", kAffine);
  write_inputs();
  const Outcome swapped = run("run f.adze --input b.npy x.npy --output-dir=o");
  EXPECT_EQ(swapped.code, 3);
  EXPECT_EQ(swapped.err,
            "error: b.npy: holds f32[3], but it is given for parameter 0 (x) f32[2,3] of @affine\n");
  dir_.write("b.npy", "\x93NUMPY");
  const Outcome cut = run("run f.adze --input x.npy b.npy --output-dir=o");
  EXPECT_EQ(cut.code, 3);
  EXPECT_EQ(cut.err, "error: b.npy: byte 6: the file ends before the version\n");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "o"));  // nothing half done
}

TEST_F(Tool, UnwritableResults) {
  dir_.write("f.adze", kAffine);
  write_inputs();
  const Outcome outcome = run("run f.adze --input x.npy b.npy --output-dir=f.adze --device=interpreter");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.err, "error: f.adze: Not a directory\n");
}

TEST_F(Tool, SizesBeyondThisMachine) {
  dir_.write("f.adze",
             "func @f() -> f32[281474976710656] {\n  %0 = iota {dtype = f32, "
             "shape = [281474976710656]}\n  return %0\n}\n");
  for (const std::string arguments :
       {"run f.adze --output-dir=o", "run f.adze --output-dir=o --device=interpreter", "check f.adze"}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 3);
    EXPECT_EQ(outcome.err.substr(0, 75),
              "error: %0 f32[281474976710656] iota f.adze:2 takes 1125899906842624 bytes, ");
  }
}

TEST_F(Tool, Differentiates) {
  dir_.write("f.adze", "func @square(%x: f32[], %n: i32[]) -> f32[] {\n  %y = mul %x, %x\n  return %y\n}\n");
  const Outcome gradient = run("grad f.adze");
  EXPECT_EQ(gradient.code, 0) << gradient.err;
  EXPECT_EQ(run("grad f.adze --wrt=0").out, gradient.out);
  const Graph graph = parse_graph(gradient.out);
  EXPECT_EQ(graph.parameters().size(), 2U);
  EXPECT_EQ(graph.results().size(), 1U);
  EXPECT_EQ(parse_graph(run("grad f.adze --with-value").out).results().size(), 2U);
  // What it prints is what the tool reads: a pipe differentiates again. d2(x^2)/dx2 = 2.
  io::save_npy(dir_ / "x.npy", Literal::full({DType::kF32, {}}, 7));
  io::save_npy(dir_ / "n.npy", Literal({DType::kI32, {}}));
  const Outcome second = run("grad f.adze | '" ADZE_TOOL "' grad - | '" ADZE_TOOL
                             "' run - --device=interpreter --output-dir=o --input x.npy n.npy");
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(io::load_npy(dir_ / "o/result0.npy").as_double(0), 2);
}

TEST_F(Tool, ChecksCompiledAgainstInterpreted) {
  ADZE_NEEDS_NATIVE_CODE();
  dir_.write("f.adze", kAffine);
  const Outcome good = run("check f.adze");
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_EQ(good.out,
            "@affine result 0 f32[2,3]: good, largest difference 0\n"
            "@affine result 1 f32[3]: good, largest difference 0\n");

  for (const std::string& device : test_devices()) {
    const Outcome on_device = run("check f.adze --device=" + device);
    EXPECT_EQ(on_device.code, 0) << device << on_device.err;
    EXPECT_EQ(on_device.out, good.out);
  }

  // Sums are reordered, so a dot product of 1000 numbers is not the same bit for bit.
  dir_.write("dot.adze", R"(func @dot(%x: f32[8,1000], %y: f32[1000,8]) -> f32[8,8] {
    %z = dot_general %x, %y {contract = [1] x [0]}
    return %z
  })");
  EXPECT_EQ(run("check dot.adze --seed=5").code, 0);
  const Outcome strict = run("check dot.adze --seed=5 --tolerance=0");
  EXPECT_EQ(strict.code, 1);
  EXPECT_EQ(strict.err, "");
  EXPECT_TRUE(strict.out.starts_with("@dot result 0 f32[8,8]: FAILED, largest difference ")) << strict.out;
  EXPECT_TRUE(strict.out.ends_with(" (tolerance 0, seed 5)\n")) << strict.out;
}

TEST_F(Tool, EveryLevelCanBePrinted) {
  ADZE_NEEDS_NATIVE_CODE();
  dir_.write("f.adze", kAffine);
  const std::pair<std::string, std::string> levels[] = {
      {"input", "func @affine("}, {"graph", "func @affine("},    {"groups", "group 0: loop"},
      {"plan", "arena 0 bytes"},  {"loops", "program @affine("}, {"llvm", "; ModuleID = 'affine'"},
      {"asm", "\t.text"}};
  for (const auto& [level, start] : levels) {
    const Outcome outcome = run("print f.adze --cpu=x86-64 --emit=" + level);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(outcome.out.starts_with(start)) << level << outcome.out;
  }
  // Two functions: one after the other, with a line between.
  dir_.write("two.adze", "func @f() -> () { return }\nfunc @g() -> () { return }\n");
  EXPECT_EQ(run("print two.adze").out, "func @f() -> () {\n  return\n}\n\nfunc @g() -> () {\n  return\n}\n");
  EXPECT_EQ(run("print two.adze --function=g").out, "func @g() -> () {\n  return\n}\n");
}

TEST_F(Tool, WithoutACodeGeneratorTheInterpreterStandsIn) {
  if (native_code_problem().empty()) GTEST_SKIP() << "this build has a code generator for the CPU";
  dir_.write("f.adze", kAffine);
  for (const char* level : {"llvm", "asm"}) {
    const Outcome outcome = run("print f.adze --emit=" + std::string(level));
    EXPECT_EQ(outcome.code, 3);
    EXPECT_EQ(outcome.err, "error: " + native_code_problem() + "\n");
  }
  const Outcome check = run("check f.adze");
  EXPECT_EQ(check.code, 0) << check.err;
}

TEST_F(Tool, PrintsLevelsForAGpuThatIsNotThere) {
  dir_.write("f.adze", kAffine);
  const Outcome loops =
      run("print f.adze --emit=loops --target=sm_90 --launch=persistent --multiprocessors=7");
  EXPECT_EQ(loops.code, 0) << loops.err;
  EXPECT_NE(loops.out.find("persistent"), std::string::npos) << loops.out;
  EXPECT_NE(loops.out.find("grid {"), std::string::npos) << loops.out;
  const Outcome graph = run("print f.adze --emit=loops --target=sm_90", "ADZE_LAUNCH=graph");
  EXPECT_NE(graph.out.find("launch graph"), std::string::npos) << graph.out;
  // The command line wins over the environment.
  EXPECT_EQ(run("print f.adze --emit=loops --target=sm_90 --launch=graph", "ADZE_LAUNCH=persistent").out,
            graph.out);
  for (const char* level : {"graph", "groups", "plan"}) {
    EXPECT_EQ(run("print f.adze --target=sm_80 --emit=" + std::string(level)).code, 0);
  }
}

TEST_F(Tool, PrintsCodeForAGpuThatIsNotThere) {
  dir_.write("f.adze", kAffine);
  const Outcome cuda = run("print f.adze --emit=cuda");
  EXPECT_EQ(cuda.code, 0) << cuda.err;
  EXPECT_NE(cuda.out.find("ADZE_ENTRY(256) adze_"), std::string::npos) << cuda.out;
  if (const std::string problem = nvrtc_problem(); !problem.empty()) GTEST_SKIP() << problem;
  EXPECT_NE(run("print f.adze --emit=ptx").out.find(".target sm_90"), std::string::npos);
  EXPECT_NE(run("print f.adze --emit=ptx --target=sm_80").out.find(".target sm_80"), std::string::npos);
  const Outcome unknown = run("print f.adze --emit=ptx --target=sm_999");
  EXPECT_EQ(unknown.code, 3);
  EXPECT_NE(unknown.err.find("_999"), std::string::npos) << unknown.err;

  // SASS needs a disassembler: here one that shows the first bytes of the file it is given.
  std::filesystem::create_directories(dir_ / "cuda/bin");
  const std::string tool =
      dir_.write("cuda/bin/nvdisasm", "#!/bin/sh\nhead -c 4 \"$2\" | tail -c 3\necho \" $1\"\n");
  std::filesystem::permissions(tool, std::filesystem::perms::owner_all);
  const std::string environment = "CUDA_HOME='" + (dir_ / "cuda") + "'";
  const Outcome sass = run("print f.adze --emit=sass", "PATH='" + (dir_ / "cuda/bin") + ":'$PATH");
  EXPECT_EQ(sass.out, "ELF --print-code\n") << sass.err;
  if (std::system("command -v nvdisasm cuobjdump >/dev/null") != 0) {
    EXPECT_EQ(run("print f.adze --emit=sass", environment).out, sass.out);
  }
  dir_.write("cuda/bin/nvdisasm", "#!/bin/sh\necho not today\nexit 5\n");
  const Outcome failed = run("print f.adze --emit=sass", "PATH='" + (dir_ / "cuda/bin") + ":'$PATH");
  EXPECT_EQ(failed.code, 3);
  EXPECT_NE(failed.err.find(" failed:\nnot today\n"), std::string::npos) << failed.err;
}

TEST_F(Tool, SassNeedsADisassembler) {
  for (const char* program : {"/usr/local/cuda/bin/nvdisasm", "/usr/local/cuda/bin/cuobjdump"}) {
    if (std::filesystem::exists(program)) GTEST_SKIP() << program << " is there";
  }
  dir_.write("f.adze", kAffine);
  const Outcome none = run("print f.adze --emit=sass", "PATH=/nowhere CUDA_HOME= CUDA_PATH=");
  EXPECT_EQ(none.code, 3);
  EXPECT_TRUE(none.err.starts_with("error: --emit=sass needs nvdisasm or cuobjdump of the CUDA toolkit: "))
      << none.err;
}

TEST_F(Tool, UnknownPassesAndCpus) {
  dir_.write("f.adze", kAffine);
  const Outcome pass = run("print f.adze --disable=fuze");
  EXPECT_EQ(pass.code, 2);
  EXPECT_EQ(pass.err.substr(0, 80),
            "error: --disable: there is no pass 'fuze'; did you mean 'fuse'? (known: canonica");
  EXPECT_EQ(run("print f.adze --cpu=z80").code, 2);
  EXPECT_EQ(run("print f.adze", "ADZE_DISABLE=fuze").code, 2);
}

/// The lines of `adze ops`: a title, one an op in the order of the table, and the counts.
TEST_F(Tool, OpsListsTheTable) {
  const Outcome list = run("ops");
  EXPECT_EQ(list.code, 0);
  EXPECT_EQ(list.err, "");
  std::vector<std::string> lines;
  std::istringstream text(list.out);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), all_ops().size() + 2);
  std::size_t samples = 0;
  for (std::size_t i = 0; i < all_ops().size(); ++i) {
    const OpDef& op = *all_ops()[i];
    EXPECT_EQ(lines[i + 1].substr(0, lines[i + 1].find(' ')), op.name);
    const std::string count = " " + std::to_string(op.samples().size()) + " ";
    EXPECT_NE(lines[i + 1].find(count), std::string::npos) << lines[i + 1];
    samples += op.samples().size();
  }
  EXPECT_EQ(lines.back().find("ops=" + std::to_string(all_ops().size()) +
                              " samples=" + std::to_string(samples) + " "),
            0u)
      << lines.back();
  const auto line_of = [&](const std::string& name) {
    for (const std::string& line : lines) {
      if (line.starts_with(name + " ")) return line;
    }
    return std::string();
  };
  EXPECT_NE(line_of("tanh").find("elementwise"), std::string::npos);
  EXPECT_NE(line_of("tanh").find("jvp batch scalar  "), std::string::npos) << line_of("tanh");
  EXPECT_NE(line_of("floor").find("zero_derivative batch scalar"), std::string::npos) << line_of("floor");
  EXPECT_NE(line_of("round").find("(operand) {[method]}"), std::string::npos) << line_of("round");
  EXPECT_NE(line_of("dot_general").find("contract eval"), std::string::npos) << line_of("dot_general");
}

}  // namespace
}  // namespace adze
