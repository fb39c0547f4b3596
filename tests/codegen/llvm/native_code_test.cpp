#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "support/gemm_kernel.h"
#include "support/native_kernels.h"
#include "support/temp_dir.h"

// The code as a whole: what the LLVM text and the assembly hold, how the program reaches memory, what is
// refused.

namespace adze {
namespace {

using namespace loop;
using namespace testing;

/// out[i] = tanh(x[i]) by a scalar loop.
Kernel scalar_tanh() {
  KernelBuilder b("tanh_loop");
  const BufferId x = b.input("x", DType::kF32, 8), out = b.output("out", DType::kF32, 8);
  const VarId i = b.e.new_var("i", 8);
  b.kernel.body = {
      b.serial(i, {Stmt::make_store(out, b.e.var(i), b.e.apply(ScalarOp::tanh, {b.load(x, b.e.var(i))}))})};
  return std::move(b.kernel);
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const CompileError& error) {
    return error.what();
  }
  return "no CompileError";
}

TEST(NativeCode, TextOfAKernel) {
  KernelBuilder b("scale");
  Exprs& e = b.e;
  const BufferId x = b.input("x", DType::kF32, 100), out = b.output("out", DType::kF32, 100);
  const VarId i = e.new_var("i", 7), l = e.new_var("l", 16);
  const ExprId at = e.add(e.mul(e.var(i), 16), e.var(l));
  b.kernel.body = {
      b.serial(i, {b.vector(l, {Stmt::make_store(out, at, e.apply(ScalarOp::mul, {b.load(x, at), b.f32(3)}))},
                            e.add(e.mul(e.var(i), -16), 100))})};
  const std::string text = print_llvm(program_of(b.kernel), target_for_cpu("x86-64"));
  EXPECT_NE(text.find(R"(define internal void @scale(ptr %x, ptr %out) #0 {
entry:
  br label %loop

loop:                                             ; preds = %loop, %entry
  %i = phi i64 [ 0, %entry ], [ %9, %loop ]
  %0 = mul i64 %i, -16
  %1 = add i64 %0, 100
  %2 = trunc i64 %1 to i32
)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("call <16 x float> @llvm.masked.load.v16f32.p0(ptr %"), std::string::npos) << text;
  EXPECT_NE(text.find("call void @llvm.masked.store.v16f32.p0(<16 x float> %"), std::string::npos) << text;
  EXPECT_NE(text.find("define void @adze_entry(ptr %buffers, ptr %arena)"), std::string::npos) << text;
  EXPECT_EQ(text.find("fast"), std::string::npos) << text;
  EXPECT_EQ(text.find("contract"), std::string::npos) << text;
}

TEST(NativeCode, VectorsAreAsWideAsTheTarget) {
  const Program program = program_of(gemm_kernel(4, 64, 16, 2, 2, 16));
  const auto assembly = [&](const char* cpu, int vector_bytes) {
    Target target;
    target.cpu = cpu;
    target.vector_bytes = vector_bytes;
    return print_assembly(program, target);
  };
  EXPECT_NE(assembly("x86-64-v4", 64).find("%zmm"), std::string::npos);
  EXPECT_NE(assembly("x86-64-v4", 64).find("vfmadd"), std::string::npos);
  EXPECT_EQ(assembly("x86-64-v3", 32).find("%zmm"), std::string::npos);
  EXPECT_NE(assembly("x86-64-v3", 32).find("%ymm"), std::string::npos);
  const std::string baseline = assembly("x86-64", 16);
  EXPECT_EQ(baseline.find("%ymm"), std::string::npos);
  EXPECT_NE(baseline.find("mulps"), std::string::npos);
  EXPECT_EQ(baseline.find("fmaf"), std::string::npos) << "without FMA instructions a libm call would do it";
}

/// Instructions that some target lacks must not become calls: rounding, conversions, fused multiply-adds.
TEST(NativeCode, NothingIsCalledButTheLibmFunctionsNamed) {
  KernelBuilder b;
  Exprs& e = b.e;
  const BufferId out = b.output("out", DType::kF64, 16), x = b.input("x", DType::kF64, 16);
  const VarId l = e.new_var("l", 16);
  ExprId sum = b.load(x, e.var(l));
  for (const ScalarOp op :
       {ScalarOp::floor, ScalarOp::trunc, ScalarOp::round_even, ScalarOp::sqrt, ScalarOp::rsqrt}) {
    sum = e.apply(ScalarOp::add, {sum, e.apply(op, {b.load(x, e.var(l))})});
  }
  sum = e.apply(ScalarOp::fma, {sum, sum, sum});
  for (const DType dtype : {DType::kI32, DType::kI64, DType::kU32, DType::kF32}) {
    sum = e.apply(ScalarOp::add, {sum, e.convert(e.convert(sum, dtype), DType::kF64)});
  }
  b.kernel.body = {b.vector(l, {Stmt::make_store(out, e.var(l), sum)})};
  for (const char* cpu : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    Target target;
    target.cpu = cpu;
    std::istringstream assembly(print_assembly(program_of(b.kernel), target));
    for (std::string line; std::getline(assembly, line);) {
      EXPECT_TRUE(line.find("call") == std::string::npos || line.ends_with("\tk")) << cpu << ":" << line;
    }
  }
}

TEST(NativeCode, LibmIsCalledElementByElement) {
  const std::vector<float> x{0, 1, -1, 0.5f, 20, -0.0f, 1e-8f, -3};
  const Arrays after = expect_native_equals_interpreter(scalar_tanh(), {to_bytes(x), to_bytes(x)});
  EXPECT_EQ(from_bytes<float>(after[1])[3], std::tanh(0.5f));
  const std::string text = print_llvm(program_of(scalar_tanh()), target_for_cpu("host"));
  EXPECT_NE(text.find("call float @tanhf(float %"), std::string::npos) << text;
}

TEST(NativeCode, CodeIsNeverWritableAndExecutable) {
  CompileContext context;
  context.target = target_for_cpu("host");
  const auto code = compile_native(program_of(scalar_tanh()), context);
  const auto entry = reinterpret_cast<std::uintptr_t>(code->entry());
  std::ifstream maps("/proc/self/maps");
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::string flags;
    std::istringstream(line) >> std::hex >> begin >> dash >> end >> flags;
    EXPECT_EQ(flags.find("wx"), std::string::npos) << line;
    if (begin <= entry && entry < end) {
      found = true;
      EXPECT_EQ(flags, "r-xp");
    }
  }
  EXPECT_TRUE(found);
}

