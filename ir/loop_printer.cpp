#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "ir/loop_ir.h"
#include "ir/number_text.h"
#include "ir/regions.h"
#include "ir/scalar_eval.h"

// The text form of the loop IR. A statement is one line where it can be; a subexpression that is used more
// than once in a statement, or that would make its line long, gets a line and a name (%0, %1, ...) of its
// own.

namespace adze::loop {

std::string_view to_string(LoopKind kind) {
  switch (kind) {
    case LoopKind::kSerial:
      return "serial";
    case LoopKind::kParallel:
      return "parallel";
    case LoopKind::kVector:
      return "vector";
    case LoopKind::kUnroll:
      return "unroll";
    case LoopKind::kGrid:
      return "grid";
    case LoopKind::kBlock:
      return "block";
  }
  return "?";
}

std::string_view to_string(Launch::Mode mode) {
  return mode == Launch::Mode::kPersistent ? "persistent" : "graph";
}

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::kArgument:
      return "argument";
    case Scope::kShared:
      return "shared";
    case Scope::kRegister:
      return "register";
  }
  return "?";
}

std::string_view to_string(Combine combine) {
  switch (combine) {
    case Combine::kSum:
      return "sum";
    case Combine::kProd:
      return "prod";
    case Combine::kMax:
      return "max";
    case Combine::kMin:
      return "min";
    case Combine::kAnd:
      return "and";
    case Combine::kOr:
      return "or";
  }
  return "?";
}

std::string_view to_string(BufferRef::Place place) {
  switch (place) {
    case BufferRef::Place::kParameter:
      return "param";
    case BufferRef::Place::kResult:
      return "result";
    case BufferRef::Place::kConstant:
      return "constant";
    case BufferRef::Place::kArena:
      return "arena";
  }
  return "?";
}

std::string to_string(const BufferRef& ref) {
  std::string text = fmt::format("{} {}{}", to_string(ref.place),
                                 ref.place == BufferRef::Place::kArena ? "+" : "", ref.position);
  if (ref.offset != 0) text += fmt::format(" +{}", ref.offset);
  for (const Slice& slice : ref.slices) text += fmt::format(" {:+}*r{}", slice.stride, slice.region);
  return text;
}

