#include "runtime/loop_interpreter.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "ir/buffer_table.h"
#include "ir/regions.h"
#include "ir/scalar_eval.h"
#include "runtime/race_check.h"

namespace adze {
namespace {

using loop::BufferId;
using loop::Combine;
using loop::ExprId;
using loop::ExprKind;
using loop::Exprs;
using loop::Kernel;
using loop::LoopKind;
using loop::ScalarCode;
using loop::Scope;
using loop::Stmt;
using loop::StmtKind;
using loop::VarId;

std::size_t widest_vector(const std::vector<Stmt>& body) {
  std::size_t lanes = 1;
  for (const Stmt& stmt : body) {
    if (stmt.kind == StmtKind::kFor && stmt.loop == LoopKind::kVector) {
      lanes = std::max(lanes, static_cast<std::size_t>(stmt.extent));
    }
    lanes = std::max(lanes, widest_vector(stmt.body));
  }
  return lanes;
}

/// A kernel with its expressions compiled, and the state of one run.
///
/// The threads of a block run one after the other from one synchronising statement to the next: each has
/// variables of its own, and memory of its own for the registers that live across such a statement.
class KernelRunner final : loop::LoadSource {
 public:
  explicit KernelRunner(const Kernel& kernel)
      : kernel_(kernel),
        lanes_(widest_vector(kernel.body)),
        threads_(loop::is_gpu_kernel(kernel) ? static_cast<std::size_t>(loop::block_extent(kernel)) : 1),
        varies_(kernel.exprs.var_count(), false),
        memory_(kernel.buffers.size(), nullptr),
        thread_bytes_(kernel.buffers.size(), 0),
        owned_(kernel.buffers.size()),
        counts_(kernel.buffers.size()),
        races_(kernel.buffers.size()),
        thread_vars_(kernel.exprs.var_count() * lanes_),
        vars_(threads_ * thread_vars_, 0) {
    for (std::size_t i = 0; i < kernel.buffers.size(); ++i) {
      counts_[i] = static_cast<std::uint64_t>(kernel.buffers[i].type.element_count());
    }
    body_ = prepare(kernel.body);
  }

  void run(std::span<std::byte* const> arguments) {
    ADZE_CHECK(arguments.size() == kernel_.argument_count, "arguments of kernel @" + kernel_.name);
    std::copy(arguments.begin(), arguments.end(), memory_.begin());
    if (loop::is_gpu_kernel(kernel_)) watch_arguments();
    count_ = 1;
    active_.assign(1, 1);
    run(body_);
  }

 private:
  /// A statement with its expressions compiled: roots are index and value; or limit; or value alone.
  struct Node {
    const Stmt* stmt = nullptr;
    std::optional<ScalarCode> code;
    bool index_varies = false;  ///< with the lane
    bool synchronises = false;  ///< is or holds a statement that threads wait at
    std::vector<Node> body;
  };

  bool varies(ExprId root) const {
    for (std::uint32_t v = 0; v < varies_.size(); ++v) {
      if (varies_[v] && kernel_.exprs.depends_on(root, VarId{v})) return true;
    }
    return false;
  }

  std::vector<Node> prepare(const std::vector<Stmt>& body) {
    std::vector<Node> nodes;
    for (const Stmt& stmt : body) {
      Node& node = nodes.emplace_back();
      node.stmt = &stmt;
      switch (stmt.kind) {
        case StmtKind::kFor:
          if (stmt.limit) node.code.emplace(kernel_.exprs, stmt.limit, lanes_);
          varies_[stmt.var.index] = stmt.loop == LoopKind::kVector;
          break;
        case StmtKind::kStore:
        case StmtKind::kAccumulate: {
          const ExprId roots[] = {stmt.index, stmt.value};
          node.code.emplace(kernel_.exprs, roots, lanes_);
          node.index_varies = varies(stmt.index);
          break;
        }
        case StmtKind::kLet:
          varies_[stmt.var.index] = varies(stmt.value);
          node.code.emplace(kernel_.exprs, stmt.value, lanes_);
          break;
        case StmtKind::kIf:
          node.code.emplace(kernel_.exprs, stmt.value, lanes_);
          break;
        case StmtKind::kAlloc:
        case StmtKind::kBarrier:
          break;
      }
      node.body = prepare(stmt.body);
      node.synchronises =
          stmt.kind == StmtKind::kBarrier || stmt.threads > 1 ||
          std::any_of(node.body.begin(), node.body.end(), [](const Node& n) { return n.synchronises; });
    }
    return nodes;
  }

