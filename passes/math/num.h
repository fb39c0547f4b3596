#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <vector>

#include "ir/loop_ir.h"

/// Formulas over loop::Exprs that read like formulas. For the expansions in this folder.
namespace adze::math {

/// Where the expressions go, and whether a * b + c is one instruction.
struct Scope {
  loop::Exprs& exprs;
  bool has_fma;
};

/// An expression with operators. Numbers mixed in take its dtype.
struct Num {
  Scope* scope = nullptr;
  loop::ExprId id = {};

  DType dtype() const { return scope->exprs.dtype(id); }
  bool is_f64() const { return dtype() == DType::kF64; }
  Num like(double value) const { return {scope, scope->exprs.constant(dtype(), value)}; }
  /// A constant of this dtype by its bits.
  Num like_bits(std::uint64_t bits) const { return {scope, scope->exprs.bits(dtype(), bits)}; }
  Num apply(loop::ScalarOp op) const { return {scope, scope->exprs.apply(op, {id})}; }
  Num apply(loop::ScalarOp op, Num b) const { return {scope, scope->exprs.apply(op, {id, b.id})}; }
  Num as(DType to) const { return {scope, scope->exprs.bitcast(id, to)}; }
  Num to(DType dtype) const { return {scope, scope->exprs.convert(id, dtype)}; }
  /// The bits as a signed integer of the same size.
  Num bits() const { return as(is_f64() ? DType::kI64 : DType::kI32); }
};

inline Num operator+(Num a, Num b) {
  return a.apply(loop::ScalarOp::add, b);
}
inline Num operator-(Num a, Num b) {
  return a.apply(loop::ScalarOp::sub, b);
}
inline Num operator*(Num a, Num b) {
  return a.apply(loop::ScalarOp::mul, b);
}
inline Num operator/(Num a, Num b) {
  return a.apply(loop::ScalarOp::div, b);
}
inline Num operator+(Num a, double b) {
  return a + a.like(b);
}
inline Num operator-(Num a, double b) {
  return a - a.like(b);
}
inline Num operator*(Num a, double b) {
  return a * a.like(b);
}
inline Num operator-(Num a) {
  return a.apply(loop::ScalarOp::neg);
}
inline Num operator&(Num a, Num b) {
  return a.apply(loop::ScalarOp::and_, b);
}
inline Num operator|(Num a, Num b) {
  return a.apply(loop::ScalarOp::or_, b);
}
inline Num operator^(Num a, Num b) {
  return a.apply(loop::ScalarOp::xor_, b);
}
inline Num operator!(Num a) {
  return a.apply(loop::ScalarOp::not_);
}
inline Num operator<<(Num a, int count) {
  return a.apply(loop::ScalarOp::shl, a.like(count));
}
inline Num operator>>(Num a, int count) {
  return a.apply(loop::ScalarOp::shr, a.like(count));
}
inline Num operator<(Num a, Num b) {
  return a.apply(loop::ScalarOp::lt, b);
}
inline Num operator<(Num a, double b) {
  return a < a.like(b);
}
inline Num operator>(Num a, double b) {
  return a.apply(loop::ScalarOp::gt, a.like(b));
}
inline Num operator==(Num a, Num b) {
  return a.apply(loop::ScalarOp::eq, b);
}
inline Num operator==(Num a, double b) {
  return a == a.like(b);
}
inline Num operator!=(Num a, double b) {
  return a.apply(loop::ScalarOp::ne, a.like(b));
}
inline Num abs(Num a) {
  return a.apply(loop::ScalarOp::abs);
}

inline Num copysign(Num a, Num sign) {
  return a.apply(loop::ScalarOp::copysign, sign);
}

inline Num select(Num condition, Num a, Num b) {
  return {a.scope, a.scope->exprs.apply(loop::ScalarOp::select, {condition.id, a.id, b.id})};
}

/// a * b + c: one rounding where the target has it, two where it has not.
inline Num mul_add(Num a, Num b, Num c) {
  if (!a.scope->has_fma) return a * b + c;
  return {a.scope, a.scope->exprs.apply(loop::ScalarOp::fma, {a.id, b.id, c.id})};
}
inline Num mul_add(Num a, double b, Num c) {
  return mul_add(a, a.like(b), c);
}
inline Num mul_add(Num a, Num b, double c) {
  return mul_add(a, b, a.like(c));
}
inline Num mul_add(Num a, double b, double c) {
  return mul_add(a, a.like(b), a.like(c));
}

/// At most `high`, at least `low`; NaN stays NaN. One instruction each on x86 (the operand order matters).
inline Num at_most(Num a, double high) {
  return select(a.like(high) < a, a.like(high), a);
}
inline Num at_least(Num a, double low) {
  return select(a < low, a.like(low), a);
}

/// c[0] + x * (c[1] + x * (c[2] + ...)).
inline Num horner(Num x, std::span<const double> c) {
  Num sum = x.like(c.back());
  for (std::size_t i = c.size() - 1; i-- > 0;) sum = mul_add(sum, x, c[i]);
  return sum;
}
inline Num horner(Num x, std::initializer_list<double> c) {
  return horner(x, std::span<const double>(c.begin(), c.size()));
}

/// Layout of the float format, and the number whose last mantissa bit has weight one: x + magic rounds x to
/// an integer (to even, |x| < magic / 3) and leaves it in the low bits.
struct Format {
  int mantissa_bits;
  std::int64_t exponent_bias;
  double magic;
};
inline Format format(Num x) {
  return x.is_f64() ? Format{52, 1023, 0x1.8p52} : Format{23, 127, 0x1.8p23};
}

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// One function a scalar instruction; the operand is f32 or f64 as `can_expand` says.
Num expand_exp(Num x);
Num expand_exp2(Num x);
Num expand_expm1(Num x);
Num expand_tanh(Num x);
Num expand_logistic(Num x);
Num expand_log(Num x);
Num expand_log1p(Num x);
Num expand_sin(Num x);  ///< f32
Num expand_cos(Num x);  ///< f32
Num expand_tan(Num x);  ///< f32
Num expand_atan(Num x);
Num expand_erf(Num x);         ///< f32
Num expand_erfc(Num x);        ///< f32
Num expand_cbrt(Num x);        ///< f32
Num expand_pow(Num x, Num y);  ///< f32

}  // namespace adze::math
