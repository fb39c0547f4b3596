#include "ir/loop_ir.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "ir/scalar_eval.h"

namespace adze::loop {
namespace {

constexpr auto kInf = std::numeric_limits<double>::infinity();
constexpr auto kNan = std::numeric_limits<double>::quiet_NaN();

std::int64_t value_at(const Exprs& exprs, ExprId id, const std::vector<std::int64_t>& vars) {
  std::vector<std::uint64_t> raw(vars.begin(), vars.end());
  ScalarCode code(exprs, id);
  code.run(raw, 1);
  return from_bits<std::int64_t>(code.result()[0]);
}

// --- Index algebra
// -------------------------------------------------------------------------------------------

TEST(Exprs, EqualExpressionsAreOne) {
  Exprs e;
  const ExprId i = e.var(e.new_var("i", 8));
  EXPECT_EQ(e.add(e.mul(i, 4), 3), e.add(e.index(3), e.mul(i, 4)));
  EXPECT_EQ(e.apply(ScalarOp::sub, {i, i}), e.index(0));
  const ExprId x = e.load({0}, DType::kF32, i);
  EXPECT_NE(e.apply(ScalarOp::add, {x, e.constant(DType::kF32, 0)}), x) << "floats are left alone";
}

TEST(Exprs, DivisionUsesTheRangesOfVariables) {
  Exprs e;
  const ExprId i = e.var(e.new_var("i", 8)), j = e.var(e.new_var("j", 10));
  const ExprId flat = e.add(e.mul(i, 10), j);
  EXPECT_EQ(e.div(flat, 10), i);
  EXPECT_EQ(e.rem(flat, 10), j);
  EXPECT_EQ(e.rem(e.mul(flat, 6), 3), e.index(0));
  EXPECT_EQ(e.apply(ScalarOp::lt, {j, e.index(10)}), e.bits(DType::kBool, 1));
  EXPECT_EQ(e.apply(ScalarOp::min, {j, e.index(9)}), j);
}

TEST(Exprs, AffineForm) {
  Exprs e;
  const VarId i = e.new_var("i", 8), j = e.new_var("j", 10);
  const ExprId sum = e.add(e.add(e.mul(e.var(j), 3), e.mul(e.var(i), -2)), 7);
  const auto affine = e.affine(sum);
  ASSERT_TRUE(affine);
  EXPECT_EQ(affine->coefficient(i), -2);
  EXPECT_EQ(affine->coefficient(j), 3);
  EXPECT_EQ(affine->constant, 7);
  EXPECT_EQ(e.from_affine(*affine), sum);
  EXPECT_EQ(e.range(sum), std::make_pair(std::int64_t{-7}, std::int64_t{34}));
  EXPECT_FALSE(e.affine(e.apply(ScalarOp::mul, {e.var(i), e.var(j)})));
  EXPECT_EQ(e.substitute(sum, {{i.index, e.index(1)}}), e.add(e.mul(e.var(j), 3), 5));
}

// Random index expressions: what Exprs builds has the value of the expression as written, at every point, and
// lies within the range it reports.
TEST(Exprs, SimplifiedIndexArithmeticKeepsItsValue) {
  using Meaning = std::function<std::int64_t(std::int64_t, std::int64_t, std::int64_t)>;
  struct Term {
    ExprId id;
    Meaning meaning;
  };
  std::mt19937 random(7);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const std::vector<std::int64_t> divisors = {1, 2, 3, 4, 5, 6, 8, 12, 16, 30};
  for (int round = 0; round < 300; ++round) {
    Exprs e;
    const std::int64_t extents[] = {pick(1, 6), pick(1, 8), pick(1, 5)};
    std::vector<Term> pool;
    pool.push_back({e.var(e.new_var("i", extents[0])), [](auto i, auto, auto) { return i; }});
    pool.push_back({e.var(e.new_var("j", extents[1])), [](auto, auto j, auto) { return j; }});
    pool.push_back({e.var(e.new_var("k", extents[2])), [](auto, auto, auto k) { return k; }});
    for (int step = 0; step < 9; ++step) {
      const Term a = pool[static_cast<std::size_t>(pick(0, std::ssize(pool) - 1))];
      const Term b = pool[static_cast<std::size_t>(pick(0, std::ssize(pool) - 1))];
      const std::int64_t c = pick(-3, 12);
      const std::int64_t d = divisors[static_cast<std::size_t>(pick(0, std::ssize(divisors) - 1))];
      const Meaning &f = a.meaning, &g = b.meaning;
      switch (pick(0, 7)) {
        case 0:
          pool.push_back(
              {e.add(a.id, b.id), [f, g](auto i, auto j, auto k) { return f(i, j, k) + g(i, j, k); }});
          break;
        case 1:
          pool.push_back({e.apply(ScalarOp::sub, {a.id, b.id}),
                          [f, g](auto i, auto j, auto k) { return f(i, j, k) - g(i, j, k); }});
          break;
        case 2:
          pool.push_back({e.mul(a.id, c), [f, c](auto i, auto j, auto k) { return f(i, j, k) * c; }});
          break;
        case 3:
          pool.push_back({e.add(a.id, c), [f, c](auto i, auto j, auto k) { return f(i, j, k) + c; }});
          break;
        case 4:
          pool.push_back({e.div(a.id, d), [f, d](auto i, auto j, auto k) { return f(i, j, k) / d; }});
          break;
        case 5:
          pool.push_back({e.rem(a.id, d), [f, d](auto i, auto j, auto k) { return f(i, j, k) % d; }});
          break;
        case 6:
          pool.push_back({e.apply(ScalarOp::max, {a.id, b.id}),
                          [f, g](auto i, auto j, auto k) { return std::max(f(i, j, k), g(i, j, k)); }});
          break;
        default:
          pool.push_back(
              {e.apply(ScalarOp::select, {e.apply(ScalarOp::lt, {a.id, b.id}), a.id, e.add(b.id, c)}),
               [f, g, c](auto i, auto j, auto k) {
                 return f(i, j, k) < g(i, j, k) ? f(i, j, k) : g(i, j, k) + c;
               }});
      }
    }
    for (const Term& term : pool) {
      const auto range = e.range(term.id);
      for (std::int64_t i = 0; i < extents[0]; ++i) {
        for (std::int64_t j = 0; j < extents[1]; ++j) {
          for (std::int64_t k = 0; k < extents[2]; ++k) {
            const std::int64_t expected = term.meaning(i, j, k);
            ASSERT_EQ(value_at(e, term.id, {i, j, k}), expected) << print(e, term.id, {});
            if (range) {
              ASSERT_LE(range->first, expected) << print(e, term.id, {});
              ASSERT_GE(range->second, expected) << print(e, term.id, {});
            }
          }
        }
      }
    }
  }
}

// --- Host meanings
// -------------------------------------------------------------------------------------------

template <class T>
T eval(ScalarOp op, T a, T b = {}, T c = {}) {
  return from_bits<T>(evaluate(op, dtype_of<T>(), to_bits(a), to_bits(b), to_bits(c)));
}
template <class To, class From>
To converted(From x) {
  return from_bits<To>(convert_bits(to_bits(x), dtype_of<From>(), dtype_of<To>()));
}

TEST(ScalarMeaning, IntegersWrapAndDivideAsDocumented) {
  constexpr std::int32_t kMin = INT32_MIN, kMax = INT32_MAX;
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::add, kMax, 1), kMin);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::mul, kMax, kMax), 1);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::neg, kMin), kMin);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::abs, kMin), kMin);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::div, -7, 2), -3);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::rem, -7, 2), -1);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::div, 5, 0), -1);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::rem, 5, 0), 5);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::div, kMin, -1), kMin);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::rem, kMin, -1), 0);
  EXPECT_EQ(eval<std::uint32_t>(ScalarOp::div, 5, 0), UINT32_MAX);
  EXPECT_EQ(eval<std::int64_t>(ScalarOp::div, INT64_MIN, -1), INT64_MIN);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::shl, 1, 31), kMin);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::shl, 1, 32), 0);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::shl, 1, -1), 0);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::shr, -8, 1), -4);
  EXPECT_EQ(eval<std::uint32_t>(ScalarOp::shr, 0x80000000u, 31), 1u);
  EXPECT_EQ(eval<std::int32_t>(ScalarOp::fma, kMax, 2, 3), 1);
}