  /// Arguments that are written, and others in the same memory, are watched for races.
  void watch_arguments() {
    for (std::size_t i = 0; i < kernel_.argument_count; ++i) races_[i] = nullptr;
    for (std::size_t i = 0; i < kernel_.argument_count; ++i) {
      if (!kernel_.written[i] || races_[i]) continue;
      const auto record = std::make_shared<RaceCheck>(counts_[i], true);
      for (std::size_t k = 0; k < kernel_.argument_count; ++k)
        if (memory_[k] == memory_[i] && counts_[k] == counts_[i]) races_[k] = record;
    }
    now_ = {0, 0, 0};
  }

  void run(std::span<Node> nodes) {
    for (Node& node : nodes) {
      const Stmt& stmt = *node.stmt;
      if (node.code) evaluate(node);
      switch (stmt.kind) {
        case StmtKind::kFor:
          run_loop(node);
          break;
        case StmtKind::kStore:
        case StmtKind::kAccumulate:
          store(node);
          break;
        case StmtKind::kLet:
          bind(stmt.var, node.code->result());
          break;
        case StmtKind::kIf:
          if (node.code->result()[0] != 0) run(node.body);
          break;
        case StmtKind::kAlloc:
          allocate(stmt.buffer);
          run(node.body);
          memory_[stmt.buffer.index] = nullptr;
          break;
        case StmtKind::kBarrier:
          if (concurrent_ > 0) fail("a barrier between the iterations of a parallel loop");
          break;
      }
    }
  }

  void evaluate(Node& node) {
    const std::span<const std::uint64_t> all = vars_;
    node.code->run(all.subspan(thread_ * thread_vars_, thread_vars_), count_, active_, this);
  }

  template <class F>
  void for_each_thread(F&& body) {
    for (thread_ = 0; thread_ < threads_; ++thread_) {
      now_.thread = static_cast<std::int32_t>(thread_);
      body();
    }
    thread_ = 0;
  }

  /// Binds a loop variable for all threads.
  void bind_all(VarId var, std::int64_t value) {
    for_each_thread([&] { std::fill_n(lanes_of(var), lanes_, static_cast<std::uint64_t>(value)); });
  }

  void run_grid(Node& node) {
    for (std::int64_t block = 0; block < node.stmt->extent; ++block) {
      bind_all(node.stmt->var, block);
      now_ = {static_cast<std::int32_t>(block), 0, 0};
      run(node.body);
    }
  }

  void run_block(Node& node) {
    for_each_thread([&] { std::fill_n(lanes_of(node.stmt->var), lanes_, thread_); });
    run_together(node.body);
  }

  /// Statements that all threads of a block come by.
  void run_together(std::span<Node> nodes) {
    while (!nodes.empty()) {
      const auto wait =
          std::find_if(nodes.begin(), nodes.end(), [](const Node& n) { return n.synchronises; });
      const auto alone = static_cast<std::size_t>(wait - nodes.begin());
      if (alone > 0) for_each_thread([&] { run(nodes.first(alone)); });
      nodes = nodes.subspan(alone);
      if (nodes.empty()) return;
      synchronise(nodes.front());
      nodes = nodes.subspan(1);
    }
  }

  void synchronise(Node& node) {
    const Stmt& stmt = *node.stmt;
    switch (stmt.kind) {
      case StmtKind::kBarrier:
        ++now_.epoch;
        return;
      case StmtKind::kAccumulate:
        return fold_threads(node);
      case StmtKind::kAlloc:
        allocate(stmt.buffer, threads_);
        run_together(node.body);
        memory_[stmt.buffer.index] = nullptr;
        thread_bytes_[stmt.buffer.index] = 0;
        return;
      case StmtKind::kFor:
        if (stmt.loop != LoopKind::kSerial && stmt.loop != LoopKind::kUnroll) break;
        for (std::int64_t i = 0; i < stmt.extent; ++i) {
          bind_all(stmt.var, i);
          run_together(node.body);
        }
        return;
      default:
        break;
    }
    fail("threads wait for each other where not all of them come by");
  }

  void fold_threads(Node& node) {
    const Stmt& stmt = *node.stmt;
    const auto group = static_cast<std::size_t>(stmt.threads);
    if (threads_ % group != 0) fail(fmt::format("{} threads in groups of {}", threads_, group));
    const DType dtype = kernel_.buffers[stmt.buffer.index].type.dtype;
    std::vector<std::uint64_t> index, value;
    for_each_thread([&] {
      evaluate(node);
      index.push_back(node.code->result(0)[0]);
      value.push_back(node.code->result(1)[0]);
    });
    std::uint64_t joined = 0;
    for_each_thread([&] {
      if (thread_ % group == 0) {
        const auto first = value.begin() + static_cast<std::ptrdiff_t>(thread_);
        folded_.assign(first, first + static_cast<std::ptrdiff_t>(group));
        joined = loop::fold_lanes(stmt.combine, dtype, folded_);
      }
      write(stmt, dtype, index[thread_], joined);
    });
  }

