#include "passes/plan_launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "ir/errors.h"
#include "ir/regions.h"

namespace adze {

using loop::BufferRef;
using loop::ExprId;
using loop::Launch;
using loop::LoopKind;
using loop::Stmt;

namespace {

/// Bytes a call touches.
struct Access {
  BufferRef::Place place;
  std::int64_t position;    ///< of the buffer; 0 in the arena
  std::int64_t begin, end;  ///< in bytes, in the first iteration of the loops around
  bool written;
  std::vector<loop::Slice> slices;
  std::int64_t hull_begin, hull_end;  ///< in any iteration

  /// Do they in one iteration of the loops around?
  bool conflicts_with(const Access& other) const {
    if (!(written || other.written) || place != other.place || position != other.position) return false;
    if (slices == other.slices) return begin < other.end && other.begin < end;
    return hull_begin < other.hull_end && other.hull_begin < hull_end;
  }
};

Access access_to(const loop::Program& program, BufferRef ref, std::int64_t bytes, bool written,
                 const std::vector<std::optional<std::size_t>>& result_aliases) {
  const auto position = static_cast<std::size_t>(ref.position);
  if (ref.place == BufferRef::Place::kResult && position < result_aliases.size() &&
      result_aliases[position]) {
    ref.place = BufferRef::Place::kParameter;
    ref.position = static_cast<std::int64_t>(*result_aliases[position]);
  }
  const bool in_arena = ref.place == BufferRef::Place::kArena;
  const std::int64_t begin = in_arena ? ref.position : ref.offset;
  const auto [first, last] = loop::byte_range(program, ref, bytes);
  return {ref.place, in_arena ? 0 : ref.position, begin, begin + bytes, written, ref.slices, first, last};
}

std::vector<Access> accesses(const loop::Program& program, const loop::KernelCall& call,
                             const std::vector<std::optional<std::size_t>>& result_aliases) {
  const loop::Kernel& kernel = program.kernels[call.kernel];
  std::vector<Access> result;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const BufferRef& ref = call.arguments[i];
    if (ref.place == BufferRef::Place::kConstant) continue;
    const loop::BufferType& type = kernel.buffers[i].type;
    const std::int64_t bytes = type.element_count() * static_cast<std::int64_t>(byte_size(type.dtype));
    result.push_back(access_to(program, ref, bytes, kernel.written[i], result_aliases));
  }
  if (call.scratch >= 0) {
    result.push_back(access_to(program, {BufferRef::Place::kArena, call.scratch}, loop::scratch_bytes(kernel),
                               true, result_aliases));
  }
  return result;
}

/// Instructions one thread runs for one iteration of the grid loop.
double instructions(const loop::Exprs& exprs, const std::vector<Stmt>& body) {
  double sum = 0;
  for (const Stmt& stmt : body) {
    if (stmt.kind == loop::StmtKind::kFor) {
      const bool spread = stmt.loop == LoopKind::kGrid || stmt.loop == LoopKind::kBlock;
      sum += instructions(exprs, stmt.body) * (spread ? 1.0 : static_cast<double>(stmt.extent));
      continue;
    }
    sum += instructions(exprs, stmt.body);
    std::unordered_set<std::uint32_t> seen;
    std::vector<ExprId> stack;
    for (const ExprId root : {stmt.index, stmt.value})
      if (root) stack.push_back(root);
    while (!stack.empty()) {
      const ExprId id = stack.back();
      stack.pop_back();
      const loop::Expr& expr = exprs[id];
      if (expr.kind == loop::ExprKind::kConst || expr.kind == loop::ExprKind::kVar) continue;
      if (!seen.insert(id.index).second) continue;
      sum += 1;
      for (const ExprId arg : expr.args)
        if (arg) stack.push_back(arg);
    }
  }
  return sum;
}

// Of current data-centre GPUs, in microseconds.
constexpr double kCooperativeLaunch = 4, kGridBarrier = 1.2, kGraphLaunch = 2.5, kGraphNode = 1.3;
constexpr double kCyclesPerMicrosecond = 1500;
// One block alone on a multiprocessor waits for its own results; eight fill it, at 2 cycles each.
constexpr double kCyclesAlone = 4, kCyclesShared = 2;

}  // namespace

void plan_phases(loop::Program& program, const std::vector<std::optional<std::size_t>>& result_aliases,
                 bool share) {
  std::size_t phase = 0;
  std::vector<Access> current;
  std::vector<bool> border(program.calls.size() + 1, false);
  for (const loop::Region& region : program.regions) border[region.begin] = border[region.end] = true;
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    if (border[i]) {
      if (i > 0) ++phase;
      current.clear();
      // Every worker reads the predicate when it comes to it: calls of the first phase leave it alone.
      for (const loop::Region& region : program.regions) {
        if (region.begin != i || region.kind == loop::Region::Kind::kLoop) continue;
        const std::int64_t bytes = region.kind == loop::Region::Kind::kWhile ? 1 : 4;
        current.push_back(access_to(program, region.predicate, bytes, false, result_aliases));
      }
    }
    const std::vector<Access> here = accesses(program, program.calls[i], result_aliases);
    const bool conflict = std::any_of(here.begin(), here.end(), [&](const Access& access) {
      return std::any_of(current.begin(), current.end(),
                         [&](const Access& earlier) { return access.conflicts_with(earlier); });
    });
    if (!border[i] && i > 0 && (conflict || !share)) {
      ++phase;
      current.clear();
    }
    program.calls[i].phase = phase;
    current.insert(current.end(), here.begin(), here.end());
  }
}

void plan_launch(loop::Program& program, const Target& target, std::optional<Launch::Mode> mode) {
  const double processors = std::max(1, target.multiprocessors);
  double persistent = kCooperativeLaunch, graph = kGraphLaunch;
  std::int64_t blocks = 1;
  std::size_t phase = 0;
  for (const loop::KernelCall& call : program.calls) {
    const loop::Kernel& kernel = program.kernels[call.kernel];
    ADZE_CHECK(loop::scratch_bytes(kernel) <= target.shared_bytes,
               "kernel @" + kernel.name + " takes more shared memory than a block has");
    const auto grid = static_cast<double>(loop::grid_extent(kernel));
    blocks = std::max(blocks, loop::grid_extent(kernel));
    const double work = instructions(kernel.exprs, kernel.body) / kCyclesPerMicrosecond;
    persistent +=
        (call.phase != phase ? kGridBarrier : 0) + std::max(1.0, grid / processors) * work * kCyclesAlone;
    graph += kGraphNode + std::max(work * kCyclesAlone, grid / processors * work * kCyclesShared);
    phase = call.phase;
  }
  const std::size_t buffers =
      program.parameter_types.size() + program.result_types.size() + program.constants.size();
  Launch launch;
  launch.mode = mode.value_or(persistent <= graph ? Launch::Mode::kPersistent : Launch::Mode::kGraph);
  if (buffers > kMostLaunchBuffers) launch.mode = Launch::Mode::kGraph;
  // A graph has no loops.
  if (!program.regions.empty()) {
    launch.mode = Launch::Mode::kPersistent;
    if (buffers > kMostLaunchBuffers) {
      throw CompileError(fmt::format(
          "{}: a program with control flow takes at most {} buffers on a GPU, and this one has {}: pass "
          "fewer, larger arrays",
          program.name, kMostLaunchBuffers, buffers));
    }
  }
  launch.threads = target.block_threads;
  launch.blocks = std::min<std::int64_t>(blocks, std::max(1, target.multiprocessors));
  program.launch = launch;
}

}  // namespace adze
