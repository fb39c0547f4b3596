#include "codegen/cuda/lanes.h"

#include <fmt/format.h>

#include <array>

#include "passes/loop_rewrite.h"

namespace adze::cuda {

using loop::Expr;
using loop::ExprId;
using loop::ExprKind;
using loop::VarId;

void Lanes::enter(VarId var, std::int64_t count, ExprId limit) {
  var_ = var;
  count_ = count;
  limit_ = limit;
  lets_.clear();
  varies_.clear();
  by_lane_.assign(static_cast<std::size_t>(count), {});
}

// Expressions are walked with stacks of our own: fused kernels nest them thousands deep.

bool Lanes::varies(ExprId root) {
  if (!active()) return false;
  std::vector<ExprId> stack{root};
  while (!stack.empty()) {
    const ExprId id = stack.back();
    const std::size_t size = stack.size();
    if (!varies_.contains(id.index)) {
      const Expr& expr = exprs_[id];
      for (const ExprId arg : expr.args) {
        if (arg && !varies_.contains(arg.index)) stack.push_back(arg);
      }
      if (stack.size() > size) continue;
      bool result = expr.kind == ExprKind::kVar && (expr.var == var_ || lets_.contains(expr.var.index));
      for (const ExprId arg : expr.args) result = result || (arg && varies_[arg.index]);
      varies_[id.index] = result;
    }
    stack.pop_back();
  }
  return varies_[root.index];
}

ExprId Lanes::in_lane(ExprId root, std::size_t lane) {
  auto& done = by_lane_[lane];
  std::vector<ExprId> stack{root};
  while (!stack.empty()) {
    const ExprId id = stack.back();
    const std::size_t size = stack.size();
    if (!done.contains(id.index)) {
      const Expr expr = exprs_[id];  // a copy: the table grows
      if (!varies(id)) {
        done[id.index] = id;
      } else if (expr.kind == ExprKind::kVar) {
        done[id.index] = expr.var == var_ ? exprs_.index(static_cast<std::int64_t>(lane))
                                          : exprs_.var(lets_.at(expr.var.index)[lane], expr.dtype);
      } else {
        for (const ExprId arg : expr.args) {
          if (arg && !done.contains(arg.index)) stack.push_back(arg);
        }
        if (stack.size() > size) continue;
        std::array<ExprId, 3> args;
        for (std::size_t i = 0; i < 3; ++i) {
          if (expr.args[i]) args[i] = done[expr.args[i].index];
        }
        if (expr.kind == ExprKind::kLoad) args[1] = exprs_.both(args[1], is_active(lane));
        done[id.index] = loop::rebuild(exprs_, id, args);
      }
    }
    stack.pop_back();
  }
  return done[root.index];
}

std::vector<ExprId> Lanes::expand(ExprId id) {
  std::vector<ExprId> result;
  for (std::size_t lane = 0; lane < by_lane_.size(); ++lane) result.push_back(in_lane(id, lane));
  return result;
}

std::vector<VarId> Lanes::bind(VarId let) {
  std::vector<VarId> vars;
  for (std::int64_t lane = 0; lane < count_; ++lane) {
    vars.push_back(exprs_.new_var(exprs_.var_name(let), 0, exprs_.var_dtype(let)));
  }
  lets_[let.index] = vars;
  return vars;
}

ExprId Lanes::is_active(std::size_t lane) {
  if (!limit_) return {};
  const ExprId condition =
      exprs_.apply(loop::ScalarOp::lt, {exprs_.index(static_cast<std::int64_t>(lane)), limit_});
  const Expr& expr = exprs_[condition];
  return expr.kind == ExprKind::kConst && expr.bits != 0 ? ExprId{} : condition;
}

bool Lanes::are_neighbours(const std::vector<ExprId>& offsets) {
  for (std::size_t lane = 1; lane < offsets.size(); ++lane) {
    if (exprs_.add(offsets[0], static_cast<std::int64_t>(lane)) != offsets[lane]) return false;
  }
  return offsets.size() > 1;
}

std::vector<Lanes::WideLoad> Lanes::wide_loads(ExprId root) {
  std::vector<WideLoad> result;
  std::unordered_map<std::uint32_t, bool> seen;
  std::vector<std::pair<ExprId, bool>> stack{{root, false}};
  while (!stack.empty()) {
    const auto [id, operands_done] = stack.back();
    stack.pop_back();
    if (!varies(id)) continue;
    const Expr expr = exprs_[id];
    if (!operands_done) {
      if (!seen.emplace(id.index, true).second) continue;
      stack.emplace_back(id, true);
      for (const ExprId arg : expr.args) {
        if (arg) stack.emplace_back(arg, false);
      }
      continue;
    }
    if (expr.kind != ExprKind::kLoad || expr.args[1]) continue;
    std::vector<ExprId> offsets = expand(expr.args[0]);
    if (are_neighbours(offsets)) result.push_back({expr.buffer, std::move(offsets), expand(id)});
  }
  return result;
}

}  // namespace adze::cuda
