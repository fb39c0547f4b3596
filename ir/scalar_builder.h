#pragma once

#include <span>
#include <vector>

#include "ir/loop_ir.h"
#include "ir/op.h"

namespace adze {

/// Builds one element of an elementwise result. `result_dtype` and `attrs` are the node's.
class ScalarBuilder {
 public:
  ScalarBuilder(loop::Exprs& exprs, DType result_dtype, const Attrs& attrs)
      : exprs_(exprs), result_dtype_(result_dtype), attrs_(attrs) {}
  loop::Exprs& exprs() { return exprs_; }
  DType result_dtype() const { return result_dtype_; }
  const Attrs& attrs() const { return attrs_; }
  DType dtype(Scalar x) const { return exprs_.dtype(x); }

  Scalar constant(DType dtype, double value) { return exprs_.constant(dtype, value); }
  Scalar like(Scalar x, double value) { return exprs_.constant(dtype(x), value); }
  // One function a row of scalar_ops.def: b.tanh(x), b.add(x, y), b.select(p, x, y), ...
#define ADZE_SCALAR_OP(name, arity, rule, ...)                     \
  template <class... Args>                                         \
  requires(sizeof...(Args) == (arity)) Scalar name(Args... args) { \
    return exprs_.apply(loop::ScalarOp::name, {args...});          \
  }
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP
  Scalar convert(Scalar x, DType to) {
    return exprs_.convert(x, to);
  }

 private:
  loop::Exprs& exprs_;
  DType result_dtype_;
  const Attrs& attrs_;
};

/// The body of an elementwise op over elements of its operands: what lowering inlines and the interpreter
/// runs. f16 and bf16 are computed in f32 and rounded once, here and nowhere else: half operands are
/// converted to f32, the op's `scalar` rule builds its body in f32, and its value is converted to `result`.
Scalar elementwise_body(loop::Exprs& exprs, const OpDef& op, const Attrs& attrs, DType result,
                        std::span<const Scalar> operands);

/// Says where the element of the result at `index()` comes from. `load` yields an operand's element: a memory
/// read or the producer's own expression, inlined; which one is the caller's business (lowering, or a test).
/// A rule loads every operand, under a false guard if it has no element, so that callers see all reads.
class IndexContext {
 public:
  IndexContext(loop::Exprs& exprs, const Attrs& attrs, std::vector<TensorType> operand_types,
               TensorType result_type, std::vector<Scalar> index)
      : exprs_(exprs),
        attrs_(attrs),
        operand_types_(std::move(operand_types)),
        result_type_(std::move(result_type)),
        index_(std::move(index)) {}
  virtual ~IndexContext() = default;

  loop::Exprs& exprs() { return exprs_; }
  const Attrs& attrs() const { return attrs_; }
  template <class T>
  const T& attr(std::string_view name) const {
    return attrs_.get<T>(name);
  }
  std::size_t size() const { return operand_types_.size(); }
  const TensorType& operand_type(std::size_t i) const { return operand_types_[i]; }
  const TensorType& result_type() const { return result_type_; }
  const std::vector<Scalar>& index() const { return index_; }  ///< i64 expressions, one a result dim
  Scalar index(std::size_t dim) const { return index_[dim]; }
  /// The element of operand i at `index`. Where `guard` (a bool expression) is given and false, the element
  /// is not read and the result is some value that must not be used: wrap it in a select.
  virtual Scalar load(std::size_t i, std::vector<Scalar> index, Scalar guard = {}) = 0;

 protected:
  loop::Exprs& exprs_;
  const Attrs& attrs_;
  std::vector<TensorType> operand_types_;
  TensorType result_type_;
  std::vector<Scalar> index_;
};

}  // namespace adze
