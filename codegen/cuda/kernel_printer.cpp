#include "codegen/cuda/kernel_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "codegen/cuda/expr_printer.h"
#include "codegen/cuda/lanes.h"
#include "codegen/cuda/scalar_text.h"
#include "ir/errors.h"
#include "ir/scalar_eval.h"

namespace adze::cuda {
namespace {

using loop::BufferId;
using loop::Combine;
using loop::ExprId;
using loop::LoopKind;
using loop::Scope;
using loop::Stmt;
using loop::StmtKind;
using loop::VarId;

std::string if_text(const std::string& condition) {
  const bool enclosed = condition.starts_with('(') && condition.find(')') == condition.size() - 1;
  return enclosed ? fmt::format("if {} {{", condition) : fmt::format("if ({}) {{", condition);
}

class KernelPrinter {
 public:
  explicit KernelPrinter(const loop::Kernel& kernel)
      : kernel_(kernel), exprs_(kernel.exprs), print_(kernel_, exprs_, lines_), lanes_(exprs_) {}

  KernelText run() {
    for (std::uint32_t i = 0; i < kernel_.argument_count; ++i) {
      const loop::BufferType& type = kernel_.buffers[i].type;
      lines_.add(fmt::format("ADZE_GLOBAL({}{}, {}, {}, p{});", kernel_.written[i] ? "" : "const ",
                             type_name(type.dtype), print_.buffer({i}), type.element_count(), i));
    }
    statements(kernel_.body);
    return {lines_.text(), loop::scratch_bytes(kernel_)};
  }

 private:
  void statements(const std::vector<Stmt>& body) {
    for (const Stmt& stmt : body) statement(stmt);
  }

  void statement(const Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::kFor:
        return loop(stmt);
      case StmtKind::kStore:
        return store(stmt);
      case StmtKind::kAccumulate:
        return accumulate(stmt);
      case StmtKind::kLet:
        return let(stmt);
      case StmtKind::kAlloc:
        return alloc(stmt);
      case StmtKind::kBarrier:
        return lines_.add("__syncthreads();");
      case StmtKind::kIf:
        begin({stmt.value});
        lines_.open(if_text(print_.value(stmt.value)));
        statements(stmt.body);
        return lines_.close();
    }
  }

  void begin(std::initializer_list<ExprId> roots) {
    print_.begin_statement(std::span<const ExprId>(roots.begin(), roots.size()));
  }

  // Loops.

  void loop(const Stmt& stmt) {
    if (stmt.extent == 0) return;
    begin({});
    const ExprId id = exprs_.var(stmt.var);
    const std::string var = print_.variable(stmt.var), type(print_.type(id));
    switch (stmt.loop) {
      case LoopKind::kGrid:
        lines_.open(fmt::format("for ({} {} = blockIdx.x; {} < {}; {} += gridDim.x) {{", type, var, var,
                                stmt.extent, var));
        statements(stmt.body);
        // Before the next iteration, or the next kernel of the same launch, writes to shared memory again.
        if (loop::scratch_bytes(kernel_) > 0) lines_.add("__syncthreads();");
        return lines_.close();
      case LoopKind::kBlock:
        lines_.add(fmt::format("const {} {} = threadIdx.x;", type, var));
        return statements(stmt.body);
      case LoopKind::kVector:
        return vector_loop(stmt);
      case LoopKind::kUnroll:
        lines_.add("#pragma unroll");
        break;
      case LoopKind::kSerial:
      case LoopKind::kParallel:  // not scheduled: a thread does it all
        // How much to unroll is the schedule's choice: left alone, NVRTC unrolls what takes it long to
        // compile.
        lines_.add("#pragma unroll 1");
        break;
    }
    lines_.open(fmt::format("for ({} {} = 0; {} < {}; ++{}) {{", type, var, var, stmt.extent, var));
    statements(stmt.body);
    lines_.close();
  }

  void vector_loop(const Stmt& stmt) {
    if (!stmt.limit) {
      lanes_.enter(stmt.var, stmt.extent, {});
      lines_.open("{");
    } else {
      begin({stmt.limit});
      lanes_.enter(stmt.var, stmt.extent, stmt.limit);
      lines_.open(fmt::format("if ({} > 0) {{", print_.value(stmt.limit)));  // else no lane is active
    }
    statements(stmt.body);
    lines_.close();
    lanes_.leave();
  }

  // Statements, for one value or for all lanes at once.

  /// The expression in each lane (once, where it is the same in all), after reading with wide accesses what
  /// allows it.
  std::vector<ExprId> expand(ExprId id) {
    if (!lanes_.varies(id)) return {id};
    return lanes_.expand(id);
  }

  void begin(std::initializer_list<std::vector<ExprId>> groups, std::initializer_list<ExprId> originals) {
    std::vector<ExprId> roots;
    for (const auto& group : groups) roots.insert(roots.end(), group.begin(), group.end());
    print_.begin_statement(roots);
    if (!lanes_.active()) return;
    for (const ExprId original : originals) {
      for (const Lanes::WideLoad& load : lanes_.wide_loads(original)) wide_load(load);
    }
  }

