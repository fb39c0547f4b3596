#pragma once

#include "support/native_kernels.h"

namespace adze::testing {

/// out[m,n] = max(bias[n] + sum over k of a[m,k] * b[k,n], 0), tiled as a schedule would do it: rows of `mr`,
/// `nv` vectors of `lanes`, the last columns masked. m must be a multiple of mr.
inline loop::Kernel gemm_kernel(std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t mr,
                                std::int64_t nv, std::int64_t lanes) {
  using namespace loop;
  KernelBuilder b_("gemm");
  Exprs& e = b_.e;
  const BufferId a = b_.input("a", DType::kF32, m * k), b = b_.input("b", DType::kF32, k * n);
  const BufferId bias = b_.input("bias", DType::kF32, n), out = b_.output("out", DType::kF32, m * n);
  const BufferId acc = b_.registers("acc", DType::kF32, mr * nv * lanes);
  const std::int64_t columns = nv * lanes;
  const VarId i0 = e.new_var("i0", m / mr), j0 = e.new_var("j0", (n + columns - 1) / columns),
              p = e.new_var("p", k);
  const ExprId tile_column = e.mul(e.var(j0), columns);

  /// One pass over the tile.
  const auto tile = [&](auto&& statement) {
    const VarId i = e.new_var("i", mr), j = e.new_var("j", nv), l = e.new_var("l", lanes);
    const ExprId first = e.add(tile_column, e.mul(e.var(j), lanes));
    const ExprId row = e.add(e.mul(e.var(i0), mr), e.var(i)), column = e.add(first, e.var(l));
    const ExprId place = e.add(e.mul(e.var(i), columns), e.add(e.mul(e.var(j), lanes), e.var(l)));
    const ExprId limit = n % columns == 0 ? ExprId{} : e.apply(ScalarOp::sub, {e.index(n), first});
    return b_.unroll(i, {b_.unroll(j, {b_.vector(l, {statement(row, column, place)}, limit)})});
  };
  const Stmt start = tile([&](ExprId, ExprId column, ExprId place) {
    return Stmt::make_store(acc, place, b_.load(bias, column));
  });
  const Stmt sum = tile([&](ExprId row, ExprId column, ExprId place) {
    const ExprId left = b_.load(a, e.add(e.mul(row, k), e.var(p)));
    const ExprId right = b_.load(b, e.add(e.mul(e.var(p), n), column));
    return Stmt::make_store(acc, place, e.apply(ScalarOp::fma, {left, right, b_.load(acc, place)}));
  });
  const Stmt finish = tile([&](ExprId row, ExprId column, ExprId place) {
    return Stmt::make_store(out, e.add(e.mul(row, n), column),
                            e.apply(ScalarOp::max, {b_.load(acc, place), b_.f32(0)}));
  });
  b_.kernel.body = {
      b_.serial(i0, {b_.serial(j0, {Stmt::make_alloc(acc, {start, b_.serial(p, {sum}), finish})})})};
  return std::move(b_.kernel);
}

}  // namespace adze::testing
