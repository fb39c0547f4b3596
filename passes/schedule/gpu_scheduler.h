#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ir/loop_ir.h"
#include "passes/loop_rewrite.h"
#include "passes/schedule/band.h"
#include "passes/target.h"

namespace adze::loop {

/// Threads of a block that work on one row together: `warps` groups, each of `lanes` neighbouring threads of
/// one warp. The lanes fold values by shuffles, the warps through shared memory. With one lane, neighbouring
/// threads work on neighbouring rows: what makes accesses that are contiguous along the rows coalesced.
struct Team {
  std::int64_t lanes = 1;  ///< a power of two, at most a warp
  std::int64_t warps = 1;  ///< 1, or all of the block
  ExprId member;           ///< of a thread: its number in its team, below size()
  ExprId row;              ///< of a thread: its team's number in the block
  double cycles = 0;       ///< estimate of choose_team, for all rows

  std::int64_t size() const { return lanes * warps; }
};

/// One kind of block for contractions: a tile of bm x bn results, each thread tm x tn of them; the operands
/// pass through shared memory bk steps at a time.
struct ContractionTile {
  std::int64_t bm, bn, bk, tm, tn;
  std::int64_t threads() const { return bm / tm * (bn / tn); }
};

/// Schedules one kernel for a GPU. Every choice is made from the shape of the loops and the strides of their
/// accesses. Results are the same on every run and for any number of blocks: every fold has a fixed order.
class GpuScheduler {
 public:
  /// Without `joins` no team is wider than a warp: joining warps takes shared memory.
  GpuScheduler(Kernel& kernel, const Target& target, bool joins = true);

  /// False, and a kernel that is of no use any more, where the shape of the loops is none of those known.
  bool schedule();

 private:
  /// A sum of products over `k`: `a` depends on `m` but not on `n`, `b` on `n` but not on `m`.
  struct Contraction {
    std::vector<VarId> z, m, n, k;  ///< z: the rest of the band
    ExprId a, b;
    bool fused;  ///< fma(a, b, sum), or sum + a * b
    BufferId sum;
    ExprId start;
    std::vector<Stmt> epilogue;  ///< all that the band's body does save for the sum itself
  };

  // Kinds of kernels: each makes the body of the block loop.
  std::vector<Stmt> map(Band band);
  std::vector<Stmt> rows(Band band);
  std::optional<std::vector<Stmt>> contraction(const Band& band);
  std::vector<Stmt> whole(std::vector<Stmt> body);

  /// How many neighbouring elements a thread does at once: those of one 16-byte access, or 1.
  std::int64_t map_width(const std::vector<Stmt>& body, VarId position, std::int64_t count);

  Team team(std::int64_t lanes, std::int64_t warps);
  /// Who works on one of `count` rows where at most `blocks` blocks run at once.
  Team choose_team(const Band& band, std::int64_t count, std::int64_t blocks);
  /// A row's statements, done by a team: loops are spread over its threads, the rest all of them do, save for
  /// stores. `exists`, if there: is there such a row? Threads of teams without one come by, too.
  std::vector<Stmt> spread(std::vector<Stmt> body, const Team& team, ExprId exists);
  std::vector<Stmt> spread_loop(Stmt loop, const Team& team, ExprId exists);
  /// Rows done inside one block: each team takes its share of them, one after the other.
  std::vector<Stmt> spread_rows(Band band);
  /// into[index] takes in the team's partial values.
  std::vector<Stmt> fold(const Carried& into, BufferId partial, const Team& team);
  /// A register for each fold that starts from the identity; the folds of `body` go there.
  std::vector<BufferId> redirect(std::vector<Stmt>& body, const std::vector<Carried>& folds);
  void remember_loads(ExprId id);
  /// Could a store of the body hit memory that other threads of the team may still have to read?
  bool may_overwrite_loads(const std::vector<Stmt>& body) const;

  /// One operand of a block's tile: `tile` places of its own side (`vars`) from `begin` on.
  struct Operand {
    ExprId value;
    const std::vector<VarId>& vars;
    ExprId begin;
    std::int64_t tile;
    bool along_k;  ///< memory runs along the steps, so threads that copy it do
  };
  /// A slice of it in shared memory: [step][place], `row` elements a step.
  struct Staged {
    BufferId buffer;
    std::int64_t row;
    std::vector<Stmt> copy;  ///< by all threads of the block
  };
  std::optional<Contraction> match_contraction(const Band& band);
  Staged stage(const std::string& name, const Operand& operand, const Contraction& contraction,
               ExprId k_begin, ExprId z, std::int64_t depth);
  /// Does a load in `value` move by one element along `var`?
  bool runs_along(ExprId value, VarId var);

  /// Innermost serial loops do a few iterations at a time.
  void unroll(std::vector<Stmt>& body);

  /// Values of the variables of a band at a position, the innermost one the fastest.
  void flatten(const std::vector<VarId>& vars, ExprId position,
               std::unordered_map<std::uint32_t, ExprId>& values);
  std::int64_t size(const std::vector<VarId>& vars) const;
  ExprId guarded(ExprId id, ExprId guard);  ///< with its loads of arguments guarded
  ExprId less(ExprId a, std::int64_t b) { return exprs_.apply(ScalarOp::lt, {a, exprs_.index(b)}); }
  ExprId grid_position(std::int64_t per_block, ExprId in_block);
  BufferId shared(const std::string& name, DType dtype, std::int64_t elements);
  void note(std::string what) { kernel_.schedule.push_back(std::move(what)); }

  Kernel& kernel_;
  Exprs& exprs_;
  const Target& target_;
  bool joins_;
  Dependences reads_{exprs_};
  VarId thread_, block_;
  std::int64_t blocks_ = 1;                    ///< extent of the grid loop
  std::vector<BufferId> shared_;               ///< in the order of their Allocs
  std::unordered_set<std::uint32_t> private_;  ///< registers of each thread that the block joins at the end
  std::unordered_set<std::uint32_t> loaded_;   ///< arguments that all threads of a team read
  bool whole_ = false;                         ///< at the top of a kernel that one block runs
  int serial_depth_ = 0;                       ///< of loops around, inside the block loop
  bool understood_ = true;
};

/// Rounded up; both positive.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
/// Wraps `body` in an If; without a condition, or around nothing, it stays as it is.
std::vector<Stmt> when(ExprId condition, std::vector<Stmt> body);
void append(std::vector<Stmt>& into, std::vector<Stmt> from);

}  // namespace adze::loop
