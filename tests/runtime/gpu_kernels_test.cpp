#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "runtime/loop_interpreter.h"

// The meaning of GPU kernels: threads of a block, what they share and where they wait for each other.

namespace adze {
namespace {

using namespace loop;

template <class T>
std::byte* bytes(std::vector<T>& values) {
  return reinterpret_cast<std::byte*>(values.data());
}

/// x -> out over `blocks` blocks of eight threads.
struct GpuKernel {
  static constexpr std::int64_t kThreads = 8;
  Kernel kernel;
  Exprs& e = kernel.exprs;
  BufferId x, out, tile, acc;
  VarId block, thread;

  explicit GpuKernel(std::int64_t blocks = 1) {
    kernel.name = "k";
    kernel.argument_count = 2;
    kernel.written = {false, true};
    const BufferType type{DType::kF32, {blocks * kThreads}, {}};
    x = kernel.add_buffer("x", type, Scope::kArgument);
    out = kernel.add_buffer("out", type, Scope::kArgument);
    tile = kernel.add_buffer("tile", {DType::kF32, {kThreads}, {}}, Scope::kShared);
    acc = kernel.add_buffer("acc", {DType::kF32, {1}, {}}, Scope::kRegister);
    block = e.new_var("g", blocks);
    thread = e.new_var("t", kThreads);
  }
  ExprId t() { return e.var(thread); }
  ExprId own() { return e.add(e.mul(e.var(block), kThreads), t()); }
  ExprId load(BufferId buffer, ExprId at) { return e.load(buffer, DType::kF32, at); }
  ExprId mirrored() { return e.add(e.mul(t(), -1), kThreads - 1); }