  void run_loop(Node& node) {
    const Stmt& stmt = *node.stmt;
    if (stmt.loop == LoopKind::kGrid) return run_grid(node);
    if (stmt.loop == LoopKind::kBlock) return run_block(node);
    if (stmt.loop != LoopKind::kVector) {
      const bool concurrent = stmt.loop == LoopKind::kParallel;
      concurrent_ += concurrent ? 1 : 0;
      for (std::int64_t i = 0; i < stmt.extent; ++i) {
        std::fill_n(lanes_of(stmt.var), lanes_, static_cast<std::uint64_t>(i));
        run(node.body);
      }
      concurrent_ -= concurrent ? 1 : 0;
      return;
    }
    std::int64_t limit = stmt.extent;
    if (node.code) limit = std::min(limit, static_cast<std::int64_t>(node.code->result()[0]));
    if (limit <= 0) return;
    count_ = static_cast<std::size_t>(stmt.extent);
    active_.assign(count_, 0);
    std::fill_n(active_.begin(), limit, std::uint8_t{1});
    for (std::size_t lane = 0; lane < count_; ++lane) lanes_of(stmt.var)[lane] = lane;
    run(node.body);
    count_ = 1;
    active_.assign(1, 1);
  }

  /// Of the thread that runs now.
  std::uint64_t* lanes_of(VarId var) { return vars_.data() + thread_ * thread_vars_ + var.index * lanes_; }

  void bind(VarId var, std::span<const std::uint64_t> value) {
    std::uint64_t* to = lanes_of(var);
    if (count_ == 1)
      std::fill_n(to, lanes_, value[0]);
    else
      std::copy_n(value.begin(), count_, to);
  }

  /// One buffer, or one for each thread.
  void allocate(BufferId id, std::size_t copies = 1) {
    const loop::Buffer& buffer = kernel_.buffers[id.index];
    const DType dtype = buffer.type.dtype;
    const std::size_t size = byte_size(dtype);
    std::vector<std::byte>& bytes = owned_[id.index];
    bytes.resize(copies * static_cast<std::size_t>(counts_[id.index]) * size);
    const std::uint64_t fresh = loop::unspecified(dtype);
    for (std::size_t at = 0; at < bytes.size(); at += size)
      loop::write_element(dtype, bytes.data() + at, fresh);
    memory_[id.index] = bytes.data();
    thread_bytes_[id.index] = copies > 1 ? bytes.size() / copies : 0;
    if (threads_ > 1 && buffer.scope == Scope::kShared)
      races_[id.index] = std::make_shared<RaceCheck>(counts_[id.index], false);
  }

  void load(BufferId buffer, DType dtype, std::span<const std::uint64_t> index,
            std::span<const std::uint8_t> active, std::span<std::uint64_t> out) override {
    for (std::size_t lane = 0; lane < index.size(); ++lane) {
      if (active[lane] != 0) out[lane] = loop::read_element(dtype, element(buffer, index[lane], false));
    }
  }

  std::byte* element(BufferId id, std::uint64_t index, bool writes) {
    const loop::Buffer& buffer = kernel_.buffers[id.index];
    const char* access = writes ? "store to" : "load from";
    if (memory_[id.index] == nullptr && counts_[id.index] > 0) {
      fail(fmt::format("{} {} outside its alloc", access, buffer.name));
    }
    if (index >= counts_[id.index]) {
      fail(fmt::format("{} {}[{}], which has {} elements", access, buffer.name,
                       static_cast<std::int64_t>(index), counts_[id.index]));
    }
    if (races_[id.index]) {
      if (const auto other = races_[id.index]->access(index, now_, writes)) {
        fail(fmt::format("a race: thread {} of block {} {} {}[{}], which {}", now_.thread, now_.block,
                         writes ? "writes" : "reads", buffer.name, index, *other));
      }
    }
    return memory_[id.index] + thread_ * thread_bytes_[id.index] + index * byte_size(buffer.type.dtype);
  }

  void store(Node& node) {
    const Stmt& stmt = *node.stmt;
    const std::span<const std::uint64_t> index = node.code->result(0), value = node.code->result(1);
    const DType dtype = kernel_.buffers[stmt.buffer.index].type.dtype;
    const bool accumulates = stmt.kind == StmtKind::kAccumulate;
    if (count_ == 1 || !node.index_varies) {
      std::uint64_t joined = value[0];  // a plain store: lane 0 is active where any is
      if (accumulates && count_ > 1) {
        folded_.assign(count_, loop::identity(stmt.combine, dtype));
        for (std::size_t lane = 0; lane < count_; ++lane) {
          if (active_[lane] != 0) folded_[lane] = value[lane];
        }
        joined = loop::fold_lanes(stmt.combine, dtype, folded_);
      }
      write(stmt, dtype, index[0], joined);
      return;
    }
    written_.clear();
    for (std::size_t lane = 0; lane < count_; ++lane) {
      if (active_[lane] == 0) continue;
      written_.push_back(index[lane]);
      write(stmt, dtype, index[lane], value[lane]);
    }
    std::sort(written_.begin(), written_.end());
    const auto twice = std::adjacent_find(written_.begin(), written_.end());
    if (twice != written_.end()) {
      fail(fmt::format("two lanes write {}[{}]", kernel_.buffers[stmt.buffer.index].name, *twice));
    }
  }