TEST(ScalarMeaning, FloatsFollowIeee) {
  EXPECT_TRUE(std::isnan(eval<float>(ScalarOp::max, NAN, 1.0f)));
  EXPECT_TRUE(std::isnan(eval<float>(ScalarOp::min, 1.0f, NAN)));
  EXPECT_FALSE(std::signbit(eval<float>(ScalarOp::max, -0.0f, 0.0f)));
  EXPECT_TRUE(std::signbit(eval<float>(ScalarOp::max, 0.0f, -0.0f)));
  EXPECT_TRUE(std::signbit(eval<float>(ScalarOp::sign, -0.0f)));
  EXPECT_TRUE(std::isnan(eval<float>(ScalarOp::sign, NAN)));
  EXPECT_EQ(eval<double>(ScalarOp::round_even, 2.5), 2.0);
  EXPECT_EQ(eval<float>(ScalarOp::rem, -7.5f, 2.0f), -1.5f);
  EXPECT_EQ(eval<float>(ScalarOp::logistic, 0.0f), 0.5f);
  EXPECT_EQ(eval<float>(ScalarOp::logistic, -200.0f), 0.0f);
  EXPECT_EQ(eval<double>(ScalarOp::logistic, -745.0), std::exp(-745.0)) << "subnormal results are kept";
  // f32 instructions round to f32: 1 + 2^-30 - 1 is 0.
  EXPECT_EQ(eval<float>(ScalarOp::sub, eval<float>(ScalarOp::add, 1.0f, 0x1p-30f), 1.0f), 0.0f);
  EXPECT_EQ(eval<float>(ScalarOp::fma, 1.0f + 0x1p-23f, 1.0f - 0x1p-23f, -1.0f), -0x1p-46f);
}

