#include "passes/simplify_loops.h"

#include <algorithm>
#include <unordered_set>

#include "passes/loop_rewrite.h"

namespace adze {

using loop::BufferId;
using loop::Expr;
using loop::ExprId;
using loop::ExprKind;
using loop::Exprs;
using loop::LoopKind;
using loop::Stmt;
using loop::StmtKind;
using loop::VarId;

namespace {

bool is_serial_loop(const Stmt& stmt) {
  return stmt.kind == StmtKind::kFor && stmt.loop == LoopKind::kSerial && !stmt.limit;
}

/// Replaces loops of one iteration by their bodies.
std::vector<Stmt> splice_unit_loops(std::vector<Stmt> body, std::unordered_map<std::uint32_t, ExprId>& zero,
                                    Exprs& exprs) {
  std::vector<Stmt> result;
  for (Stmt& stmt : body) {
    stmt.body = splice_unit_loops(std::move(stmt.body), zero, exprs);
    if (is_serial_loop(stmt) && stmt.extent == 1) {
      zero.emplace(stmt.var.index, exprs.index(0));
      std::move(stmt.body.begin(), stmt.body.end(), std::back_inserter(result));
    } else {
      result.push_back(std::move(stmt));
    }
  }
  return result;
}

/// `for outer { for inner { body } }` as one loop, where every address moves on by the same step from one
/// iteration to the next, across the end of the inner loop too.
class LoopMerger {
 public:
  explicit LoopMerger(Exprs& exprs) : exprs_(exprs) {}

  void merge(std::vector<Stmt>& body) {
    for (Stmt& stmt : body) {
      merge(stmt.body);
      while (is_serial_loop(stmt) && stmt.body.size() == 1 && is_serial_loop(stmt.body[0]) &&
             try_merge(stmt)) {
      }
    }
  }

 private:
  bool try_merge(Stmt& outer) {
    Stmt& inner = outer.body[0];
    outer_ = outer.var;
    inner_ = inner.var;
    step_ = inner.extent;
    loop::Dependences reads(exprs_);
    bool contiguous = true;
    const auto check = [&](ExprId id) { contiguous = contiguous && (!id || is_contiguous(id, reads)); };
    for_each_stmt(static_cast<const std::vector<Stmt>&>(inner.body), [&](const Stmt& stmt) {
      check(stmt.limit);
      check(stmt.index);
      check(stmt.value);
    });
    if (!contiguous) return false;
    const VarId merged = exprs_.new_var(exprs_.var_name(outer_), outer.extent * inner.extent);
    loop::Rewriter rewriter(exprs_, [&](ExprId id) {
      if (exprs_.dtype(id) != DType::kI64) return ExprId{};
      const auto affine = exprs_.affine(id);
      if (!affine) return ExprId{};
      const std::int64_t step = affine->coefficient(inner_);
      if (step == 0) return id;
      Exprs::Affine moved{.terms = {}, .constant = affine->constant};
      for (const auto& term : affine->terms)
        if (term.first != inner_ && term.first != outer_) moved.terms.push_back(term);
      moved.terms.emplace_back(merged, step);
      return exprs_.from_affine(moved);
    });
    rewrite_exprs(inner.body, [&](ExprId id) { return rewriter(id); });
    std::vector<Stmt> body = std::move(inner.body);
    outer = Stmt::make_for(merged, outer.extent * step_, LoopKind::kSerial, std::move(body));
    return true;
  }

  bool is_contiguous(ExprId id, loop::Dependences& reads) {
    if (!reads.on(id, outer_) && !reads.on(id, inner_)) return true;
    if (exprs_.dtype(id) == DType::kI64) {
      if (const auto affine = exprs_.affine(id))
        return affine->coefficient(outer_) == affine->coefficient(inner_) * step_;
    }
    const Expr expr = exprs_[id];
    return std::all_of(expr.args.begin(), expr.args.end(),
                       [&](ExprId arg) { return !arg || is_contiguous(arg, reads); });
  }

  Exprs& exprs_;
  VarId outer_, inner_;
  std::int64_t step_ = 0;
};

/// Moves what a loop computes anew in every iteration in front of it, as Lets.
class Hoister {
 public:
  explicit Hoister(Exprs& exprs) : exprs_(exprs) {}

  void hoist(std::vector<Stmt>& body) {
    std::vector<Stmt> result;
    for (Stmt& stmt : body) {
      hoist(stmt.body);
      if (is_serial_loop(stmt)) {
        for (Stmt& let : out_of(stmt)) result.push_back(std::move(let));
      }
      result.push_back(std::move(stmt));
    }
    body = std::move(result);
  }

