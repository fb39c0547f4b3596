#include "passes/expand_math.h"

#include <vector>

#include "passes/math/num.h"

namespace adze {

using loop::ExprId;
using loop::ExprKind;
using loop::ScalarOp;
using loop::Stmt;

bool calls_libm(ScalarOp op, DType dtype) {
  if (!is_float(dtype)) return false;
  switch (op) {
    case ScalarOp::exp:
    case ScalarOp::log:
    case ScalarOp::log1p:
    case ScalarOp::expm1:
    case ScalarOp::tanh:
    case ScalarOp::logistic:
    case ScalarOp::sin:
    case ScalarOp::cos:
    case ScalarOp::pow:
    case ScalarOp::rem:
      return true;
    default:
      return false;
  }
}

bool can_expand(ScalarOp op, DType dtype) {
  if (dtype != DType::kF32 && dtype != DType::kF64) return false;
  switch (op) {
    case ScalarOp::exp:
    case ScalarOp::log:
    case ScalarOp::log1p:
    case ScalarOp::expm1:
    case ScalarOp::tanh:
    case ScalarOp::logistic:
      return true;
    case ScalarOp::sin:
    case ScalarOp::cos:
    case ScalarOp::pow:
      return dtype == DType::kF32;  // wider intermediates are what makes these cheap
    default:
      return false;
  }
}

namespace {

ExprId expand(math::Scope& scope, ScalarOp op, std::span<const ExprId> args) {
  const math::Num x{&scope, args[0]};
  switch (op) {
    case ScalarOp::exp:
      return math::expand_exp(x).id;
    case ScalarOp::log:
      return math::expand_log(x).id;
    case ScalarOp::log1p:
      return math::expand_log1p(x).id;
    case ScalarOp::expm1:
      return math::expand_expm1(x).id;
    case ScalarOp::tanh:
      return math::expand_tanh(x).id;
    case ScalarOp::logistic:
      return math::expand_logistic(x).id;
    case ScalarOp::sin:
      return math::expand_sin(x).id;
    case ScalarOp::cos:
      return math::expand_cos(x).id;
    case ScalarOp::pow:
      return math::expand_pow(x, {&scope, args[1]}).id;
    default:
      internal_error(__FILE__, __LINE__, "no expansion of " + std::string(to_string(op)));
  }
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
    if (expr.kind == ExprKind::kScalar && can_expand(expr.op, expr.dtype)) {
      expanded[i] = expand(scope, expr.op, operands());
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