TEST(ScalarMeaning, ConversionsSaturate) {
  EXPECT_EQ((converted<std::int32_t>(-1.9f)), -1);
  EXPECT_EQ((converted<std::int32_t>(3e9f)), INT32_MAX);
  EXPECT_EQ((converted<std::int32_t>(-kInf)), INT32_MIN);
  EXPECT_EQ((converted<std::int32_t>(kNan)), 0);
  EXPECT_EQ((converted<std::int64_t>(9.3e18)), INT64_MAX);
  EXPECT_EQ((converted<std::int64_t>(-0x1p63)), INT64_MIN);
  EXPECT_EQ((converted<std::uint32_t>(-5.0)), 0u);
  EXPECT_EQ((converted<std::uint32_t>(0x1p32)), UINT32_MAX);
  EXPECT_EQ((converted<std::uint32_t>(4294967295.0)), UINT32_MAX);
  EXPECT_EQ((converted<bool>(kNan)), true);
  EXPECT_EQ((converted<bool>(-0.0)), false);
  EXPECT_EQ((converted<std::int32_t>(std::int64_t{1} << 33)), 0);
  EXPECT_EQ((converted<std::int64_t>(std::int32_t{-1})), -1);
  EXPECT_EQ((converted<float>(true)), 1.0f);
}

TEST(ScalarMeaning, UndefinedInstructionsAreRejected) {
  EXPECT_THROW((void)evaluate(ScalarOp::and_, DType::kF32, 0, 0), InternalError);
  EXPECT_THROW((void)evaluate(ScalarOp::add, DType::kBool, 0, 0), InternalError);
  EXPECT_THROW((void)evaluate(ScalarOp::exp, DType::kI32, 0), InternalError);
  EXPECT_FALSE(is_defined(ScalarOp::add, DType::kF16));
  EXPECT_TRUE(is_defined(ScalarOp::max, DType::kBool));
}