 private:
  std::vector<Stmt> out_of(Stmt& loop) {
    defined_ = {loop.var.index};
    stored_.clear();
    for_each_stmt(static_cast<const std::vector<Stmt>&>(loop.body), [&](const Stmt& stmt) {
      if (stmt.kind == StmtKind::kFor || stmt.kind == StmtKind::kLet) defined_.insert(stmt.var.index);
      if (stmt.kind == StmtKind::kStore || stmt.kind == StmtKind::kAccumulate)
        stored_.insert(stmt.buffer.index);
    });
    std::vector<Stmt> lets;
    named_.clear();
    move_lets(loop.body, lets);
    name_invariants(loop.body, lets);
    return lets;
  }

  bool is_invariant(ExprId id) {
    const std::vector<VarId>& vars = reads_.vars(id);
    if (std::any_of(vars.begin(), vars.end(), [&](VarId var) { return defined_.contains(var.index); }))
      return false;
    const std::vector<BufferId>& buffers = reads_.buffers(id);
    return std::none_of(buffers.begin(), buffers.end(),
                        [&](BufferId buffer) { return stored_.contains(buffer.index); });
  }

  void move_lets(std::vector<Stmt>& body, std::vector<Stmt>& lets) {
    std::vector<Stmt> kept;
    for (Stmt& stmt : body) {
      if (stmt.kind == StmtKind::kLet && is_invariant(stmt.value)) {
        defined_.erase(stmt.var.index);
        lets.push_back(std::move(stmt));
        continue;
      }
      if (stmt.kind == StmtKind::kAlloc) move_lets(stmt.body, lets);
      kept.push_back(std::move(stmt));
    }
    body = std::move(kept);
  }

  /// The invariant parts of what is left (a guarded load takes its guard along).
  void name_invariants(std::vector<Stmt>& body, std::vector<Stmt>& lets) {
    loop::Rewriter rewriter(exprs_, [&](ExprId id) {
      const Expr expr = exprs_[id];
      if (expr.kind == ExprKind::kConst || expr.kind == ExprKind::kVar || is_index(exprs_, id)) return id;
      if (!is_invariant(id) || is_constant(id)) return ExprId{};
      const auto [entry, is_new] = named_.try_emplace(id.index);
      if (is_new) {
        const VarId var = exprs_.new_var("h", 0, expr.dtype);
        lets.push_back(Stmt::make_let(var, id));
        entry->second = exprs_.var(var, expr.dtype);
      }
      return entry->second;
    });
    const auto visit = [&](auto&& self, std::vector<Stmt>& stmts) -> void {
      for (Stmt& stmt : stmts) {
        if (stmt.kind == StmtKind::kAlloc) self(self, stmt.body);
        if (stmt.kind == StmtKind::kLet || stmt.kind == StmtKind::kStore ||
            stmt.kind == StmtKind::kAccumulate)
          stmt.value = rewriter(stmt.value);
      }
    };
    visit(visit, body);
  }

  /// Made of constants alone: cheap to repeat, and a back end folds it.
  bool is_constant(ExprId id) { return reads_.vars(id).empty() && reads_.buffers(id).empty(); }

  Exprs& exprs_;
  loop::Dependences reads_{exprs_};
  std::unordered_set<std::uint32_t> defined_, stored_;
  std::unordered_map<std::uint32_t, ExprId> named_;
};

/// Removes Lets that nothing reads, last ones first.
class DeadLets {
 public:
  explicit DeadLets(const Exprs& exprs) : reads_(exprs) {}
  void remove(std::vector<Stmt>& body) {
    std::vector<Stmt> kept;
    for (std::size_t i = body.size(); i-- > 0;) {
      Stmt& stmt = body[i];
      remove(stmt.body);
      if (stmt.kind == StmtKind::kLet && !used_.contains(stmt.var.index)) continue;
      for (const ExprId id : {stmt.limit, stmt.index, stmt.value}) {
        if (!id) continue;
        for (const VarId var : reads_.vars(id)) used_.insert(var.index);
      }
      kept.push_back(std::move(stmt));
    }
    std::reverse(kept.begin(), kept.end());
    body = std::move(kept);
  }

 private:
  loop::Dependences reads_;
  std::unordered_set<std::uint32_t> used_;
};

}  // namespace

loop::Kernel simplify_loops(loop::Kernel kernel) {
  std::unordered_map<std::uint32_t, ExprId> zero;
  kernel.body = splice_unit_loops(std::move(kernel.body), zero, kernel.exprs);
  if (!zero.empty()) substitute(kernel.exprs, kernel.body, zero);
  LoopMerger(kernel.exprs).merge(kernel.body);
  Hoister(kernel.exprs).hoist(kernel.body);
  DeadLets(kernel.exprs).remove(kernel.body);
  return kernel;
}

}  // namespace adze
