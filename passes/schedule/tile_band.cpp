#include <algorithm>
#include <unordered_set>

#include "passes/schedule/cpu_scheduler.h"

// Cutting a band of parallel loops into tiles.

namespace adze::loop {

std::vector<Piece> cut(std::int64_t extent, std::int64_t count, std::int64_t lanes) {
  const std::int64_t unit = std::max<std::int64_t>(lanes, 1);
  const std::int64_t tiles = extent / (count * unit), rest = extent % (count * unit);
  std::vector<Piece> pieces;
  if (tiles > 0) pieces.push_back({0, tiles, count, count * unit});
  if (rest > 0) pieces.push_back({tiles * count * unit, 1, (rest + unit - 1) / unit, rest});
  return pieces;
}

std::vector<Stmt> CpuScheduler::tile_band(Band band, const TilePlan& plan) {
  // Lets at the front that no tiled loop changes belong between the other loops.
  std::vector<std::vector<Stmt>> between(band.vars.size() + 1);
  std::unordered_set<std::uint32_t> inside;  // Lets that stay in the tile
  std::vector<Stmt> body;
  bool in_front = true;
  for (Stmt& stmt : band.body) {
    in_front = in_front && stmt.kind == StmtKind::kLet;
    if (!in_front) {
      body.push_back(std::move(stmt));
      continue;
    }
    std::size_t level = 0;
    bool stays = false;
    for (const VarId var : reads_.vars(stmt.value)) {
      stays = stays || var == plan.lane || var == plan.row || inside.contains(var.index);
      const auto at = std::find(band.vars.begin(), band.vars.end(), var);
      if (at != band.vars.end())
        level = std::max(level, static_cast<std::size_t>(at - band.vars.begin()) + 1);
      for (std::size_t i = level + 1; i < between.size(); ++i)
        for (const Stmt& let : between[i])
          if (let.var == var) level = i;
    }
    if (stays) {
      inside.insert(stmt.var.index);
      body.push_back(std::move(stmt));
    } else {
      between[level].push_back(std::move(stmt));
    }
  }

  const std::vector<Piece> lane_pieces = cut(band.extent(plan.lane), plan.vectors, lanes_);
  std::vector<Piece> row_pieces{Piece{}};
  if (plan.row) row_pieces = cut(band.extent(plan.row), plan.rows, 0);
  const auto append = [](std::vector<Stmt>& into, std::vector<Stmt> from) {
    std::move(from.begin(), from.end(), std::back_inserter(into));
  };
  const auto tile_var = [&](VarId var, const Piece& piece) {
    return exprs_.new_var(exprs_.var_name(var) + "t", piece.tiles);
  };
  const auto base = [&](const Piece& piece, VarId tile, std::int64_t size) {
    if (piece.tiles == 1) return exprs_.index(piece.begin);
    return exprs_.add(exprs_.mul(exprs_.var(tile), size), piece.begin);
  };
  std::vector<Stmt> tiles;
  for (const Piece& rows : row_pieces) {
    const VarId row_tile = plan.row ? tile_var(plan.row, rows) : VarId{};
    std::vector<Stmt> strip;
    for (const Piece& columns : lane_pieces) {
      const VarId lane_tile = tile_var(plan.lane, columns);
      std::vector<TileDim> dims;
      if (plan.row) dims.push_back({plan.row, base(rows, row_tile, rows.count), rows.count, 0, rows.count});
      dims.push_back({plan.lane, base(columns, lane_tile, columns.count * lanes_), columns.count, lanes_,
                      columns.valid});
      append(strip, loop_of(lane_tile, columns.tiles, tile(kernel_, body, dims)));
    }
    append(tiles, loop_of(row_tile, rows.tiles, std::move(strip)));
  }
  for (std::size_t i = band.vars.size() + 1; i-- > 0;) {
    if (i < band.vars.size() && band.vars[i] != plan.lane && band.vars[i] != plan.row) {
      Stmt loop = Stmt::make_for(band.vars[i], band.extents[i], LoopKind::kSerial, std::move(tiles));
      tiles.clear();
      tiles.push_back(std::move(loop));
    }
    std::vector<Stmt> with_lets = std::move(between[i]);
    append(with_lets, std::move(tiles));
    tiles = std::move(with_lets);
  }
  return tiles;
}

}  // namespace adze::loop
