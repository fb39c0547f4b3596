// Ops that are written in elementary functions rather than being one: how far the machine code of the whole
// formula is from the exact value, over inputs from every stratum of the format.
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/host_target.h"
#include "ir/graph_builder.h"
#include "ir/op.h"
#include "runtime/executable.h"
#include "tests/support/execute.h"
#include "tests/support/literals.h"
#include "tests/support/native_code.h"
#include "tests/support/ulp.h"

namespace adze {
namespace {

/// In f64 and in long double: what f32 and f64 are measured against.
struct Function {
  const OpDef* op;
  double (*for_f32)(double);
  long double (*for_f64)(long double);
  friend void PrintTo(const Function& f, std::ostream* out) { *out << f.op->name; }
};

#define ADZE_FUNCTION(name)          \
  Function {                         \
    &op_##name, std::name, std::name \
  }
const Function kFunctions[] = {ADZE_FUNCTION(asin), ADZE_FUNCTION(acos),  ADZE_FUNCTION(sinh),
                               ADZE_FUNCTION(cosh), ADZE_FUNCTION(asinh), ADZE_FUNCTION(acosh),
                               ADZE_FUNCTION(atanh)};
#undef ADZE_FUNCTION

template <class T>
Literal run(const OpDef& op, const std::vector<Literal>& inputs) {
  GraphBuilder builder;
  std::vector<ValueId> operands;
  for (const Literal& input : inputs) operands.push_back(builder.parameter(input.type()));
  const Graph graph = builder.finish({builder.emit(op, operands)});
  CompileContext context;
  context.target = host_target();
  return testing::execute(*Executable::build(graph, {}, Device::kCpu, context), inputs)[0];
}

template <class T>
Literal vector_of(const std::vector<T>& values) {
  return Literal::from<T>({static_cast<std::int64_t>(values.size())}, values);
}

template <class T>
void expect_accurate(const OpDef& op, ulp::Wide<T> (*exact)(ulp::Wide<T>)) {
  std::vector<T> x = ulp::stratified_inputs<T>(1 << 15);
  // Inside the domains of the inverse functions.
  for (int i = 0; i < 4096; ++i) x.push_back(static_cast<T>(-1 + i * 0x1p-11L + 0x1p-30L));
  for (int i = 0; i < 4096; ++i) x.push_back(static_cast<T>(1 + i * 0x1p-11L));
  const Literal y = run<T>(op, {vector_of(x)});
  double worst = 0;
  T where = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error = ulp::distance<T>(y.data<T>()[i], exact(x[i]));
    if (error > worst) {
      worst = error;
      where = x[i];
    }
  }
  EXPECT_LE(worst, 4) << op.name << " at " << std::hexfloat << where;
  ::testing::Test::RecordProperty(std::string(op.name) + (sizeof(T) == 4 ? "_f32" : "_f64"),
                                  std::to_string(worst));
}

class OpAccuracy : public ::testing::TestWithParam<Function> {};

TEST_P(OpAccuracy, IsWithinFourUlp) {
  ADZE_NEEDS_NATIVE_CODE();
  expect_accurate<float>(*GetParam().op, GetParam().for_f32);
  expect_accurate<double>(*GetParam().op, GetParam().for_f64);
}

INSTANTIATE_TEST_SUITE_P(Composed, OpAccuracy, ::testing::ValuesIn(kFunctions),
                         [](const auto& test) { return std::string(test.param.op->name); });

template <class T>
void expect_atan2() {
  const std::vector<T> special = ulp::special_values<T>();
  std::vector<T> y, x;
  for (const T a : special) {
    for (const T b : special) {
      y.push_back(a);
      x.push_back(b);
    }
  }
  const std::vector<T> more = ulp::stratified_inputs<T>(1 << 15);
  for (std::size_t i = 0; i < more.size(); ++i) {
    y.push_back(more[i]);
    x.push_back(more[(i * 7919) % more.size()]);
  }
  const Literal angle = run<T>(op_atan2, {vector_of(y), vector_of(x)});
  for (std::size_t i = 0; i < x.size(); ++i) {
    const ulp::Wide<T> exact = std::atan2(ulp::Wide<T>(y[i]), ulp::Wide<T>(x[i]));
    ASSERT_LE(ulp::distance<T>(angle.data<T>()[i], exact), 4) << std::hexfloat << y[i] << " " << x[i];
  }
}

TEST(OpAccuracy, Atan2IsWithinFourUlpInAllQuadrants) {
  ADZE_NEEDS_NATIVE_CODE();
  expect_atan2<float>();
  expect_atan2<double>();
}

/// erf takes it back: the error of x = erf(erf_inv(x)) is the inverse's, times its condition number.
template <class T>
void expect_inverse(double ulps) {
  std::vector<T> x;
  for (int i = -4095; i < 4096; ++i) x.push_back(static_cast<T>(i) / 4096);
  for (int k = 2; k < std::numeric_limits<T>::digits; ++k) x.push_back(1 - std::ldexp(T(1), -k));
  for (int k = 2; k < 100; ++k) x.push_back(std::ldexp(T(1), -k));
  const Literal y = run<T>(op_erf_inv, {vector_of(x)});
  for (std::size_t i = 0; i < x.size(); ++i) {
    using Wide = ulp::Wide<T>;
    const Wide inverse = y.data<T>()[i], target = x[i];
    if (target == 0) continue;
    // One Newton step from the result leads to the exact inverse.
    const Wide below = target > 0.5L ? std::erfc(inverse) - (1 - target) : target - std::erf(inverse);
    const Wide step = below * std::exp(inverse * inverse) * static_cast<Wide>(0.886226925452758013649L);
    ASSERT_LE(ulp::distance<T>(y.data<T>()[i], inverse + step), ulps) << std::hexfloat << x[i];
  }
}

TEST(OpAccuracy, ErfInvIsCloseToTheInverse) {
  ADZE_NEEDS_NATIVE_CODE();
  expect_inverse<float>(70);
  expect_inverse<double>(8);
}

}  // namespace
}  // namespace adze