/// A program of two kernels: parameters, results, constants, the arena, and scratch of scope shared.
TEST(NativeCode, BuffersOfAProgram) {
  KernelBuilder sum("sum");
  {
    Exprs& e = sum.e;
    const BufferId x = sum.input("x", DType::kF32, 4), y = sum.input("y", DType::kF32, 4);
    const BufferId out = sum.output("out", DType::kF32, 4);
    const VarId i = e.new_var("i", 4);
    sum.kernel.body = {sum.serial(
        i, {Stmt::make_store(out, e.var(i),
                             e.apply(ScalarOp::add, {sum.load(x, e.var(i)), sum.load(y, e.var(i))}))})};
  }
  KernelBuilder turn("turn");
  {
    Exprs& e = turn.e;
    const BufferId x = turn.input("x", DType::kF32, 4), out = turn.output("out", DType::kF32, 4);
    const BufferId first = turn.kernel.add_buffer("first", {DType::kBool, {3}, {}}, Scope::kShared);
    const BufferId copy = turn.kernel.add_buffer("copy", {DType::kF32, {4}, {}}, Scope::kShared);
    const VarId i = e.new_var("i", 4), j = e.new_var("j", 4);
    turn.kernel.body = {Stmt::make_alloc(
        first,
        {Stmt::make_store(first, e.index(2), e.bits(DType::kBool, 1)),
         Stmt::make_alloc(
             copy, {turn.serial(i, {Stmt::make_store(copy, e.var(i), turn.load(x, e.var(i)))}),
                    Stmt::make_barrier(),
                    turn.serial(j, {Stmt::make_store(
                                       out, e.var(j),
                                       turn.load(copy, e.apply(ScalarOp::sub, {e.index(3), e.var(j)})))})}),
         Stmt::make_if(turn.load(first, e.index(2)),
                       {Stmt::make_accumulate(out, e.index(0), Combine::kProd, turn.f32(10))})})};
  }
  Program program;
  program.name = "two";
  using Place = BufferRef::Place;
  const TensorType type{DType::kF32, {4}};
  program.parameter_types = {type, type};
  program.result_types = {type};
  auto constant = std::make_shared<Literal>(type);
  for (std::int64_t i = 0; i < 4; ++i) constant->set_double(i, static_cast<double>(i));
  program.constants = {constant};
  program.kernels = {sum.kernel, turn.kernel};
  program.arena_bytes = 192;
  program.calls = {{0, {{Place::kParameter, 0}, {Place::kConstant, 0}, {Place::kArena, 64}}},
                   {1, {{Place::kArena, 64}, {Place::kArena, 128}}},
                   {0, {{Place::kArena, 128}, {Place::kParameter, 1}, {Place::kResult, 0}}}};
  MemoryPlan plan;
  plan.arena_bytes = program.arena_bytes;
  plan_scratch(program, plan, false);
  EXPECT_EQ(program.calls[1].scratch, 192);
  EXPECT_EQ(program.arena_bytes, 192 + 2 * 64);
  verify(program);

  CompileContext context;
  context.target = target_for_cpu("host");
  const auto code = compile_native(program, context);
  std::vector<float> x{1, 2, 3, 4}, y{10, 20, 30, 40}, result(4);
  void* buffers[] = {x.data(), y.data(), result.data(), constant->bytes()};
  const BufferPtr arena = adze::Buffer::allocate(static_cast<std::size_t>(program.arena_bytes));
  code->entry()(buffers, arena->data());
  EXPECT_EQ(result, (std::vector<float>{80, 25, 33, 41}));
  EXPECT_EQ(x, (std::vector<float>{1, 2, 3, 4}));
}

