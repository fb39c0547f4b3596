#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ir/loop_ir.h"

namespace adze::cuda {

/// The vector loop being printed, which a GPU thread runs as scalars, one a lane: writes an expression down
/// for each lane, where the loop's variable is a constant. In a loop with a limit, a load of a lane that is
/// not active gets a guard that says so.
class Lanes {
 public:
  explicit Lanes(loop::Exprs& exprs) : exprs_(exprs) {}

  void enter(loop::VarId var, std::int64_t count, loop::ExprId limit);
  void leave() { var_ = {}; }
  bool active() const { return static_cast<bool>(var_); }
  std::int64_t count() const { return count_; }
  loop::ExprId limit() const { return limit_; }

  /// Does it differ from lane to lane?
  bool varies(loop::ExprId id);
  /// `id` in each lane.
  std::vector<loop::ExprId> expand(loop::ExprId id);
  /// Variables for the lanes of a Let whose value varies.
  std::vector<loop::VarId> bind(loop::VarId let);
  /// The condition that the lane is active; absent: it always is.
  loop::ExprId is_active(std::size_t lane);

  /// Do the lanes' offsets follow one another?
  bool are_neighbours(const std::vector<loop::ExprId>& offsets);
  struct WideLoad {
    loop::BufferId buffer;
    std::vector<loop::ExprId> offsets, lanes;  ///< of each lane: the offset, the load
  };
  /// The loads below `id` that read neighbouring elements in all active lanes, operands before users.
  std::vector<WideLoad> wide_loads(loop::ExprId id);

 private:
  loop::ExprId in_lane(loop::ExprId id, std::size_t lane);

  loop::Exprs& exprs_;
  loop::VarId var_;
  std::int64_t count_ = 1;
  loop::ExprId limit_;
  std::unordered_map<std::uint32_t, std::vector<loop::VarId>> lets_;      ///< that vary, by variable
  std::unordered_map<std::uint32_t, bool> varies_;                        ///< by expression
  std::vector<std::unordered_map<std::uint32_t, loop::ExprId>> by_lane_;  ///< by expression
};

}  // namespace adze::cuda
