#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ir/loop_ir.h"

namespace adze::loop {

/// One dimension of a tile: which iterations of a parallel loop are done at once.
struct TileDim {
  VarId var;               ///< the loop's variable; a tile replaces it by base + what runs inside the tile
  ExprId base;             ///< the tile's first iteration
  std::int64_t count = 1;  ///< unrolled copies (of vectors, where there are lanes)
  std::int64_t lanes = 0;  ///< 0: this dim is not in lanes. At most one dim has lanes, and it is the last
  std::int64_t valid = 0;  ///< iterations that exist: count * lanes, or fewer and the last vector is masked

  std::int64_t size() const { return lanes ? count * lanes : count; }
};

/// The body of parallel loops, done for a whole tile of their iterations at once ("unroll and jam"): the
/// tile's loops, unrolled and in lanes, go around the innermost statements, serial loops inside `body` stay
/// outside of them, and register buffers that differ between the iterations of the tile get its dims.
///
/// What depends on some dims of the tile only is computed once for them: for a sum of products over a tile of
/// rows and columns the left operand is read once a row, the right one once a column, into registers.
///
/// `body` must be free of If and of vector loops: what lowering and simplify_loops leave. Register buffers
/// allocated in `body` are replaced by new ones; a buffer from outside that `body` changes is changed once an
/// iteration, in order.
std::vector<Stmt> tile(Kernel& kernel, std::vector<Stmt> body, std::span<const TileDim> dims);

}  // namespace adze::loop
