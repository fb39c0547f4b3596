#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "ir/loop_ir.h"
#include "ir/regions.h"
#include "ir/scalar_eval.h"

namespace adze::loop {
namespace {

constexpr std::size_t kExcerptLines = 24;

std::string excerpt(const Kernel& kernel) {
  const std::string text = print(kernel);
  std::size_t end = 0;
  for (std::size_t i = 0; i < kExcerptLines && end < text.size(); ++i) end = text.find('\n', end) + 1;
  return end < text.size() ? text.substr(0, end) + "  ...\n" : text;
}

class Verifier {
 public:
  explicit Verifier(const Kernel& kernel)
      : kernel_(kernel),
        exprs_(kernel.exprs),
        var_kinds_(exprs_.var_count(), VarKind::kUnbound),
        varies_(exprs_.var_count(), false),
        typed_(exprs_.size(), false),
        stamps_(exprs_.size(), 0),
        live_(kernel.buffers.size(), false),
        stored_(kernel.argument_count, false) {}

  void run() {
    check_buffers();
    statements(kernel_.body);
    for (std::size_t i = 0; i < kernel_.argument_count; ++i) {
      if (kernel_.written[i] && !stored_[i]) {
        fail(fmt::format("argument {} is marked as written but never stored to", buffer_name(i)));
      }
    }
  }

 private:
  enum class VarKind : std::uint8_t { kUnbound, kLoop, kUnrolled, kLet };

  [[noreturn]] void fail(const std::string& message) const {
    throw InternalError(fmt::format("loop IR: kernel @{}: {}\n{}", kernel_.name, message, excerpt(kernel_)));
  }
  void require(bool condition, const std::string& message) const {
    if (!condition) fail(message);
  }

  std::string buffer_name(std::size_t i) const { return kernel_.buffers[i].name; }
  const std::string& name(VarId var) const { return exprs_.var_name(var); }
  std::string text(ExprId id) const { return print(exprs_, id, kernel_.buffers); }

  void check_buffers() {
    require(kernel_.argument_count <= kernel_.buffers.size(), "more arguments than buffers");
    require(kernel_.written.size() == kernel_.argument_count, "`written` needs one flag an argument");
    for (std::size_t i = 0; i < kernel_.buffers.size(); ++i) {
      const Buffer& buffer = kernel_.buffers[i];
      const bool argument = i < kernel_.argument_count;
      require(argument == (buffer.scope == Scope::kArgument),
              fmt::format("buffer {} has scope {}", buffer.name, to_string(buffer.scope)));
      if (!buffer.type.order.empty()) {
        Dims sorted = buffer.type.order;
        std::sort(sorted.begin(), sorted.end());
        Dims dims(buffer.type.shape.size());
        std::iota(dims.begin(), dims.end(), std::int64_t{0});
        require(sorted == dims,
                fmt::format("order of buffer {} is no permutation of its dimensions", buffer.name));
      }
      live_[i] = argument;
    }
  }

  void statements(const std::vector<Stmt>& body) {
    std::vector<VarId> lets;
    for (const Stmt& stmt : body) {
      statement(stmt);
      if (stmt.kind == StmtKind::kLet) lets.push_back(stmt.var);
    }
    for (const VarId let : lets) unbind(let);
  }

  void bind(VarId var, VarKind kind, bool varies) {
    require(var_kinds_[var.index] == VarKind::kUnbound, fmt::format("variable {} is bound twice", name(var)));
    var_kinds_[var.index] = kind;
    varies_[var.index] = varies;
  }
  void unbind(VarId var) { var_kinds_[var.index] = VarKind::kUnbound; }