namespace {

constexpr std::size_t kLongExpression = 90;

// How tightly an expression's text binds; an operand that binds less gets parentheses.
enum Binding {
  kBindOr,
  kBindXor,
  kBindAnd,
  kBindCompare,
  kBindShift,
  kBindAdd,
  kBindMul,
  kBindUnary,
  kBindAtom
};

struct Infix {
  std::string_view text;
  Binding binding;
};

std::optional<Infix> infix(ScalarOp op) {
  switch (op) {
    case ScalarOp::add:
      return Infix{" + ", kBindAdd};
    case ScalarOp::sub:
      return Infix{" - ", kBindAdd};
    case ScalarOp::mul:
      return Infix{" * ", kBindMul};
    case ScalarOp::div:
      return Infix{" / ", kBindMul};
    case ScalarOp::rem:
      return Infix{" % ", kBindMul};
    case ScalarOp::and_:
      return Infix{" & ", kBindAnd};
    case ScalarOp::or_:
      return Infix{" | ", kBindOr};
    case ScalarOp::xor_:
      return Infix{" ^ ", kBindXor};
    case ScalarOp::shl:
      return Infix{" << ", kBindShift};
    case ScalarOp::shr:
      return Infix{" >> ", kBindShift};
    case ScalarOp::eq:
      return Infix{" == ", kBindCompare};
    case ScalarOp::ne:
      return Infix{" != ", kBindCompare};
    case ScalarOp::lt:
      return Infix{" < ", kBindCompare};
    case ScalarOp::le:
      return Infix{" <= ", kBindCompare};
    case ScalarOp::gt:
      return Infix{" > ", kBindCompare};
    case ScalarOp::ge:
      return Infix{" >= ", kBindCompare};
    default:
      return std::nullopt;
  }
}

/// Shortest text that reads back to the same bits, with a point or exponent.
template <class T>
std::string float_text(std::uint64_t bits, std::string_view suffix) {
  const T value = from_bits<T>(bits);
  if (std::isnan(value)) {
    if (bits == to_bits(std::numeric_limits<T>::quiet_NaN())) return fmt::format("nan{}", suffix);
    return fmt::format("bits{}({:#x})", suffix, bits);
  }
  std::string text = fmt::format("{}", value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + std::string(suffix);
}

std::string constant_text(DType dtype, std::uint64_t bits) {
  switch (dtype) {
    case DType::kBool:
      return bits != 0 ? "true" : "false";
    case DType::kI64:
      return fmt::format("{}", from_bits<std::int64_t>(bits));
    case DType::kF32:
      return float_text<float>(bits, "f");
    case DType::kF64:
      return float_text<double>(bits, "");
    default:
      return format_number(dtype, bits) + std::string(adze::to_string(dtype));
  }
}

/// Names of one kernel's variables and buffers, made unique in order of appearance.
class Names {
 public:
  Names(const Exprs& exprs, std::span<const Buffer> buffers) : exprs_(exprs), buffers_(buffers) {}

  std::string var(VarId id) {
    if (id.index >= exprs_.var_count()) return fmt::format("?var{}", id.index);
    return name(vars_, id.index, exprs_.var_name(id));
  }
  std::string buffer(BufferId id) {
    if (id.index >= buffers_.size()) return fmt::format("?buffer{}", id.index);
    return name(buffer_names_, id.index, buffers_[id.index].name);
  }

 private:
  std::string name(std::map<std::uint32_t, std::string>& known, std::uint32_t index,
                   const std::string& wanted) {
    if (const auto found = known.find(index); found != known.end()) return found->second;
    std::string unique = wanted.empty() ? "v" : wanted;
    for (int i = 1; !used_.insert(unique).second; ++i) unique = fmt::format("{}_{}", wanted, i);
    known.emplace(index, unique);
    return unique;
  }

  const Exprs& exprs_;
  std::span<const Buffer> buffers_;
  std::map<std::uint32_t, std::string> vars_, buffer_names_;
  std::set<std::string> used_;
};

/// Texts of the expressions of one statement. Lines for named subexpressions collect in `lines`.
class ExprPrinter {
 public:
  ExprPrinter(const Exprs& exprs, Names& names, std::initializer_list<ExprId> roots)
      : exprs_(exprs), names_(names) {
    // Uses within the statement; a backward sweep sees every user before what it uses.
    for (const ExprId root : roots) {
      if (root && root.index < exprs.size()) ++uses_[root.index];
    }
    for (auto it = uses_.rbegin(); it != uses_.rend(); ++it) {
      for (const ExprId arg : exprs[{it->first}].args) {
        if (arg && arg.index < it->first) ++uses_[arg.index];
      }
    }
    for (const auto& [index, count] : uses_) build({index}, count);
  }

  std::string text(ExprId id) const {
    if (!id) return "?";
    const auto found = texts_.find(id.index);
    return found == texts_.end() ? fmt::format("?expr{}", id.index) : found->second.text;
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  struct Text {
    std::string text;
    Binding binding = kBindAtom;
  };

  std::string operand(ExprId id, Binding at_least) const {
    const auto found = texts_.find(id.index);
    if (found == texts_.end()) return "?";
    return found->second.binding < at_least ? "(" + found->second.text + ")" : found->second.text;
  }

  // Arguments come first: uses_ is ordered by id.
  void build(ExprId id, int count) {
    const Expr& expr = exprs_[id];
    Text text = make(id);
    const bool leaf = expr.kind == ExprKind::kConst || expr.kind == ExprKind::kVar;
    const bool index = expr.dtype == DType::kI64 && text.text.size() < kLongExpression / 2;
    if (!leaf && !index && (count > 1 || text.text.size() > kLongExpression)) {
      const std::string name = fmt::format("%{}", lines_.size());
      lines_.push_back(name + " = " + text.text);
      text = {name, kBindAtom};
    }
    texts_.emplace(id.index, std::move(text));
  }

  Text make(ExprId id) const {
    const Expr& expr = exprs_[id];
    switch (expr.kind) {
      case ExprKind::kConst: {
        std::string text = constant_text(expr.dtype, expr.bits);
        const Binding binding = text[0] == '-' ? kBindUnary : kBindAtom;
        return {std::move(text), binding};
      }
      case ExprKind::kVar:
        return {names_.var(expr.var)};
      case ExprKind::kLoad: {
        std::string text = names_.buffer(expr.buffer) + "[" + this->text(expr.args[0]);
        if (expr.args[1]) text += " if " + this->text(expr.args[1]);
        return {text + "]"};
      }
      case ExprKind::kConvert:
        return {fmt::format("{}({})", adze::to_string(expr.dtype), text(expr.args[0]))};
      case ExprKind::kBitcast:
        return {fmt::format("bitcast<{}>({})", adze::to_string(expr.dtype), text(expr.args[0]))};
      case ExprKind::kScalar:
        if (const auto sum = affine(id)) return *sum;
        return scalar(expr);
    }
    return {"?"};
  }

  // Index arithmetic reads as algebra, largest stride first whatever order it was built in: 24*i + 2*j + 1.
  std::optional<Text> affine(ExprId id) const {
    auto sum = exprs_.affine(id);
    if (!sum || sum->terms.empty()) return std::nullopt;
    std::stable_sort(sum->terms.begin(), sum->terms.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    std::string text;
    const auto append = [&](std::int64_t value, const std::string& factor) {
      const bool negative = value < 0;
      if (!text.empty())
        text += negative ? " - " : " + ";
      else if (negative)
        text += "-";
      const std::uint64_t magnitude =
          negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
      if (factor.empty())
        text += std::to_string(magnitude);
      else
        text += magnitude == 1 ? factor : fmt::format("{}*{}", magnitude, factor);
    };
    const bool constant_first = sum->constant > 0 && sum->terms.front().second < 0;  // 24 - 16*j
    if (constant_first) append(sum->constant, "");
    for (const auto& [var, coefficient] : sum->terms) append(coefficient, names_.var(var));
    if (!constant_first && sum->constant != 0) append(sum->constant, "");
    const bool single = sum->terms.size() == 1 && sum->constant == 0;
    return Text{text, !single ? kBindAdd : sum->terms[0].second == 1 ? kBindAtom : kBindMul};
  }

  Text scalar(const Expr& expr) const {
    if (expr.op == ScalarOp::neg || expr.op == ScalarOp::not_) {
      return {(expr.op == ScalarOp::neg ? "-" : "!") + operand(expr.args[0], kBindAtom), kBindUnary};
    }
    if (const auto sign = infix(expr.op)) return binary(expr, *sign);
    std::string text = std::string(to_string(expr.op)) + "(";
    for (std::size_t i = 0; i < static_cast<std::size_t>(arity(expr.op)); ++i) {
      text += (i == 0 ? "" : ", ") + this->text(expr.args[i]);
    }
    return {text + ")"};
  }

  Text binary(const Expr& expr, const Infix& sign) const {
    const auto right = static_cast<Binding>(sign.binding + 1);
    // Comparisons, shifts and bit operations get parentheses around any operator inside: nobody knows C's
    // order.
    const Binding left = sign.binding >= kBindAdd ? sign.binding : kBindUnary;
    const std::string a = operand(expr.args[0], left);
    std::string b = operand(expr.args[1], sign.binding >= kBindAdd ? right : kBindUnary);
    if (expr.dtype == DType::kI64) {
      // Index arithmetic reads as algebra: 64 - 8*i.
      if (expr.op == ScalarOp::mul && exprs_[expr.args[1]].kind == ExprKind::kConst) {
        return {text(expr.args[1]) + "*" + operand(expr.args[0], kBindUnary), kBindMul};
      }
      if (expr.op == ScalarOp::add) {
        const std::string plain = text(expr.args[1]);
        if (plain[0] == '-') return {a + " - " + plain.substr(1), kBindAdd};
      }
    }
    return {a + std::string(sign.text) + b, sign.binding};
  }

  const Exprs& exprs_;
  Names& names_;
  std::map<std::uint32_t, int> uses_;
  std::map<std::uint32_t, Text> texts_;
  std::vector<std::string> lines_;
};

std::string buffer_text(const BufferType& type) {
  std::string text = to_string(TensorType{type.dtype, type.shape});
  if (!type.order.empty()) text += " order " + adze::to_string(type.order);
  return text;
}

std::string combine_text(Combine combine) {
  switch (combine) {
    case Combine::kSum:
      return "+=";
    case Combine::kProd:
      return "*=";
    case Combine::kMax:
      return "max=";
    case Combine::kMin:
      return "min=";
    case Combine::kAnd:
      return "&=";
    case Combine::kOr:
      return "|=";
  }
  return "?=";
}

class KernelPrinter {
 public:
  explicit KernelPrinter(const Kernel& kernel)
      : exprs_(kernel.exprs), buffers_(kernel.buffers), names_(kernel.exprs, kernel.buffers) {}

  std::string print(const Kernel& kernel) {
    text_ = (kernel.ordered ? "ordered kernel @" : "kernel @") + kernel.name + "(";
    for (std::size_t i = 0; i < kernel.argument_count && i < buffers_.size(); ++i) {
      if (i != 0) text_ += ", ";
      text_ += names_.buffer({static_cast<std::uint32_t>(i)}) + ": ";
      if (i < kernel.written.size() && kernel.written[i]) text_ += "out ";
      text_ += buffer_text(buffers_[i].type);
      if (buffers_[i].alignment != static_cast<std::int64_t>(kAlignment))
        text_ += fmt::format(" align {}", buffers_[i].alignment);
    }
    text_ += ") {\n";
    if (!kernel.schedule.empty()) {
      text_ += "  // schedule: ";
      for (std::size_t i = 0; i < kernel.schedule.size(); ++i)
        text_ += (i == 0 ? "" : "; ") + kernel.schedule[i];
      text_ += "\n";
    }
    statements(kernel.body, 1);
    return text_ + "}\n";
  }

 private:
  void line(int depth, const std::string& text) {
    text_.append(static_cast<std::size_t>(2 * depth), ' ');
    text_ += text + "\n";
  }

  // Recursion over the loop nest: as deep as the loops are nested, never as long as the user's graph.
  void statements(const std::vector<Stmt>& body, int depth) {
    for (const Stmt& stmt : body) statement(stmt, depth);
  }

  void statement(const Stmt& stmt, int depth) {
    // A variable is named where it is bound, before its first use.
    const std::string var = stmt.var ? names_.var(stmt.var) : "?";
    const ExprPrinter exprs(exprs_, names_, {stmt.index, stmt.value, stmt.limit});
    for (const std::string& temporary : exprs.lines()) line(depth, temporary);
    const auto target = [&] { return names_.buffer(stmt.buffer) + "[" + exprs.text(stmt.index) + "] "; };
    switch (stmt.kind) {
      case StmtKind::kFor: {
        std::string head = fmt::format("for {} in 0..{} ", var, stmt.extent);
        if (stmt.loop != LoopKind::kSerial) head += std::string(to_string(stmt.loop)) + " ";
        if (stmt.limit) head += "limit " + exprs.text(stmt.limit) + " ";
        block(depth, head, stmt.body);
        return;
      }
      case StmtKind::kStore:
        line(depth, target() + "= " + exprs.text(stmt.value));
        return;
      case StmtKind::kAccumulate:
        line(depth, target() + combine_text(stmt.combine) + " " + exprs.text(stmt.value) +
                        (stmt.threads > 1 ? fmt::format(" over {} threads", stmt.threads) : ""));
        return;
      case StmtKind::kLet: {
        std::string dtype = "?";
        if (stmt.var.index < exprs_.var_count()) dtype = adze::to_string(exprs_.var_dtype(stmt.var));
        line(depth, fmt::format("let {}: {} = {}", var, dtype, exprs.text(stmt.value)));
        return;
      }
      case StmtKind::kAlloc: {
        std::string type = "?";
        if (stmt.buffer.index < buffers_.size()) {
          const Buffer& buffer = buffers_[stmt.buffer.index];
          type = fmt::format("{} {}", to_string(buffer.scope), buffer_text(buffer.type));
        }
        block(depth, fmt::format("alloc {}: {} ", names_.buffer(stmt.buffer), type), stmt.body);
        return;
      }
      case StmtKind::kBarrier:
        line(depth, "barrier");
        return;
      case StmtKind::kIf:
        block(depth, "if " + exprs.text(stmt.value) + " ", stmt.body);
        return;
    }
  }

  void block(int depth, const std::string& head, const std::vector<Stmt>& body) {
    line(depth, head + "{");
    statements(body, depth + 1);
    line(depth, "}");
  }

  const Exprs& exprs_;
  std::span<const Buffer> buffers_;
  Names names_;
  std::string text_;
};

}  // namespace

std::string print(const Kernel& kernel) {
  return KernelPrinter(kernel).print(kernel);
}

std::string print(const Exprs& exprs, ExprId id, std::span<const Buffer> buffers) {
  Names names(exprs, buffers);
  const ExprPrinter printer(exprs, names, {id});
  std::string text;
  for (const std::string& line : printer.lines()) text += line + "\n";
  return text + printer.text(id);
}

namespace {

/// The calls of a program in their regions.
class CallPrinter {
 public:
  explicit CallPrinter(const Program& program) : program_(program) {}
  std::string run() {
    range(0, program_.calls.size(), 0, 1);
    return std::move(text_);
  }

 private:
  void range(std::size_t begin, std::size_t end, std::size_t first_region, int depth) {
    walk_calls(
        program_, begin, end, first_region, [&](std::size_t c) { call(program_.calls[c], depth); },
        [&](std::size_t r) {
          const Region& region = program_.regions[r];
          line(depth, head(region, r));
          range(region.begin, region.end, r + 1, depth + 1);
          line(depth, "}");
        });
  }

  static std::string head(const Region& region, std::size_t r) {
    switch (region.kind) {
      case Region::Kind::kLoop:
        return fmt::format("loop r{} in 0..{} {{", r, region.count);
      case Region::Kind::kWhile:
        return fmt::format("while {} {{", to_string(region.predicate));
      case Region::Kind::kBranch:
        break;
    }
    const std::string predicate = to_string(region.predicate);
    if (region.low == INT32_MIN) return fmt::format("if {} <= {} {{", predicate, region.high);
    if (region.high == INT32_MAX) return fmt::format("if {} >= {} {{", predicate, region.low);
    if (region.low == region.high) return fmt::format("if {} == {} {{", predicate, region.low);
    return fmt::format("if {} <= {} <= {} {{", region.low, predicate, region.high);
  }

  void call(const KernelCall& call, int depth) {
    if (call.phase != phase_) line(depth, fmt::format("phase {}", call.phase));
    phase_ = call.phase;
    const bool known = call.kernel < program_.kernels.size();
    std::string text = fmt::format("call @{}(", known ? program_.kernels[call.kernel].name : "?");
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
      text += (i == 0 ? "" : ", ") + to_string(call.arguments[i]);
    }
    line(depth, text + (call.scratch < 0 ? ")" : fmt::format(") scratch arena +{}", call.scratch)));
  }

  void line(int depth, const std::string& text) {
    text_.append(static_cast<std::size_t>(2 * depth), ' ');
    text_ += text + "\n";
  }

  const Program& program_;
  std::size_t phase_ = 0;
  std::string text_;
};

}  // namespace

std::string print(const Program& program) {
  const auto types = [](const std::vector<TensorType>& list) {
    std::string text;
    for (std::size_t i = 0; i < list.size(); ++i) text += (i == 0 ? "" : ", ") + to_string(list[i]);
    return text;
  };
  std::string text =
      fmt::format("program @{}({}) -> ({}) arena {} {{\n", program.name, types(program.parameter_types),
                  types(program.result_types), program.arena_bytes);
  for (std::size_t i = 0; i < program.constants.size(); ++i) {
    text += fmt::format("  constant {}: {}\n", i, to_string(program.constants[i]->type()));
  }
  if (program.launch) {
    const Launch& launch = *program.launch;
    const bool persistent = launch.mode == Launch::Mode::kPersistent;
    text += fmt::format("  launch {}{} threads {}\n", to_string(launch.mode),
                        persistent ? fmt::format(" blocks {}", launch.blocks) : "", launch.threads);
  }
  text += CallPrinter(program).run();
  text += "}\n";
  for (const Kernel& kernel : program.kernels) text += "\n" + print(kernel);
  return text;
}

}  // namespace adze::loop
