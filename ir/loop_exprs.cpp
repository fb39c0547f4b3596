#include <algorithm>
#include <bit>
#include <numeric>

#include "ir/hash.h"
#include "ir/loop_ir.h"

// The expressions of the loop IR: construction, hash-consing, and index algebra.

namespace adze::loop {
namespace {

enum class TypeRule { same, predicate, logical, select };

struct ScalarOpInfo {
  std::string_view name;
  int arity;
  TypeRule rule;
  Domain domain;
  int cost;
};

constexpr ScalarOpInfo kScalarOps[] = {
#define ADZE_SCALAR_OP(name, arity, rule, domain, cost, ...) \
  {#name, arity, TypeRule::rule, Domain::domain, cost},
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP
};

const ScalarOpInfo& info(ScalarOp op) {
  return kScalarOps[static_cast<std::size_t>(op)];
}

std::int64_t wrap_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t wrap_mul(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}
std::int64_t floor_mod(std::int64_t a, std::int64_t c) {
  return ((a % c) + c) % c;
}

using Range = std::optional<std::pair<std::int64_t, std::int64_t>>;

bool within(const Range& range, std::int64_t low, std::int64_t high) {
  return range && range->first >= low && range->second <= high;
}

/// a + b and a * c on inclusive bounds; none on overflow.
Range add_ranges(const Range& a, const Range& b) {
  if (!a || !b) return std::nullopt;
  std::pair<std::int64_t, std::int64_t> sum;
  if (__builtin_add_overflow(a->first, b->first, &sum.first) ||
      __builtin_add_overflow(a->second, b->second, &sum.second)) {
    return std::nullopt;
  }
  return sum;
}

Range scale_range(const Range& a, std::int64_t c) {
  if (!a) return std::nullopt;
  std::pair<std::int64_t, std::int64_t> product;
  if (__builtin_mul_overflow(a->first, c, &product.first) ||
      __builtin_mul_overflow(a->second, c, &product.second)) {
    return std::nullopt;
  }
  if (c < 0) std::swap(product.first, product.second);
  return product;
}

}  // namespace

std::string_view to_string(ScalarOp op) {
  std::string_view name = info(op).name;
  if (name.ends_with('_')) name.remove_suffix(1);
  return name;
}

int arity(ScalarOp op) {
  return info(op).arity;
}

Domain domain(ScalarOp op) {
  return info(op).domain;
}

int instruction_cost(ScalarOp op) {
  return info(op).cost;
}

/// An i64 expression as a sum of coefficient * atom + constant. An atom is any i64 expression that is not
/// itself a sum or a constant multiple; arithmetic wraps, so this form is exact for every i64 value.
struct Exprs::Linear {
  std::vector<std::pair<ExprId, std::int64_t>> terms;  // sorted by atom, no zero coefficients
  std::int64_t constant = 0;