  std::string limit_of(std::int64_t first) {
    const ExprId limit = lanes_.limit();
    return limit ? ", " + print_.value(exprs_.add(limit, -first)) : "";
  }

  /// Neighbouring elements from `offset` on, `lanes` (2 or 4) at a time, where they are aligned to that.
  int access_width(BufferId buffer, ExprId offset, std::int64_t lanes) {
    const loop::Buffer& target = kernel_.buffers[buffer.index];
    if (target.scope == Scope::kRegister) return 1;
    const auto element = static_cast<std::int64_t>(byte_size(target.type.dtype));
    for (const int width : {4, 2}) {
      if (lanes % width == 0 && target.alignment % (width * element) == 0 &&
          !vector_name(target.type.dtype, width).empty() && print_.is_multiple(offset, width)) {
        return width;
      }
    }
    return 1;
  }

  void wide_load(const Lanes::WideLoad& load) {
    const auto lanes = static_cast<std::int64_t>(load.lanes.size());
    const DType dtype = kernel_.buffers[load.buffer.index].type.dtype;
    const int width = access_width(load.buffer, load.offsets[0], lanes);
    if (width == 1) return;
    for (std::int64_t first = 0; first < lanes; first += width) {
      const std::string text =
          fmt::format("adze_load{}({}, {}{})", width, print_.buffer(load.buffer),
                      print_.value(load.offsets[static_cast<std::size_t>(first)]), limit_of(first));
      const std::string name = print_.name(vector_name(dtype, width), text);
      for (int i = 0; i < width; ++i) {
        const std::string element = fmt::format("{}.{}", name, "xyzw"[i]);
        print_.set(load.lanes[static_cast<std::size_t>(first + i)],
                   dtype == DType::kBool ? "(" + element + " != 0)" : element);
      }
    }
  }

  void let(const Stmt& stmt) {
    const std::vector<ExprId> values = expand(stmt.value);
    begin({values}, {stmt.value});
    if (values.size() == 1) return print_.bind_let(stmt.var, values[0]);
    const std::vector<VarId> vars = lanes_.bind(stmt.var);
    for (std::size_t lane = 0; lane < values.size(); ++lane) print_.bind_let(vars[lane], values[lane]);
  }

  /// "buffer[offset] = value;"
  void assign(BufferId buffer, const std::string& offset, const std::string& value) {
    if (kernel_.buffers[buffer.index].scope == Scope::kRegister) {
      lines_.add(fmt::format("{}[{}] = {};", print_.buffer(buffer), offset, value));
    } else {
      lines_.add(fmt::format("adze_store({}, {}, {});", print_.buffer(buffer), offset, value));
    }
  }

  void assign_lane(BufferId buffer, std::size_t lane, const std::string& offset, const std::string& value) {
    const ExprId active = lanes_.is_active(lane);
    if (!active) return assign(buffer, offset, value);
    lines_.open(if_text(print_.value(active)));
    assign(buffer, offset, value);
    lines_.close();
  }

  void store(const Stmt& stmt) {
    const std::vector<ExprId> offsets = expand(stmt.index);
    std::vector<ExprId> values = expand(stmt.value);
    begin({offsets, values}, {stmt.index, stmt.value});
    if (offsets.size() == 1) return assign(stmt.buffer, print_.value(offsets[0]), print_.value(values[0]));
    values.resize(offsets.size(), values[0]);
    // All lanes are read before any is written.
    std::vector<std::string> texts;
    for (const ExprId value : values) texts.push_back(as_name(value));
    const auto lanes = static_cast<std::int64_t>(offsets.size());
    const int width = lanes_.are_neighbours(offsets) ? access_width(stmt.buffer, offsets[0], lanes) : 1;
    if (width > 1) return wide_store(stmt.buffer, width, offsets, texts);
    std::vector<std::string> places;
    for (const ExprId offset : offsets) places.push_back(print_.value(offset));
    for (std::size_t lane = 0; lane < offsets.size(); ++lane) {
      assign_lane(stmt.buffer, lane, places[lane], texts[lane]);
    }
  }

  /// Text whose value does not change when memory does.
  std::string as_name(ExprId id) {
    const std::string text = print_.wide(id);
    const bool reads_memory = text.find('[') != std::string::npos;
    return reads_memory ? print_.name(type_name(exprs_.dtype(id)), text) : text;
  }

  void wide_store(BufferId buffer, int width, const std::vector<ExprId>& offsets,
                  const std::vector<std::string>& texts) {
    for (std::size_t first = 0; first < offsets.size(); first += static_cast<std::size_t>(width)) {
      std::string value(vector_name(kernel_.buffers[buffer.index].type.dtype, width));
      for (std::size_t i = 0; i < static_cast<std::size_t>(width); ++i) {
        value += (i == 0 ? "{" : ", ") + texts[first + i];
      }
      lines_.add(fmt::format("adze_store{}({}, {}, {}}}{});", width, print_.buffer(buffer),
                             print_.value(offsets[first]), value,
                             limit_of(static_cast<std::int64_t>(first))));
    }
  }

