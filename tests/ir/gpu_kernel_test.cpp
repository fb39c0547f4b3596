#include <gtest/gtest.h>

#include <functional>

#include "ir/errors.h"
#include "ir/loop_ir.h"

// The form of GPU kernels: grid, shared memory, block; where threads may wait for each other.

namespace adze::loop {
namespace {

/// Sums of rows of 64: a team of 32 threads a row, eight rows a block.
Kernel row_sums() {
  Kernel k;
  k.name = "rows";
  k.argument_count = 2;
  k.written = {false, true};
  const BufferId x = k.add_buffer("x", {DType::kF32, {16, 64}, {}}, Scope::kArgument);
  const BufferId out = k.add_buffer("out", {DType::kF32, {16}, {}}, Scope::kArgument);
  const BufferId tile = k.add_buffer("tile", {DType::kF32, {8}, {}}, Scope::kShared);
  const BufferId acc = k.add_buffer("acc", {DType::kF32, {1}, {}}, Scope::kRegister);
  Exprs& e = k.exprs;
  const VarId g = e.new_var("g", 2), t = e.new_var("t", 256);
  const ExprId zero = e.index(0);
  const ExprId warp = e.div(e.var(t), 32), lane = e.rem(e.var(t), 32);
  const ExprId row = e.add(e.mul(e.var(g), 8), warp);
  const auto x_at = [&](std::int64_t k0) {
    return e.load(x, DType::kF32, e.add(e.add(e.mul(row, 64), lane), k0));
  };
  const ExprId first = e.apply(ScalarOp::eq, {lane, zero});
  const ExprId pair = e.apply(ScalarOp::add, {x_at(0), x_at(32)});
  k.body = {Stmt::make_for(
      g, 2, LoopKind::kGrid,
      {Stmt::make_alloc(
          tile,
          {Stmt::make_for(
              t, 256, LoopKind::kBlock,
              {Stmt::make_alloc(
                  acc, {Stmt::make_store(acc, zero, e.constant(DType::kF32, 0)),
                        Stmt::make_accumulate(acc, zero, Combine::kSum, pair, 32),
                        Stmt::make_if(first, {Stmt::make_store(tile, warp, e.load(acc, DType::kF32, zero))}),
                        Stmt::make_barrier(),
                        Stmt::make_if(first,
                                      {Stmt::make_store(out, row, e.load(tile, DType::kF32, warp))})})})})})};
  return k;
}

Stmt& block_of(Kernel& k) {
  return k.body[0].body[0].body[0];
}
std::vector<Stmt>& thread_of(Kernel& k) {
  return block_of(k).body[0].body;
}

std::string complaint(const std::function<void(Kernel&)>& change) {
  Kernel kernel = row_sums();
  change(kernel);
  try {
    verify(kernel);
  } catch (const InternalError& error) {
    const std::string what = error.what();
    return what.substr(0, what.find('\n'));
  }
  return "fine";
}

TEST(GpuKernel, Text) {
  const Kernel kernel = row_sums();
  verify(kernel);
  EXPECT_TRUE(is_gpu_kernel(kernel));
  EXPECT_EQ(grid_extent(kernel), 2);
  EXPECT_EQ(block_extent(kernel), 256);
  EXPECT_EQ(print(kernel), R"(kernel @rows(x: f32[16,64], out: out f32[16]) {
  for g in 0..2 grid {
    alloc tile: shared f32[8] {
      for t in 0..256 block {
        alloc acc: register f32[1] {
          acc[0] = 0.0f
          acc[0] += x[64*(t / 32) + t % 32 + 512*g] + x[64*(t / 32) + t % 32 + 512*g + 32] over 32 threads
          if (t % 32) == 0 {
            tile[t / 32] = acc[0]
          }
          barrier
          if (t % 32) == 0 {
            out[t / 32 + 8*g] = tile[t / 32]
          }
        }
      }
    }
  }
}
)");
}

TEST(GpuKernel, TheVerifierNamesWhatIsBroken) {
  const std::string at = "loop IR: kernel @rows: ";
  EXPECT_EQ(complaint([](Kernel&) {}), "fine");
  EXPECT_EQ(complaint([](Kernel& k) { thread_of(k)[2].body.push_back(Stmt::make_barrier()); }),
            at + "a barrier below an if");
  EXPECT_EQ(complaint([](Kernel& k) { thread_of(k)[1].threads = 64; }),
            at + "acc accumulates over 64 threads");
  EXPECT_EQ(complaint([](Kernel& k) { thread_of(k)[1].threads = 24; }),
            at + "acc accumulates over 24 threads");
  EXPECT_EQ(complaint([](Kernel& k) { std::swap(thread_of(k)[1], thread_of(k)[2].body[0]); }),
            at + "acc accumulates over threads that need not come by");
  EXPECT_EQ(complaint([](Kernel& k) { thread_of(k)[1].buffer = {2}; }),
            at + "tile accumulates over threads but is no register");
  EXPECT_EQ(complaint([](Kernel& k) { k.body[0].loop = LoopKind::kSerial; }),
            at + "block loop t in a kernel that is not of the form grid, block");
  EXPECT_EQ(complaint([](Kernel& k) { k.body.push_back(Stmt::make_barrier()); }),
            at + "grid loop g in a kernel that is not of the form grid, block");
  EXPECT_EQ(complaint([](Kernel& k) {
              const VarId u = k.exprs.new_var("u", 2);
              thread_of(k).push_back(Stmt::make_for(u, 2, LoopKind::kBlock, {}));
            }),
            at + "block loop u inside a block loop");
}

}  // namespace
}  // namespace adze::loop