  void statement(const Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::kFor:
        return loop(stmt);
      case StmtKind::kStore:
      case StmtKind::kAccumulate:
        return store(stmt);
      case StmtKind::kLet: {
        require(stmt.var.index < exprs_.var_count(), "a let without a variable");
        const bool varies = expression(stmt.value);
        require(exprs_.dtype(stmt.value) == exprs_.var_dtype(stmt.var),
                fmt::format("let {} is {}, its value {}", name(stmt.var),
                            adze::to_string(exprs_.var_dtype(stmt.var)),
                            adze::to_string(exprs_.dtype(stmt.value))));
        require(exprs_.var_extent(stmt.var) == 0, fmt::format("let {} has an extent", name(stmt.var)));
        return bind(stmt.var, VarKind::kLet, varies);
      }
      case StmtKind::kAlloc:
        require(stmt.buffer.index < live_.size(), "an alloc without a buffer");
        require(stmt.buffer.index >= kernel_.argument_count,
                fmt::format("alloc of argument {}", buffer_name(stmt.buffer.index)));
        require(!live_[stmt.buffer.index],
                fmt::format("buffer {} is allocated inside its own alloc", buffer_name(stmt.buffer.index)));
        live_[stmt.buffer.index] = true;
        statements(stmt.body);
        live_[stmt.buffer.index] = false;
        return;
      case StmtKind::kBarrier:
        require(!in_if_, "a barrier below an if");
        return require(!in_vector_, "a barrier inside a vector loop");
      case StmtKind::kIf: {
        require(!in_vector_, "an if inside a vector loop");
        expression(stmt.value);
        require(exprs_.dtype(stmt.value) == DType::kBool, "the condition of an if is not bool");
        const bool outer = std::exchange(in_if_, true);
        statements(stmt.body);
        in_if_ = outer;
        return;
      }
    }
  }

  void loop(const Stmt& stmt) {
    require(stmt.var.index < exprs_.var_count(), "a loop without a variable");
    const bool vector = stmt.loop == LoopKind::kVector;
    require(exprs_.var_dtype(stmt.var) == DType::kI64,
            fmt::format("loop variable {} is not i64", name(stmt.var)));
    require(stmt.extent >= 0 && stmt.extent <= exprs_.var_extent(stmt.var),
            fmt::format("loop over {} has extent {}, its variable {}", name(stmt.var), stmt.extent,
                        exprs_.var_extent(stmt.var)));
    if (stmt.limit) {
      require(vector, fmt::format("loop over {} has a limit but is no vector loop", name(stmt.var)));
      require(!expression(stmt.limit),
              fmt::format("limit of vector loop {} depends on a lane", name(stmt.var)));
      require(exprs_.dtype(stmt.limit) == DType::kI64,
              fmt::format("limit of loop {} is not i64", name(stmt.var)));
    }
    require(!in_vector_ || stmt.loop == LoopKind::kSerial || stmt.loop == LoopKind::kUnroll,
            fmt::format("{} loop {} inside a vector loop", to_string(stmt.loop), name(stmt.var)));
    if (stmt.loop == LoopKind::kGrid || stmt.loop == LoopKind::kBlock) {
      require(is_gpu_kernel(kernel_),
              fmt::format("{} loop {} in a kernel that is not of the form grid, block", to_string(stmt.loop),
                          name(stmt.var)));
      require(in_block_ == 0 && (stmt.loop == LoopKind::kBlock) == (&stmt != kernel_.body.data()),
              fmt::format("{} loop {} inside a block loop", to_string(stmt.loop), name(stmt.var)));
    }
    in_block_ += stmt.loop == LoopKind::kBlock ? 1 : 0;
    bind(stmt.var, vector || stmt.loop == LoopKind::kUnroll ? VarKind::kUnrolled : VarKind::kLoop, vector);
    in_vector_ = in_vector_ || vector;
    statements(stmt.body);
    in_block_ -= stmt.loop == LoopKind::kBlock ? 1 : 0;
    in_vector_ = in_vector_ && !vector;
    unbind(stmt.var);
  }

  void store(const Stmt& stmt) {
    require(stmt.buffer.index < live_.size() && live_[stmt.buffer.index],
            "a store to a buffer that is not in scope");
    const Buffer& buffer = kernel_.buffers[stmt.buffer.index];
    const bool index_varies = expression(stmt.index);
    const bool value_varies = expression(stmt.value);
    check_access(stmt.buffer, stmt.index);
    require(exprs_.dtype(stmt.value) == buffer.type.dtype,
            fmt::format("{} is stored to {}, which is {}", adze::to_string(exprs_.dtype(stmt.value)),
                        buffer.name, adze::to_string(buffer.type.dtype)));
    if (stmt.kind == StmtKind::kAccumulate) {
      require(is_defined(combine_op(stmt.combine), buffer.type.dtype),
              fmt::format("{} of {} values", to_string(stmt.combine), adze::to_string(buffer.type.dtype)));
      require(stmt.threads == 1 || (stmt.threads > 1 && stmt.threads <= kWarpThreads &&
                                    (stmt.threads & (stmt.threads - 1)) == 0),
              fmt::format("{} accumulates over {} threads", buffer.name, stmt.threads));
      require(stmt.threads == 1 || (in_block_ > 0 && !in_if_ && !in_vector_),
              fmt::format("{} accumulates over threads that need not come by", buffer.name));
      require(stmt.threads == 1 || buffer.scope == Scope::kRegister,
              fmt::format("{} accumulates over threads but is no register", buffer.name));
    } else {
      require(index_varies || !value_varies,
              fmt::format("every lane stores another value to the same element of {}", buffer.name));
    }
    if (stmt.buffer.index < kernel_.argument_count) {
      require(kernel_.written[stmt.buffer.index],
              fmt::format("a store to argument {}, which is not marked as written", buffer.name));
      stored_[stmt.buffer.index] = true;
    }
  }

