#include "codegen/cuda/expr_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "codegen/cuda/scalar_text.h"
#include "ir/errors.h"

namespace adze::cuda {

using loop::Expr;
using loop::ExprId;
using loop::ExprKind;
using loop::ScalarOp;

namespace {

constexpr std::size_t kLongestExpression = 160;  ///< in characters, before a part of it gets a name

/// A grid loop's variable may step beyond its extent by as much again.
constexpr std::int64_t kLargestIntLoop = INT64_C(1) << 30;

bool fits_int(std::int64_t value) {
  return value >= INT32_MIN && value <= INT32_MAX;
}

/// How index arithmetic, known not to overflow or divide by zero, is printed: all else is in scalar_ops.def.
std::string_view index_operator(ScalarOp op) {
  switch (op) {
    case ScalarOp::add:
      return "+";
    case ScalarOp::sub:
      return "-";
    case ScalarOp::mul:
      return "*";
    case ScalarOp::div:
      return "/";
    case ScalarOp::rem:
      return "%";
    default:
      return {};
  }
}

bool is_plain(const Expr& expr) {
  return expr.kind == ExprKind::kConst || expr.kind == ExprKind::kVar;
}

}  // namespace

void Lines::add(const std::string& line) {
  if (!line.starts_with('#')) text_.append(2 * depth_, ' ');
  text_ += line;
  text_ += '\n';
}

ExprPrinter::ExprPrinter(const loop::Kernel& kernel, loop::Exprs& exprs, Lines& lines)
    : kernel_(kernel), exprs_(exprs), lines_(lines) {}

void ExprPrinter::begin_statement(std::span<const ExprId> roots) {
  ++stamp_;
  grow();
  std::fill(uses_.begin(), uses_.end(), 0);
  std::vector<ExprId> stack(roots.begin(), roots.end());
  while (!stack.empty()) {
    const ExprId id = stack.back();
    stack.pop_back();
    if (!id || ++uses_[id.index] > 1) continue;
    for (const ExprId arg : exprs_[id].args) stack.push_back(arg);
  }
}

void ExprPrinter::grow() {
  const std::size_t size = exprs_.size();
  stamps_.resize(size, 0);
  texts_.resize(size);
  uses_.resize(size, 0);
  narrow_.resize(size, -1);
}

void ExprPrinter::set(ExprId id, std::string text) {
  grow();
  texts_[id.index] = std::move(text);
  stamps_[id.index] = stamp_;
}

// A stack of our own: fused kernels nest expressions thousands deep.
std::string ExprPrinter::value(ExprId root) {
  grow();
  std::vector<ExprId> stack{root};
  while (!stack.empty()) {
    const ExprId id = stack.back();
    const std::size_t size = stack.size();
    if (!is_set(id)) {
      const Expr& expr = exprs_[id];
      for (std::size_t i = 3; i-- > 0;) {
        if (expr.args[i] && !is_set(expr.args[i])) stack.push_back(expr.args[i]);
      }
      if (stack.size() > size) continue;
      std::string text = compute(id);
      const bool shared = uses_[id.index] > 1 || text.size() > kLongestExpression;
      set(id, shared && !is_plain(expr) ? name(type(id), text) : std::move(text));
    }
    stack.pop_back();
  }
  return texts_[root.index];
}

std::string ExprPrinter::wide(ExprId id) {
  const Expr& expr = exprs_[id];
  if (expr.dtype == DType::kI64 && expr.kind == ExprKind::kConst) return constant(expr.dtype, expr.bits);
  const std::string text = value(id);
  return expr.dtype == DType::kI64 && is_narrow(id) ? "static_cast<long long>(" + text + ")" : text;
}

std::string_view ExprPrinter::type(ExprId id) {
  const DType dtype = exprs_.dtype(id);
  return dtype == DType::kI64 && is_narrow(id) ? "int" : type_name(dtype);
}

std::string ExprPrinter::name(std::string_view type, const std::string& text) {
  std::string result = fmt::format("v{}", names_++);
  lines_.add(fmt::format("const {} {} = {};", type, result, text));
  return result;
}

std::string ExprPrinter::variable(loop::VarId var) const {
  return fmt::format("{}_{}", identifier(exprs_.var_name(var)), var.index);
}

std::string ExprPrinter::buffer(loop::BufferId id) const {
  return fmt::format("{}_b{}", identifier(kernel_.buffers[id.index].name), id.index);
}

void ExprPrinter::bind_let(loop::VarId var, ExprId value_id) {
  const std::string text = value(value_id);
  if (narrow_lets_.size() <= var.index) narrow_lets_.resize(exprs_.var_count(), false);
  narrow_lets_[var.index] = exprs_.dtype(value_id) == DType::kI64 && is_narrow(value_id);
  lines_.add(fmt::format("const {} {} = {};", type(value_id), variable(var), text));
}

bool ExprPrinter::is_narrow(ExprId root) {
  grow();
  std::vector<ExprId> stack{root};
  while (!stack.empty()) {
    const ExprId id = stack.back();
    const std::size_t size = stack.size();
    if (narrow_[id.index] < 0) {
      const Expr& expr = exprs_[id];
      if (expr.kind == ExprKind::kScalar && expr.dtype == DType::kI64) {
        for (const ExprId arg : expr.args) {
          if (arg && exprs_.dtype(arg) == DType::kI64 && narrow_[arg.index] < 0) stack.push_back(arg);
        }
        if (stack.size() > size) continue;
      }
      narrow_[id.index] = compute_narrow(id) ? 1 : 0;
    }
    stack.pop_back();
  }
  return narrow_[root.index] == 1;
}

bool ExprPrinter::compute_narrow(ExprId id) {
  const Expr& expr = exprs_[id];
  if (expr.dtype != DType::kI64) return false;
  switch (expr.kind) {
    case ExprKind::kConst:
      return fits_int(*exprs_.as_index(id));
    case ExprKind::kVar:
      if (exprs_.var_extent(expr.var) > 0) return exprs_.var_extent(expr.var) <= kLargestIntLoop;
      return expr.var.index < narrow_lets_.size() && narrow_lets_[expr.var.index];
    case ExprKind::kScalar: {
      const auto range = exprs_.range(id);
      return range && fits_int(range->first) && fits_int(range->second) &&
             std::all_of(expr.args.begin(), expr.args.end(), [&](ExprId arg) {
               return !arg || exprs_.dtype(arg) != DType::kI64 || narrow_[arg.index] == 1;
             });
    }
    default:
      return false;
  }
}

std::string ExprPrinter::compute(ExprId id) {
  const Expr expr = exprs_[id];
  switch (expr.kind) {
    case ExprKind::kConst:
      if (expr.dtype == DType::kI64 && is_narrow(id)) return constant(DType::kI32, expr.bits & 0xffffffffu);
      return constant(expr.dtype, expr.bits);
    case ExprKind::kVar:
      return variable(expr.var);
    case ExprKind::kLoad: {
      const std::string read = fmt::format("{}[{}]", buffer(expr.buffer), value(expr.args[0]));
      if (!expr.args[1]) return read;
      return fmt::format("({} ? {} : {})", value(expr.args[1]), read, constant(expr.dtype, 0));
    }
    case ExprKind::kConvert:
      return fmt::format("adze_convert<{}>({})", type_name(expr.dtype), value(expr.args[0]));
    case ExprKind::kBitcast:
      return fmt::format("adze_bitcast<{}>({})", type_name(expr.dtype), wide(expr.args[0]));
    case ExprKind::kScalar:
      return scalar(expr, id);
  }
  return {};
}

std::string ExprPrinter::scalar(const Expr& expr, ExprId id) {
  const auto count = static_cast<std::size_t>(loop::arity(expr.op));
  const DType dtype = exprs_.dtype(expr.args[expr.op == ScalarOp::select ? 1 : 0]);
  bool narrow = dtype == DType::kI64;
  for (std::size_t i = 0; i < count; ++i) {
    narrow = narrow && (exprs_.dtype(expr.args[i]) != DType::kI64 || is_narrow(expr.args[i]));
  }
  // All parts are int: so is the result (or it is a bool).
  narrow = narrow && (expr.dtype != DType::kI64 || is_narrow(id));
  std::vector<std::string> operands;
  for (std::size_t i = 0; i < count; ++i) {
    operands.push_back(narrow ? value(expr.args[i]) : wide(expr.args[i]));
  }
  if (expr.op == ScalarOp::select && is_guarded_by(expr.args[1], expr.args[0])) {
    const Expr& load = exprs_[expr.args[1]];  // one condition will do
    operands[1] = fmt::format("{}[{}]", buffer(load.buffer), value(load.args[0]));
  }
  const std::string_view index = index_operator(expr.op);
  if (expr.dtype == DType::kI64 && !index.empty() && exprs_.range(id)) {
    return fmt::format("({} {} {})", operands[0], index, operands[1]);
  }
  return apply(expr.op, dtype, operands);
}

bool ExprPrinter::is_guarded_by(ExprId load, ExprId condition) const {
  return exprs_[load].kind == ExprKind::kLoad && exprs_[load].args[1] == condition &&
         texts_[load.index].starts_with("(" + texts_[condition.index] + " ? ");  // it has no name
}

bool ExprPrinter::is_multiple(ExprId id, std::int64_t factor) {
  const Expr& expr = exprs_[id];
  if (const auto known = exprs_.as_index(id)) return *known % factor == 0;
  if (factor == 1) return true;
  if (expr.kind == ExprKind::kVar) return exprs_.var_extent(expr.var) == 1;  // always 0
  if (expr.kind != ExprKind::kScalar) return false;
  switch (expr.op) {
    case ScalarOp::add:
    case ScalarOp::sub:
    case ScalarOp::min:
    case ScalarOp::max:
      return is_multiple(expr.args[0], factor) && is_multiple(expr.args[1], factor);
    case ScalarOp::select:
      return is_multiple(expr.args[1], factor) && is_multiple(expr.args[2], factor);
    case ScalarOp::mul:
      for (std::size_t i = 0; i < 2; ++i) {
        const auto by = exprs_.as_index(expr.args[i]);
        if (!by || *by == 0) continue;
        if (is_multiple(expr.args[1 - i], factor / std::gcd(*by, factor))) return true;
      }
      return false;
    case ScalarOp::rem:  // of a multiple by a multiple
      return is_multiple(expr.args[0], factor) && is_multiple(expr.args[1], factor);
    case ScalarOp::div: {
      const auto by = exprs_.as_index(expr.args[1]);
      return by && *by > 0 && *by <= (INT64_C(1) << 32) && is_multiple(expr.args[0], factor * *by);
    }
    default:
      return false;
  }
}

}  // namespace adze::cuda
