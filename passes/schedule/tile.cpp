#include "passes/schedule/tile.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ir/errors.h"
#include "passes/loop_rewrite.h"

namespace adze::loop {
namespace {

/// A set of tile dims.
using Mask = std::uint32_t;

bool is_leaf(const Stmt& stmt) {
  return stmt.kind == StmtKind::kLet || stmt.kind == StmtKind::kStore || stmt.kind == StmtKind::kAccumulate;
}

/// Are `dims` the outermost ones of `of`, so that a value made for them can stand between the loops of `of`?
bool is_prefix(Mask dims, Mask of) {
  const Mask rest = of & ~dims;
  return (dims & ~of) == 0 && (rest == 0 || dims < (rest & (~rest + 1)));
}

class Tiler {
 public:
  Tiler(Kernel& kernel, std::span<const TileDim> dims)
      : kernel_(kernel), exprs_(kernel.exprs), dims_(dims), whole_((Mask{1} << dims.size()) - 1) {
    for (std::size_t i = 0; i < dims.size(); ++i) {
      const TileDim& dim = dims[i];
      const std::string name = exprs_.var_name(dim.var);
      Inner inner;
      inner.within = exprs_.index(0);
      if (dim.count > 1) {
        inner.copy = exprs_.new_var(name + "u", dim.count);
        inner.within = exprs_.mul(exprs_.var(inner.copy), std::max<std::int64_t>(dim.lanes, 1));
      }
      if (dim.lanes) {
        if (dim.valid < dim.size())
          inner.limit = exprs_.apply(ScalarOp::sub, {exprs_.index(dim.valid), inner.within});
        inner.lane = exprs_.new_var(name + "v", dim.lanes);
        inner.within = exprs_.add(inner.within, exprs_.var(inner.lane));
      }
      inner.value = exprs_.add(dim.base, inner.within);
      inner_.push_back(inner);
      dim_of_.emplace(dim.var.index, i);
    }
  }

  std::vector<Stmt> run(std::vector<Stmt> body) {
    for_each_stmt(body, [&](Stmt& stmt) {
      if (stmt.kind == StmtKind::kAlloc) local_.emplace(stmt.buffer.index, 0);
    });
    while (propagate(body)) {
    }
    for_each_stmt(static_cast<const std::vector<Stmt>&>(body),
                  [&](const Stmt& stmt) { count_uses(stmt, uses_); });
    return rewrite(std::move(body));
  }

 private:
  using Uses = std::unordered_map<std::uint32_t, int>;
  struct Inner {
    VarId copy, lane;
    ExprId limit;
    ExprId within;  ///< the iteration inside the tile
    ExprId value;   ///< what the loop variable is
  };
  /// Statements that run inside the loops of `mask`.
  struct Nest {
    Mask mask;
    std::vector<Stmt> items;
  };

  // ---- Which dims does a thing depend on?

  Mask mask(VarId var) const {
    if (const auto dim = dim_of_.find(var.index); dim != dim_of_.end()) return Mask{1} << dim->second;
    const auto let = lets_.find(var.index);
    return let == lets_.end() ? 0 : let->second;
  }
  Mask mask(ExprId id) {
    Mask result = 0;
    for (const VarId var : reads_.vars(id)) result |= mask(var);
    for (const BufferId buffer : reads_.buffers(id)) {
      if (const auto found = local_.find(buffer.index); found != local_.end()) result |= found->second;
    }
    return result;
  }
  /// A statement that changes memory outside the body happens once an iteration, whatever it depends on.
  Mask mask(const Stmt& stmt) const {
    if (stmt.kind == StmtKind::kLet) return mask(stmt.var);
    const auto found = local_.find(stmt.buffer.index);
    return found == local_.end() ? whole_ : found->second;
  }

  /// One round of finding out; true if anything was new.
  bool propagate(const std::vector<Stmt>& body) {
    bool changed = false;
    const auto grow = [&](Mask& into, Mask from) {
      changed = changed || (from & ~into);
      into |= from;
    };
    for_each_stmt(body, [&](const Stmt& stmt) {
      ADZE_CHECK(stmt.kind != StmtKind::kIf && stmt.kind != StmtKind::kBarrier &&
                     (stmt.kind != StmtKind::kFor || stmt.loop != LoopKind::kVector),
                 "a tile over a body that is scheduled already");
      if (stmt.kind == StmtKind::kLet) grow(lets_[stmt.var.index], mask(stmt.value));
      if (stmt.kind != StmtKind::kStore && stmt.kind != StmtKind::kAccumulate) return;
      const auto found = local_.find(stmt.buffer.index);
      if (found != local_.end()) grow(found->second, mask(stmt.value) | mask(stmt.index));
    });
    return changed;
  }

