#include "passes/expand_math.h"

#include <vector>

#include "passes/math/num.h"

namespace adze {

using loop::ExprId;
using loop::ExprKind;
using loop::ScalarOp;
using loop::Stmt;

namespace {

/// How to write an elementary function as arithmetic; wider intermediates are what makes f32 cheap.
struct Expansion {
  ScalarOp op;
  math::Num (*unary)(math::Num) = nullptr;
  math::Num (*binary)(math::Num, math::Num) = nullptr;
  bool in_f64 = true;
};

constexpr Expansion kExpansions[] = {
    {ScalarOp::exp, math::expand_exp},
    {ScalarOp::exp2, math::expand_exp2},
    {ScalarOp::log, math::expand_log},
    {ScalarOp::log1p, math::expand_log1p},
    {ScalarOp::expm1, math::expand_expm1},
    {ScalarOp::tanh, math::expand_tanh},
    {ScalarOp::logistic, math::expand_logistic},
    {ScalarOp::sin, math::expand_sin, nullptr, false},
    {ScalarOp::cos, math::expand_cos, nullptr, false},
    {ScalarOp::tan, math::expand_tan, nullptr, false},
    {ScalarOp::atan, math::expand_atan},
    {ScalarOp::erf, math::expand_erf, nullptr, false},
    {ScalarOp::erfc, math::expand_erfc, nullptr, false},
    {ScalarOp::cbrt, math::expand_cbrt, nullptr, false},
    {ScalarOp::pow, nullptr, math::expand_pow, false},
};

const Expansion* expansion(ScalarOp op, DType dtype) {
  for (const Expansion& known : kExpansions) {
    if (known.op == op)
      return dtype == DType::kF32 || (dtype == DType::kF64 && known.in_f64) ? &known : nullptr;
  }
  return nullptr;
}

ExprId expand(math::Scope& scope, const Expansion& how, std::span<const ExprId> args) {
  const math::Num x{&scope, args[0]};
  return how.unary ? how.unary(x).id : how.binary(x, {&scope, args[1]}).id;
}

template <class Visit>
void for_each_expression(std::vector<Stmt>& body, Visit&& visit) {
  for (Stmt& stmt : body) {
    for (ExprId* id : {&stmt.limit, &stmt.index, &stmt.value}) {
      if (*id) visit(*id);
    }
    for_each_expression(stmt.body, visit);
  }
}

}  // namespace

bool calls_libm(ScalarOp op, DType dtype) {
  return is_float(dtype) && (loop::domain(op) == loop::Domain::kElementary || op == ScalarOp::rem);
}

bool can_expand(ScalarOp op, DType dtype) {
  return expansion(op, dtype) != nullptr;
}

loop::Kernel expand_math(loop::Kernel kernel, bool has_fma) {
  loop::Exprs& exprs = kernel.exprs;
  const auto count = static_cast<std::uint32_t>(exprs.size());
  std::vector<bool> needed(count, false);
  for_each_expression(kernel.body, [&](ExprId id) { needed[id.index] = true; });
  for (std::uint32_t i = count; i-- > 0;) {  // users have larger ids than what they use
    if (!needed[i]) continue;
    for (const ExprId arg : exprs[{i}].args) {
      if (arg) needed[arg.index] = true;
    }
  }

  math::Scope scope{exprs, has_fma};
  std::vector<ExprId> expanded(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    expanded[i] = {i};
    if (!needed[i]) continue;
    const loop::Expr expr = exprs[{i}];  // a copy: the table grows below
    std::array<ExprId, 3> args = expr.args;
    bool changed = false;
    for (ExprId& arg : args) {
      if (!arg) continue;
      changed = changed || expanded[arg.index] != arg;
      arg = expanded[arg.index];
    }
    const auto operands = [&] {
      return std::span<const ExprId>(args.data(), static_cast<std::size_t>(arity(expr.op)));
    };
    const Expansion* how = expr.kind == ExprKind::kScalar ? expansion(expr.op, expr.dtype) : nullptr;
    if (how) {
      expanded[i] = expand(scope, *how, operands());
    } else if (changed) {
      switch (expr.kind) {
        case ExprKind::kScalar:
          expanded[i] = exprs.apply(expr.op, operands());
          break;
        case ExprKind::kLoad:
          expanded[i] = exprs.load(expr.buffer, expr.dtype, args[0], args[1]);
          break;
        case ExprKind::kConvert:
          expanded[i] = exprs.convert(args[0], expr.dtype);
          break;
        case ExprKind::kBitcast:
          expanded[i] = exprs.bitcast(args[0], expr.dtype);
          break;
        case ExprKind::kConst:
        case ExprKind::kVar:
          break;
      }
    }
  }
  for_each_expression(kernel.body, [&](ExprId& id) { id = expanded[id.index]; });
  return kernel;
}

}  // namespace adze