TEST(ScalarMeaning, LanesFoldInTreeOrder) {
  // ((1e8 + -1e8) + (1 + 2)) in f32 lane order 0+2, 1+3: a running sum from the left would lose the 1.
  std::vector<std::uint64_t> lanes;
  for (const float x : {1e8f, 1.0f, -1e8f, 2.0f}) lanes.push_back(to_bits(x));
  EXPECT_EQ(from_bits<float>(fold_lanes(Combine::kSum, DType::kF32, lanes)), 3.0f);
  lanes = {to_bits(-0.0f), to_bits(-0.0f), to_bits(-0.0f)};
  EXPECT_TRUE(std::signbit(from_bits<float>(fold_lanes(Combine::kSum, DType::kF32, lanes))));
  lanes = {to_bits(INT32_MIN), to_bits(-5), to_bits(-7)};
  EXPECT_EQ(from_bits<std::int32_t>(fold_lanes(Combine::kMax, DType::kI32, lanes)), -5);
}

TEST(ScalarCode, RunsBlocksWithGuardsAndSharedSubexpressions) {
  struct Memory final : LoadSource {
    void load(BufferId, DType, std::span<const std::uint64_t> index, std::span<const std::uint8_t> active,
              std::span<std::uint64_t> out) override {
      for (std::size_t i = 0; i < index.size(); ++i) {
        if (active[i] == 0) continue;
        ++reads;
        out[i] = to_bits(static_cast<float>(index[i]) + 0.5f);
      }
    }
    int reads = 0;
  } memory;
  Exprs e;
  const VarId i = e.new_var("i", 8);
  const ExprId guard = e.apply(ScalarOp::lt, {e.var(i), e.index(3)});
  const ExprId x = e.load({0}, DType::kF32, e.var(i), guard);
  const ExprId safe =
      e.apply(ScalarOp::select, {guard, e.apply(ScalarOp::mul, {x, x}), e.constant(DType::kF32, -1)});
  ScalarCode code(e, safe, 4);
  const std::vector<std::uint64_t> vars = {1, 2, 3, 4};
  code.run(vars, 4, {}, &memory);
  EXPECT_EQ(memory.reads, 2);
  EXPECT_EQ(from_bits<float>(code.result()[0]), 2.25f);
  EXPECT_EQ(from_bits<float>(code.result()[1]), 6.25f);
  EXPECT_EQ(from_bits<float>(code.result()[3]), -1.0f);
  const std::vector<std::uint8_t> active = {1, 0, 0, 0};
  code.run(vars, 4, active, &memory);
  EXPECT_EQ(memory.reads, 3);
}

// --- Text
// ----------------------------------------------------------------------------------------------------

// out[i*16 + j] = logistic(a[i*16 + j]) * a[...] in vectors of 16 with a masked tail, and row sums.
Kernel sample_kernel() {
  Kernel k;
  k.name = "k0";
  k.argument_count = 3;
  k.written = {false, true, true};
  const BufferId a = k.add_buffer("a", {DType::kF32, {4, 24}, {}}, Scope::kArgument);
  const BufferId out = k.add_buffer("out", {DType::kF32, {4, 24}, {}}, Scope::kArgument);
  const BufferId sums = k.add_buffer("sums", {DType::kF32, {4}, {}}, Scope::kArgument);
  const BufferId total = k.add_buffer("total", {DType::kF32, {1}, {}}, Scope::kRegister);
  Exprs& e = k.exprs;
  const VarId i = e.new_var("i", 4), o = e.new_var("j", 2), j = e.new_var("j", 16);
  const ExprId at = e.add(e.add(e.mul(e.var(i), 24), e.mul(e.var(o), 16)), e.var(j));
  const ExprId x = e.load(a, DType::kF32, at);
  const ExprId y = e.apply(ScalarOp::mul, {e.apply(ScalarOp::logistic, {x}), x});
  const VarId t = e.new_var("t", 0, DType::kF32);
  const ExprId limit = e.add(e.mul(e.var(o), -16), 24);
  std::vector<Stmt> inner;
  inner.push_back(Stmt::make_let(t, y));
  inner.push_back(Stmt::make_store(out, at, e.var(t, DType::kF32)));
  inner.push_back(Stmt::make_accumulate(total, e.index(0), Combine::kSum, e.var(t, DType::kF32)));
  std::vector<Stmt> row;
  row.push_back(Stmt::make_store(total, e.index(0), e.constant(DType::kF32, 0)));
  row.push_back(Stmt::make_for(o, 2, LoopKind::kSerial,
                               {Stmt::make_for(j, 16, LoopKind::kVector, std::move(inner), limit)}));
  row.push_back(Stmt::make_store(sums, e.var(i), e.load(total, DType::kF32, e.index(0))));
  k.body.push_back(Stmt::make_for(i, 4, LoopKind::kSerial, {Stmt::make_alloc(total, std::move(row))}));
  k.schedule = {"vectorize j 16"};
  return k;
}