  void add(ExprId atom, std::int64_t coefficient) {
    const auto at = std::lower_bound(terms.begin(), terms.end(), atom,
                                     [](const auto& term, ExprId key) { return term.first < key; });
    if (at != terms.end() && at->first == atom) {
      at->second = wrap_add(at->second, coefficient);
      if (at->second == 0) terms.erase(at);
    } else if (coefficient != 0) {
      terms.insert(at, {atom, coefficient});
    }
  }
  void add(const Linear& other, std::int64_t factor) {
    for (const auto& [atom, coefficient] : other.terms) add(atom, wrap_mul(coefficient, factor));
    constant = wrap_add(constant, wrap_mul(other.constant, factor));
  }
};

ExprId Exprs::intern(const Expr& expr) {
  struct Key {
    std::uint64_t words[6];
  } key{};
  key.words[0] = static_cast<std::uint64_t>(expr.kind) | (static_cast<std::uint64_t>(expr.op) << 8) |
                 (static_cast<std::uint64_t>(expr.dtype) << 16);
  key.words[1] = expr.args[0].index | (static_cast<std::uint64_t>(expr.args[1].index) << 32);
  key.words[2] = expr.args[2].index;
  key.words[3] = expr.bits;
  key.words[4] = expr.var.index;
  key.words[5] = expr.buffer.index;
  const std::uint64_t hash = hash_bytes(&key, sizeof(key), 0);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (exprs_[it->second] == expr) return {it->second};
  }
  const ExprId id{static_cast<std::uint32_t>(exprs_.size())};
  exprs_.push_back(expr);
  by_hash_.emplace(hash, id.index);
  return id;
}

ExprId Exprs::bits(DType dtype, std::uint64_t bits) {
  return intern({.kind = ExprKind::kConst, .dtype = dtype, .bits = bits});
}

ExprId Exprs::constant(DType dtype, double value) {
  const Literal literal = Literal::full({dtype, {}}, value);
  std::uint64_t raw = 0;
  std::memcpy(&raw, literal.bytes(), literal.byte_size());
  return bits(dtype, raw);
}

ExprId Exprs::index(std::int64_t value) {
  return bits(DType::kI64, static_cast<std::uint64_t>(value));
}

ExprId Exprs::var(VarId var, DType dtype) {
  ADZE_CHECK(var.index < vars_.size() && vars_[var.index].dtype == dtype, "loop variable of another dtype");
  return intern({.kind = ExprKind::kVar, .dtype = dtype, .var = var});
}

ExprId Exprs::load(BufferId buffer, DType dtype, ExprId offset, ExprId guard) {
  if (guard && exprs_[guard.index].kind == ExprKind::kConst && exprs_[guard.index].bits) guard = {};
  return intern({.kind = ExprKind::kLoad, .dtype = dtype, .args = {offset, guard}, .buffer = buffer});
}

ExprId Exprs::convert(ExprId x, DType to) {
  const DType from = dtype(x);
  if (from == to) return x;
  // Halves convert from and to f32 alone.
  if (is_half(from) && to != DType::kF32) return convert(convert(x, DType::kF32), to);
  if (is_half(to) && from != DType::kF32) return convert(round_to_odd(x), to);
  return intern({.kind = ExprKind::kConvert, .dtype = to, .args = {x}});
}

/// `x` as f32, such that a half rounded from it is the half rounded from `x`: where the nearest f32 is not
/// `x` itself the one of its two neighbours in f32 whose last bit is 1. It lies on the side of `x` of every
/// number and tie of a format that is narrower by two bits or more.
ExprId Exprs::round_to_odd(ExprId x) {
  const DType from = dtype(x);
  const ExprId nearest = convert(x, DType::kF32);
  if (from == DType::kBool || byte_size(from) < 4) return nearest;  // exact
  if (within(range(x), -(1 << 24), 1 << 24)) return nearest;
  const ExprId back = convert(nearest, from);
  const auto magnitude = [&](ExprId id) { return apply(ScalarOp::abs, {id}); };
  const auto one_if = [&](ExprId condition) {
    return apply(ScalarOp::select, {condition, bits(DType::kU32, 1), bits(DType::kU32, 0)});
  };
  const ExprId beyond = one_if(apply(ScalarOp::gt, {magnitude(back), magnitude(x)}));
  const ExprId inexact = one_if(apply(ScalarOp::ne, {back, x}));
  const ExprId towards_zero = apply(ScalarOp::sub, {bitcast(nearest, DType::kU32), beyond});
  return bitcast(apply(ScalarOp::or_, {towards_zero, inexact}), DType::kF32);
}

ExprId Exprs::bitcast(ExprId x, DType to) {
  if (dtype(x) == to) return x;
  ADZE_CHECK(byte_size(dtype(x)) == byte_size(to), "bitcast between sizes");
  return intern({.kind = ExprKind::kBitcast, .dtype = to, .args = {x}});
}

ExprId Exprs::apply(ScalarOp op, std::span<const ExprId> args) {
  const ScalarOpInfo& row = info(op);
  ADZE_CHECK(static_cast<int>(args.size()) == row.arity, "arity of " + std::string(row.name));
  const std::size_t first = row.rule == TypeRule::select ? 1 : 0;
  for (std::size_t i = first; i < args.size(); ++i) {
    ADZE_CHECK(dtype(args[i]) == dtype(args[first]), "dtypes of " + std::string(row.name));
  }
  if (row.rule == TypeRule::select) ADZE_CHECK(dtype(args[0]) == DType::kBool, "select condition");
  if (dtype(args[first]) == DType::kI64) {
    if (const ExprId simple = simplify_index(op, args)) return simple;
  } else if (dtype(args[first]) == DType::kBool && args.size() == 2 &&
             (op == ScalarOp::and_ || op == ScalarOp::or_)) {
    const std::uint64_t absorbing = op == ScalarOp::or_ ? 1 : 0;
    for (std::size_t i = 0; i < 2; ++i) {
      if (exprs_[args[i].index].kind != ExprKind::kConst) continue;
      return exprs_[args[i].index].bits == absorbing ? args[i] : args[1 - i];
    }
    if (args[0] == args[1]) return args[0];
  }
  if (op == ScalarOp::select) {
    const Expr& condition = exprs_[args[0].index];
    if (condition.kind == ExprKind::kConst) return condition.bits ? args[1] : args[2];
    if (args[1] == args[2]) return args[1];
  }
  Expr expr{.kind = ExprKind::kScalar, .op = op, .dtype = dtype(args[first])};
  if (row.rule == TypeRule::predicate) expr.dtype = DType::kBool;
  std::copy(args.begin(), args.end(), expr.args.begin());
  return intern(expr);
}

ExprId Exprs::both(ExprId a, ExprId b) {
  if (!a) return b;
  if (!b) return a;
  return apply(ScalarOp::and_, {a, b});
}

std::optional<std::int64_t> Exprs::as_index(ExprId id) const {
  const Expr& expr = exprs_[id.index];
  if (expr.kind != ExprKind::kConst || expr.dtype != DType::kI64) return std::nullopt;
  return static_cast<std::int64_t>(expr.bits);
}

VarId Exprs::new_var(std::string name, std::int64_t extent, DType dtype) {
  vars_.push_back({std::move(name), extent, dtype});
  return {static_cast<std::uint32_t>(vars_.size() - 1)};
}

Exprs::Linear Exprs::linear(ExprId id) const {
  Linear result;
  const Expr& expr = exprs_[id.index];
  if (expr.kind == ExprKind::kConst) {
    result.constant = static_cast<std::int64_t>(expr.bits);
    return result;
  }
  if (expr.kind == ExprKind::kScalar) {
    if (expr.op == ScalarOp::add || expr.op == ScalarOp::sub) {
      result = linear(expr.args[0]);
      result.add(linear(expr.args[1]), expr.op == ScalarOp::add ? 1 : -1);
      return result;
    }
    if (expr.op == ScalarOp::mul) {
      for (std::size_t i = 0; i < 2; ++i) {
        if (const auto factor = as_index(expr.args[i])) {
          result.add(linear(expr.args[1 - i]), *factor);
          return result;
        }
      }
    }
  }
  result.add(id, 1);
  return result;
}

ExprId Exprs::from_linear(const Linear& linear) {
  const auto raw = [&](ScalarOp op, ExprId a, ExprId b) {
    return intern({.kind = ExprKind::kScalar, .op = op, .dtype = DType::kI64, .args = {a, b}});
  };
  ExprId sum;
  for (const auto& [atom, coefficient] : linear.terms) {
    const ExprId term = coefficient == 1 ? atom : raw(ScalarOp::mul, atom, index(coefficient));
    sum = sum ? raw(ScalarOp::add, sum, term) : term;
  }
  if (!sum) return index(linear.constant);
  return linear.constant == 0 ? sum : raw(ScalarOp::add, sum, index(linear.constant));
}

Range Exprs::range_of(const Linear& linear) const {
  Range sum = std::pair{linear.constant, linear.constant};
  for (const auto& [atom, coefficient] : linear.terms) {
    sum = add_ranges(sum, scale_range(range(atom), coefficient));
  }
  return sum;
}

Range Exprs::range(ExprId id) const {
  const Expr& expr = exprs_[id.index];
  if (expr.dtype != DType::kI64) return std::nullopt;
  switch (expr.kind) {
    case ExprKind::kConst:
      return std::pair{*as_index(id), *as_index(id)};
    case ExprKind::kVar: {
      const std::int64_t extent = vars_[expr.var.index].extent;
      if (extent <= 0) return std::nullopt;
      return std::pair{std::int64_t{0}, extent - 1};
    }
    case ExprKind::kScalar:
      break;
    default:
      return std::nullopt;
  }
  switch (expr.op) {
    case ScalarOp::add:
    case ScalarOp::sub:
    case ScalarOp::mul: {
      const Linear sum = linear(id);
      if (sum.terms.size() == 1 && sum.terms[0].first == id) return std::nullopt;
      return range_of(sum);
    }
    case ScalarOp::div:
    case ScalarOp::rem: {
      const auto divisor = as_index(expr.args[1]);
      const Range of = range(expr.args[0]);
      if (!divisor || *divisor <= 0 || !of || of->first < 0) return std::nullopt;
      if (expr.op == ScalarOp::div) return std::pair{of->first / *divisor, of->second / *divisor};
      return std::pair{std::int64_t{0}, std::min(of->second, *divisor - 1)};
    }
    case ScalarOp::min:
    case ScalarOp::max:
    case ScalarOp::select: {
      const std::size_t first = expr.op == ScalarOp::select ? 1 : 0;
      const Range a = range(expr.args[first]), b = range(expr.args[first + 1]);
      if (!a || !b) return std::nullopt;
      if (expr.op == ScalarOp::min)
        return std::pair{std::min(a->first, b->first), std::min(a->second, b->second)};
      if (expr.op == ScalarOp::max)
        return std::pair{std::max(a->first, b->first), std::max(a->second, b->second)};
      return std::pair{std::min(a->first, b->first), std::max(a->second, b->second)};
    }
    default:
      return std::nullopt;
  }
}

ExprId Exprs::simplify_division(ScalarOp op, ExprId a, std::int64_t divisor) {
  const bool is_div = op == ScalarOp::div;
  if (divisor == 1) return is_div ? a : index(0);
  const Linear whole = linear(a);
  if (!within(range_of(whole), 0, INT64_MAX)) return {};  // truncation equals floor only from 0 up
  // a = divisible * divisor + rest, 0 <= rest: the quotient splits.
  Linear quotient, rest;
  for (const auto& [atom, coefficient] : whole.terms) {
    if (coefficient % divisor == 0) {
      quotient.add(atom, coefficient / divisor);
    } else {
      rest.add(atom, coefficient);
    }
  }
  rest.constant = floor_mod(whole.constant, divisor);
  quotient.constant = (whole.constant - rest.constant) / divisor;
  const Range rest_range = range_of(rest);
  if (within(rest_range, 0, divisor - 1)) return from_linear(is_div ? quotient : rest);
  if (!rest_range || rest_range->first < 0) return {};
  // rest = g * high + low with g | divisor and 0 <= low < g: (4i + j) / 8 = i / 2, (4i + j) % 8 = 4 (i % 2) +
  // j.
  for (const auto& [unused, g] : rest.terms) {
    if (g <= 1 || divisor % g != 0) continue;
    Linear high, low;
    for (const auto& [atom, coefficient] : rest.terms) {
      if (coefficient % g == 0) {
        high.add(atom, coefficient / g);
      } else {
        low.add(atom, coefficient);
      }
    }
    low.constant = floor_mod(rest.constant, g);
    high.constant = (rest.constant - low.constant) / g;
    if (!within(range_of(low), 0, g - 1) || !within(range_of(high), 0, INT64_MAX)) continue;
    const ExprId inner = apply(op, {from_linear(high), index(divisor / g)});
    Linear result = is_div ? quotient : low;
    result.add(linear(inner), is_div ? 1 : g);
    return from_linear(result);
  }
  if (quotient.terms.empty() && quotient.constant == 0) return {};
  const ExprId inner = intern({.kind = ExprKind::kScalar,
                               .op = op,
                               .dtype = DType::kI64,
                               .args = {from_linear(rest), index(divisor)}});
  if (!is_div) return inner;
  quotient.add(inner, 1);
  return from_linear(quotient);
}

ExprId Exprs::simplify_index(ScalarOp op, std::span<const ExprId> args) {
  switch (op) {
    case ScalarOp::add:
    case ScalarOp::sub: {
      Linear sum = linear(args[0]);
      sum.add(linear(args[1]), op == ScalarOp::add ? 1 : -1);
      return from_linear(sum);
    }
    case ScalarOp::mul:
      for (std::size_t i = 0; i < 2; ++i) {
        if (const auto factor = as_index(args[i])) {
          Linear product;
          product.add(linear(args[1 - i]), *factor);
          return from_linear(product);
        }
      }
      return {};
    case ScalarOp::div:
    case ScalarOp::rem: {
      const auto divisor = as_index(args[1]);
      return divisor && *divisor > 0 ? simplify_division(op, args[0], *divisor) : ExprId{};
    }
    case ScalarOp::max:
    case ScalarOp::min: {
      const Range a = range(args[0]), b = range(args[1]);
      if (!a || !b) return {};
      if (a->first >= b->second) return op == ScalarOp::max ? args[0] : args[1];
      if (b->first >= a->second) return op == ScalarOp::max ? args[1] : args[0];
      return {};
    }
    case ScalarOp::eq:
    case ScalarOp::ne:
    case ScalarOp::lt:
    case ScalarOp::le:
    case ScalarOp::gt:
    case ScalarOp::ge: {
      const Range a = range(args[0]), b = range(args[1]);
      if (!a || !b) return {};
      Linear difference = linear(args[0]);
      difference.add(linear(args[1]), -1);
      const Range d = range_of(difference);
      if (!d) return {};
      const auto known = [&](bool always, bool never) {
        return always ? bits(DType::kBool, 1) : never ? bits(DType::kBool, 0) : ExprId{};
      };
      switch (op) {
        case ScalarOp::eq:
          return known(d->first == 0 && d->second == 0, d->first > 0 || d->second < 0);
        case ScalarOp::ne:
          return known(d->first > 0 || d->second < 0, d->first == 0 && d->second == 0);
        case ScalarOp::lt:
          return known(d->second < 0, d->first >= 0);
        case ScalarOp::le:
          return known(d->second <= 0, d->first > 0);
        case ScalarOp::gt:
          return known(d->first > 0, d->second <= 0);
        default:
          return known(d->first >= 0, d->second < 0);
      }
    }
    default:
      return {};
  }
}

ExprId Exprs::substitute(ExprId id, const std::unordered_map<std::uint32_t, ExprId>& by_var) {
  std::unordered_map<std::uint32_t, ExprId> done;
  const auto visit = [&](auto&& self, ExprId at) -> ExprId {
    if (!at) return at;
    if (const auto found = done.find(at.index); found != done.end()) return found->second;
    const Expr expr = exprs_[at.index];  // a copy: the table grows below
    ExprId result = at;
    std::array<ExprId, 3> args{};
    for (std::size_t i = 0; i < 3; ++i) args[i] = self(self, expr.args[i]);
    switch (expr.kind) {
      case ExprKind::kConst:
        break;
      case ExprKind::kVar:
        if (const auto found = by_var.find(expr.var.index); found != by_var.end()) result = found->second;
        break;
      case ExprKind::kLoad:
        result = load(expr.buffer, expr.dtype, args[0], args[1]);
        break;
      case ExprKind::kScalar:
        result =
            apply(expr.op, std::span<const ExprId>(args.data(), static_cast<std::size_t>(arity(expr.op))));
        break;
      case ExprKind::kConvert:
        result = convert(args[0], expr.dtype);
        break;
      case ExprKind::kBitcast:
        result = bitcast(args[0], expr.dtype);
        break;
    }
    done.emplace(at.index, result);
    return result;
  };
  return visit(visit, id);
}

namespace {

/// Does `test` hold for an expression reachable from `id`?
template <class Test>
bool any_of(const Exprs& exprs, ExprId id, Test&& test) {
  std::vector<ExprId> stack{id};
  std::vector<bool> seen(exprs.size(), false);
  while (!stack.empty()) {
    const ExprId at = stack.back();
    stack.pop_back();
    if (!at || seen[at.index]) continue;
    seen[at.index] = true;
    if (test(exprs[at])) return true;
    for (const ExprId arg : exprs[at].args) stack.push_back(arg);
  }
  return false;
}

}  // namespace

bool Exprs::depends_on(ExprId id, VarId var) const {
  return any_of(*this, id, [&](const Expr& e) { return e.kind == ExprKind::kVar && e.var == var; });
}

bool Exprs::has_load(ExprId id) const {
  return any_of(*this, id, [](const Expr& e) { return e.kind == ExprKind::kLoad; });
}

std::int64_t Exprs::Affine::coefficient(VarId var) const {
  for (const auto& [at, value] : terms) {
    if (at == var) return value;
  }
  return 0;
}

std::optional<Exprs::Affine> Exprs::affine(ExprId id) const {
  if (dtype(id) != DType::kI64) return std::nullopt;
  const Linear sum = linear(id);
  Affine result;
  result.constant = sum.constant;
  for (const auto& [atom, coefficient] : sum.terms) {
    if (exprs_[atom.index].kind != ExprKind::kVar) return std::nullopt;
    result.terms.emplace_back(exprs_[atom.index].var, coefficient);
  }
  std::sort(result.terms.begin(), result.terms.end());
  return result;
}

ExprId Exprs::from_affine(const Affine& affine) {
  Linear sum;
  sum.constant = affine.constant;
  for (const auto& [variable, coefficient] : affine.terms) sum.add(var(variable), coefficient);
  return from_linear(sum);
}

}  // namespace adze::loop
