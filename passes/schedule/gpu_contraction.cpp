#include <fmt/format.h>

#include <algorithm>

#include "passes/schedule/cost.h"
#include "passes/schedule/gpu_scheduler.h"
#include "passes/schedule/tile.h"

// Contractions: a block computes a tile of the results. Its threads bring a slice of both operands into
// shared memory, wait for each other, and add the products of the slice to register tiles of their own.

namespace adze::loop {
namespace {

/// From large to small. Small tiles take more steps at a time: there is little work to wait behind.
constexpr ContractionTile kTiles[] = {
    {128, 128, 8, 8, 8}, {128, 64, 16, 8, 4}, {64, 128, 16, 4, 8}, {64, 64, 16, 4, 4},  {64, 64, 32, 4, 4},
    {128, 32, 16, 8, 2}, {32, 128, 16, 2, 8}, {64, 32, 16, 4, 2},  {64, 32, 32, 4, 2},  {32, 64, 16, 2, 4},
    {32, 64, 32, 2, 4},  {32, 32, 32, 2, 2},  {32, 32, 64, 2, 2},  {128, 16, 16, 8, 1}, {16, 128, 16, 1, 8},
    {64, 16, 16, 4, 1},  {16, 64, 16, 1, 4},  {32, 16, 32, 2, 1},  {32, 16, 64, 2, 1},  {16, 32, 32, 1, 2},
    {16, 32, 64, 1, 2},  {16, 16, 32, 1, 1},  {16, 16, 64, 1, 1},  {16, 16, 128, 1, 1}, {32, 8, 32, 1, 1},
    {32, 8, 64, 1, 1},   {8, 32, 32, 1, 1},   {8, 32, 64, 1, 1},
};

/// Fewer results a side, or fewer steps, are not worth a tile: such contractions are done as rows.
constexpr std::int64_t kLeastSide = 4, kLeastSteps = 8;
/// A long sum for few results keeps few blocks busy: rows, whose teams share the steps, may be this much
/// faster.
constexpr double kRowsGain = 4;

constexpr std::int64_t kBankBytes = 4, kBanks = 32;

/// How many elements to leave free behind each row of `size` elements of a shared tile, so that a warp that
/// writes along the columns, `depth` rows of them, meets every bank once. (Reads run along the rows.)
std::int64_t padding(std::int64_t size, std::int64_t depth, std::int64_t bytes) {
  const std::int64_t banks = kBanks * kBankBytes / bytes;
  for (std::int64_t pad = 0; pad < banks; ++pad) {
    std::vector<bool> hit(static_cast<std::size_t>(banks), false);
    bool conflict = false;
    for (std::int64_t thread = 0; thread < banks; ++thread) {
      const std::int64_t place = thread % depth * (size + pad) + thread / depth;
      const auto bank = static_cast<std::size_t>(place % banks);
      conflict = conflict || hit[bank];
      hit[bank] = true;
    }
    if (!conflict) return pad;
  }
  return 0;
}

/// What one block costs, in cycles: multiply-adds and reads of shared memory for each step, staging, and
/// waiting for memory once a slice.
double block_cycles(const ContractionTile& tile, std::int64_t steps) {
  const auto slices = static_cast<double>(ceil_div(steps, tile.bk));
  const double step = 2.0 * static_cast<double>(tile.tm * tile.tn) +
                      8.0 * static_cast<double>(tile.tm + tile.tn) +
                      static_cast<double>(tile.bm + tile.bn) / 8.0;
  return slices * (static_cast<double>(tile.bk) * step + 500);
}

/// Elements from one row of a shared tile to the next.
std::int64_t row_elements(std::int64_t size, std::int64_t depth, std::int64_t bytes, bool along_k) {
  return size + (along_k ? padding(size, depth, bytes) : 0);
}

/// The sizes of a contraction, and how its operands lie in memory: along the steps, or along their own side.
struct Extents {
  std::int64_t m, n, k, z, bytes;
  bool a_along_k, b_along_k;