  void count_uses(const Stmt& stmt, Uses& uses) {
    for (const ExprId id : {stmt.index, stmt.value}) {
      if (!id) continue;
      for (const VarId var : reads_.vars(id)) ++uses[var.index];
    }
  }

  // ---- Rewriting expressions.

  std::int64_t size(Mask mask) const {
    std::int64_t result = 1;
    for (std::size_t i = 0; i < dims_.size(); ++i)
      if (mask >> i & 1) result *= dims_[i].size();
    return result;
  }
  /// The place inside a tile's buffer: row-major over the dims of `mask`.
  ExprId place(Mask mask) {
    ExprId sum = exprs_.index(0);
    for (std::size_t i = 0; i < dims_.size(); ++i)
      if (mask >> i & 1) sum = exprs_.add(exprs_.mul(sum, dims_[i].size()), inner_[i].within);
    return sum;
  }
  ExprId element(BufferId buffer, ExprId index) {
    const Mask dims = local_.at(buffer.index);
    return exprs_.add(exprs_.mul(rewriter_(index), size(dims)), place(dims));
  }
  BufferId tiled(BufferId buffer) {
    const auto [entry, is_new] = tiled_.try_emplace(buffer.index, buffer);
    if (is_new && local_.at(buffer.index)) {
      const Buffer old = kernel_.buffers[buffer.index];
      BufferType type{old.type.dtype, {old.type.element_count() * size(local_.at(buffer.index))}, {}};
      entry->second = kernel_.add_buffer(old.name, std::move(type), old.scope);
    }
    return entry->second;
  }
  ExprId replacement(ExprId id) {
    const Expr expr = exprs_[id];
    if (expr.kind == ExprKind::kVar) {
      if (const auto dim = dim_of_.find(expr.var.index); dim != dim_of_.end())
        return inner_[dim->second].value;
      if (const auto kept = kept_.find(expr.var.index); kept != kept_.end())
        return exprs_.load(kept->second, expr.dtype, place(mask(expr.var)));
      return id;
    }
    if (expr.kind == ExprKind::kLoad && local_.contains(expr.buffer.index))
      return exprs_.load(tiled(expr.buffer), expr.dtype, element(expr.buffer, expr.args[0]));
    return {};
  }

  // ---- Statements.

  std::vector<Stmt> rewrite(std::vector<Stmt> body) {
    std::vector<Stmt> result;
    std::vector<Stmt> leaves;
    std::vector<BufferId> allocs;  // of values kept in registers: they live to the end of this body
    for (Stmt& stmt : body) {
      if (is_leaf(stmt)) {
        leaves.push_back(std::move(stmt));
        continue;
      }
      emit_leaves(leaves, result, allocs);
      stmt.body = rewrite(std::move(stmt.body));
      if (stmt.kind == StmtKind::kAlloc) stmt.buffer = tiled(stmt.buffer);
      result.push_back(std::move(stmt));
    }
    emit_leaves(leaves, result, allocs);
    for (const BufferId buffer : allocs) {
      std::vector<Stmt> wrapped;
      wrapped.push_back(Stmt::make_alloc(buffer, std::move(result)));
      result = std::move(wrapped);
    }
    return result;
  }

  /// A run of leaves, cut where one reads a register that an earlier one changed: between two cuts every Let
  /// may come before every store.
  void emit_leaves(std::vector<Stmt>& leaves, std::vector<Stmt>& out, std::vector<BufferId>& allocs) {
    std::vector<Stmt> segment;
    std::unordered_set<std::uint32_t> changed;
    for (Stmt& stmt : leaves) {
      const std::vector<BufferId>& buffers = reads_.buffers(stmt.value);
      if (std::any_of(buffers.begin(), buffers.end(),
                      [&](BufferId b) { return changed.contains(b.index); })) {
        emit_segment(std::move(segment), out, allocs);
        segment.clear();
        changed.clear();
      }
      if (stmt.kind != StmtKind::kLet) changed.insert(stmt.buffer.index);
      segment.push_back(std::move(stmt));
    }
    emit_segment(std::move(segment), out, allocs);
    leaves.clear();
  }