  // Accumulation.

  DType dtype(const Stmt& stmt) const { return kernel_.buffers[stmt.buffer.index].type.dtype; }

  std::string combine(const Stmt& stmt, const std::string& old, const std::string& value) {
    const std::array operands{old, value};
    return apply(loop::combine_op(stmt.combine), dtype(stmt), operands);
  }

  void accumulate(const Stmt& stmt) {
    const std::vector<ExprId> offsets = expand(stmt.index);
    std::vector<ExprId> values = expand(stmt.value);
    begin({offsets, values}, {stmt.index, stmt.value});
    const auto element = [&](const std::string& offset) {
      return fmt::format("{}[{}]", print_.buffer(stmt.buffer), offset);
    };
    if (offsets.size() == 1) {
      std::string value = lanes_.active() ? fold_lanes(stmt, values) : print_.wide(values[0]);
      if (stmt.threads > 1) value = fold_threads(stmt, value);
      const std::string offset = print_.value(offsets[0]);
      return assign(stmt.buffer, offset, combine(stmt, element(offset), value));
    }
    values.resize(offsets.size(), values[0]);
    std::vector<std::string> texts, places;
    for (const ExprId value : values) {
      texts.push_back(as_name(value));
    }
    for (const ExprId offset : offsets) places.push_back(print_.value(offset));
    for (std::size_t lane = 0; lane < offsets.size(); ++lane) {
      assign_lane(stmt.buffer, lane, places[lane], combine(stmt, element(places[lane]), texts[lane]));
    }
  }

  /// The active lanes as one value, in the order of loop::fold_lanes.
  std::string fold_lanes(const Stmt& stmt, std::vector<ExprId> values) {
    const auto count = static_cast<std::size_t>(lanes_.count());
    values.resize(count, values[0]);
    const std::string identity = constant(dtype(stmt), loop::identity(stmt.combine, dtype(stmt)));
    std::vector<std::string> folded;
    for (std::size_t lane = 0; lane < count; ++lane) {
      const ExprId active = lanes_.is_active(lane);
      const std::string value = print_.wide(values[lane]);
      folded.push_back(active ? fmt::format("({} ? {} : {})", print_.value(active), value, identity) : value);
    }
    folded.resize(std::bit_ceil(count), identity);
    for (std::size_t half = folded.size() / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) {
        // A lane that is not there holds the identity, which changes nothing.
        if (i + half >= count && half == folded.size() / 2) continue;
        folded[i] = print_.name(type_name(dtype(stmt)), combine(stmt, folded[i], folded[i + half]));
      }
    }
    return folded[0];
  }

  /// The values of `stmt.threads` neighbouring threads as one, in the same order, in each of them: of two
  /// threads that exchange values the lower one's is the first operand in both.
  std::string fold_threads(const Stmt& stmt, const std::string& value) {
    const std::string_view type = type_name(dtype(stmt));
    std::string folded = value;
    for (std::int64_t half = stmt.threads / 2; half > 0; half /= 2) {
      const std::string own = print_.name(type, folded);
      const std::string other = print_.name(type, fmt::format("adze_shuffle_xor({}, {})", own, half));
      if (is_commutative(stmt.combine)) {
        folded = combine(stmt, own, other);
        continue;
      }
      const std::string upper = fmt::format("(threadIdx.x & {}) != 0", half);
      folded = fmt::format("({} ? {} : {})", upper, combine(stmt, other, own), combine(stmt, own, other));
    }
    return print_.name(type, folded);
  }

  /// Down to the last bit: the maximum of zeros of different sign is the second.
  static bool is_commutative(Combine combine) { return combine != Combine::kMax && combine != Combine::kMin; }

  // Memory.

  void alloc(const Stmt& stmt) {
    const loop::Buffer& buffer = kernel_.buffers[stmt.buffer.index];
    const std::int64_t count = std::max<std::int64_t>(1, buffer.type.element_count());
    const std::string declared =
        fmt::format("{}, {}, {}", type_name(buffer.type.dtype), print_.buffer(stmt.buffer), count);
    if (buffer.scope == Scope::kRegister) {
      lines_.open("{");
      lines_.add(fmt::format("ADZE_REGISTERS({});", declared));
      statements(stmt.body);
      return lines_.close();
    }
    lines_.add(fmt::format("ADZE_SHARED({}, {});", declared, shared_used_));
    const std::int64_t bytes = loop::scratch_bytes(buffer.type);
    shared_used_ += bytes;
    statements(stmt.body);
    shared_used_ -= bytes;
  }

  const loop::Kernel& kernel_;
  loop::Exprs exprs_;  ///< the kernel's and what lanes add to them
  Lines lines_;
  ExprPrinter print_;
  Lanes lanes_;
  std::int64_t shared_used_ = 0;
};

}  // namespace

KernelText print_kernel(const loop::Kernel& kernel) {
  return KernelPrinter(kernel).run();
}

}  // namespace adze::cuda
