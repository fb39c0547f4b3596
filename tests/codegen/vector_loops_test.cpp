#include <gtest/gtest.h>

#include "support/native_kernels.h"

// Vector loops: masks, strides, gathers, folds over lanes.

namespace adze {
namespace {

using namespace loop;
using namespace testing;

/// out[j] = x[j] * 2 + y[j] for j < size, by vectors of `lanes`.
Kernel multiply_add(std::int64_t size, std::int64_t lanes) {
  KernelBuilder b("multiply_add");
  const BufferId x = b.input("x", DType::kF32, size), y = b.input("y", DType::kF32, size);
  const BufferId out = b.output("out", DType::kF32, size);
  Exprs& e = b.e;
  const std::int64_t blocks = (size + lanes - 1) / lanes;
  const VarId i = e.new_var("i", blocks), j = e.new_var("j", lanes);
  const ExprId at = e.add(e.mul(e.var(i), lanes), e.var(j));
  const ExprId value = e.apply(
      ScalarOp::add, {e.apply(ScalarOp::mul, {e.load(x, DType::kF32, at), e.constant(DType::kF32, 2)}),
                      e.load(y, DType::kF32, at)});
  const ExprId limit = e.apply(ScalarOp::sub, {e.index(size), e.mul(e.var(i), lanes)});
  b.kernel.body = {Stmt::make_for(
      i, blocks, LoopKind::kSerial,
      {Stmt::make_for(j, lanes, LoopKind::kVector, {Stmt::make_store(out, at, value)}, limit)})};
  return std::move(b.kernel);
}

TEST(VectorLoops, MaskedTails) {
  for (const std::int64_t size : {1, 4, 15, 16, 17, 100}) {
    for (const std::int64_t lanes : {1, 4, 8, 16}) {
      const auto n = static_cast<std::size_t>(size);
      const Arrays after = expect_native_equals_interpreter(
          multiply_add(size, lanes),
          {to_bytes(numbers<float>(n)), to_bytes(numbers<float>(n)), to_bytes(std::vector<float>(n))});
      EXPECT_EQ(from_bytes<float>(after[2])[0], numbers<float>(1)[0] * 3);
    }
  }
}

}  // namespace
}  // namespace adze