  void emit_segment(std::vector<Stmt> segment, std::vector<Stmt>& out, std::vector<BufferId>& allocs) {
    if (segment.empty()) return;
    Uses here;
    for (const Stmt& stmt : segment) count_uses(stmt, here);
    segment = split_operands(std::move(segment));
    std::vector<Stmt> lets;
    std::vector<Nest> nests;
    for (Stmt& stmt : segment) {
      if (stmt.kind == StmtKind::kLet) {
        lets.push_back(std::move(stmt));
        continue;
      }
      if (nests.empty() || nests.back().mask != mask(stmt)) nests.push_back({mask(stmt), {}});
      nests.back().items.push_back(std::move(stmt));
    }

    // Who reads each Let: a nest of stores (its number), or the nest of the Lets kept in registers for some
    // dims.
    constexpr std::size_t kKeptBase = std::size_t{1} << 32;
    std::unordered_map<std::uint32_t, std::set<std::size_t>> readers;
    const auto add_reader = [&](ExprId id, std::size_t reader) {
      for (const VarId var : reads_.vars(id)) readers[var.index].insert(reader);
    };
    for (std::size_t n = 0; n < nests.size(); ++n) {
      for (const Stmt& stmt : nests[n].items) {
        add_reader(stmt.index, n);
        add_reader(stmt.value, n);
      }
    }
    std::vector<std::size_t> home(lets.size());
    constexpr std::size_t kPlain = SIZE_MAX, kDead = SIZE_MAX - 1;
    for (std::size_t i = lets.size(); i-- > 0;) {
      const VarId var = lets[i].var;
      const Mask dims = mask(var);
      const bool outside = uses_[var.index] > here[var.index];
      const std::set<std::size_t>& of = readers[var.index];
      if (dims == 0) {
        home[i] = kPlain;
        continue;
      }
      if (of.empty() && !outside) {
        home[i] = kDead;
        continue;
      }
      home[i] = kKeptBase + dims;
      if (!outside && of.size() == 1) {
        const std::size_t reader = *of.begin();
        const Mask reader_mask =
            reader < kKeptBase ? nests[reader].mask : static_cast<Mask>(reader - kKeptBase);
        if (is_prefix(dims, reader_mask)) home[i] = reader;
      }
      if (home[i] == kKeptBase + dims && (outside || of.size() != 1 || *of.begin() != home[i]))
        keep(lets[i], allocs);
      add_reader(lets[i].value, home[i]);
    }

    // Values kept for fewer dims come first: those for more dims may read them.
    std::map<std::pair<int, Mask>, Nest> kept;
    std::vector<std::vector<Stmt>> inlined(nests.size());
    for (std::size_t i = 0; i < lets.size(); ++i) {
      if (home[i] == kDead) continue;
      if (home[i] == kPlain) {
        out.push_back(Stmt::make_let(lets[i].var, rewriter_(lets[i].value)));
      } else if (home[i] < kKeptBase) {
        inlined[home[i]].push_back(std::move(lets[i]));
      } else {
        const Mask dims = static_cast<Mask>(home[i] - kKeptBase);
        Nest& nest = kept[{std::popcount(dims), dims}];
        nest.mask = dims;
        nest.items.push_back(std::move(lets[i]));
      }
    }
    for (auto& [order, nest] : kept) emit_nest(std::move(nest), out);
    for (std::size_t n = 0; n < nests.size(); ++n) {
      std::move(nests[n].items.begin(), nests[n].items.end(), std::back_inserter(inlined[n]));
      nests[n].items = std::move(inlined[n]);
      emit_nest(std::move(nests[n]), out);
    }
  }

  /// A register buffer for a Let whose value is needed in other loops than the ones that compute it.
  void keep(const Stmt& let, std::vector<BufferId>& allocs) {
    const DType dtype = exprs_.var_dtype(let.var);
    const BufferId buffer =
        kernel_.add_buffer(exprs_.var_name(let.var), {dtype, {size(mask(let.var))}, {}}, Scope::kRegister);
    kept_.emplace(let.var.index, buffer);
    allocs.push_back(buffer);
  }

