#include "passes/loop_rewrite.h"

#include <algorithm>

#include "ir/scalar_eval.h"

namespace adze::loop {

ExprId rebuild(Exprs& exprs, ExprId id, std::span<const ExprId> args) {
  const Expr expr = exprs[id];
  switch (expr.kind) {
    case ExprKind::kConst:
    case ExprKind::kVar:
      return id;
    case ExprKind::kLoad:
      return exprs.load(expr.buffer, expr.dtype, args[0], args[1]);
    case ExprKind::kScalar:
      return exprs.apply(expr.op, args.first(static_cast<std::size_t>(arity(expr.op))));
    case ExprKind::kConvert:
      return exprs.convert(args[0], expr.dtype);
    case ExprKind::kBitcast:
      return exprs.bitcast(args[0], expr.dtype);
  }
  return id;
}

ExprId Rewriter::operator()(ExprId id) {
  if (!id) return id;
  if (const auto found = memo_.find(id.index); found != memo_.end()) return found->second;
  ExprId result = replace_(id);
  if (!result) {
    const std::array<ExprId, 3> old = exprs_[id].args;
    std::array<ExprId, 3> args;
    for (std::size_t i = 0; i < 3; ++i) args[i] = (*this)(old[i]);
    result = args == old ? id : rebuild(exprs_, id, args);
  }
  memo_.emplace(id.index, result);
  return result;
}

void for_each_stmt(const std::vector<Stmt>& body, const std::function<void(const Stmt&)>& visit) {
  for (const Stmt& stmt : body) {
    visit(stmt);
    for_each_stmt(stmt.body, visit);
  }
}

void for_each_stmt(std::vector<Stmt>& body, const std::function<void(Stmt&)>& visit) {
  for (Stmt& stmt : body) {
    visit(stmt);
    for_each_stmt(stmt.body, visit);
  }
}

void rewrite_exprs(std::vector<Stmt>& body, const std::function<ExprId(ExprId)>& rewrite) {
  for_each_stmt(body, [&](Stmt& stmt) {
    if (stmt.limit) stmt.limit = rewrite(stmt.limit);
    if (stmt.index) stmt.index = rewrite(stmt.index);
    if (stmt.value) stmt.value = rewrite(stmt.value);
  });
}

void substitute(Exprs& exprs, std::vector<Stmt>& body,
                const std::unordered_map<std::uint32_t, ExprId>& by_var) {
  Rewriter rewriter(exprs, [&](ExprId id) {
    const Expr& expr = exprs[id];
    if (expr.kind != ExprKind::kVar) return ExprId{};
    const auto found = by_var.find(expr.var.index);
    return found == by_var.end() ? id : found->second;
  });
  rewrite_exprs(body, [&](ExprId id) { return rewriter(id); });
}

namespace {
template <class T>
void merge_into(std::vector<T>& into, const std::vector<T>& from) {
  std::vector<T> merged;
  merged.reserve(into.size() + from.size());
  std::set_union(into.begin(), into.end(), from.begin(), from.end(), std::back_inserter(merged));
  into = std::move(merged);
}
}  // namespace

const Dependences::Entry& Dependences::entry(ExprId id) {
  if (entries_.size() < exprs_.size()) entries_.resize(exprs_.size());
  if (entries_[id.index].known) return entries_[id.index];
  const Expr& expr = exprs_[id];
  Entry result{.known = true, .vars = {}, .buffers = {}};
  if (expr.kind == ExprKind::kVar) result.vars = {expr.var};
  if (expr.kind == ExprKind::kLoad) result.buffers = {expr.buffer};
  for (const ExprId arg : expr.args) {
    if (!arg) continue;
    const Entry& from = entry(arg);
    merge_into(result.vars, from.vars);
    merge_into(result.buffers, from.buffers);
  }
  return entries_[id.index] = std::move(result);
}

const std::vector<VarId>& Dependences::vars(ExprId id) {
  return entry(id).vars;
}
const std::vector<BufferId>& Dependences::buffers(ExprId id) {
  return entry(id).buffers;
}
bool Dependences::on(ExprId id, VarId var) {
  const std::vector<VarId>& all = vars(id);
  return std::binary_search(all.begin(), all.end(), var);
}

bool is_index(const Exprs& exprs, ExprId id) {
  const Expr& expr = exprs[id];
  if (expr.dtype != DType::kI64 && expr.dtype != DType::kBool) return false;
  switch (expr.kind) {
    case ExprKind::kConst:
      return true;
    case ExprKind::kVar:
      return exprs.var_extent(expr.var) > 0;
    case ExprKind::kScalar:
      return std::all_of(expr.args.begin(), expr.args.end(),
                         [&](ExprId arg) { return !arg || is_index(exprs, arg); });
    default:
      return false;
  }
}

std::vector<Stmt> bind_shared(Exprs& exprs, std::vector<ExprId>& roots) {
  // Operands have smaller ids than what reads them: one sweep down counts uses, one sweep up rebuilds.
  std::uint32_t top = 0;
  for (const ExprId root : roots) top = std::max(top, root.index);
  std::vector<std::uint32_t> uses(top + 1, 0);
  for (const ExprId root : roots) ++uses[root.index];
  for (std::uint32_t i = top + 1; i-- > 0;) {
    if (uses[i] == 0) continue;
    for (const ExprId arg : exprs[{i}].args)
      if (arg) ++uses[arg.index];
  }
  std::vector<Stmt> lets;
  std::vector<ExprId> renamed(top + 1);
  for (std::uint32_t i = 0; i <= top; ++i) {
    if (uses[i] == 0) continue;
    const ExprId id{i};
    std::array<ExprId, 3> args = exprs[id].args;
    for (ExprId& arg : args)
      if (arg) arg = renamed[arg.index];
    ExprId result = args == exprs[id].args ? id : rebuild(exprs, id, args);
    const ExprKind kind = exprs[result].kind;
    if (uses[i] > 1 && kind != ExprKind::kConst && kind != ExprKind::kVar && !is_index(exprs, result)) {
      const DType dtype = exprs.dtype(result);
      const VarId var = exprs.new_var("t", 0, dtype);
      lets.push_back(Stmt::make_let(var, result));
      result = exprs.var(var, dtype);
    }
    renamed[i] = result;
  }
  for (ExprId& root : roots) root = renamed[root.index];
  return lets;
}

ExprId start_value(Exprs& exprs, Combine combine, DType dtype) {
  return exprs.bits(dtype, combine == Combine::kSum ? 0 : identity(combine, dtype));
}

ExprId combined(Exprs& exprs, Combine combine, ExprId a, ExprId b) {
  return exprs.apply(combine_op(combine), {a, b});
}

void run_in_order(std::vector<Stmt>& body) {
  for (Stmt& stmt : body) {
    if (stmt.kind == StmtKind::kFor && stmt.loop == LoopKind::kParallel) stmt.loop = LoopKind::kSerial;
    run_in_order(stmt.body);
  }
}

}  // namespace adze::loop