  // Does an access reach its buffer the way its scope asks for?
  void check_access(BufferId id, ExprId index) {
    const Buffer& buffer = kernel_.buffers[id.index];
    require(exprs_.dtype(index) == DType::kI64, fmt::format("an offset into {} is not i64", buffer.name));
    if (buffer.scope != Scope::kRegister) return;
    walk(index, [&](ExprId at) {
      const Expr& expr = exprs_[at];
      require(expr.kind != ExprKind::kLoad,
              fmt::format("register buffer {} is indexed by a load", buffer.name));
      require(expr.kind != ExprKind::kVar || var_kinds_[expr.var.index] == VarKind::kUnrolled,
              fmt::format("register buffer {} is indexed by {}, which is neither unrolled nor vector",
                          buffer.name, expr.kind == ExprKind::kVar ? name(expr.var) : ""));
    });
  }

  template <class Visit>
  void walk(ExprId root, Visit&& visit) {
    ++stamp_;
    std::vector<ExprId> stack{root};
    while (!stack.empty()) {
      const ExprId id = stack.back();
      stack.pop_back();
      require(id.index < exprs_.size(), "a missing expression");
      if (stamps_[id.index] == stamp_) continue;
      stamps_[id.index] = stamp_;
      visit(id);
      for (const ExprId arg : exprs_[id].args) {
        if (arg) stack.push_back(arg);
      }
    }
  }

  // Checks an expression in the current scope; does it differ from lane to lane?
  bool expression(ExprId root) {
    bool varies = false;
    std::vector<std::pair<BufferId, ExprId>> register_loads;
    walk(root, [&](ExprId id) {
      const Expr& expr = exprs_[id];
      if (expr.kind == ExprKind::kVar) {
        require(expr.var.index < exprs_.var_count() && var_kinds_[expr.var.index] != VarKind::kUnbound,
                fmt::format("variable {} is used where it is not bound",
                            expr.var.index < exprs_.var_count() ? name(expr.var) : "?"));
        varies = varies || varies_[expr.var.index];
      } else if (expr.kind == ExprKind::kLoad) {
        require(expr.buffer.index < live_.size() && live_[expr.buffer.index],
                fmt::format("a load from {}, which is not in scope",
                            expr.buffer.index < live_.size() ? buffer_name(expr.buffer.index) : "?"));
        if (kernel_.buffers[expr.buffer.index].scope == Scope::kRegister) {
          register_loads.emplace_back(expr.buffer, expr.args[0]);
        }
      }
      if (!typed_[id.index]) check_types(id);
    });
    for (const auto& [buffer, index] : register_loads) check_access(buffer, index);
    return varies;
  }