TEST(LoopPrinter, Kernel) {
  EXPECT_EQ(print(sample_kernel()), R"(kernel @k0(a: f32[4,24], out: out f32[4,24], sums: out f32[4]) {
  // schedule: vectorize j 16
  for i in 0..4 {
    alloc total: register f32[1] {
      total[0] = 0.0f
      for j in 0..2 {
        for j_1 in 0..16 vector limit 24 - 16*j {
          %0 = a[24*i + 16*j + j_1]
          let t: f32 = logistic(%0) * %0
          out[24*i + 16*j + j_1] = t
          total[0] += t
        }
      }
      sums[i] = total[0]
    }
  }
}
)");
}

TEST(LoopPrinter, Expressions) {
  Exprs e;
  const std::vector<Buffer> buffers = {{"x", {DType::kF32, {8}, {}}, Scope::kArgument},
                                       {"p", {DType::kI64, {8}, {}}, Scope::kArgument}};
  const ExprId i = e.var(e.new_var("i", 8)), j = e.var(e.new_var("i", 8));
  const auto text = [&](ExprId id) { return print(e, id, buffers); };
  const ExprId x = e.load({0}, DType::kF32, i), y = e.load({0}, DType::kF32, j);
  const ExprId p = e.load({1}, DType::kI64, i);
  EXPECT_EQ(text(e.apply(ScalarOp::sub, {x, e.apply(ScalarOp::sub, {y, e.constant(DType::kF32, -0.1)})})),
            "x[i] - (x[i_1] - -0.1f)");
  EXPECT_EQ(text(e.apply(ScalarOp::neg, {e.constant(DType::kF64, 3)})), "-3.0");
  EXPECT_EQ(text(e.apply(ScalarOp::neg, {e.constant(DType::kF64, -3)})), "-(-3.0)");
  EXPECT_EQ(text(e.convert(x, DType::kI32)), "i32(x[i])");
  EXPECT_EQ(text(e.bitcast(x, DType::kU32)), "bitcast<u32>(x[i])");
  EXPECT_EQ(text(e.bits(DType::kF32, 0x7fc0dead)), "bitsf(0x7fc0dead)");
  EXPECT_EQ(text(e.constant(DType::kF32, kInf)), "inff");
  EXPECT_EQ(text(e.mul(e.div(p, 3), 4)), "4*(p[i] / 3)");
  EXPECT_EQ(text(e.load({0}, DType::kF32, e.add(p, -1), e.apply(ScalarOp::gt, {p, e.index(0)}))),
            "x[p[i] - 1 if p[i] > 0]");
  EXPECT_EQ(text(e.apply(ScalarOp::fma, {x, x, y})), "%0 = x[i]\nfma(%0, %0, x[i_1])");
}

TEST(LoopPrinter, TextStaysLinearInTheExpression) {
  Exprs e;
  const std::vector<Buffer> buffers = {{"x", {DType::kF32, {8}, {}}, Scope::kArgument}};
  ExprId x = e.load({0}, DType::kF32, e.var(e.new_var("i", 8)));
  for (int n = 0; n < 200; ++n) x = e.apply(ScalarOp::mul, {x, x});  // 2^200 leaves as a tree
  for (int n = 0; n < 2000; ++n) x = e.apply(ScalarOp::sin, {x});
  EXPECT_LT(print(e, x, buffers).size(), 40000u);
}

TEST(LoopPrinter, Program) {
  Program program;
  program.name = "step";
  program.kernels.push_back(sample_kernel());
  program.parameter_types = {{DType::kF32, {4, 24}}};
  program.result_types = {{DType::kF32, {4}}};
  program.arena_bytes = 448;
  program.calls.push_back(
      {0,
       {{BufferRef::Place::kParameter, 0}, {BufferRef::Place::kArena, 64}, {BufferRef::Place::kResult, 0}}});
  verify(program);
  const std::string text = print(program);
  EXPECT_EQ(text.substr(0, text.find("\n\n")),
            "program @step(f32[4,24]) -> (f32[4]) arena 448 {\n  call @k0(param 0, arena +64, result 0)\n}");
}

