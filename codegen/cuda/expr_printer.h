#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/loop_ir.h"

namespace adze::cuda {

/// Lines of text, indented.
class Lines {
 public:
  void add(const std::string& line);
  void open(const std::string& line) {  ///< "for (...) {": what follows is one deeper
    add(line);
    ++depth_;
  }
  void close() {
    --depth_;
    add("}");
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::size_t depth_ = 1;
};

/// Prints the expressions of one kernel. What a statement reads more than once gets a name, a line of its own
/// before the statement; the rest nests.
///
/// Index arithmetic, i64 expressions whose range is known, is `int` where it and all its parts fit. Other i64
/// values are long long.
class ExprPrinter {
 public:
  ExprPrinter(const loop::Kernel& kernel, loop::Exprs& exprs, Lines& lines);

  /// A statement begins that reads `roots`: variables and memory may have changed.
  void begin_statement(std::span<const loop::ExprId> roots);
  /// An expression of the C++ type of the value, but of `int` where a value of i64 fits. Binds tighter than
  /// any operator.
  std::string value(loop::ExprId id);
  /// The same as long long where it is i64.
  std::string wide(loop::ExprId id);
  /// For the rest of this statement `id` reads as `text`.
  void set(loop::ExprId id, std::string text);
  bool is_set(loop::ExprId id) const { return id.index < stamps_.size() && stamps_[id.index] == stamp_; }
  /// The type `value` has.
  std::string_view type(loop::ExprId id);
  /// "const float v3 = ...;": gives `text` a name.
  std::string name(std::string_view type, const std::string& text);

  std::string variable(loop::VarId var) const;
  std::string buffer(loop::BufferId id) const;
  /// Declares a Let, evaluated by a statement that has begun.
  void bind_let(loop::VarId var, loop::ExprId value);

  /// Is the i64 expression certainly a multiple of `factor`?
  bool is_multiple(loop::ExprId id, std::int64_t factor);

 private:
  void grow();  ///< the tables by expression, to the expressions there are
  bool is_narrow(loop::ExprId id);
  bool compute_narrow(loop::ExprId id);
  std::string compute(loop::ExprId id);
  std::string scalar(const loop::Expr& expr, loop::ExprId id);
  /// Does `condition` say whether `load`, which has just been computed, reads?
  bool is_guarded_by(loop::ExprId load, loop::ExprId condition) const;

  const loop::Kernel& kernel_;
  loop::Exprs& exprs_;
  Lines& lines_;
  std::uint64_t stamp_ = 0;
  std::size_t names_ = 0;
  // By expression:
  std::vector<std::uint64_t> stamps_;  ///< the statement that `texts_` is of
  std::vector<std::string> texts_;
  std::vector<std::uint32_t> uses_;  ///< in this statement
  std::vector<std::int8_t> narrow_;  ///< -1: not known yet
  std::vector<bool> narrow_lets_;    ///< by variable
};

}  // namespace adze::cuda