  void check_types(ExprId id) {
    typed_[id.index] = true;
    const Expr& expr = exprs_[id];
    const auto dtype = [&](std::size_t i) { return exprs_.dtype(expr.args[i]); };
    switch (expr.kind) {
      case ExprKind::kConst:
        return require(byte_size(expr.dtype) == 8 || expr.bits >> (8 * byte_size(expr.dtype)) == 0,
                       "a constant has more bits than its dtype");
      case ExprKind::kVar:
        return require(expr.dtype == exprs_.var_dtype(expr.var),
                       fmt::format("variable {} is read as another dtype", name(expr.var)));
      case ExprKind::kLoad: {
        require(static_cast<bool>(expr.args[0]) && dtype(0) == DType::kI64,
                "the offset of a load is not i64");
        const Buffer& buffer = kernel_.buffers[expr.buffer.index];
        require(expr.dtype == buffer.type.dtype,
                fmt::format("{} is loaded from {}, which is {}", adze::to_string(expr.dtype), buffer.name,
                            adze::to_string(buffer.type.dtype)));
        return require(!expr.args[1] || dtype(1) == DType::kBool,
                       fmt::format("the guard of a load from {} is not bool", buffer.name));
      }
      case ExprKind::kScalar: {
        for (std::size_t i = 0; i < 3; ++i) {
          require(static_cast<bool>(expr.args[i]) == (i < static_cast<std::size_t>(arity(expr.op))),
                  fmt::format("{} has a wrong number of operands", to_string(expr.op)));
        }
        const bool select = expr.op == ScalarOp::select;
        require(!select || dtype(0) == DType::kBool, "the condition of a select is not bool");
        const DType operands = dtype(select ? 1 : 0);
        for (std::size_t i = select ? 2 : 1; i < static_cast<std::size_t>(arity(expr.op)); ++i) {
          require(dtype(i) == operands, fmt::format("operands of {} differ in dtype", to_string(expr.op)));
        }
        require(is_defined(expr.op, operands),
                fmt::format("{} is not defined on {}", to_string(expr.op), adze::to_string(operands)));
        return require(expr.dtype == result_dtype(expr.op, operands),
                       fmt::format("{} has the wrong dtype", to_string(expr.op)));
      }
      case ExprKind::kConvert:
        require(static_cast<bool>(expr.args[0]), "a conversion of nothing");
        return require((!is_half(expr.dtype) || dtype(0) == DType::kF32) &&
                           (!is_half(dtype(0)) || expr.dtype == DType::kF32),
                       fmt::format("a conversion from {} to {}: halves convert from and to f32",
                                   adze::to_string(dtype(0)), adze::to_string(expr.dtype)));
      case ExprKind::kBitcast:
        return require(static_cast<bool>(expr.args[0]) && byte_size(dtype(0)) == byte_size(expr.dtype) &&
                           dtype(0) != DType::kBool && expr.dtype != DType::kBool,
                       "a bitcast between different sizes");
    }
  }

  const Kernel& kernel_;
  const Exprs& exprs_;
  std::vector<VarKind> var_kinds_;     ///< by variable: how it is bound here
  std::vector<bool> varies_;           ///< by variable: does it differ from lane to lane
  std::vector<bool> typed_;            ///< by expression: types are checked
  std::vector<std::uint64_t> stamps_;  ///< by expression: the last walk that met it
  std::uint64_t stamp_ = 0;
  std::vector<bool> live_;    ///< by buffer: an argument, or inside its alloc
  std::vector<bool> stored_;  ///< by argument
  bool in_vector_ = false;
  bool in_if_ = false;
  int in_block_ = 0;  ///< depth of block loops
};

}  // namespace

void verify(const Kernel& kernel) {
  Verifier(kernel).run();
}

namespace {

class ProgramVerifier {
 public:
  explicit ProgramVerifier(const Program& program) : program_(program), around_(program.calls.size()) {}

  void run() {
    for (const Kernel& kernel : program_.kernels) verify(kernel);
    regions();
    around_ = regions_around(program_);
    for (std::size_t c = 0; c < program_.calls.size(); ++c) call(c);
    for (std::size_t r = 0; r < program_.regions.size(); ++r) predicate(r);
  }

 private:
  void require(bool condition, const std::string& message) const {
    if (!condition) {
      throw InternalError(fmt::format("loop IR: program @{}, {}: {}", program_.name, subject_, message));
    }
  }

  void regions() {
    std::vector<std::size_t> open;  // ends of those around, outermost first
    for (std::size_t r = 0; r < program_.regions.size(); ++r) {
      subject_ = fmt::format("region {}", r);
      const Region& region = program_.regions[r];
      require(region.begin < region.end && region.end <= program_.calls.size(), "its calls do not exist");
      require(r == 0 || program_.regions[r - 1].begin <= region.begin, "it begins before the one before it");
      while (!open.empty() && open.back() <= region.begin) open.pop_back();
      require(open.empty() || region.end <= open.back(), "it ends behind the one around it");
      open.push_back(region.end);
      require(region.count > 0, fmt::format("it runs {} times", region.count));
      require(region.kind != Region::Kind::kBranch || region.low <= region.high, "no value takes it");
      if (!program_.launch) continue;
      const auto border = [&](std::size_t at) {
        return at == 0 || at == program_.calls.size() ||
               program_.calls[at - 1].phase != program_.calls[at].phase;
      };
      require(border(region.begin) && border(region.end), "its border is inside a phase");
    }
  }

