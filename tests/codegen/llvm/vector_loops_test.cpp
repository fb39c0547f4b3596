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

TEST(VectorLoops, Strides) {
  for (const std::int64_t stride : {-1, 2, 5}) {
    KernelBuilder b;
    Exprs& e = b.e;
    const BufferId x = b.input("x", DType::kF32, 80), out = b.output("out", DType::kF32, 80);
    const VarId l = e.new_var("l", 16);
    const ExprId forward = e.add(e.mul(e.var(l), stride), stride < 0 ? 20 : 3);
    const ExprId backward = e.add(e.mul(e.var(l), -stride), stride < 0 ? 30 : 76);
    b.kernel.body = {b.vector(l,
                              {Stmt::make_store(out, forward, b.load(x, backward)),
                               Stmt::make_accumulate(out, backward, Combine::kProd, b.load(x, e.index(9)))},
                              e.index(13))};
    expect_native_equals_interpreter(b.kernel, {to_bytes(numbers<float>(80)), to_bytes(numbers<float>(80))});
  }
}

TEST(VectorLoops, IndicesFromMemory) {
  KernelBuilder b;
  Exprs& e = b.e;
  const BufferId x = b.input("x", DType::kF64, 40), to = b.input("to", DType::kI64, 8),
                 from = b.input("from", DType::kI32, 8);
  const BufferId out = b.output("out", DType::kF64, 40);
  const VarId l = e.new_var("l", 8);
  const ExprId value = b.load(x, e.convert(b.load(from, e.var(l)), DType::kI64));
  b.kernel.body = {b.vector(l,
                            {Stmt::make_store(out, b.load(to, e.var(l)), value),
                             Stmt::make_accumulate(out, b.load(to, e.var(l)), Combine::kSum, value)},
                            e.index(7))};
  expect_native_equals_interpreter(
      b.kernel,
      {to_bytes(numbers<double>(40)), to_bytes(std::vector<std::int64_t>{3, 39, 0, 8, 7, 21, 22, 99}),
       to_bytes(std::vector<std::int32_t>{0, 0, 39, 5, 5, 6, 11, -99}), to_bytes(numbers<double>(40))});
}

/// Every combine on every dtype it is defined on, folding 1 to 16 lanes of which some are not active.
TEST(VectorLoops, Folds) {
  for (const DType dtype : all_dtypes()) {
    if (is_half(dtype)) continue;  // no combine is defined on them
    KernelBuilder b;
    Exprs& e = b.e;
    const BufferId x = b.input("x", dtype, 16), out = b.output("out", dtype, 200);
    std::int64_t place = 0;
    for (const Combine combine :
         {Combine::kSum, Combine::kProd, Combine::kMax, Combine::kMin, Combine::kAnd, Combine::kOr}) {
      if (!is_defined(combine_op(combine), dtype)) continue;
      for (const std::int64_t lanes : {1, 3, 8, 16}) {
        for (const std::int64_t limit : {std::int64_t{0}, lanes / 2, lanes}) {
          const VarId l = e.new_var("l", lanes);
          b.kernel.body.push_back(
              b.vector(l, {Stmt::make_accumulate(out, e.index(place++), combine, b.load(x, e.var(l)))},
                       e.index(limit)));
        }
      }
    }
    std::vector<std::byte> data;
    for (std::size_t i = 0; i < 216; ++i) {
      const std::uint64_t bits =
          convert_bits(to_bits(static_cast<double>(i * 7 % 11) - 4.5), DType::kF64, dtype);
      data.resize(data.size() + byte_size(dtype));
      write_element(dtype, data.data() + i * byte_size(dtype), bits);
    }
    const auto middle = data.begin() + static_cast<std::ptrdiff_t>(16 * byte_size(dtype));
    expect_native_equals_interpreter(b.kernel, {{data.begin(), middle}, {middle, data.end()}});
  }
}

