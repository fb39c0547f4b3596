#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "ir/loop_ir.h"

/// Tools shared by the passes on the loop IR: rebuilding expressions, walking statements, variable
/// dependences.
namespace adze::loop {

/// `id` with its operands replaced (and simplified again where it is index arithmetic).
ExprId rebuild(Exprs& exprs, ExprId id, std::span<const ExprId> args);

/// Rewrites expressions bottom-up, each once. `replace` sees every subexpression before its operands do: what
/// it returns stands for the subexpression; an absent id keeps it, with its operands rewritten.
class Rewriter {
 public:
  Rewriter(Exprs& exprs, std::function<ExprId(ExprId)> replace)
      : exprs_(exprs), replace_(std::move(replace)) {}
  ExprId operator()(ExprId id);

 private:
  Exprs& exprs_;
  std::function<ExprId(ExprId)> replace_;
  std::unordered_map<std::uint32_t, ExprId> memo_;
};

/// Calls `visit` on every statement, outer before inner.
void for_each_stmt(const std::vector<Stmt>& body, const std::function<void(const Stmt&)>& visit);
void for_each_stmt(std::vector<Stmt>& body, const std::function<void(Stmt&)>& visit);
/// Replaces every expression of every statement (limits, indices, values; absent ones stay absent).
void rewrite_exprs(std::vector<Stmt>& body, const std::function<ExprId(ExprId)>& rewrite);
/// Replaces variables by expressions in every expression below `body`.
void substitute(Exprs& exprs, std::vector<Stmt>& body,
                const std::unordered_map<std::uint32_t, ExprId>& by_var);

/// Which variables and loads an expression reads, each expression looked at once.
class Dependences {
 public:
  explicit Dependences(const Exprs& exprs) : exprs_(exprs) {}
  /// Sorted, each once. The reference lives until the next call.
  const std::vector<VarId>& vars(ExprId id);
  const std::vector<BufferId>& buffers(ExprId id);
  bool on(ExprId id, VarId var);

 private:
  struct Entry {
    bool known = false;
    std::vector<VarId> vars;
    std::vector<BufferId> buffers;
  };
  const Entry& entry(ExprId id);
  const Exprs& exprs_;
  std::vector<Entry> entries_;
};

/// Index arithmetic and guards: an i64 or bool expression of loop variables and constants alone. It is
/// recomputed where it is used instead of being named, so that addresses stay visible as addresses.
bool is_index(const Exprs& exprs, ExprId id);

/// Names what `roots` share: every subexpression read more than once, save constants, variables and index
/// arithmetic, becomes a Let; the roots are rewritten to the names. The Lets come in order of dependence.
std::vector<Stmt> bind_shared(Exprs& exprs, std::vector<ExprId>& roots);

/// What an accumulator starts from: 0 (a sum of nothing is +0), 1, the lowest or the highest value, all ones.
ExprId start_value(Exprs& exprs, Combine combine, DType dtype);
/// Two values joined, as a scalar expression.
ExprId combined(Exprs& exprs, Combine combine, ExprId a, ExprId b);

/// Parallel loops become serial ones: one worker runs their iterations one after the other.
void run_in_order(std::vector<Stmt>& body);

}  // namespace adze::loop
