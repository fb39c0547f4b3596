#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "ir/loop_ir.h"
#include "ir/scalar_eval.h"
#include "passes/expand_math.h"

/// How far expanded elementary functions are from the exact value, over inputs from every stratum of the
/// format.
namespace adze::ulp {

/// What exact values are computed in.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

/// |value - exact| in units of the last place of `exact` in T; 0 where `value` is `exact` rounded, infinite
/// for a wrong NaN or a wrong sign of zero.
template <class T>
double distance(T value, Wide<T> exact) {
  using Limits = std::numeric_limits<T>;
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  const T rounded = static_cast<T>(exact);
  if (std::isnan(value) || std::isnan(rounded)) return std::isnan(value) && std::isnan(rounded) ? 0 : kWrong;
  if (value == 0 && rounded == 0) return std::signbit(value) == std::signbit(rounded) ? 0 : kWrong;
  if (value == rounded) return 0;
  // Infinity is what comes after the largest number.
  const Wide<T> beyond = std::ldexp(Wide<T>(1), Limits::max_exponent);
  const Wide<T> got = std::isinf(value) ? std::copysign(beyond, Wide<T>(value)) : Wide<T>(value);
  const Wide<T> want = std::clamp(exact, -beyond, beyond);
  const int exponent = std::max(std::ilogb(want), Limits::min_exponent - 1);
  const int capped = std::min(exponent, Limits::max_exponent - 1);
  return static_cast<double>(std::abs(got - want) / std::ldexp(Wide<T>(1), capped - (Limits::digits - 1)));
}

/// `op` in higher precision.
template <class T>
Wide<T> exact(loop::ScalarOp op, T x, T y) {
  const Wide<T> a = x;
  switch (op) {
    case loop::ScalarOp::exp:
      return std::exp(a);
    case loop::ScalarOp::exp2:
      return std::exp2(a);
    case loop::ScalarOp::log:
      return std::log(a);
    case loop::ScalarOp::log1p:
      return std::log1p(a);
    case loop::ScalarOp::expm1:
      return std::expm1(a);
    case loop::ScalarOp::tanh:
      return std::tanh(a);
    case loop::ScalarOp::logistic:
      return a < 0 ? std::exp(a) / (1 + std::exp(a)) : 1 / (1 + std::exp(-a));
    case loop::ScalarOp::sin:
      return std::sin(a);
    case loop::ScalarOp::cos:
      return std::cos(a);
    case loop::ScalarOp::tan:
      return std::tan(a);
    case loop::ScalarOp::atan:
      return std::atan(a);
    case loop::ScalarOp::erf:
      return std::erf(a);
    case loop::ScalarOp::erfc:
      return std::erfc(a);
    case loop::ScalarOp::cbrt:
      return std::cbrt(a);
    case loop::ScalarOp::pow:
      return std::pow(a, Wide<T>(y));
    default:
      return a;
  }
}

template <class T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values = {0,
                           1,
                           2,
                           3,
                           T(0.5),
                           T(1.5),
                           Limits::infinity(),
                           Limits::quiet_NaN(),
                           Limits::max(),
                           Limits::min(),
                           Limits::denorm_min(),
                           std::nextafter(T(1), T(0)),
                           std::nextafter(T(1), T(2)),
                           std::nextafter(Limits::min(), T(0)),
                           static_cast<T>(1 << 22) + T(0.5),
                           static_cast<T>((1 << 24) - 1)};
  // Where exp and its relatives overflow, become subnormal and vanish; where tanh rounds to 1.
  const Wide<T> ln2 = std::log(Wide<T>(2));
  for (const int n : {Limits::max_exponent, Limits::min_exponent - 1, Limits::min_exponent - Limits::digits,
                      Limits::digits, Limits::digits + 1}) {
    for (const T x : {static_cast<T>(n * ln2), static_cast<T>(n * ln2 / 2)}) {
      values.insert(values.end(), {x, std::nextafter(x, T(0)), std::nextafter(x, x * 2)});
    }
  }
  for (int k = 1; k <= 8; ++k) values.push_back(static_cast<T>(std::numbers::pi_v<Wide<T>> / 4 * k));
  const std::size_t count = values.size();
  for (std::size_t i = 0; i < count; ++i) values.push_back(-values[i]);
  return values;
}

/// `count` inputs: the special values, then every exponent and both signs in turn, half of them with
/// exponents near that of 1. Mantissas are random with a fixed seed.
template <class T>
std::vector<T> stratified_inputs(std::size_t count) {
  using Bits = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;
  constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  constexpr int kExponents = 1 << (static_cast<int>(8 * sizeof(T)) - 1 - kMantissa);
  std::mt19937_64 random(20240501);
  std::vector<T> values = special_values<T>();
  for (std::size_t i = 0; values.size() < count; ++i) {
    const auto all = static_cast<Bits>(i / 4 % kExponents);
    const auto near = static_cast<Bits>(kExponents / 2 - 1 - 26 + static_cast<int>(i / 4 % 36));
    const Bits exponent = i % 4 < 2 ? all : near;
    const Bits mantissa = static_cast<Bits>(random()) & ((Bits{1} << kMantissa) - 1);
    values.push_back(std::bit_cast<T>(static_cast<Bits>((static_cast<Bits>(i % 2) << (8 * sizeof(T) - 1)) |
                                                        (exponent << kMantissa) | mantissa)));
  }
  values.resize(count);
  return values;
}

