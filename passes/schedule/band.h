#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ir/loop_ir.h"

/// The shape of unscheduled loops: bands of nested loops, and what their bodies fold into.
namespace adze::loop {

/// Nested serial loops with nothing but Lets between them, which are moved into the body.
struct Band {
  std::vector<VarId> vars;  ///< outermost first
  std::vector<std::int64_t> extents;
  std::vector<Stmt> body;

  std::size_t position(VarId var) const;
  std::int64_t extent(VarId var) const { return extents[position(var)]; }
};

/// The loops of a nest from the outermost down to the last one of `until` (down to the innermost one if none
/// is given).
Band peel(Stmt nest, std::span<const VarId> until = {});

/// A register from outside of a body that the body folds values into.
struct Carried {
  BufferId buffer;
  ExprId index;
  Combine combine;
  bool by_store;  ///< acc = fma(a, b, acc) or acc = acc + x
};
/// All of them; none where `body` changes an outside register in another way.
std::optional<std::vector<Carried>> carried(const Kernel& kernel, const std::vector<Stmt>& body);

bool has_loop(const std::vector<Stmt>& body);
/// A loop around `body`, or `body` alone for one iteration: then `var` must not occur in it.
std::vector<Stmt> loop_of(VarId var, std::int64_t extent, std::vector<Stmt> body);

}  // namespace adze::loop
