#include <gtest/gtest.h>

#include <limits>

#include "ir/with_type.h"
#include "support/native_kernels.h"

// Every scalar instruction, on every dtype, as scalar and as vector code, on values where things go wrong.

namespace adze {
namespace {

using namespace loop;
using namespace testing;

constexpr ScalarOp kOps[] = {
#define ADZE_SCALAR_OP(name, ...) ScalarOp::name,
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP
};

template <class T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_floating_point_v<T>) {
    const T inf = Limits::infinity(), integers_end = std::ldexp(T(1), Limits::digits - 1);
    return {T(0.0),
            T(-0.0),
            T(1),
            T(-1),
            T(0.3),
            T(-0.7),
            T(0.5),
            T(1.5),
            T(2.5),
            T(-2.5),
            T(7.5),
            T(3e9),
            T(-3e9),
            T(5e9),
            T(-5e9),
            T(1e19),
            T(-1e19),
            inf,
            -inf,
            T(123),
            T(-124),
            T(2147483647.0),
            T(-2147483648.0),
            integers_end - T(0.5),
            integers_end + 1,
            Limits::quiet_NaN(),
            Limits::min(),
            -Limits::denorm_min(),
            Limits::max(),
            Limits::lowest(),
            T(4294967295.0),
            T(9.3),
            T(-88.5)};
  } else if constexpr (is_half_type<T>) {
    std::vector<T> values;  // every exponent, many mantissas
    for (std::uint32_t bits = 0; bits < 0x10000; bits += 29) {
      values.push_back(T::from_bits(static_cast<std::uint16_t>(bits)));
    }
    return values;
  } else if constexpr (std::is_same_v<T, bool>) {
    return {false, true, true, false};
  } else {
    return {T(0),
            T(1),
            T(2),
            T(3),
            T(-1),
            T(-2),
            T(7),
            T(-7),
            T(8),
            T(15),
            T(16),
            T(31),
            T(32),
            T(33),
            T(63),
            T(64),
            T(100),
            Limits::min(),
            Limits::max(),
            static_cast<T>(Limits::max() - 1),
            static_cast<T>(Limits::min() + 1),
            static_cast<T>(std::uint64_t{1} << 24),
            static_cast<T>((std::uint64_t{1} << 24) + 1),
            static_cast<T>((std::uint64_t{1} << 53) + 1),
            static_cast<T>((std::uint64_t{1} << 40) + (std::uint64_t{1} << 16) + 1),
            static_cast<T>((std::uint64_t{1} << 63) + (std::uint64_t{1} << 39) + 1)};
  }
}

std::vector<std::byte> special_bytes(DType dtype) {
  const auto pack = [](auto values) {
    using T = typename decltype(values)::value_type;
    std::vector<std::byte> result(values.size() * sizeof(T));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const T value = values[i];
      std::memcpy(result.data() + i * sizeof(T), &value, sizeof(T));
    }
    return result;
  };
  return with_type(dtype, [&]<class T>() { return pack(special_values<T>()); });
}

/// Element i of `operand` in a list of all combinations.
std::vector<std::byte> combinations(const std::vector<std::byte>& values, std::size_t size, int operand,
                                    int operands) {
  const std::size_t count = values.size() / size;
  std::size_t total = 1, period = 1;
  for (int i = 0; i < operands; ++i) total *= count;
  for (int i = 0; i < operand; ++i) period *= count;
  std::vector<std::byte> result;
  for (std::size_t i = 0; i < total; ++i) {
    const auto* from = values.data() + i / period % count * size;
    result.insert(result.end(), from, from + size);
  }
  return result;
}

/// Stores `values[k]` of element at(i) to `outputs[k]`, one element at a time and 16 (f64: 8) at a time.
void add_loops(KernelBuilder& b, std::int64_t size, const std::vector<BufferId>& scalar_outputs,
               const std::vector<BufferId>& vector_outputs,
               const std::function<std::vector<ExprId>(ExprId index)>& values) {
  Exprs& e = b.e;
  const VarId i = e.new_var("i", size);
  std::vector<Stmt> body;
  std::vector<ExprId> stored = values(e.var(i));
  for (std::size_t k = 0; k < stored.size(); ++k)
    body.push_back(Stmt::make_store(scalar_outputs[k], e.var(i), stored[k]));
  b.kernel.body.push_back(b.serial(i, std::move(body)));

  const std::int64_t lanes = 16, blocks = (size + lanes - 1) / lanes;
  const VarId o = e.new_var("o", blocks), l = e.new_var("l", lanes);
  const ExprId at = e.add(e.mul(e.var(o), lanes), e.var(l));
  std::vector<Stmt> vector_body;
  stored = values(at);
  for (std::size_t k = 0; k < stored.size(); ++k)
    vector_body.push_back(Stmt::make_store(vector_outputs[k], at, stored[k]));
  b.kernel.body.push_back(
      b.serial(o, {b.vector(l, std::move(vector_body),
                            e.apply(ScalarOp::sub, {e.index(size), e.mul(e.var(o), lanes)}))}));
}