  void write(const Stmt& stmt, DType dtype, std::uint64_t index, std::uint64_t value) {
    std::byte* at = element(stmt.buffer, index, true);
    if (stmt.kind == StmtKind::kAccumulate) {
      value = loop::evaluate(loop::combine_op(stmt.combine), dtype, loop::read_element(dtype, at), value);
    }
    loop::write_element(dtype, at, value);
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw InternalError(fmt::format("loop interpreter: kernel @{}: {}", kernel_.name, message));
  }

  const Kernel& kernel_;
  std::size_t lanes_;                          ///< of the widest vector loop
  std::size_t threads_;                        ///< of a block; 1 where there are none
  std::vector<bool> varies_;                   ///< by variable: with the lane
  std::vector<std::byte*> memory_;             ///< by buffer; null outside its alloc
  std::vector<std::size_t> thread_bytes_;      ///< by buffer: from one thread's to the next's; 0: one for all
  std::vector<std::vector<std::byte>> owned_;  ///< by buffer: memory of allocs
  std::vector<std::uint64_t> counts_;          ///< by buffer: elements
  std::vector<std::shared_ptr<RaceCheck>> races_;  ///< by buffer; null: not watched
  std::size_t thread_vars_;                        ///< variables times lanes
  std::vector<std::uint64_t> vars_;                ///< [thread][variable][lane]
  std::vector<Node> body_;
  std::size_t thread_ = 0;  ///< that runs now
  RaceCheck::Thread now_;
  std::size_t count_ = 1;  ///< lanes of the loop that runs now
  std::vector<std::uint8_t> active_;
  int concurrent_ = 0;  ///< depth of parallel loops
  std::vector<std::uint64_t> folded_, written_;
};

}  // namespace

void interpret(const loop::Kernel& kernel, std::span<std::byte* const> arguments) {
  KernelRunner(kernel).run(arguments);
}

namespace {

class ProgramRunner {
 public:
  ProgramRunner(const loop::Program& program, std::span<std::byte* const> buffers, std::byte* arena)
      : program_(program),
        table_(program),
        buffers_(buffers),
        arena_(arena),
        runners_(program.kernels.size()),
        counters_(program.regions.size()) {
    ADZE_CHECK(buffers.size() == table_.size(), "buffers of program @" + program.name);
  }

  void run() { range(0, program_.calls.size(), 0); }

 private:
  /// Recursion over the regions: as deep as they are nested.
  void range(std::size_t begin, std::size_t end, std::size_t first_region) {
    loop::walk_calls(
        program_, begin, end, first_region, [&](std::size_t c) { call(program_.calls[c]); },
        [&](std::size_t r) { region(program_.regions[r], r); });
  }

  void region(const loop::Region& region, std::size_t r) {
    const auto body = [&] { range(region.begin, region.end, r + 1); };
    switch (region.kind) {
      case loop::Region::Kind::kLoop:
        for (counters_[r] = 0; counters_[r] < region.count; ++counters_[r]) body();
        return;
      case loop::Region::Kind::kWhile:
        while (*address(region.predicate) != std::byte{0}) body();
        return;
      case loop::Region::Kind::kBranch: {
        std::int32_t value = 0;
        std::memcpy(&value, address(region.predicate), sizeof(value));
        if (region.low <= value && value <= region.high) body();
        return;
      }
    }
  }

  void call(const loop::KernelCall& call) {
    arguments_.clear();
    for (const loop::BufferRef& ref : call.arguments) arguments_.push_back(address(ref));
    std::optional<KernelRunner>& runner = runners_[call.kernel];
    if (!runner) runner.emplace(program_.kernels[call.kernel]);
    runner->run(arguments_);
  }

  std::byte* address(const loop::BufferRef& ref) const {
    return table_.address(ref, buffers_, arena_, counters_);
  }

  const loop::Program& program_;
  const loop::BufferTable table_;
  std::span<std::byte* const> buffers_;
  std::byte* arena_;
  std::vector<std::optional<KernelRunner>> runners_;  ///< by kernel, made when first called
  std::vector<std::int64_t> counters_;                ///< by region
  std::vector<std::byte*> arguments_;
};

}  // namespace

void interpret(const loop::Program& program, std::span<std::byte* const> buffers, std::byte* arena) {
  ProgramRunner(program, buffers, arena).run();
}

}  // namespace adze
