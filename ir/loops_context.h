#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/op.h"

namespace adze {

/// The kernel of one kLoops op: its arguments are the op's distinct operands, then its results, dense and
/// row-major.
/// Calls of `loop`, `when` and `scratch` nest; what is written inside goes into their bodies.
///
/// Loops of kind kParallel promise that their iterations touch nothing that another one writes, so a schedule
/// may spread them over workers and threads (best where nothing stands around them); everything else runs in
/// the order written.
class LoopsContext {
 public:
  /// `argument_of`: which argument of the kernel is each operand, then each result.
  LoopsContext(loop::Kernel& kernel, const Attrs& attrs, std::vector<TensorType> operand_types,
               std::vector<TensorType> result_types, std::vector<std::size_t> argument_of);

  loop::Exprs& exprs() { return kernel_.exprs; }
  const Attrs& attrs() const { return attrs_; }
  template <class T>
  const T& attr(std::string_view name) const {
    return attrs_.get<T>(name);
  }
  std::size_t size() const { return operand_types_.size(); }
  std::size_t result_count() const { return result_types_.size(); }
  const TensorType& operand_type(std::size_t i) const { return operand_types_[i]; }
  const TensorType& result_type(std::size_t k = 0) const { return result_types_[k]; }

  Scalar load(std::size_t i, const std::vector<Scalar>& index, Scalar guard = {});
  Scalar load_result(std::size_t k, const std::vector<Scalar>& index, Scalar guard = {});
  void store(std::size_t k, const std::vector<Scalar>& index, Scalar value);
  void accumulate(std::size_t k, const std::vector<Scalar>& index, loop::Combine combine, Scalar value);

  /// for i in [0, extent): body(i)
  void loop(std::string_view name, std::int64_t extent, const std::function<void(Scalar)>& body,
            loop::LoopKind kind = loop::LoopKind::kSerial);
  /// A nest over all indices of `shape`, its loops of `kind`.
  void loops(const Dims& shape, const std::function<void(const std::vector<Scalar>&)>& body,
             loop::LoopKind kind = loop::LoopKind::kSerial);
  void when(Scalar condition, const std::function<void()>& body);
  /// A value computed here, once, whatever is stored afterwards.
  Scalar let(std::string_view name, Scalar value);
  /// One value in a register, read and written by `get` and `set`.
  struct Register {
    loop::BufferId buffer;
    DType dtype;
  };
  /// A register that starts as `start` and lives through `body`.
  void with_register(std::string_view name, Scalar start, const std::function<void(Register)>& body);
  Scalar get(Register from);
  void set(Register to, Scalar value);

 private:
  void nested(const std::function<void()>& body,
              const std::function<loop::Stmt(std::vector<loop::Stmt>)>& wrap);
  loop::BufferId operand(std::size_t i) const { return {static_cast<std::uint32_t>(argument_of_[i])}; }
  loop::BufferId result(std::size_t k) const { return operand(size() + k); }
  Scalar address(loop::BufferId buffer, const std::vector<Scalar>& index);

  loop::Kernel& kernel_;
  const Attrs& attrs_;
  std::vector<TensorType> operand_types_, result_types_;
  std::vector<std::size_t> argument_of_;
  std::vector<loop::Stmt> body_;

 public:
  /// What was written; ends the context.
  std::vector<loop::Stmt> take_body() { return std::move(body_); }
};

/// The results of `body`, a function of rank-0 values made of elementwise ops and constants (the monoid of a
/// reduce, a comparator), as expressions of `arguments`.
std::vector<Scalar> apply_scalar_body(loop::Exprs& exprs, const Graph& body,
                                      std::span<const Scalar> arguments);

/// Throws TypeError through `c` unless `body` can be given to apply_scalar_body and maps `parameters` to
/// `results` (all of rank 0).
void check_scalar_body(const InferContext& c, std::string_view attr, const Graph& body,
                       std::span<const DType> parameters, std::span<const DType> results);

}  // namespace adze