// --- Verifier
// ------------------------------------------------------------------------------------------------

// The first line of what `verify` says of the sample kernel after `change`.
std::string complaint(const std::function<void(Kernel&)>& change) {
  Kernel kernel = sample_kernel();
  change(kernel);
  try {
    verify(kernel);
  } catch (const InternalError& error) {
    const std::string what = error.what();
    return what.substr(0, what.find('\n'));
  }
  return "fine";
}

std::vector<Stmt>& row_of(Kernel& k) {
  return k.body[0].body[0].body;
}
Stmt& vector_of(Kernel& k) {
  return row_of(k)[1].body[0];
}

TEST(LoopVerifier, AcceptsTheSample) {
  EXPECT_EQ(complaint([](Kernel&) {}), "fine");
}

TEST(LoopVerifier, ShowsAnExcerpt) {
  Kernel kernel = sample_kernel();
  kernel.written[1] = false;
  try {
    verify(kernel);
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("\n      total[0] = 0.0f\n"), std::string::npos) << error.what();
  }
}

TEST(LoopVerifier, NamesWhatIsBroken) {
  const std::string at = "loop IR: kernel @k0: ";
  EXPECT_EQ(complaint([](Kernel& k) { k.written[1] = false; }),
            at + "a store to argument out, which is not marked as written");
  EXPECT_EQ(complaint([](Kernel& k) { k.written[0] = true; }),
            at + "argument a is marked as written but never stored to");
  EXPECT_EQ(complaint([](Kernel& k) { k.written.pop_back(); }), at + "`written` needs one flag an argument");
  EXPECT_EQ(complaint([](Kernel& k) { k.buffers[3].scope = Scope::kArgument; }),
            at + "buffer total has scope argument");
  EXPECT_EQ(complaint([](Kernel& k) {
              k.buffers[1].type.order = {0, 0};
            }),
            at + "order of buffer out is no permutation of its dimensions");
  EXPECT_EQ(complaint([](Kernel& k) { k.buffers[0].type.dtype = DType::kF64; }),
            at + "f32 is loaded from a, which is f64");
  EXPECT_EQ(complaint([](Kernel& k) { k.buffers[2].type.dtype = DType::kI32; }),
            at + "f32 is stored to sums, which is i32");
  EXPECT_EQ(complaint([](Kernel& k) { k.body[0].extent = 5; }),
            at + "loop over i has extent 5, its variable 4");
  EXPECT_EQ(complaint([](Kernel& k) { row_of(k)[1].limit = k.exprs.index(1); }),
            at + "loop over j has a limit but is no vector loop");
  EXPECT_EQ(complaint([](Kernel& k) { vector_of(k).limit = k.exprs.var(vector_of(k).var); }),
            at + "variable j is used where it is not bound");
  EXPECT_EQ(complaint([](Kernel& k) { row_of(k)[1].var = k.body[0].var, row_of(k)[1].extent = 1; }),
            at + "variable i is bound twice");
  EXPECT_EQ(complaint([](Kernel& k) { std::swap(vector_of(k).body[0], vector_of(k).body[1]); }),
            at + "variable t is used where it is not bound");
  EXPECT_EQ(complaint([](Kernel& k) { vector_of(k).body.push_back(Stmt::make_barrier()); }),
            at + "a barrier inside a vector loop");
  EXPECT_EQ(
      complaint([](Kernel& k) { vector_of(k).body = {Stmt::make_if(k.exprs.bits(DType::kBool, 1), {})}; }),
      at + "an if inside a vector loop");
  EXPECT_EQ(complaint([](Kernel& k) { k.body.push_back(Stmt::make_if(k.exprs.index(1), {})); }),
            at + "the condition of an if is not bool");
  EXPECT_EQ(complaint([](Kernel& k) {
              const VarId v = k.exprs.new_var("v", 4);
              vector_of(k).body.push_back(Stmt::make_for(v, 4, LoopKind::kVector, {}));
            }),
            at + "vector loop v inside a vector loop");
  EXPECT_EQ(complaint([](Kernel& k) {
              vector_of(k).body[2] = Stmt::make_store({3}, k.exprs.index(0), vector_of(k).body[1].value);
            }),
            at + "every lane stores another value to the same element of total");
  EXPECT_EQ(complaint([](Kernel& k) { vector_of(k).body[2].combine = Combine::kAnd; }),
            at + "and of f32 values");
  EXPECT_EQ(complaint([](Kernel& k) { row_of(k)[0].index = k.exprs.var(k.body[0].var); }),
            at + "register buffer total is indexed by i, which is neither unrolled nor vector");
  EXPECT_EQ(complaint([](Kernel& k) { row_of(k).push_back(Stmt::make_alloc({3}, {})); }),
            at + "buffer total is allocated inside its own alloc");
  EXPECT_EQ(complaint([](Kernel& k) { row_of(k).push_back(Stmt::make_alloc({0}, {})); }),
            at + "alloc of argument a");
  EXPECT_EQ(complaint([](Kernel& k) { k.body = row_of(k); }),
            at + "a store to a buffer that is not in scope");
  EXPECT_EQ(complaint([](Kernel& k) { row_of(k)[2].value = k.exprs.constant(DType::kF64, 0); }),
            at + "f64 is stored to sums, which is f32");
  EXPECT_EQ(complaint([](Kernel& k) { row_of(k)[2].index = k.exprs.constant(DType::kI32, 0); }),
            at + "an offset into sums is not i64");
}