  void body(std::vector<Stmt> statements) {
    kernel.body = {Stmt::make_for(block, e.var_extent(block), LoopKind::kGrid,
                                  {Stmt::make_alloc(tile, {Stmt::make_for(thread, kThreads, LoopKind::kBlock,
                                                                          std::move(statements))})})};
    verify(kernel);
  }
  std::vector<float> run(std::vector<float> in) {
    std::vector<float> result(in.size(), -1.0f);
    interpret(kernel, std::vector{bytes(in), bytes(result)});
    return result;
  }
  std::string failure() {
    try {
      run(std::vector<float>(static_cast<std::size_t>(e.var_extent(block) * kThreads)));
    } catch (const InternalError& error) {
      return error.what();
    }
    return "fine";
  }
};

std::vector<float> count_up(std::size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

TEST(GpuKernels, ABarrierOrdersTheThreadsOfABlock) {
  GpuKernel k(2);
  k.body({Stmt::make_store(k.tile, k.t(), k.load(k.x, k.own())), Stmt::make_barrier(),
          Stmt::make_store(k.out, k.own(), k.load(k.tile, k.mirrored()))});
  EXPECT_EQ(k.run(count_up(16)), (std::vector<float>{7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8}));
}

TEST(GpuKernels, WithoutABarrierItIsARace) {
  GpuKernel k;
  k.body({Stmt::make_store(k.tile, k.t(), k.load(k.x, k.own())),
          Stmt::make_store(k.out, k.own(), k.load(k.tile, k.mirrored()))});
  EXPECT_EQ(
      k.failure(),
      "loop interpreter: kernel @k: a race: thread 4 of block 0 writes tile[4], which thread 3 of block 0 "
      "reads");
}

TEST(GpuKernels, WritesAfterReadsRaceToo) {
  GpuKernel k;
  // The second round overwrites what slower threads still read.
  const VarId round = k.e.new_var("r", 2);
  const auto rounds = [&](bool second_barrier) {
    std::vector<Stmt> body{Stmt::make_store(k.tile, k.t(), k.load(k.x, k.own())), Stmt::make_barrier(),
                           Stmt::make_store(k.out, k.own(), k.load(k.tile, k.mirrored()))};
    if (second_barrier) body.push_back(Stmt::make_barrier());
    k.body({Stmt::make_for(round, 2, LoopKind::kSerial, std::move(body))});
  };
  rounds(true);
  EXPECT_EQ(k.failure(), "fine");
  rounds(false);
  EXPECT_EQ(
      k.failure(),
      "loop interpreter: kernel @k: a race: thread 0 of block 0 writes tile[0], which thread 7 of block 0 "
      "reads");
}

TEST(GpuKernels, ManyReadersAreNoRaceUntilOneWrites) {
  GpuKernel k;
  const ExprId zero = k.e.index(0);
  const ExprId first = k.e.apply(ScalarOp::eq, {k.t(), zero});
  const ExprId last = k.e.apply(ScalarOp::eq, {k.t(), k.e.index(7)});
  const auto write = [&](ExprId who) {
    return Stmt::make_if(who, {Stmt::make_store(k.tile, zero, k.load(k.x, k.own()))});
  };
  const Stmt read = Stmt::make_store(k.out, k.own(), k.load(k.tile, zero));
  k.body({write(first), Stmt::make_barrier(), read});
  EXPECT_EQ(k.failure(), "fine");
  // The thread that writes has read last itself: it races with the readers before it.
  k.body({write(first), Stmt::make_barrier(), read, write(last)});
  EXPECT_EQ(
      k.failure(),
      "loop interpreter: kernel @k: a race: thread 7 of block 0 writes tile[0], which thread 6 of block 0 "
      "reads");
}

TEST(GpuKernels, NothingOrdersBlocks) {
  GpuKernel k(2);
  k.body({Stmt::make_store(k.out, k.t(), k.load(k.x, k.own())), Stmt::make_barrier()});
  EXPECT_EQ(
      k.failure(),
      "loop interpreter: kernel @k: a race: thread 0 of block 1 writes out[0], which thread 0 of block 0 "
      "writes");
}

TEST(GpuKernels, ArgumentsInOneMemoryAreWatchedAsOne) {
  GpuKernel k;
  const auto in_place = [&](ExprId from) {
    k.body({Stmt::make_store(k.out, k.own(), k.load(k.x, from))});
    std::vector<float> values = count_up(8);
    interpret(k.kernel, std::vector{bytes(values), bytes(values)});
  };
  in_place(k.own());
  EXPECT_THROW(in_place(k.mirrored()), InternalError);
}

TEST(GpuKernels, EveryThreadHasRegistersOfItsOwn) {
  GpuKernel k;
  const ExprId zero = k.e.index(0);
  const VarId let = k.e.new_var("v", 0, DType::kF32);
  k.body({Stmt::make_alloc(
      k.acc,
      {Stmt::make_let(let, k.load(k.x, k.own())), Stmt::make_store(k.acc, zero, k.load(k.x, k.mirrored())),
       Stmt::make_barrier(),
       Stmt::make_store(k.out, k.own(),
                        k.e.apply(ScalarOp::fma, {k.e.var(let, DType::kF32), k.e.constant(DType::kF32, 10),
                                                  k.load(k.acc, zero)}))})});
  EXPECT_EQ(k.run(count_up(8)), (std::vector<float>{7, 16, 25, 34, 43, 52, 61, 70}));
}

TEST(GpuKernels, NeighbouringThreadsFoldInATree) {
  GpuKernel k;
  const ExprId zero = k.e.index(0);
  k.body({Stmt::make_alloc(k.acc, {Stmt::make_store(k.acc, zero, k.e.constant(DType::kF32, 0.5)),
                                   Stmt::make_accumulate(k.acc, zero, Combine::kSum, k.load(k.x, k.own()), 4),
                                   Stmt::make_store(k.out, k.own(), k.load(k.acc, zero))})});
  // (1e8 + -1e8) + (1 + 2): any other order loses the 1 or the 2.
  EXPECT_EQ(k.run({1e8f, 1, -1e8f, 2, 3, 4, 5, 6}),
            (std::vector<float>{3.5, 3.5, 3.5, 3.5, 18.5, 18.5, 18.5, 18.5}));
}

TEST(GpuKernels, ThreadsMustNotWaitWhereSomeStayAway) {
  GpuKernel k;
  k.body({Stmt::make_store(k.out, k.own(), k.load(k.x, k.own()))});
  Stmt& threads = k.kernel.body[0].body[0].body[0];
  threads.body = {Stmt::make_if(k.e.apply(ScalarOp::eq, {k.t(), k.e.index(0)}), {Stmt::make_barrier()})};
  EXPECT_EQ(k.failure(),
            "loop interpreter: kernel @k: threads wait for each other where not all of them come by");
}

}  // namespace
}  // namespace adze
