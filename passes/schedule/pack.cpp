#include <algorithm>
#include <map>
#include <unordered_set>

#include "passes/schedule/cpu_scheduler.h"

// Packing: parts of an inner loop's work that a loop of the band would repeat, computed once into scratch.

namespace adze::loop {
namespace {

constexpr std::int64_t kMaxPackedBytes = std::int64_t{8} << 20;

}  // namespace

std::vector<Stmt> CpuScheduler::pack(Band& band, VarId lane, std::vector<BufferId>& scratch_buffers) {
  // Lets of the band's body, to see through names; loops inside it, outermost first.
  std::unordered_map<std::uint32_t, ExprId> values;
  std::vector<VarId> inner_loops;
  std::unordered_set<std::uint32_t> local;
  for_each_stmt(static_cast<const std::vector<Stmt>&>(band.body), [&](const Stmt& stmt) {
    if (stmt.kind == StmtKind::kLet) values.emplace(stmt.var.index, exprs_.substitute(stmt.value, values));
    if (stmt.kind == StmtKind::kFor) inner_loops.push_back(stmt.var);
    if (stmt.kind == StmtKind::kAlloc) local.insert(stmt.buffer.index);
  });
  std::vector<Stmt> fills;
  std::map<ExprId, ExprId> packed;  // what is replaced by a load of scratch
  const auto try_pack = [&](ExprId id) -> ExprId {
    if (const auto found = packed.find(id); found != packed.end()) return found->second;
    const Expr expr = exprs_[id];
    if (expr.kind == ExprKind::kConst || expr.kind == ExprKind::kVar || is_index(exprs_, id)) return {};
    const ExprId whole = exprs_.substitute(id, values);
    for (const BufferId buffer : reads_.buffers(whole))
      if (local.contains(buffer.index)) return {};
    std::vector<VarId> dims;
    std::int64_t repeats = 1;
    for (std::size_t i = 0; i < band.vars.size(); ++i) {
      if (!reads_.on(whole, band.vars[i])) {
        repeats *= band.extents[i];
      } else if (band.vars[i] != lane) {
        dims.push_back(band.vars[i]);
      }
    }
    bool in_loop = false;
    for (const VarId var : inner_loops) {
      if (!reads_.on(whole, var)) continue;
      dims.push_back(var);
      in_loop = true;
    }
    if (!in_loop || repeats < 4) return {};
    const bool in_lanes = reads_.on(whole, lane);
    if (in_lanes) dims.push_back(lane);
    // Worth it: gathers turned into plain vectors, or arithmetic done once.
    const double work = cost_.leaf(Stmt::make_let({}, whole), in_lanes ? lane : VarId{});
    const bool gathers = in_lanes && work >= static_cast<double>(lanes_);
    if (!gathers && (work < 2.5 || repeats < 8)) return {};

    Dims shape;
    for (const VarId var : dims) shape.push_back(exprs_.var_extent(var));
    const DType dtype = exprs_.dtype(whole);
    if (element_count(shape) * static_cast<std::int64_t>(byte_size(dtype)) > kMaxPackedBytes) return {};
    const BufferId scratch =
        kernel_.add_buffer("pack" + std::to_string(packed.size()), {dtype, shape, {}}, Scope::kShared);
    const auto address = [&](const std::vector<VarId>& vars) {
      std::vector<ExprId> index;
      for (const VarId var : vars) index.push_back(exprs_.var(var));
      return offset(exprs_, kernel_.buffers[scratch.index].type, index);
    };
    std::vector<VarId> fresh;
    std::unordered_map<std::uint32_t, ExprId> rename;
    for (const VarId var : dims) {
      fresh.push_back(exprs_.new_var(exprs_.var_name(var) + "p", exprs_.var_extent(var)));
      rename.emplace(var.index, exprs_.var(fresh.back()));
    }
    std::vector<ExprId> roots{exprs_.substitute(whole, rename)};
    std::vector<Stmt> body = bind_shared(exprs_, roots);
    body.push_back(Stmt::make_store(scratch, address(fresh), roots[0]));
    for (std::size_t i = fresh.size(); i-- > 0;) {
      std::vector<Stmt> wrapped;
      wrapped.push_back(
          Stmt::make_for(fresh[i], exprs_.var_extent(fresh[i]), LoopKind::kSerial, std::move(body)));
      body = std::move(wrapped);
    }
    note("pack " + kernel_.buffers[scratch.index].name + " " + adze::to_string(shape));
    scratch_buffers.push_back(scratch);
    fills.push_back(std::move(body[0]));
    const ExprId load = exprs_.load(scratch, dtype, address(dims));
    packed.emplace(id, load);
    return load;
  };
  Rewriter rewriter(exprs_, try_pack);
  const auto visit = [&](auto&& self, std::vector<Stmt>& body, bool in_loop) -> void {
    for (Stmt& stmt : body) {
      if (in_loop && stmt.value) stmt.value = rewriter(stmt.value);
      self(self, stmt.body, in_loop || stmt.kind == StmtKind::kFor);
    }
  };
  visit(visit, band.body, false);
  return fills;
}

}  // namespace adze::loop
