#include <gtest/gtest.h>

#include "support/gemm_kernel.h"
#include "support/native_kernels.h"

// Register buffers: kept in SSA values through loops and branches.

namespace adze {
namespace {

using namespace loop;
using namespace testing;

TEST(Registers, GemmTile) {
  for (const std::int64_t n : {64, 100, 128}) {
    const std::int64_t m = 12, k = 7;
    const auto size = [](std::int64_t count) { return numbers<float>(static_cast<std::size_t>(count)); };
    for (const std::int64_t lanes : {4, 16}) {
      expect_native_equals_interpreter(
          gemm_kernel(m, n, k, 6, 64 / lanes, lanes),
          {to_bytes(size(m * k)), to_bytes(size(k * n)), to_bytes(size(n)), to_bytes(size(m * n))});
    }
  }
}

TEST(Registers, GemmTileStaysInRegisters) {
  const Program program = program_of(gemm_kernel(12, 128, 64, 2, 2, 4));
  for (const char* cpu : {"x86-64", "x86-64-v3"}) {
    const std::string text = print_llvm(program, target_for_cpu(cpu));
    EXPECT_EQ(text.find("alloca"), std::string::npos);
    const std::string assembly = print_assembly(program, target_for_cpu(cpu));
    EXPECT_EQ(assembly.find("-byte Spill"), std::string::npos) << assembly;
    EXPECT_EQ(assembly.find("-byte Folded Spill"), std::string::npos) << assembly;
  }
}

/// Loops that read a register before writing it, write it before reading, write it only, or only read it.
TEST(Registers, EveryWayThroughALoop) {
  KernelBuilder b;
  Exprs& e = b.e;
  const BufferId x = b.input("x", DType::kF32, 10), out = b.output("out", DType::kF32, 8);
  const BufferId r = b.registers("r", DType::kF32, 4);
  const auto at = [&](std::int64_t i) { return e.index(i); };
  const auto reg = [&](std::int64_t i) { return b.load(r, at(i)); };
  const VarId i = e.new_var("i", 10), j = e.new_var("j", 3), u = e.new_var("u", 4);
  const ExprId xi = b.load(x, e.var(i));
  b.kernel.body = {Stmt::make_alloc(
      r,
      {b.unroll(u, {Stmt::make_store(r, e.var(u), e.convert(e.var(u), DType::kF32))}),
       b.serial(
           i, {Stmt::make_store(out, at(0), reg(2)),                                  // only read
               Stmt::make_accumulate(r, at(0), Combine::kSum, xi),                    // read, then written
               Stmt::make_store(r, at(1), xi), Stmt::make_store(out, at(1), reg(1)),  // written, then read
               b.serial(j, {Stmt::make_store(r, at(3), e.apply(ScalarOp::add, {reg(3), reg(0)}))}),  // deeper
               Stmt::make_if(e.apply(ScalarOp::gt, {xi, b.f32(0)}),
                             {Stmt::make_store(r, at(1), reg(0)),
                              Stmt::make_accumulate(r, at(3), Combine::kMin, xi)})}),
       Stmt::make_store(out, at(2), reg(0)), Stmt::make_store(out, at(3), reg(1)),
       Stmt::make_store(out, at(4), reg(2)), Stmt::make_store(out, at(5), reg(3))})};
  expect_native_equals_interpreter(b.kernel, {to_bytes(numbers<float>(10)), to_bytes(numbers<float>(8))});
}

TEST(Registers, TwoThatChangePlacesInALoop) {
  KernelBuilder b;
  Exprs& e = b.e;
  const BufferId out = b.output("out", DType::kI32, 2);
  const BufferId r = b.registers("r", DType::kI32, 2);
  const VarId i = e.new_var("i", 5), t = e.new_var("t", 0, DType::kI32);
  const auto reg = [&](std::int64_t k) { return b.load(r, e.index(k)); };
  b.kernel.body = {Stmt::make_alloc(
      r, {Stmt::make_store(r, e.index(0), e.constant(DType::kI32, 7)),
          Stmt::make_store(r, e.index(1), e.constant(DType::kI32, 9)),
          b.serial(i, {Stmt::make_let(t, reg(0)), Stmt::make_store(r, e.index(0), reg(1)),
                       Stmt::make_store(r, e.index(1), e.var(t, DType::kI32))}),
          Stmt::make_store(out, e.index(0), reg(0)), Stmt::make_store(out, e.index(1), reg(1))})};
  const Arrays after =
      expect_native_equals_interpreter(b.kernel, {to_bytes(std::vector<std::int32_t>{0, 0})});
  EXPECT_EQ(from_bytes<std::int32_t>(after[0]), (std::vector<std::int32_t>{9, 7}));
}

TEST(Registers, VectorsReadByElement) {
  KernelBuilder b;
  Exprs& e = b.e;
  const BufferId x = b.input("x", DType::kF32, 8), out = b.output("out", DType::kF32, 16);
  const BufferId r = b.registers("r", DType::kF32, 8), flags = b.registers("flags", DType::kBool, 8);
  const VarId l = e.new_var("l", 8), m = e.new_var("m", 8), u = e.new_var("u", 8);
  const ExprId xl = b.load(x, e.var(l));
  b.kernel.body = {Stmt::make_alloc(
      r,
      {Stmt::make_alloc(
          flags, {b.vector(l, {Stmt::make_store(r, e.var(l), xl),
                               Stmt::make_store(flags, e.var(l), e.apply(ScalarOp::gt, {xl, b.f32(0)}))}),
                  b.unroll(u, {Stmt::make_store(out, e.var(u),
                                                b.load(r, e.apply(ScalarOp::sub, {e.index(7), e.var(u)})))}),
                  b.vector(m, {Stmt::make_store(
                                  out, e.add(e.var(m), 8),
                                  e.apply(ScalarOp::select, {b.load(flags, e.var(m)), b.load(r, e.index(3)),
                                                             b.load(r, e.var(m))}))})})})};
  expect_native_equals_interpreter(b.kernel, {to_bytes(numbers<float>(8)), to_bytes(numbers<float>(16))});
}

/// Lanes that no store has reached may be overwritten by masked stores, but here a later iteration finds them
/// written.
TEST(Registers, LanesBehindTheMaskAreKeptOnceWritten) {
  KernelBuilder b;
  Exprs& e = b.e;
  const BufferId x = b.input("x", DType::kF32, 8), out = b.output("out", DType::kF32, 8);
  const BufferId r = b.registers("r", DType::kF32, 8);
  const VarId i = e.new_var("i", 4);
  const auto vector = [&](std::int64_t limit, auto&& statement) {
    const VarId l = e.new_var("l", 8);
    return b.vector(l, {statement(e.var(l))}, e.index(limit));
  };
  const auto start = [&](ExprId l) { return Stmt::make_store(r, l, b.load(x, l)); };
  const auto multiply = [&](ExprId l) { return Stmt::make_accumulate(r, l, Combine::kProd, b.load(x, l)); };
  const auto finish = [&](ExprId l) { return Stmt::make_store(out, l, b.load(r, l)); };
  b.kernel.body = {Stmt::make_alloc(
      r, {vector(3, start),
          b.serial(i, {vector(3, multiply),
                       Stmt::make_if(e.apply(ScalarOp::eq, {e.var(i), e.index(1)}), {vector(8, start)})}),
          vector(8, finish)})};
  const Arrays after =
      expect_native_equals_interpreter(b.kernel, {to_bytes(numbers<float>(8)), to_bytes(numbers<float>(8))});
  EXPECT_EQ(from_bytes<float>(after[1])[5], numbers<float>(8)[5]);
}

TEST(Registers, MaskedTilesNeedNoBlends) {
  const std::string text = print_llvm(program_of(gemm_kernel(12, 100, 7, 6, 4, 16)), target_for_cpu("host"));
  EXPECT_EQ(text.find("select <16 x i1>"), text.find("select <16 x i1> %", text.find("fcmp"))) << text;
}

}  // namespace
}  // namespace adze