TEST(VectorLoops, LimitsAtRunTime) {
  // Limits that only the machine knows: negative, zero, within the lanes, huge.
  KernelBuilder b;
  Exprs& e = b.e;
  const BufferId limits = b.input("limits", DType::kI64, 6), x = b.input("x", DType::kF32, 16);
  const BufferId out = b.output("out", DType::kF32, 6 * 16), sum = b.output("sum", DType::kF32, 6);
  const BufferId last = b.output("last", DType::kF32, 6);
  const VarId i = e.new_var("i", 6), l = e.new_var("l", 16);
  b.kernel.body = {
      b.serial(i, {b.vector(l,
                            {Stmt::make_store(out, e.add(e.mul(e.var(i), 16), e.var(l)), b.load(x, e.var(l))),
                             Stmt::make_accumulate(sum, e.var(i), Combine::kSum, b.load(x, e.var(l))),
                             Stmt::make_store(last, e.var(i), b.load(x, e.index(3)))},
                            b.load(limits, e.var(i)))})};
  expect_native_equals_interpreter(
      b.kernel,
      {to_bytes(std::vector<std::int64_t>{0, -5, 7, 16, std::int64_t{1} << 40, -(std::int64_t{1} << 40)}),
       to_bytes(numbers<float>(16)), to_bytes(numbers<float>(96)), to_bytes(numbers<float>(6)),
       to_bytes(numbers<float>(6))});
}

TEST(VectorLoops, BoolsAreBytes) {
  KernelBuilder b;
  Exprs& e = b.e;
  const BufferId x = b.input("x", DType::kF32, 21), p = b.input("p", DType::kBool, 21);
  const BufferId out = b.output("out", DType::kBool, 21), other = b.output("other", DType::kBool, 21);
  const VarId o = e.new_var("o", 2), l = e.new_var("l", 16), s = e.new_var("s", 21);
  const auto both = [&](ExprId at) {
    return e.apply(ScalarOp::xor_, {b.load(p, at), e.apply(ScalarOp::gt, {b.load(x, at), b.f32(0)})});
  };
  const ExprId at = e.add(e.mul(e.var(o), 16), e.var(l));
  b.kernel.body = {
      b.serial(o, {b.vector(l, {Stmt::make_store(out, at, both(at))}, e.add(e.mul(e.var(o), -16), 21))}),
      b.serial(s, {Stmt::make_store(other, e.var(s), both(e.var(s)))})};
  std::vector<std::uint8_t> flags(21);
  for (std::size_t i = 0; i < 21; ++i) flags[i] = i % 3 == 1;
  expect_native_equals_interpreter(
      b.kernel, {to_bytes(numbers<float>(21)), to_bytes(flags), to_bytes(flags), to_bytes(flags)});
}

/// A guarded load reads nothing where the guard is false, not even from a buffer without elements.
TEST(VectorLoops, GuardsKeepFromMemory) {
  KernelBuilder b;
  Exprs& e = b.e;
  const BufferId x = b.input("x", DType::kF32, 20), empty = b.input("empty", DType::kF32, 0);
  const BufferId p = b.input("p", DType::kBool, 32), out = b.output("out", DType::kF32, 32);
  const BufferId other = b.output("other", DType::kF32, 32);
  const VarId o = e.new_var("o", 2), l = e.new_var("l", 16), s = e.new_var("s", 32);
  const auto value = [&](ExprId i) {
    const auto guarded = [&](BufferId buffer, ExprId at, ExprId guard) {
      return e.apply(ScalarOp::select, {guard, b.load(buffer, at, guard), b.f32(-1)});
    };
    const auto below = [&](ExprId at, std::int64_t end) { return e.apply(ScalarOp::lt, {at, e.index(end)}); };
    const ExprId far = e.mul(i, 1000000007);
    ExprId sum = guarded(x, i, below(i, 20));  // contiguous
    for (const ExprId term :
         {guarded(x, e.mul(i, 3), below(e.mul(i, 3), 20)),  // strided
          guarded(empty, i, b.load(p, i)),                  // all are false
          guarded(empty, far, b.load(p, e.index(5))),       // and in every lane alike
          guarded(x, e.rem(far, 64), below(e.rem(far, 64), 20)), guarded(x, e.index(19), below(i, 3))}) {
      sum = e.apply(ScalarOp::add, {sum, term});
    }
    return sum;
  };
  const ExprId at = e.add(e.mul(e.var(o), 16), e.var(l));
  b.kernel.body = {b.serial(o, {b.vector(l, {Stmt::make_store(out, at, value(at))})}),
                   b.serial(s, {Stmt::make_store(other, e.var(s), value(e.var(s)))})};
  expect_native_equals_interpreter(b.kernel, {to_bytes(numbers<float>(20)),
                                              {},
                                              to_bytes(std::vector<std::uint8_t>(32, 0)),
                                              to_bytes(numbers<float>(32)),
                                              to_bytes(numbers<float>(32))});
}

}  // namespace
}  // namespace adze