  /// A reference, standing in the regions `around`, to what `user` takes for a buffer of this type.
  void reference(const BufferRef& ref, const TensorType& type, std::span<const std::size_t> around,
                 const std::string& what, std::string_view user) const {
    for (const Slice& slice : ref.slices) {
      require(std::find(around.begin(), around.end(), slice.region) != around.end() &&
                  program_.regions[slice.region].kind == Region::Kind::kLoop,
              fmt::format("{} moves with region {}, which is no loop around it", what, slice.region));
    }
    const auto [first, last] = byte_range(program_, ref, type.byte_size());
    if (ref.place == BufferRef::Place::kArena) {
      require(ref.offset == 0, what + " has an offset beside its position");
      require(first >= 0 && last <= program_.arena_bytes, what + " ends beyond the arena");
      return;
    }
    const std::vector<TensorType>& types =
        ref.place == BufferRef::Place::kParameter ? program_.parameter_types : program_.result_types;
    const bool is_constant = ref.place == BufferRef::Place::kConstant;
    const std::size_t places = is_constant ? program_.constants.size() : types.size();
    require(ref.position >= 0 && static_cast<std::size_t>(ref.position) < places, what + " does not exist");
    const auto position = static_cast<std::size_t>(ref.position);
    const TensorType& there = is_constant ? program_.constants[position]->type() : types[position];
    // The first slice of an array is at its beginning.
    const bool whole = ref.slices.empty() && ref.offset == 0 && program_.regions.empty();
    require(there.dtype == type.dtype && (!whole || there.element_count() == type.element_count()),
            fmt::format("{} is {}, {} expects {}", what, to_string(there), user, to_string(type)));
    require(first >= 0 && last <= there.byte_size(), what + " ends beyond " + to_string(there));
  }

  void predicate(std::size_t r) {
    const Region& region = program_.regions[r];
    if (region.kind == Region::Kind::kLoop) return;
    subject_ = fmt::format("region {}", r);
    const std::vector<std::size_t>& around = around_[region.begin];
    const auto own = std::find(around.begin(), around.end(), r);
    const TensorType type{region.kind == Region::Kind::kWhile ? DType::kBool : DType::kI32, {}};
    reference(region.predicate, type,
              std::span(around.data(), static_cast<std::size_t>(own - around.begin())),
              fmt::format("its predicate ({})", to_string(region.predicate)), "it");
  }

  void call(std::size_t c) {
    subject_ = fmt::format("call {}", c);
    const KernelCall& call = program_.calls[c];
    require(call.kernel < program_.kernels.size(), "no such kernel");
    const Kernel& kernel = program_.kernels[call.kernel];
    const std::size_t before = c == 0 ? 0 : program_.calls[c - 1].phase;
    require(call.phase == before || (c > 0 && call.phase == before + 1),
            fmt::format("phase {} follows phase {}", call.phase, before));
    if (program_.launch) {
      require(is_gpu_kernel(kernel) && block_extent(kernel) == program_.launch->threads,
              "its kernel does not have the threads of the launch");
    }
    require(call.arguments.size() == kernel.argument_count,
            fmt::format("{} arguments for @{}, which takes {}", call.arguments.size(), kernel.name,
                        kernel.argument_count));
    const std::int64_t scratch_end = call.scratch + scratch_bytes(kernel);
    if (call.scratch >= 0) {
      require(call.scratch % static_cast<std::int64_t>(kAlignment) == 0, "its scratch is not aligned");
      require(scratch_end <= program_.arena_bytes, "its scratch ends beyond the arena");
    }
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
      const BufferRef& ref = call.arguments[i];
      const TensorType type{kernel.buffers[i].type.dtype, kernel.buffers[i].type.shape};
      const std::string what = fmt::format("argument {} of @{} ({})", i, kernel.name, to_string(ref));
      reference(ref, type, around_[c], what, "the kernel");
      require(alignment(ref) % kernel.buffers[i].alignment == 0, what + " is not aligned");
      require(ref.place != BufferRef::Place::kConstant || !kernel.written[i], what + " is written to");
      if (ref.place != BufferRef::Place::kArena) continue;
      const auto [first, last] = byte_range(program_, ref, type.byte_size());
      require(call.scratch < 0 || type.byte_size() == 0 || last <= call.scratch || scratch_end <= first,
              what + " overlaps the scratch");
    }
  }

  const Program& program_;
  std::vector<std::vector<std::size_t>> around_;  ///< by call: the regions around it
  std::string subject_;
};

}  // namespace

void verify(const Program& program) {
  ProgramVerifier(program).run();
}

}  // namespace adze::loop