TEST(LoopVerifier, Programs) {
  const auto say = [](BufferRef out, std::int64_t arena) {
    Program program;
    program.name = "step";
    program.kernels.push_back(sample_kernel());
    program.parameter_types = {{DType::kF32, {4, 24}}};
    program.result_types = {{DType::kF32, {4}}};
    program.constants = {std::make_shared<Literal>(TensorType{DType::kF32, {96}})};
    program.arena_bytes = arena;
    program.calls.push_back({0, {{BufferRef::Place::kParameter, 0}, out, {BufferRef::Place::kResult, 0}}});
    try {
      verify(program);
    } catch (const InternalError& error) {
      return std::string(error.what());
    }
    return std::string("fine");
  };
  using Place = BufferRef::Place;
  const std::string at = "loop IR: program @step, call 0: argument 1 of @k0 ";
  EXPECT_EQ(say({Place::kArena, 64}, 448), "fine");
  EXPECT_EQ(say({Place::kArena, 64}, 447), at + "(arena +64) ends beyond the arena");
  EXPECT_EQ(say({Place::kArena, 32}, 448), at + "(arena +32) is not aligned");
  EXPECT_EQ(say({Place::kParameter, 1}, 0), at + "(param 1) does not exist");
  EXPECT_EQ(say({Place::kResult, 0}, 0), at + "(result 0) is f32[4], the kernel expects f32[4,24]");
  EXPECT_EQ(say({Place::kConstant, 0}, 0), at + "(constant 0) is written to");
}

// --- Regions
// -------------------------------------------------------------------------------------------------

/// out[i] = in[i], 4 floats at any multiple of 4 bytes.
Kernel copy_of_four() {
  Kernel kernel;
  kernel.name = "copy";
  const BufferId in = kernel.add_buffer("in", {DType::kF32, {4}, {}}, Scope::kArgument);
  const BufferId out = kernel.add_buffer("out", {DType::kF32, {4}, {}}, Scope::kArgument);
  kernel.buffers[in.index].alignment = kernel.buffers[out.index].alignment = 16;
  kernel.argument_count = 2;
  kernel.written = {false, true};
  const VarId i = kernel.exprs.new_var("i", 4);
  const ExprId at = kernel.exprs.var(i);
  kernel.body = {Stmt::make_for(i, 4, LoopKind::kSerial,
                                {Stmt::make_store(out, at, kernel.exprs.load(in, DType::kF32, at))})};
  return kernel;
}

using In = BufferRef::Place;
const BufferRef kRow{In::kParameter, 0, 32, {{0, -16}}}, kPart{In::kArena, 64};