std::vector<std::string> passes_of(const CompileContext& context) {
  std::vector<std::string> passes;
  for (const CompileContext::Timing& timing : context.timings) passes.push_back(timing.pass);
  return passes;
}

TEST(NativeCode, TimesAndDumpsGoThroughTheContext) {
  CompileContext context;
  context.target = target_for_cpu("host");
  const auto code = compile_native(program_of(scalar_tanh()), context);
  EXPECT_EQ(passes_of(context), (std::vector<std::string>{"emit_llvm", "compile", "link"}));

  const TempDir directory;
  context.dump = {"llvm", "asm"};
  context.dump_directory = directory / "dumps";
  compile_native(program_of(scalar_tanh()), context);
  EXPECT_NE(TempDir::read(directory / "dumps/tanh_loop.00.llvm").find("define void @adze_entry"),
            std::string::npos);
  EXPECT_NE(TempDir::read(directory / "dumps/tanh_loop.01.asm").find("adze_entry:"), std::string::npos);
}

/// Keeps everything, and counts.
class Shelf final : public CodeCache {
 public:
  std::optional<std::string> find(std::string_view kind, std::string_view content) override {
    const auto found = codes.find({std::string(kind), std::string(content)});
    return found == codes.end() ? std::nullopt : std::optional(found->second);
  }
  void insert(std::string_view kind, std::string_view content, std::string_view code) noexcept override {
    codes[{std::string(kind), std::string(content)}] = code;
  }
  std::map<std::pair<std::string, std::string>, std::string> codes;
};