std::string operand_text(DType dtype, const Arrays& arrays, std::size_t i, int operands) {
  std::string text;
  for (int k = 0; k < operands; ++k) {
    const Literal value = [&] {
      Literal literal(TensorType{dtype, {}});
      std::memcpy(literal.bytes(), arrays[static_cast<std::size_t>(k)].data() + i * byte_size(dtype),
                  byte_size(dtype));
      return literal;
    }();
    text += " " + std::to_string(value.as_double(0));
  }
  return text;
}

/// All defined ops of `operands` operands on `dtype`, against loop::evaluate.
void check_ops(DType dtype, int operands, const std::vector<ScalarOp>& ops) {
  if (ops.empty()) return;
  KernelBuilder b;
  Arrays arrays;
  const std::vector<std::byte> values = special_bytes(dtype);
  std::vector<BufferId> inputs, scalar_outputs, vector_outputs;
  for (int k = 0; k < operands; ++k) arrays.push_back(combinations(values, byte_size(dtype), k, operands));
  const auto size = static_cast<std::int64_t>(arrays[0].size() / byte_size(dtype));
  for (int k = 0; k < operands; ++k) inputs.push_back(b.input("in" + std::to_string(k), dtype, size));
  for (std::vector<BufferId>* outputs : {&scalar_outputs, &vector_outputs}) {
    for (const ScalarOp op : ops) {
      outputs->push_back(b.output("out", result_dtype(op, dtype), size));
      arrays.emplace_back(static_cast<std::size_t>(size) * byte_size(result_dtype(op, dtype)));
    }
  }
  add_loops(b, size, scalar_outputs, vector_outputs, [&](ExprId index) {
    std::vector<ExprId> args, results;
    for (const BufferId input : inputs) args.push_back(b.load(input, index));
    for (const ScalarOp op : ops) results.push_back(b.e.apply(op, args));
    return results;
  });
  verify(b.kernel);
  const Program program = program_of(b.kernel);
  for (const std::string& cpu : test_cpus()) {
    const bool has_fma = target_for_cpu(cpu).has_fma;
    Arrays actual = arrays;
    run_native(program, cpu, actual);
    for (std::size_t output = 0; output < 2 * ops.size(); ++output) {
      const ScalarOp op = ops[output % ops.size()];
      const DType result = result_dtype(op, dtype);
      std::vector<std::byte> expected(arrays[static_cast<std::size_t>(operands) + output].size());
      const std::vector<std::byte>& got = actual[static_cast<std::size_t>(operands) + output];
      for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
        std::array<std::uint64_t, 3> in{};
        for (int k = 0; k < operands; ++k) {
          const auto at = static_cast<std::size_t>(k);
          in[at] = read_element(dtype, arrays[at].data() + i * byte_size(dtype));
        }
        std::uint64_t want = evaluate(op, dtype, in[0], in[1], in[2]);
        if (op == ScalarOp::fma && is_float(dtype) && !has_fma) {
          want = evaluate(ScalarOp::add, dtype, evaluate(ScalarOp::mul, dtype, in[0], in[1]), in[2]);
        }
        std::byte* at = expected.data() + i * byte_size(result);
        write_element(result, at, want);
        const std::vector<std::byte> want_bytes(at, at + byte_size(result));
        const std::vector<std::byte> got_bytes(
            got.begin() + static_cast<std::ptrdiff_t>(i * byte_size(result)),
            got.begin() + static_cast<std::ptrdiff_t>((i + 1) * byte_size(result)));
        ASSERT_TRUE(same_elements(result, want_bytes, got_bytes))
            << to_string(op) << " on " << to_string(dtype) << operand_text(dtype, arrays, i, operands)
            << " for " << cpu << (output < ops.size() ? ", scalar code" : ", vector code");
      }
    }
  }
}

class ScalarOps : public ::testing::TestWithParam<DType> {};

