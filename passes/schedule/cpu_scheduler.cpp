#include "passes/schedule/cpu_scheduler.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

// The choices of the CPU schedule. What is done then is in band.cpp, fold_lanes.cpp, pack.cpp and tile.cpp.

namespace adze::loop {
namespace {

/// Copies of a body that stand in a row, in instructions: enough to hide latency, few enough to compile fast.
constexpr double kCodePerTile = 700;
/// Folding the lanes of one accumulator.
constexpr double kFoldCost = 14;
/// A gather is worth packing away if what it reads is read again this often.
constexpr std::int64_t kPackRepeats = 4;

template <class F>
void for_each_inner_load(const Exprs& exprs, const std::vector<Stmt>& body, F&& visit) {
  const auto walk = [&](auto&& self, const std::vector<Stmt>& stmts, bool in_loop) -> void {
    for (const Stmt& stmt : stmts) {
      self(self, stmt.body, in_loop || stmt.kind == StmtKind::kFor);
      if (!in_loop || !stmt.value) continue;
      std::unordered_set<std::uint32_t> seen;
      std::vector<ExprId> stack{stmt.value};
      while (!stack.empty()) {
        const ExprId id = stack.back();
        stack.pop_back();
        if (!seen.insert(id.index).second) continue;
        if (exprs[id].kind == ExprKind::kLoad) visit(id);
        for (const ExprId arg : exprs[id].args)
          if (arg) stack.push_back(arg);
      }
    }
  };
  walk(walk, body, false);
}

/// The largest number of copies up to `most` that cuts `units` evenly, if it is not much less than `most`.
std::int64_t even(std::int64_t units, std::int64_t most) {
  if (units <= most) return std::max<std::int64_t>(units, 1);
  for (std::int64_t count = most; 2 * count > most; --count)
    if (units % count == 0) return count;
  return most;
}

}  // namespace

std::vector<Stmt> CpuScheduler::schedule(std::vector<Stmt> body) {
  std::vector<Stmt> result;
  for (Stmt& stmt : body) {
    if (stmt.kind == StmtKind::kFor && stmt.loop == LoopKind::kSerial && !stmt.limit) {
      std::vector<Stmt> scheduled = schedule_nest(std::move(stmt));
      std::move(scheduled.begin(), scheduled.end(), std::back_inserter(result));
      continue;
    }
    if (stmt.kind == StmtKind::kAlloc) stmt.body = schedule(std::move(stmt.body));
    result.push_back(std::move(stmt));
  }
  return result;
}

std::vector<Stmt> CpuScheduler::schedule_nest(Stmt nest) {
  Band band = peel(nest);
  const auto folds = carried(kernel_, band.body);
  const auto unchanged = [&] {
    std::vector<Stmt> result;
    result.push_back(std::move(nest));
    return result;
  };
  if (!folds) return unchanged();
  const auto nothing = [](VarId) { return false; };
  const double scalar = cost_.run({nest}, nothing);
  if (!has_loop(band.body) && !folds->empty()) {
    const VarId lane = best_lane(nest, band.vars);
    if (cost_.run({nest}, [&](VarId var) { return var == lane; }) + kFoldCost >= scalar) return unchanged();
    return fold_in_lanes(peel(std::move(nest), std::span(&lane, 1)), lane, *folds);
  }

  VarId lane;
  double best = scalar;
  if (std::none_of(folds->begin(), folds->end(), [](const Carried& fold) { return fold.by_store; })) {
    for (const VarId var : band.vars) {
      const double cost = lane_cost(band, nest, var);
      // Of equals the innermost one.
      if (cost > best || (cost == best && !lane)) continue;
      best = cost;
      lane = var;
    }
  }
  if (has_loop(band.body)) {
    double rows = 1;
    for (const std::int64_t extent : band.extents) rows *= static_cast<double>(extent);
    if (rows * inner_cost(band.body) < best) {
      Stmt* innermost = &nest;
      for (std::size_t i = 1; i < band.vars.size(); ++i) innermost = &innermost->body.back();
      innermost->body = schedule(std::move(innermost->body));
      return unchanged();
    }
  }
  if (!lane) return unchanged();
  if (!has_loop(band.body)) {
    band = peel(std::move(nest), std::span(&lane, 1));
    const TilePlan plan{lane, {}, plan_map(band, lane), 1};
    return tile_band(std::move(band), plan);
  }
  const VarId row = reused_row(band, lane);
  const VarId tiled[] = {lane, row};
  band = peel(std::move(nest), std::span(tiled, row ? 2 : 1));
  std::vector<BufferId> scratch;
  std::vector<Stmt> result = schedule(pack(band, lane, scratch));
  const TilePlan plan = plan_rows(band, lane, row);
  std::vector<Stmt> tiles = tile_band(std::move(band), plan);
  std::move(tiles.begin(), tiles.end(), std::back_inserter(result));
  for (const BufferId buffer : scratch) {
    std::vector<Stmt> wrapped;
    wrapped.push_back(Stmt::make_alloc(buffer, std::move(result)));
    result = std::move(wrapped);
  }
  return result;
}

double CpuScheduler::lane_cost(const Band& band, const Stmt& nest, VarId lane) {
  // Gathers that packing would take out of the inner loops count once for each element.
  double fill = 0;
  std::unordered_set<std::uint32_t> packed;
  for_each_inner_load(exprs_, band.body, [&](ExprId load) {
    const ExprId address = exprs_[load].args[0];
    if (stride_along(exprs_, reads_, address, lane) != Stride::kOther) return;
    std::int64_t repeats = 1;
    for (std::size_t i = 0; i < band.vars.size(); ++i)
      if (!reads_.on(address, band.vars[i])) repeats *= band.extents[i];
    if (repeats < kPackRepeats || !packed.insert(load.index).second) return;
    double elements = 2;
    for (const VarId var : reads_.vars(address)) elements *= static_cast<double>(exprs_.var_extent(var));
    fill += elements;
  });
  cost_.set_packed(std::move(packed));
  const double cost = cost_.run({nest}, [&](VarId var) { return var == lane; });
  cost_.set_packed({});
  return cost + fill;
}

VarId CpuScheduler::best_lane(const Stmt& nest, const std::vector<VarId>& vars) {
  VarId best;
  double least = 0;
  for (const VarId lane : vars) {
    const double cost = cost_.run({nest}, [&](VarId var) { return var == lane; });
    if (best && cost > least) continue;
    best = lane;
    least = cost;
  }
  return best;
}

double CpuScheduler::inner_cost(const std::vector<Stmt>& body) {
  double cost = 0;
  for (const Stmt& stmt : body) {
    if (stmt.kind == StmtKind::kFor) {
      const Band band = peel(stmt);
      const auto folds = carried(kernel_, band.body);
      const VarId lane = folds ? best_lane(stmt, band.vars) : VarId{};
      cost += cost_.run({stmt}, [&](VarId var) { return var == lane; });
      if (folds) cost += kFoldCost * static_cast<double>(folds->size());
    } else if (stmt.kind == StmtKind::kAlloc) {
      cost += inner_cost(stmt.body);
    } else {
      cost += cost_.leaf(stmt, {});
    }
  }
  return cost;
}

std::int64_t CpuScheduler::plan_map(const Band& band, VarId lane) {
  const double code = cost_.code(band.body, lane);
  const std::int64_t vectors = (band.extent(lane) + lanes_ - 1) / lanes_;
  const std::int64_t copies = even(vectors, code <= 12 ? 4 : code <= 40 ? 2 : 1);
  note("vectorize " + exprs_.var_name(lane) + " " + std::to_string(lanes_) +
       (copies > 1 ? " x" + std::to_string(copies) : ""));
  return copies;
}

VarId CpuScheduler::reused_row(const Band& band, VarId lane) {
  VarId row;
  for_each_inner_load(exprs_, band.body, [&](ExprId load) {
    const ExprId address = exprs_[load].args[0];
    if (!reads_.on(address, lane)) return;
    for (const VarId var : band.vars)
      if (var != lane && !reads_.on(address, var) && band.extent(var) > 1) row = var;
  });
  return row;
}

CpuScheduler::TilePlan CpuScheduler::plan_rows(const Band& band, VarId lane, VarId row) {
  TilePlan plan{lane, row, 1, 1};
  std::int64_t accumulators = 0;
  for_each_stmt(band.body, [&](const Stmt& stmt) {
    if (stmt.kind == StmtKind::kAlloc && kernel_.buffers[stmt.buffer.index].scope == Scope::kRegister)
      ++accumulators;
  });
  accumulators = std::max<std::int64_t>(accumulators, 1);
  const std::int64_t registers = target_.vector_registers;
  const auto copies = static_cast<std::int64_t>(kCodePerTile / std::max(cost_.code(band.body, lane), 1.0));
  const std::int64_t vectors = (band.extent(lane) + lanes_ - 1) / lanes_;
  if (!plan.row) {
    const double code = cost_.code(band.body, lane);
    const std::int64_t most = std::min<std::int64_t>(registers / (2 * accumulators), code <= 40    ? 4
                                                                                     : code <= 120 ? 2
                                                                                                   : 1);
    plan.vectors = even(vectors, std::max<std::int64_t>(most, 1));
  } else {
    // Cycles for one step of the inner loop over all tiles: two multiply-adds a cycle, loads that are half
    // hidden behind them, and no tile faster than the latency of its own sum.
    const std::int64_t rows = band.extent(plan.row);
    double steps = 1;
    for_each_stmt(static_cast<const std::vector<Stmt>&>(band.body), [&](const Stmt& stmt) {
      if (stmt.kind == StmtKind::kFor) steps *= static_cast<double>(stmt.extent);
    });
    // What the columns read of the inner loop comes from the second-level cache where it is larger than the
    // first.
    const double vector_bytes = target_.vector_bytes, columns = static_cast<double>(vectors) * vector_bytes;
    const double far = steps * columns > static_cast<double>(target_.l1_bytes) ? 0.75 : 0.0;
    double least = 0;
    for (std::int64_t nv = 1; nv <= std::min<std::int64_t>(vectors, 8); ++nv) {
      for (std::int64_t mr = 1; mr <= rows; ++mr) {
        if (accumulators * mr * nv + nv + 1 > registers || (mr * nv > copies && mr * nv > 1)) break;
        double cycles = 0, pieces = 0;
        for (const Piece& strip : cut(rows, mr, 0)) {
          for (const Piece& column : cut(band.extent(lane), nv, lanes_)) {
            const auto m = static_cast<double>(strip.count), n = static_cast<double>(column.count);
            const double work = (static_cast<double>(accumulators) * m * n + (m + n) / 2) / 2 + far * n;
            cycles += static_cast<double>(strip.tiles * column.tiles) * std::max(work, 4.0);
            pieces += m * n;
          }
        }
        // Less code where it costs nothing.
        cycles *= 1 + pieces / 500;
        if (least != 0 && cycles >= least) continue;
        least = cycles;
        plan.rows = mr;
        plan.vectors = nv;
      }
    }
    if (plan.rows == 1) plan.row = {};
  }
  note("tile " +
       (plan.row ? exprs_.var_name(plan.row) + " " + std::to_string(plan.rows) + ", " : std::string()) +
       exprs_.var_name(lane) + " " + std::to_string(plan.vectors * lanes_));
  return plan;
}

}  // namespace adze::loop