  /// Gives parts of expressions that need fewer dims than the whole a Let of their own.
  std::vector<Stmt> split_operands(std::vector<Stmt> segment) {
    std::vector<Stmt> result;
    std::unordered_map<std::uint32_t, VarId> named;
    for (Stmt& stmt : segment) {
      const Mask whole = mask(stmt);
      Rewriter split(exprs_, [&](ExprId id) {
        const Expr expr = exprs_[id];
        if (expr.kind == ExprKind::kConst || expr.kind == ExprKind::kVar || is_index(exprs_, id)) return id;
        if (mask(id) == whole || (reads_.vars(id).empty() && reads_.buffers(id).empty())) return ExprId{};
        if (expr.kind == ExprKind::kLoad && local_.contains(expr.buffer.index)) return id;
        const auto [entry, is_new] = named.try_emplace(id.index);
        if (is_new) {
          entry->second = exprs_.new_var("p", 0, expr.dtype);
          lets_[entry->second.index] = mask(id);
          uses_[entry->second.index] = 0;
          result.push_back(Stmt::make_let(entry->second, id));
        }
        return exprs_.var(entry->second, expr.dtype);
      });
      stmt.value = split(stmt.value);
      result.push_back(std::move(stmt));
    }
    return result;
  }

  void emit_nest(Nest nest, std::vector<Stmt>& out) {
    std::vector<std::size_t> dims;
    for (std::size_t i = 0; i < dims_.size(); ++i)
      if (nest.mask >> i & 1) dims.push_back(i);
    std::vector<Stmt> body = nest_body(nest, dims, 0, 0);
    std::move(body.begin(), body.end(), std::back_inserter(out));
  }

  /// The statements of a nest from loop `level` inwards; `bound`: the dims of the loops around.
  std::vector<Stmt> nest_body(Nest& nest, const std::vector<std::size_t>& dims, std::size_t level,
                              Mask bound) {
    std::vector<Stmt> result;
    std::vector<Stmt> inner;
    const bool innermost = level == dims.size();
    for (Stmt& stmt : nest.items) {
      if (innermost ||
          (stmt.kind == StmtKind::kLet && (mask(stmt.var) & ~bound) == 0 && mask(stmt.var) != nest.mask)) {
        result.push_back(rewritten(stmt));
      } else {
        inner.push_back(std::move(stmt));
      }
    }
    if (innermost) return result;
    nest.items = std::move(inner);
    const Inner& loops = inner_[dims[level]];
    std::vector<Stmt> body = nest_body(nest, dims, level + 1, bound | Mask{1} << dims[level]);
    const auto wrap = [&](VarId var, std::int64_t extent, LoopKind kind, ExprId limit) {
      std::vector<Stmt> wrapped;
      wrapped.push_back(Stmt::make_for(var, extent, kind, std::move(body), limit));
      body = std::move(wrapped);
    };
    if (loops.lane) wrap(loops.lane, dims_[dims[level]].lanes, LoopKind::kVector, loops.limit);
    if (loops.copy) wrap(loops.copy, dims_[dims[level]].count, LoopKind::kUnroll, {});
    std::move(body.begin(), body.end(), std::back_inserter(result));
    return result;
  }

  Stmt rewritten(const Stmt& stmt) {
    if (stmt.kind == StmtKind::kLet) {
      const ExprId value = rewriter_(stmt.value);
      const auto kept = kept_.find(stmt.var.index);
      if (kept == kept_.end()) return Stmt::make_let(stmt.var, value);
      return Stmt::make_store(kept->second, place(mask(stmt.var)), value);
    }
    Stmt result = stmt;
    result.value = rewriter_(stmt.value);
    if (local_.contains(stmt.buffer.index)) {
      result.index = element(stmt.buffer, stmt.index);
      result.buffer = tiled(stmt.buffer);
    } else {
      result.index = rewriter_(stmt.index);
    }
    return result;
  }

  Kernel& kernel_;
  Exprs& exprs_;
  std::span<const TileDim> dims_;
  Mask whole_;
  std::vector<Inner> inner_;
  std::unordered_map<std::uint32_t, std::size_t> dim_of_;  ///< by loop variable
  std::unordered_map<std::uint32_t, Mask> lets_, local_;   ///< by Let variable, by buffer of the body
  Uses uses_;
  std::unordered_map<std::uint32_t, BufferId> tiled_, kept_;
  Dependences reads_{exprs_};
  Rewriter rewriter_{exprs_, [this](ExprId id) { return replacement(id); }};
};

}  // namespace

std::vector<Stmt> tile(Kernel& kernel, std::vector<Stmt> body, std::span<const TileDim> dims) {
  return Tiler(kernel, dims).run(std::move(body));
}

}  // namespace adze::loop
