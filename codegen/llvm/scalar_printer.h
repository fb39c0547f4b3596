#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ir/loop_ir.h"

namespace llvm {
class Constant;
class FunctionCallee;
class IRBuilderBase;
class Type;
class Value;
}  // namespace llvm

namespace adze {

/// Facts of the target that change how an instruction is printed.
struct ScalarFeatures {
  bool fma = false;       ///< without it a fused multiply-add would be a libm call: printed as mul, add
  bool f16 = false;       ///< conversions between f16 and f32 (F16C): otherwise printed as integer arithmetic
  bool rounding = false;  ///< instructions for floor, trunc and roundeven (SSE4.1): otherwise printed as sums
};

/// Prints single scalar instructions by the LLVM column of scalar_ops.def. Operands are scalars, or vectors
/// of one length (then the result is one too). In registers a bool is an i1; in memory it is a byte, 0 or 1.
/// f16 and bf16 are i16: their bits.
class ScalarPrinter {
 public:
  ScalarPrinter(llvm::IRBuilderBase& builder, ScalarFeatures features)
      : builder_(builder), features_(features) {}

  llvm::Type* register_type(DType dtype, int lanes = 0) const;  ///< lanes 0: a scalar
  llvm::Type* memory_type(DType dtype, int lanes = 0) const;
  llvm::Constant* constant(DType dtype, std::uint64_t bits) const;

  /// `dtype` is that of the operands (of the two values for select, whose condition may also be one i1).
  llvm::Value* apply(loop::ScalarOp op, DType dtype, std::span<llvm::Value* const> args);
  llvm::Value* convert(llvm::Value* x, DType from, DType to);
  llvm::Value* bitcast(llvm::Value* x, DType to);
  llvm::Value* from_memory(llvm::Value* x, DType dtype);
  llvm::Value* to_memory(llvm::Value* x, DType dtype);

 private:
  llvm::Value* instruction(std::string_view cell, std::span<llvm::Value* const> args);
  llvm::Value* special(loop::ScalarOp op, DType dtype, std::span<llvm::Value* const> args);
  llvm::Value* libm_call(std::string_view name, DType dtype, std::span<llvm::Value* const> args);
  llvm::Value* max_or_min(bool is_max, DType dtype, llvm::Value* a, llvm::Value* b);
  llvm::Value* integer_division(bool remainder, DType dtype, llvm::Value* a, llvm::Value* b);
  llvm::Value* shift(bool left, DType dtype, llvm::Value* a, llvm::Value* b);
  llvm::Value* sign(DType dtype, llvm::Value* x);
  llvm::Value* half_to_f32(DType from, llvm::Value* x);
  llvm::Value* f32_to_half(llvm::Value* x, DType to);
  llvm::Value* logistic(DType dtype, llvm::Value* x);
  llvm::Value* round_by_sums(loop::ScalarOp op, llvm::Value* x);

  llvm::IRBuilderBase& builder_;
  ScalarFeatures features_;
};

/// The functions that printed code may call: those named libm:... in scalar_ops.def, for f64 and f32.
std::vector<std::string> libm_functions();

}  // namespace adze