  std::int64_t blocks(const ContractionTile& tile) const {
    return ceil_div(m, tile.bm) * ceil_div(n, tile.bn) * z;
  }
  std::int64_t shared_bytes(const ContractionTile& tile) const {
    return tile.bk * bytes *
           (row_elements(tile.bm, tile.bk, bytes, a_along_k) +
            row_elements(tile.bn, tile.bk, bytes, b_along_k));
  }
};

struct Choice {
  ContractionTile tile;
  double cycles;
};
std::optional<Choice> choose_tile(const Extents& extents, const Target& target) {
  std::optional<Choice> best;
  for (const ContractionTile& tile : kTiles) {
    if (tile.threads() != target.block_threads || extents.shared_bytes(tile) > target.shared_bytes) continue;
    const std::int64_t waves = ceil_div(extents.blocks(tile), std::max(1, target.multiprocessors));
    const double cycles = static_cast<double>(waves) * block_cycles(tile, extents.k);
    if (!best || cycles < best->cycles) best = {tile, cycles};
  }
  return best;
}

}  // namespace

std::optional<GpuScheduler::Contraction> GpuScheduler::match_contraction(const Band& band) {
  // In a row: Lets, the sum's start, the loop, and what reads the sum.
  std::vector<const Stmt*> row;
  const auto collect = [&](auto&& self, const std::vector<Stmt>& body) -> void {
    for (const Stmt& stmt : body) {
      if (stmt.kind == StmtKind::kAlloc)
        self(self, stmt.body);
      else
        row.push_back(&stmt);
    }
  };
  collect(collect, band.body);
  const auto is_for = [](const Stmt* stmt) { return stmt->kind == StmtKind::kFor; };
  if (std::count_if(row.begin(), row.end(), is_for) != 1) return std::nullopt;
  const auto loop = std::find_if(row.begin(), row.end(), is_for);
  const Band inner = peel(**loop);
  const auto sums = carried(kernel_, inner.body);
  if (!sums || sums->size() != 1 || has_loop(inner.body)) return std::nullopt;

  Contraction result;
  result.k = inner.vars;
  result.sum = sums->front().buffer;
  std::unordered_map<std::uint32_t, ExprId> lets;
  for (auto stmt = row.begin(); stmt != row.end(); ++stmt) {
    if (is_for(*stmt)) continue;
    if ((*stmt)->kind == StmtKind::kLet) {
      if (stmt < loop) lets.emplace((*stmt)->var.index, exprs_.substitute((*stmt)->value, lets));
    } else if ((*stmt)->kind != StmtKind::kStore) {
      return std::nullopt;
    } else if (stmt < loop && (*stmt)->buffer == result.sum && !result.start) {
      result.start = (*stmt)->value;
      continue;
    } else if (stmt < loop || (*stmt)->buffer.index >= kernel_.argument_count) {
      return std::nullopt;
    }
    result.epilogue.push_back(**stmt);
  }
  ExprId next;
  for (const Stmt& stmt : inner.body) {
    if (stmt.kind == StmtKind::kLet) {
      lets.emplace(stmt.var.index, exprs_.substitute(stmt.value, lets));
      continue;
    }
    if (next || stmt.buffer != result.sum) return std::nullopt;
    next = stmt.value;
    if (stmt.kind == StmtKind::kAccumulate) {
      if (stmt.combine != Combine::kSum) return std::nullopt;
      next = exprs_.apply(ScalarOp::add,
                          {exprs_.load(stmt.buffer, exprs_.dtype(stmt.value), stmt.index), stmt.value});
    }
  }
  if (!result.start || !next) return std::nullopt;

  // sum = fma(a, b, sum) or sum + a * b.
  const auto reads_sum = [&](ExprId id) {
    const std::vector<BufferId>& buffers = reads_.buffers(id);
    return std::find(buffers.begin(), buffers.end(), result.sum) != buffers.end();
  };
  const Expr sum = exprs_[exprs_.substitute(next, lets)];
  result.fused = sum.op == ScalarOp::fma;
  Expr product = sum;
  if (!result.fused) product = exprs_[reads_sum(sum.args[0]) ? sum.args[1] : sum.args[0]];
  if (!result.fused && (product.kind != ExprKind::kScalar || product.op != ScalarOp::mul))
    return std::nullopt;
  result.a = product.args[0];
  result.b = product.args[1];
  if (reads_sum(result.a) || reads_sum(result.b)) return std::nullopt;
  for (const VarId var : band.vars) {
    const bool in_a = reads_.on(result.a, var), in_b = reads_.on(result.b, var);
    (in_a == in_b ? result.z : in_a ? result.m : result.n).push_back(var);
  }
  // Neighbouring threads store along n.
  for (const Stmt& stmt : result.epilogue) {
    if (stmt.kind != StmtKind::kStore || result.m.empty() ||
        stride_along(exprs_, reads_, stmt.index, result.m.back()) != Stride::kUnit)
      continue;
    std::swap(result.m, result.n);
    std::swap(result.a, result.b);
    break;
  }
  if (size(result.m) < kLeastSide || size(result.n) < kLeastSide || size(result.k) < kLeastSteps)
    return std::nullopt;
  return result;
}

bool GpuScheduler::runs_along(ExprId value, VarId var) {
  std::vector<ExprId> stack{value};
  while (!stack.empty()) {
    const ExprId id = stack.back();
    stack.pop_back();
    if (!id) continue;
    const Expr& expr = exprs_[id];
    if (expr.kind == ExprKind::kLoad && stride_along(exprs_, reads_, expr.args[0], var) == Stride::kUnit)
      return true;
    stack.insert(stack.end(), expr.args.begin(), expr.args.end());
  }
  return false;
}

GpuScheduler::Staged GpuScheduler::stage(const std::string& name, const Operand& operand,
                                         const Contraction& contraction, ExprId k_begin, ExprId z,
                                         std::int64_t depth) {
  const DType dtype = exprs_.dtype(operand.value);
  const std::int64_t threads = target_.block_threads, copies = operand.tile * depth / threads;
  const std::int64_t row =
      row_elements(operand.tile, depth, static_cast<std::int64_t>(byte_size(dtype)), operand.along_k);
  const BufferId buffer = shared(name, dtype, depth * row);

  // Neighbouring threads read neighbouring elements of memory.
  const VarId copy = exprs_.new_var("c", copies);
  const ExprId t = exprs_.var(thread_);
  const ExprId number = copies == 1 ? t : exprs_.add(exprs_.mul(exprs_.var(copy), threads), t);
  const ExprId step = operand.along_k ? exprs_.rem(number, depth) : exprs_.div(number, operand.tile);
  const ExprId place = operand.along_k ? exprs_.div(number, depth) : exprs_.rem(number, operand.tile);
  const ExprId side = exprs_.add(operand.begin, place), k = exprs_.add(k_begin, step);
  std::unordered_map<std::uint32_t, ExprId> values;
  flatten(operand.vars, side, values);
  flatten(contraction.k, k, values);
  flatten(contraction.z, z, values);
  ExprId value = exprs_.substitute(operand.value, values);

  // Beyond the edges stand zeros: they add nothing.
  const std::int64_t sides = size(operand.vars), steps = size(contraction.k);
  const ExprId exists = exprs_.both(sides % operand.tile ? less(side, sides) : ExprId{},
                                    steps % depth ? less(k, steps) : ExprId{});
  if (exists) {
    const ExprId zero = exprs_.bits(dtype, 0);
    value = exprs_.apply(ScalarOp::select, {exists, guarded(value, exists), zero});
  }
  std::vector<ExprId> roots{value};
  std::vector<Stmt> body = bind_shared(exprs_, roots);
  body.push_back(Stmt::make_store(buffer, exprs_.add(exprs_.mul(step, row), place), roots[0]));
  if (copies > 1) {
    std::vector<Stmt> loop;
    loop.push_back(Stmt::make_for(copy, copies, LoopKind::kSerial, std::move(body)));
    body = std::move(loop);
  }
  return {buffer, row, std::move(body)};
}

std::optional<std::vector<Stmt>> GpuScheduler::contraction(const Band& band) {
  const auto matched = match_contraction(band);
  if (!matched) return std::nullopt;
  const Contraction& c = *matched;
  const DType dtype = exprs_.dtype(c.a);
  const Extents extents{size(c.m),
                        size(c.n),
                        size(c.k),
                        size(c.z),
                        static_cast<std::int64_t>(byte_size(dtype)),
                        runs_along(c.a, c.k.back()),
                        runs_along(c.b, c.k.back())};
  const auto chosen = choose_tile(extents, target_);
  if (!chosen) return std::nullopt;
  const Team rows = choose_team(band, size(band.vars), std::max(1, target_.multiprocessors));
  if (kRowsGain * rows.cycles < chosen->cycles) return std::nullopt;
  const ContractionTile& tile = chosen->tile;
  note(fmt::format("tile {}x{}x{}, thread {}x{}", tile.bm, tile.bn, tile.bk, tile.tm, tile.tn));

  // Where the block's tile lies, and which of its results are this thread's: every (bm / tm)-th row and every
  // (bn / tn)-th column, so that neighbouring threads read and store neighbouring columns.
  const std::int64_t m_tiles = ceil_div(extents.m, tile.bm), n_tiles = ceil_div(extents.n, tile.bn);
  blocks_ = extents.blocks(tile);
  const ExprId g = exprs_.var(block_), t = exprs_.var(thread_), zero = exprs_.index(0);
  const ExprId n_begin = exprs_.mul(exprs_.rem(g, n_tiles), tile.bn);
  const ExprId m_begin = exprs_.mul(exprs_.rem(exprs_.div(g, n_tiles), m_tiles), tile.bm);
  const ExprId z = exprs_.div(g, n_tiles * m_tiles);
  const std::int64_t columns = tile.bn / tile.tn, lines = tile.bm / tile.tm;
  const VarId row = exprs_.new_var("m", tile.tm), column = exprs_.new_var("n", tile.tn);
  std::vector<TileDim> dims;
  if (tile.tm > 1) dims.push_back({row, zero, tile.tm, 0, tile.tm});
  if (tile.tn > 1) dims.push_back({column, zero, tile.tn, 0, tile.tn});
  const auto in_tile = [&](std::vector<Stmt> body) {
    return dims.empty() ? body : loop::tile(kernel_, std::move(body), dims);
  };
  const ExprId line = tile.tm > 1 ? exprs_.var(row) : zero, stripe = tile.tn > 1 ? exprs_.var(column) : zero;
  const ExprId m_in = exprs_.add(exprs_.div(t, columns), exprs_.mul(line, lines));
  const ExprId n_in = exprs_.add(exprs_.rem(t, columns), exprs_.mul(stripe, columns));
  const BufferId sums = kernel_.add_buffer("sums", {dtype, {tile.tm * tile.tn}, {}}, Scope::kRegister);
  const ExprId place = exprs_.add(exprs_.mul(line, tile.tn), stripe);
  const ExprId sum = exprs_.load(sums, dtype, place);
  const std::int64_t slices = ceil_div(extents.k, tile.bk);
  const VarId slice = exprs_.new_var("k", slices);
  const ExprId k_begin = slices == 1 ? zero : exprs_.mul(exprs_.var(slice), tile.bk);

  const Staged a = stage("lhs", {c.a, c.m, m_begin, tile.bm, extents.a_along_k}, c, k_begin, z, tile.bk);
  const Staged b = stage("rhs", {c.b, c.n, n_begin, tile.bn, extents.b_along_k}, c, k_begin, z, tile.bk);

  const VarId step = exprs_.new_var("kk", tile.bk);
  const auto staged = [&](const Staged& of, ExprId in) {
    return exprs_.load(of.buffer, dtype, exprs_.add(exprs_.mul(exprs_.var(step), of.row), in));
  };
  const ExprId lhs = staged(a, m_in), rhs = staged(b, n_in);
  const ExprId next = c.fused ? exprs_.apply(ScalarOp::fma, {lhs, rhs, sum})
                              : exprs_.apply(ScalarOp::add, {sum, exprs_.apply(ScalarOp::mul, {lhs, rhs})});
  std::vector<Stmt> work = a.copy;
  append(work, b.copy);
  work.push_back(Stmt::make_barrier());
  append(work, in_tile(loop_of(step, tile.bk, {Stmt::make_store(sums, place, next)})));
  if (slices > 1) work.push_back(Stmt::make_barrier());

  // The epilogue, for each result of the thread.
  std::unordered_map<std::uint32_t, ExprId> values;
  const ExprId m = exprs_.add(m_begin, m_in), n = exprs_.add(n_begin, n_in);
  flatten(c.m, m, values);
  flatten(c.n, n, values);
  flatten(c.z, z, values);
  std::vector<Stmt> epilogue = c.epilogue;
  substitute(exprs_, epilogue, values);
  Rewriter read_sums(exprs_, [&](ExprId id) {
    const Expr& expr = exprs_[id];
    return expr.kind == ExprKind::kLoad && expr.buffer == c.sum ? sum : ExprId{};
  });
  rewrite_exprs(epilogue, [&](ExprId id) { return read_sums(id); });
  const ExprId exists = exprs_.both(extents.m % tile.bm ? less(m, extents.m) : ExprId{},
                                    extents.n % tile.bn ? less(n, extents.n) : ExprId{});
  if (!exists) {
    epilogue = in_tile(std::move(epilogue));
  } else {
    epilogue = when(exists, std::move(epilogue));
    for (auto dim = dims.rbegin(); dim != dims.rend(); ++dim) {
      std::vector<Stmt> wrapped;
      wrapped.push_back(Stmt::make_for(dim->var, dim->count, LoopKind::kUnroll, std::move(epilogue)));
      epilogue = std::move(wrapped);
    }
  }

  std::vector<Stmt> body = in_tile({Stmt::make_store(sums, place, c.start)});
  append(body, loop_of(slice, slices, std::move(work)));
  append(body, std::move(epilogue));
  std::vector<Stmt> result;
  result.push_back(Stmt::make_alloc(sums, std::move(body)));
  return result;
}

}  // namespace adze::loop