/// for r0 in 0..3 { copy; while { copy } if { copy } } copy
Program nested_program() {
  Program program;
  program.name = "nested";
  program.kernels = {copy_of_four()};
  program.parameter_types = {{DType::kF32, {3, 4}}, {DType::kI32, {3}}};
  program.result_types = {{DType::kF32, {4}}};
  program.arena_bytes = 192;
  program.calls = {
      {0, {kRow, kPart}}, {0, {kRow, kPart}}, {0, {kRow, kPart}}, {0, {kPart, {In::kResult, 0}}}};
  program.regions = {
      {.kind = Region::Kind::kLoop, .begin = 0, .end = 3, .count = 3},
      {.kind = Region::Kind::kWhile, .begin = 1, .end = 2, .predicate = {In::kArena, 128}},
      {.kind = Region::Kind::kBranch,
       .begin = 2,
       .end = 3,
       .predicate = {In::kParameter, 1, 0, {{0, 4}}},
       .low = 2,
       .high = INT32_MAX},
  };
  return program;
}

TEST(LoopPrinter, RegionsAreIndented) {
  const Program program = nested_program();
  verify(program);
  const std::string text = print(program);
  EXPECT_EQ(text.substr(0, text.find("\n\n")), R"(program @nested(f32[3,4], i32[3]) -> (f32[4]) arena 192 {
  loop r0 in 0..3 {
    call @copy(param 0 +32 -16*r0, arena +64)
    while arena +128 {
      call @copy(param 0 +32 -16*r0, arena +64)
    }
    if param 1 +4*r0 >= 2 {
      call @copy(param 0 +32 -16*r0, arena +64)
    }
  }
  call @copy(arena +64, result 0)
})");
  EXPECT_NE(text.find("kernel @copy(in: f32[4] align 16, out: out f32[4] align 16)"), std::string::npos);
}

TEST(LoopVerifier, Regions) {
  const auto say = [](const std::function<void(Program&)>& change) {
    Program program = nested_program();
    change(program);
    try {
      verify(program);
    } catch (const InternalError& error) {
      const std::string what = error.what(), start = "loop IR: program @nested, ";
      return what.starts_with(start) ? what.substr(start.size()) : what;
    }
    return std::string("fine");
  };
  EXPECT_EQ(say([](Program&) {}), "fine");
  EXPECT_EQ(say([](Program& p) { p.regions[2].end = 5; }), "region 2: its calls do not exist");
  EXPECT_EQ(say([](Program& p) { p.regions[2].end = 2; }), "region 2: its calls do not exist");
  EXPECT_EQ(say([](Program& p) { p.regions[2].end = 4; }), "region 2: it ends behind the one around it");
  EXPECT_EQ(say([](Program& p) { std::swap(p.regions[1], p.regions[2]); }),
            "region 2: it begins before the one before it");
  EXPECT_EQ(say([](Program& p) { p.regions[0].count = 0; }), "region 0: it runs 0 times");
  EXPECT_EQ(say([](Program& p) { p.regions[0].count = 4; }),
            "call 0: argument 0 of @copy (param 0 +32 -16*r0) ends beyond f32[3,4]");
  EXPECT_EQ(
      say([](Program& p) { p.calls[3].arguments[0] = kRow; }),
      "call 3: argument 0 of @copy (param 0 +32 -16*r0) moves with region 0, which is no loop around it");
  EXPECT_EQ(
      say([](Program& p) { p.calls[1].arguments[0].slices[0].region = 1; }),
      "call 1: argument 0 of @copy (param 0 +32 -16*r1) moves with region 1, which is no loop around it");
  EXPECT_EQ(say([](Program& p) { p.kernels[0].buffers[0].alignment = 32; }),
            "call 0: argument 0 of @copy (param 0 +32 -16*r0) is not aligned");
  EXPECT_EQ(say([](Program& p) {
              p.regions[1].predicate = {In::kParameter, 1};
            }),
            "region 1: its predicate (param 1) is i32[3], it expects bool[]");
  EXPECT_EQ(say([](Program& p) { p.regions[2].predicate.slices[0].region = 2; }),
            "region 2: its predicate (param 1 +4*r2) moves with region 2, which is no loop around it");
}

}  // namespace
}  // namespace adze::loop