TEST_P(ScalarOps, EqualTheHostMeaning) {
  for (int operands = 1; operands <= 3; ++operands) {
    std::vector<ScalarOp> ops;
    for (const ScalarOp op : kOps) {
      if (op != ScalarOp::select && arity(op) == operands && is_defined(op, GetParam())) ops.push_back(op);
    }
    check_ops(GetParam(), operands, ops);
  }
}

TEST_P(ScalarOps, ConversionsEqualTheHostMeaning) {
  const DType from = GetParam();
  KernelBuilder b;
  Arrays arrays{special_bytes(from)};
  const auto size = static_cast<std::int64_t>(arrays[0].size() / byte_size(from));
  const BufferId input = b.input("x", from, size);
  std::vector<BufferId> scalar_outputs, vector_outputs;
  const auto takes_bits = [&](DType to) {
    return to != from && byte_size(to) == byte_size(from) && from != DType::kBool && to != DType::kBool;
  };
  for (std::vector<BufferId>* outputs : {&scalar_outputs, &vector_outputs}) {
    for (const DType to : all_dtypes()) {
      for (int i = 0; i < 1 + takes_bits(to); ++i) {
        outputs->push_back(b.output("out", to, size));
        arrays.emplace_back(static_cast<std::size_t>(size) * byte_size(to));
      }
    }
  }
  add_loops(b, size, scalar_outputs, vector_outputs, [&](ExprId index) {
    std::vector<ExprId> results;
    for (const DType to : all_dtypes()) {
      results.push_back(b.e.convert(b.load(input, index), to));
      if (takes_bits(to)) results.push_back(b.e.bitcast(b.load(input, index), to));
    }
    return results;
  });
  expect_native_equals_interpreter(b.kernel, arrays);
}

/// Constants on either side: some instructions have shorter forms for them.
TEST_P(ScalarOps, ConstantOperands) {
  const DType dtype = GetParam();
  const std::vector<std::byte> values = special_bytes(dtype);
  const auto size = static_cast<std::int64_t>(values.size() / byte_size(dtype));
  std::vector<std::uint64_t> constants;
  for (std::size_t i = 0; i < static_cast<std::size_t>(size); i += is_float(dtype) ? 5 : 4) {
    constants.push_back(read_element(dtype, values.data() + i * byte_size(dtype)));
  }
  for (const ScalarOp op :
       {ScalarOp::max, ScalarOp::min, ScalarOp::div, ScalarOp::rem, ScalarOp::shl, ScalarOp::shr}) {
    if (!is_defined(op, dtype)) continue;
    KernelBuilder b;
    Arrays arrays{values};
    const BufferId x = b.input("x", dtype, size);
    std::vector<BufferId> scalar_outputs, vector_outputs;
    for (std::vector<BufferId>* outputs : {&scalar_outputs, &vector_outputs}) {
      for (std::size_t i = 0; i < 2 * constants.size(); ++i) {
        outputs->push_back(b.output("out", dtype, size));
        arrays.push_back(values);
      }
    }
    add_loops(b, size, scalar_outputs, vector_outputs, [&](ExprId index) {
      std::vector<ExprId> results;
      for (const std::uint64_t constant : constants) {
        results.push_back(b.e.apply(op, {b.load(x, index), b.e.bits(dtype, constant)}));
        results.push_back(b.e.apply(op, {b.e.bits(dtype, constant), b.load(x, index)}));
      }
      return results;
    });
    expect_native_equals_interpreter(b.kernel, arrays);
  }
}

TEST_P(ScalarOps, Select) {
  const DType dtype = GetParam();
  KernelBuilder b;
  const std::vector<std::byte> values = special_bytes(dtype);
  const auto size = static_cast<std::int64_t>(values.size() / byte_size(dtype));
  const BufferId x = b.input("x", dtype, size), p = b.input("p", DType::kBool, size);
  const BufferId out = b.output("out", dtype, size), out16 = b.output("out16", dtype, size);
  add_loops(b, size, {out}, {out16}, [&](ExprId index) {
    const ExprId last = b.load(x, b.e.index(size - 1));
    return std::vector{b.e.apply(ScalarOp::select, {b.load(p, index), b.load(x, index), last})};
  });
  std::vector<std::byte> flags;
  for (std::int64_t i = 0; i < size; ++i) flags.push_back(std::byte{i % 3 == 0});
  expect_native_equals_interpreter(b.kernel, {values, flags, values, values});
}

INSTANTIATE_TEST_SUITE_P(DTypes, ScalarOps, ::testing::ValuesIn(all_dtypes().begin(), all_dtypes().end()),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace adze
