#include "runtime/loop_interpreter.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ir/scalar_eval.h"

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
class KernelRunner final : loop::LoadSource {
 public:
  explicit KernelRunner(const Kernel& kernel)
      : kernel_(kernel),
        lanes_(widest_vector(kernel.body)),
        varies_(kernel.exprs.var_count(), false),
        memory_(kernel.buffers.size(), nullptr),
        owned_(kernel.buffers.size()),
        counts_(kernel.buffers.size()),
        vars_(kernel.exprs.var_count() * lanes_, 0) {
    for (std::size_t i = 0; i < kernel.buffers.size(); ++i) {
      counts_[i] = static_cast<std::uint64_t>(kernel.buffers[i].type.element_count());
    }
    body_ = prepare(kernel.body);
  }

  void run(std::span<std::byte* const> arguments) {
    ADZE_CHECK(arguments.size() == kernel_.argument_count, "arguments of kernel @" + kernel_.name);
    std::copy(arguments.begin(), arguments.end(), memory_.begin());
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
    }
    return nodes;
  }

  void run(std::vector<Node>& nodes) {
    for (Node& node : nodes) {
      const Stmt& stmt = *node.stmt;
      if (node.code) node.code->run(vars_, count_, active_, this);
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

  void run_loop(Node& node) {
    const Stmt& stmt = *node.stmt;
    if (stmt.loop != LoopKind::kVector) {
      const bool concurrent = stmt.loop != LoopKind::kSerial && stmt.loop != LoopKind::kUnroll;
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

  std::uint64_t* lanes_of(VarId var) { return vars_.data() + var.index * lanes_; }

  void bind(VarId var, std::span<const std::uint64_t> value) {
    std::uint64_t* to = lanes_of(var);
    if (count_ == 1)
      std::fill_n(to, lanes_, value[0]);
    else
      std::copy_n(value.begin(), count_, to);
  }

  void allocate(BufferId id) {
    const loop::BufferType& type = kernel_.buffers[id.index].type;
    const std::size_t size = byte_size(type.dtype);
    std::vector<std::byte>& bytes = owned_[id.index];
    bytes.resize(static_cast<std::size_t>(counts_[id.index]) * size);
    const std::uint64_t fresh = loop::unspecified(type.dtype);
    for (std::size_t at = 0; at < bytes.size(); at += size)
      loop::write_element(type.dtype, bytes.data() + at, fresh);
    memory_[id.index] = bytes.data();
  }

  void load(BufferId buffer, DType dtype, std::span<const std::uint64_t> index,
            std::span<const std::uint8_t> active, std::span<std::uint64_t> out) override {
    for (std::size_t lane = 0; lane < index.size(); ++lane) {
      if (active[lane] != 0) out[lane] = loop::read_element(dtype, element(buffer, index[lane], "load from"));
    }
  }

  std::byte* element(BufferId id, std::uint64_t index, const char* access) {
    const loop::Buffer& buffer = kernel_.buffers[id.index];
    if (memory_[id.index] == nullptr && counts_[id.index] > 0) {
      fail(fmt::format("{} {} outside its alloc", access, buffer.name));
    }
    if (index >= counts_[id.index]) {
      fail(fmt::format("{} {}[{}], which has {} elements", access, buffer.name,
                       static_cast<std::int64_t>(index), counts_[id.index]));
    }
    return memory_[id.index] + index * byte_size(buffer.type.dtype);
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
    std::byte* at = element(stmt.buffer, index, "store to");
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
  std::vector<bool> varies_;                   ///< by variable: with the lane
  std::vector<std::byte*> memory_;             ///< by buffer; null outside its alloc
  std::vector<std::vector<std::byte>> owned_;  ///< by buffer: memory of allocs
  std::vector<std::uint64_t> counts_;          ///< by buffer: elements
  std::vector<std::uint64_t> vars_;            ///< [variable][lane]
  std::vector<Node> body_;
  std::size_t count_ = 1;  ///< lanes of the loop that runs now
  std::vector<std::uint8_t> active_;
  int concurrent_ = 0;  ///< depth of parallel, grid and block loops
  std::vector<std::uint64_t> folded_, written_;
};

}  // namespace

void interpret(const loop::Kernel& kernel, std::span<std::byte* const> arguments) {
  KernelRunner(kernel).run(arguments);
}

void interpret(const loop::Program& program, std::span<std::byte* const> buffers, std::byte* arena) {
  const std::size_t results_at = program.parameter_types.size();
  const std::size_t constants_at = results_at + program.result_types.size();
  ADZE_CHECK(buffers.size() == constants_at + program.constants.size(),
             "buffers of program @" + program.name);
  std::vector<std::optional<KernelRunner>> runners(program.kernels.size());
  std::vector<std::byte*> arguments;
  for (const loop::KernelCall& call : program.calls) {
    arguments.clear();
    for (const loop::BufferRef& ref : call.arguments) {
      const auto position = static_cast<std::size_t>(ref.position);
      switch (ref.place) {
        case loop::BufferRef::Place::kParameter:
          arguments.push_back(buffers[position]);
          break;
        case loop::BufferRef::Place::kResult:
          arguments.push_back(buffers[results_at + position]);
          break;
        case loop::BufferRef::Place::kConstant:
          arguments.push_back(buffers[constants_at + position]);
          break;
        case loop::BufferRef::Place::kArena:
          arguments.push_back(arena + position);
          break;
      }
    }
    std::optional<KernelRunner>& runner = runners[call.kernel];
    if (!runner) runner.emplace(program.kernels[call.kernel]);
    runner->run(arguments);
  }
}

}  // namespace adze
