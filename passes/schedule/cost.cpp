#include "passes/schedule/cost.h"

namespace adze::loop {
Stride stride_along(const Exprs& exprs, Dependences& reads, ExprId address, VarId var) {
  if (!reads.on(address, var)) return Stride::kNone;
  const auto affine = exprs.affine(address);
  return affine && affine->coefficient(var) == 1 ? Stride::kUnit : Stride::kOther;
}

double CostModel::leaf(const Stmt& stmt, VarId lane) {
  const Exprs& exprs = kernel_.exprs;
  const auto memory = [&](BufferId buffer, ExprId address, double scattered) {
    if (kernel_.buffers[buffer.index].scope == Scope::kRegister) return 0.0;
    if (!lane) return 1.0;
    switch (stride_along(exprs, reads_, address, lane)) {
      case Stride::kNone:
        return 0.5;
      case Stride::kUnit:
        return 1.0;
      case Stride::kOther:
        return scattered * static_cast<double>(lanes_);
    }
    return 1.0;
  };
  double cost = 0;
  if (stmt.kind != StmtKind::kLet) cost += memory(stmt.buffer, stmt.index, 1.5);
  if (stmt.kind == StmtKind::kAccumulate) cost += 1;
  std::unordered_set<std::uint32_t> seen;
  std::vector<ExprId> stack{stmt.value};
  while (!stack.empty()) {
    const ExprId id = stack.back();
    stack.pop_back();
    if (!seen.insert(id.index).second || is_index(exprs, id)) continue;
    const Expr& expr = exprs[id];
    if (expr.kind == ExprKind::kLoad) {
      cost += packed_.contains(id.index) ? 1 : memory(expr.buffer, expr.args[0], 1);
      continue;
    }
    if (expr.kind == ExprKind::kScalar) cost += instruction_cost(expr.op);
    if (expr.kind == ExprKind::kConvert) cost += 1;
    for (const ExprId arg : expr.args)
      if (arg) stack.push_back(arg);
  }
  return cost;
}

double CostModel::vectors(std::int64_t extent) const {
  const double full = static_cast<double>(extent / lanes_);
  if (extent % lanes_ == 0) return full;
  return full + (target_.has_masks ? 1.1 : lanes_ > 4 ? 2.0 : static_cast<double>(lanes_));
}

double CostModel::run(const std::vector<Stmt>& body, const std::function<bool(VarId)>& in_lanes, VarId lane) {
  double cost = 0;
  for (const Stmt& stmt : body) {
    if (stmt.kind == StmtKind::kFor) {
      const bool lanes = in_lanes(stmt.var);
      const double times = lanes ? vectors(stmt.extent) : static_cast<double>(stmt.extent);
      cost += times * (0.5 + run(stmt.body, in_lanes, lanes ? stmt.var : lane));
    } else if (stmt.kind == StmtKind::kAlloc || stmt.kind == StmtKind::kIf) {
      cost += run(stmt.body, in_lanes, lane);
    } else {
      cost += leaf(stmt, lane);
    }
  }
  return cost;
}

double CostModel::code(const std::vector<Stmt>& body, VarId lane) {
  double cost = 0;
  for (const Stmt& stmt : body) {
    if (stmt.kind == StmtKind::kLet || stmt.kind == StmtKind::kStore || stmt.kind == StmtKind::kAccumulate)
      cost += leaf(stmt, lane);
    cost += code(stmt.body, lane);
  }
  return cost;
}

}  // namespace adze::loop