TEST(NativeCode, ComesFromTheCacheWhereThatHasIt) {
  Shelf shelf;
  const auto tanh_of = [&](const std::string& cpu, const std::vector<std::string>& passes) {
    CompileContext context;
    context.target = target_for_cpu(cpu);
    context.cache = &shelf;
    const auto code = compile_native(program_of(scalar_tanh()), context);
    EXPECT_EQ(passes_of(context), passes) << cpu;
    std::vector<float> x = {-2, -0.5, 0, 1, 2, 3, 4, 5}, y(8);
    void* buffers[] = {x.data(), y.data()};
    code->entry()(buffers, nullptr);
    return y;
  };
  const std::vector<std::string> miss = {"emit_llvm", "cache", "compile", "cache", "link"},
                                 hit = {"emit_llvm", "cache", "cached object", "link"};
  const std::vector<float> made = tanh_of("x86-64", miss);
  EXPECT_EQ(made[0], std::tanh(-2.0f));
  EXPECT_EQ(shelf.codes.size(), 1u);
  EXPECT_EQ(tanh_of("x86-64", hit), made);
  EXPECT_EQ(shelf.codes.size(), 1u);
  // Code for another CPU is other code, though the program is the same.
  EXPECT_EQ(tanh_of("x86-64-v2", miss), made);
  EXPECT_EQ(shelf.codes.size(), 2u);
}

TEST(NativeCode, CompilesOnSeveralThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      std::vector<float> x(8, 1), out(8);
      CompileContext context;
      context.target = target_for_cpu("host");
      const auto code = compile_native(program_of(scalar_tanh()), context);
      void* buffers[] = {x.data(), out.data()};
      code->entry()(buffers, nullptr);
      good += out[7] == std::tanh(1.0f);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 4);
}

TEST(HostTarget, DescribesCpus) {
  const Target baseline = target_for_cpu("x86-64");
  EXPECT_EQ(baseline.vector_bytes, 16);
  EXPECT_EQ(baseline.vector_registers, 16);
  EXPECT_FALSE(baseline.has_fma);
  EXPECT_FALSE(baseline.has_masks);
  const Target host = target_for_cpu("host");
  EXPECT_EQ(host.cpu, target_for_cpu("").cpu);
  EXPECT_GE(host.vector_bytes, 16);
  EXPECT_GE(host.l1_bytes, 8 * 1024);
  EXPECT_GE(host.cores, 1);
  EXPECT_EQ(target_for_cpu(host.cpu).features, host.features);
}

TEST(HostTarget, RefusesWhatCannotRun) {
  const std::string accepted =
      ": expected host, x86-64, x86-64-v2, x86-64-v3, x86-64-v4 or a CPU name of LLVM such as skylake-avx512";
  EXPECT_EQ(message_of([] { target_for_cpu("x86-64-v9"); }), "unknown CPU \"x86-64-v9\"" + accepted);
  // fma4 and xop were on one line of processors only, and never together with AVX-512.
  EXPECT_EQ(message_of([] { target_for_cpu("bdver1"); }),
            "CPU \"bdver1\" needs fma4, xop, which this machine lacks" + accepted);
  Target target;
  target.cpu = "z80";
  EXPECT_EQ(message_of([&] { print_llvm(program_of(scalar_tanh()), target); }),
            "unknown CPU \"z80\"" + accepted);
}

TEST(HostTarget, ReadsTheEnvironment) {
  const char* before = std::getenv("ADZE_CPU");
  const std::string saved = before == nullptr ? "" : before;
  setenv("ADZE_CPU", "x86-64", 1);
  EXPECT_EQ(host_target().cpu, "x86-64");
  setenv("ADZE_CPU", "none", 1);
  EXPECT_EQ(message_of([] { host_target(); }).substr(0, 18), "unknown CPU \"none\"");
  setenv("ADZE_CPU", saved.c_str(), 1);
}

}  // namespace
}  // namespace adze
