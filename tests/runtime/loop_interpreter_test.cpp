#include "runtime/loop_interpreter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace adze {
namespace {

using namespace loop;

template <class T>
std::byte* bytes(std::vector<T>& values) {
  return reinterpret_cast<std::byte*>(values.data());
}

std::string failure(const Kernel& kernel, std::vector<std::byte*> arguments) {
  try {
    interpret(kernel, arguments);
  } catch (const InternalError& error) {
    return error.what();
  }
  return "fine";
}

/// out[16*o + j] = x[16*o + j] + 1 over 24 elements, in masked vectors of 16.
Kernel masked_add(std::int64_t limit) {
  Kernel k;
  k.name = "k";
  k.argument_count = 2;
  k.written = {false, true};
  const BufferId x = k.add_buffer("x", {DType::kF32, {24}, {}}, Scope::kArgument);
  const BufferId out = k.add_buffer("out", {DType::kF32, {24}, {}}, Scope::kArgument);
  Exprs& e = k.exprs;
  const VarId o = e.new_var("o", 2), j = e.new_var("j", 16);
  const ExprId at = e.add(e.mul(e.var(o), 16), e.var(j));
  const ExprId value = e.apply(ScalarOp::add, {e.load(x, DType::kF32, at), e.constant(DType::kF32, 1)});
  k.body = {Stmt::make_for(o, 2, LoopKind::kSerial,
                           {Stmt::make_for(j, 16, LoopKind::kVector, {Stmt::make_store(out, at, value)},
                                           e.add(e.mul(e.var(o), -16), limit))})};
  return k;
}

TEST(LoopInterpreter, MaskedLanesTouchNoMemory) {
  const Kernel kernel = masked_add(24);
  verify(kernel);
  std::vector<float> x(24), out(24);
  std::iota(x.begin(), x.end(), 0.0f);
  interpret(kernel, std::vector{bytes(x), bytes(out)});
  for (std::size_t i = 0; i < 24; ++i) EXPECT_EQ(out[i], static_cast<float>(i) + 1);
}

TEST(LoopInterpreter, AccessesAreChecked) {
  std::vector<float> x(32), out(32);
  EXPECT_EQ(failure(masked_add(25), {bytes(x), bytes(out)}),
            "loop interpreter: kernel @k: load from x[24], which has 24 elements");
  Kernel kernel;
  kernel.name = "k";
  kernel.argument_count = 1;
  kernel.written = {true};
  kernel.add_buffer("x", {DType::kF32, {24}, {}}, Scope::kArgument);
  kernel.body = {Stmt::make_store({0}, kernel.exprs.index(-1), kernel.exprs.constant(DType::kF32, 1))};
  EXPECT_EQ(failure(kernel, {bytes(x)}),
            "loop interpreter: kernel @k: store to x[-1], which has 24 elements");
}

TEST(LoopInterpreter, LoadsOfAStatementComeBeforeItsStores) {
  // In place: x[7 - j] = x[j] reverses when done in lanes; one element at a time it would not.
  Kernel k;
  k.name = "reverse";
  k.argument_count = 1;
  k.written = {true};
  const BufferId x = k.add_buffer("x", {DType::kI32, {8}, {}}, Scope::kArgument);
  Exprs& e = k.exprs;
  const VarId j = e.new_var("j", 8);
  const ExprId mirrored = e.add(e.mul(e.var(j), -1), 7);
  k.body = {Stmt::make_for(j, 8, LoopKind::kVector,
                           {Stmt::make_store(x, mirrored, e.load(x, DType::kI32, e.var(j)))})};
  verify(k);
  std::vector<std::int32_t> values = {0, 1, 2, 3, 4, 5, 6, 7};
  interpret(k, std::vector{bytes(values)});
  EXPECT_EQ(values, (std::vector<std::int32_t>{7, 6, 5, 4, 3, 2, 1, 0}));
}

TEST(LoopInterpreter, LanesOfAnAccumulateFoldInATree) {
  Kernel k;
  k.name = "sum";
  k.argument_count = 2;
  k.written = {false, true};
  const BufferId x = k.add_buffer("x", {DType::kF32, {4}, {}}, Scope::kArgument);
  const BufferId out = k.add_buffer("out", {DType::kF32, {}, {}}, Scope::kArgument);
  Exprs& e = k.exprs;
  const VarId j = e.new_var("j", 4), limit = e.new_var("n", 5);
  k.body = {Stmt::make_for(limit, 5, LoopKind::kSerial,
                           {Stmt::make_for(j, 4, LoopKind::kVector,
                                           {Stmt::make_accumulate(out, e.index(0), Combine::kSum,
                                                                  e.load(x, DType::kF32, e.var(j)))},
                                           e.var(limit))})};
  verify(k);
  // With all four lanes (1e8 + -1e8) + (1 + 2) = 3, not 2; the partial sums before it are 0, 1e8, 1e8, 0.
  std::vector<float> values = {1e8f, 1.0f, -1e8f, 2.0f}, out_value = {0.0f};
  interpret(k, std::vector{bytes(values), bytes(out_value)});
  EXPECT_EQ(out_value[0], ((0.0f + 1e8f) + 1e8f) + (0.0f + 1.0f) + 3.0f);
}

TEST(LoopInterpreter, TwoLanesMustNotWriteOneElement) {
  Kernel k;
  k.name = "clash";
  k.argument_count = 1;
  k.written = {true};
  const BufferId out = k.add_buffer("out", {DType::kF32, {4}, {}}, Scope::kArgument);
  Exprs& e = k.exprs;
  const VarId j = e.new_var("j", 4);
  k.body = {Stmt::make_for(j, 4, LoopKind::kVector,
                           {Stmt::make_store(out, e.div(e.var(j), 2), e.convert(e.var(j), DType::kF32))})};
  std::vector<float> values(4);
  EXPECT_EQ(failure(k, {bytes(values)}), "loop interpreter: kernel @clash: two lanes write out[0]");
}

TEST(LoopInterpreter, FreshRegistersHoldNothingUseful) {
  Kernel k;
  k.name = "fresh";
  k.argument_count = 1;
  k.written = {true};
  const BufferId out = k.add_buffer("out", {DType::kF32, {1}, {}}, Scope::kArgument);
  const BufferId acc = k.add_buffer("acc", {DType::kF32, {1}, {}}, Scope::kRegister);
  Exprs& e = k.exprs;
  const ExprId zero = e.index(0);
  k.body = {
      Stmt::make_alloc(acc, {Stmt::make_accumulate(acc, zero, Combine::kSum, e.constant(DType::kF32, 1)),
                             Stmt::make_store(out, zero, e.load(acc, DType::kF32, zero))})};
  verify(k);
  std::vector<float> values(1);
  interpret(k, std::vector{bytes(values)});
  EXPECT_TRUE(std::isnan(values[0]));
}

// A register tile as schedules write them: 2 x 8 accumulators, a serial k loop, unrolled rows, vector
// columns, a Let per lane and an If.
TEST(LoopInterpreter, RegisterTile) {
  constexpr std::int64_t kM = 2, kN = 8, kK = 5;
  Kernel k;
  k.name = "tile";
  k.argument_count = 3;
  k.written = {false, false, true};
  const BufferId a = k.add_buffer("a", {DType::kF32, {kM, kK}, {}}, Scope::kArgument);
  const BufferId b = k.add_buffer("b", {DType::kF32, {kK, kN}, {}}, Scope::kArgument);
  const BufferId c = k.add_buffer("c", {DType::kF32, {kM, kN}, {1, 0}}, Scope::kArgument);
  const BufferId acc = k.add_buffer("acc", {DType::kF32, {kM, kN}, {}}, Scope::kRegister);
  Exprs& e = k.exprs;
  const auto f32 = [&](BufferId buffer, ExprId index) { return e.load(buffer, DType::kF32, index); };
  const auto flat = [&](BufferId buffer, VarId row, VarId column) {
    return offset(e, k.buffers[buffer.index].type, std::vector{e.var(row), e.var(column)});
  };
  const auto over = [&](VarId i, VarId j, std::vector<Stmt> body) {
    return Stmt::make_for(i, kM, LoopKind::kUnroll,
                          {Stmt::make_for(j, kN, LoopKind::kVector, std::move(body))});
  };
  const VarId kk = e.new_var("k", kK);
  std::vector<Stmt> body;
  {
    const VarId i = e.new_var("i", kM), j = e.new_var("j", kN);
    body.push_back(over(i, j, {Stmt::make_store(acc, flat(acc, i, j), e.constant(DType::kF32, 0))}));
  }
  {
    const VarId i = e.new_var("i", kM), j = e.new_var("j", kN), t = e.new_var("t", 0, DType::kF32);
    const ExprId at = flat(acc, i, j);
    const ExprId sum = e.apply(ScalarOp::fma, {f32(a, flat(a, i, kk)), e.var(t, DType::kF32), f32(acc, at)});
    body.push_back(Stmt::make_for(
        kk, kK, LoopKind::kSerial,
        {over(i, j, {Stmt::make_let(t, f32(b, flat(b, kk, j))), Stmt::make_store(acc, at, sum)})}));
  }
  {
    const VarId i = e.new_var("i", kM), j = e.new_var("j", kN);
    body.push_back(
        Stmt::make_if(e.bits(DType::kBool, 1),
                      {over(i, j, {Stmt::make_store(c, flat(c, i, j), f32(acc, flat(acc, i, j)))})}));
  }
  k.body = {Stmt::make_alloc(acc, std::move(body))};
  verify(k);

  std::vector<float> av(kM * kK), bv(kK * kN), cv(kM * kN);
  for (std::size_t i = 0; i < av.size(); ++i) av[i] = static_cast<float>(i % 7) - 3;
  for (std::size_t i = 0; i < bv.size(); ++i) bv[i] = static_cast<float>(i % 5) - 2;
  interpret(k, std::vector{bytes(av), bytes(bv), bytes(cv)});
  for (std::size_t i = 0; i < kM; ++i) {
    for (std::size_t j = 0; j < kN; ++j) {
      float expected = 0;
      for (std::size_t q = 0; q < kK; ++q) expected += av[i * kK + q] * bv[q * kN + j];
      EXPECT_EQ(cv[j * kM + i], expected) << "the result is stored column-major";
    }
  }
}

TEST(LoopInterpreter, BarriersBetweenParallelIterationsAreRefused) {
  Kernel k;
  k.name = "wait";
  const VarId i = k.exprs.new_var("i", 2);
  k.body = {Stmt::make_barrier()};
  EXPECT_EQ(failure(k, {}), "fine");
  k.body = {Stmt::make_for(i, 2, LoopKind::kParallel, {Stmt::make_barrier()})};
  EXPECT_EQ(failure(k, {}),
            "loop interpreter: kernel @wait: a barrier between the iterations of a parallel loop");
}

TEST(LoopInterpreter, Programs) {
  // result 0 = (x + 1) + 1 through the arena.
  Program program;
  program.name = "twice";
  program.kernels = {masked_add(24)};
  program.parameter_types = {{DType::kF32, {24}}};
  program.result_types = {{DType::kF32, {24}}};
  program.arena_bytes = 256;
  using Place = BufferRef::Place;
  program.calls = {{0, {{Place::kParameter, 0}, {Place::kArena, 64}}},
                   {0, {{Place::kArena, 64}, {Place::kResult, 0}}}};
  verify(program);
  std::vector<float> x(24, 1.5f), out(24);
  std::vector<std::byte> arena(256);
  interpret(program, std::vector{bytes(x), bytes(out)}, arena.data());
  EXPECT_EQ(out, std::vector<float>(24, 3.5f));
}

}  // namespace
}  // namespace adze
