#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/loop_ir.h"
#include "passes/loop_rewrite.h"
#include "passes/schedule/band.h"
#include "passes/schedule/cost.h"
#include "passes/schedule/tile.h"
#include "passes/target.h"

namespace adze::loop {

/// Iterations [begin, begin + tiles * size) of a loop, done in `tiles` tiles of `count` copies each; `valid`
/// iterations exist in each of them.
struct Piece {
  std::int64_t begin = 0, tiles = 1, count = 1, valid = 1;
};
/// `extent` iterations in tiles of `count` vectors (rows where `lanes` is 0), then one tile with the rest.
std::vector<Piece> cut(std::int64_t extent, std::int64_t count, std::int64_t lanes);

/// Schedules one kernel for a CPU. Every choice is made from the shape of the loops and the strides of their
/// accesses; the transformations know nothing of the choice.
class CpuScheduler {
 public:
  CpuScheduler(Kernel& kernel, const Target& target, std::int64_t lanes)
      : kernel_(kernel), exprs_(kernel.exprs), target_(target), lanes_(lanes), cost_(kernel, target, lanes) {}

  std::vector<Stmt> schedule(std::vector<Stmt> body);

 private:
  /// How many iterations of which loops of a band make a tile.
  struct TilePlan {
    VarId lane, row;  ///< `row`: the loop done `rows` iterations at a time; none: no such loop
    std::int64_t vectors = 1, rows = 1;
  };

  std::vector<Stmt> schedule_nest(Stmt nest);

  // Costs and choices.
  double lane_cost(const Band& band, const Stmt& nest, VarId lane);
  double inner_cost(const std::vector<Stmt>& body);
  VarId best_lane(const Stmt& nest, const std::vector<VarId>& vars);
  std::int64_t plan_map(const Band& band, VarId lane);
  TilePlan plan_rows(const Band& band, VarId lane, VarId row);
  /// A loop of the band that some load of an inner loop does not depend on: its iterations can share it.
  VarId reused_row(const Band& band, VarId lane);

  // Transformations.
  std::vector<Stmt> tile_band(Band band, const TilePlan& plan);
  std::vector<Stmt> fold_in_lanes(Band band, VarId lane, const std::vector<Carried>& accumulators);
  /// Loops that fill scratch buffers with what the inner loops of the band need; the band reads those
  /// instead.
  std::vector<Stmt> pack(Band& band, VarId lane, std::vector<BufferId>& scratch_buffers);
  void note(std::string what) { kernel_.schedule.push_back(std::move(what)); }

  Kernel& kernel_;
  Exprs& exprs_;
  const Target& target_;
  std::int64_t lanes_;
  CostModel cost_;
  Dependences reads_{exprs_};
};

}  // namespace adze::loop