/// Exponents for pow, paired with bases: all pairs of special values, then such that results are neither all
/// 0 nor all infinite, integers among them.
template <class T>
std::pair<std::vector<T>, std::vector<T>> pow_inputs(std::size_t count) {
  const std::vector<T> special = special_values<T>();
  std::vector<T> x = stratified_inputs<T>(count), y(count);
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> result_exponent(-160, 140);
  for (std::size_t i = 0; i < count; ++i) {
    if (i < special.size() * special.size()) {
      x[i] = special[i / special.size()];
      y[i] = special[i % special.size()];
      continue;
    }
    y[i] = static_cast<T>(result_exponent(random) / std::log2(std::abs(x[i])));
    if (i % 3 == 0) y[i] = std::round(y[i]);
  }
  return {std::move(x), std::move(y)};
}

/// out[i] = op(x[i]) or op(x[i], y[i]) over `count` elements (a multiple of 64), expanded.
template <class T>
loop::Kernel make_kernel(loop::ScalarOp op, std::size_t count, bool has_fma) {
  constexpr std::int64_t kLanes = 64;
  const auto size = static_cast<std::int64_t>(count);
  const auto arity = static_cast<std::size_t>(loop::arity(op));
  loop::Kernel kernel;
  kernel.name = "ulp";
  loop::Exprs& e = kernel.exprs;
  const loop::VarId o = e.new_var("o", size / kLanes), j = e.new_var("j", kLanes);
  const loop::ExprId at = e.add(e.mul(e.var(o), kLanes), e.var(j));
  std::vector<loop::ExprId> operands;
  for (std::size_t i = 0; i < arity; ++i) {
    const loop::BufferId in =
        kernel.add_buffer(i == 0 ? "x" : "y", {dtype_of<T>(), {size}, {}}, loop::Scope::kArgument);
    operands.push_back(e.load(in, dtype_of<T>(), at));
  }
  const loop::BufferId out = kernel.add_buffer("out", {dtype_of<T>(), {size}, {}}, loop::Scope::kArgument);
  kernel.argument_count = arity + 1;
  kernel.written.assign(arity, false);
  kernel.written.push_back(true);
  kernel.body = {
      loop::Stmt::make_for(o, size / kLanes, loop::LoopKind::kSerial,
                           {loop::Stmt::make_for(j, kLanes, loop::LoopKind::kVector,
                                                 {loop::Stmt::make_store(out, at, e.apply(op, operands))})})};
  return expand_math(std::move(kernel), has_fma);
}

/// The largest error of one function.
struct Result {
  double max_ulp = 0;
  double x = 0, y = 0;  ///< where
  double value = 0;     ///< what came out
};

/// `run(kernel, arguments)` executes a kernel: by the interpreter, or compiled.
template <class T, class Run>
Result measure(loop::ScalarOp op, bool has_fma, std::size_t count, Run&& run) {
  std::vector<T> x, y(count), out(count);
  if (op == loop::ScalarOp::pow)
    std::tie(x, y) = pow_inputs<T>(count);
  else
    x = stratified_inputs<T>(count);
  const loop::Kernel kernel = make_kernel<T>(op, count, has_fma);
  std::vector<std::byte*> arguments = {reinterpret_cast<std::byte*>(x.data())};
  if (loop::arity(op) == 2) arguments.push_back(reinterpret_cast<std::byte*>(y.data()));
  arguments.push_back(reinterpret_cast<std::byte*>(out.data()));
  run(kernel, arguments);
  Result worst;
  for (std::size_t i = 0; i < count; ++i) {
    const double error = distance<T>(out[i], exact<T>(op, x[i], y[i]));
    if (error > worst.max_ulp) worst = {error, x[i], y[i], out[i]};
  }
  return worst;
}

/// Every function that expand_math writes as arithmetic.
inline std::vector<std::pair<loop::ScalarOp, DType>> expanded_functions() {
  std::vector<std::pair<loop::ScalarOp, DType>> list;
  for (const DType dtype : {DType::kF32, DType::kF64}) {
#define ADZE_SCALAR_OP(name, ...) \
  if (can_expand(loop::ScalarOp::name, dtype)) list.emplace_back(loop::ScalarOp::name, dtype);
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP
  }
  return list;
}

template <class Run>
Result measure(loop::ScalarOp op, DType dtype, bool has_fma, std::size_t count, Run&& run) {
  return dtype == DType::kF32 ? measure<float>(op, has_fma, count, run)
                              : measure<double>(op, has_fma, count, run);
}

}  // namespace adze::ulp
