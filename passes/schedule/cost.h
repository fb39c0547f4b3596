#pragma once

#include <cstdint>
#include <functional>
#include <unordered_set>
#include <vector>

#include "ir/loop_ir.h"
#include "passes/loop_rewrite.h"
#include "passes/target.h"

namespace adze::loop {

/// How an address moves from one lane to the next.
enum class Stride { kNone, kUnit, kOther };
/// Along `var`; an address that is not affine, or that other data decides, counts as kOther.
Stride stride_along(const Exprs& exprs, Dependences& reads, ExprId address, VarId var);

/// Rough numbers of machine instructions, to choose between schedules and to bound straight-line code.
class CostModel {
 public:
  CostModel(const Kernel& kernel, const Target& target, std::int64_t lanes)
      : kernel_(kernel), target_(target), lanes_(lanes), reads_(kernel.exprs) {}

  /// Loads that packing will turn into plain ones.
  void set_packed(std::unordered_set<std::uint32_t> loads) { packed_ = std::move(loads); }
  /// Of one leaf statement, with `lane` in lanes (none: scalar).
  double leaf(const Stmt& stmt, VarId lane);
  /// Of running `body` once, where the loops for which `in_lanes` holds run in lanes.
  double run(const std::vector<Stmt>& body, const std::function<bool(VarId)>& in_lanes, VarId lane = {});
  /// Vectors that cover `extent` iterations; a masked one counts more where masks are slow.
  double vectors(std::int64_t extent) const;
  /// Instructions in one copy of the leaves of `body`, loops counted once.
  double code(const std::vector<Stmt>& body, VarId lane);

 private:
  const Kernel& kernel_;
  const Target& target_;
  std::int64_t lanes_;
  Dependences reads_;
  std::unordered_set<std::uint32_t> packed_;
};

}  // namespace adze::loop
