#include "codegen/llvm/scalar_printer.h"

#include <array>
#include <string>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>

#include "ir/errors.h"
#include "ir/scalar_eval.h"

namespace adze {
namespace {

using llvm::Constant;
using llvm::ConstantFP;
using llvm::ConstantInt;
using llvm::Type;
using llvm::Value;
using loop::ScalarOp;

/// One row of the LLVM column: how to print for floats, signed integers, and unsigned ones or bool.
struct Row {
  std::string_view floats = "-", signed_ints = "-", unsigned_ints = "-";
};

constexpr Row parse_row(std::string_view text) {
  if (!text.starts_with("f:")) return {text, text, text};
  const auto s = text.find(" s:"), u = text.find(" u:");
  Row row;
  row.floats = text.substr(2, s == text.npos ? text.npos : s - 2);
  if (s != text.npos) row.signed_ints = text.substr(s + 3, u - s - 3);
  if (u != text.npos) row.unsigned_ints = text.substr(u + 3);
  return row;
}

constexpr std::array kRows = {
#define ADZE_SCALAR_OP(name, arity, rule, domain, cost, llvm, ...) parse_row(llvm),
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP
};

std::string_view cell(ScalarOp op, DType dtype) {
  const Row& row = kRows[static_cast<std::size_t>(op)];
  if (is_float(dtype)) return row.floats;
  return is_signed(dtype) ? row.signed_ints : row.unsigned_ints;
}

struct BinaryName {
  std::string_view name;
  llvm::Instruction::BinaryOps opcode;
};
constexpr BinaryName kBinary[] = {
    {"fadd", llvm::Instruction::FAdd}, {"fsub", llvm::Instruction::FSub}, {"fmul", llvm::Instruction::FMul},
    {"fdiv", llvm::Instruction::FDiv}, {"add", llvm::Instruction::Add},   {"sub", llvm::Instruction::Sub},
    {"mul", llvm::Instruction::Mul},   {"and", llvm::Instruction::And},   {"or", llvm::Instruction::Or},
    {"xor", llvm::Instruction::Xor},
};

struct PredicateName {
  std::string_view name;
  llvm::CmpInst::Predicate predicate;
};
constexpr PredicateName kPredicates[] = {
    {"fcmp oeq", llvm::CmpInst::FCMP_OEQ}, {"fcmp une", llvm::CmpInst::FCMP_UNE},
    {"fcmp olt", llvm::CmpInst::FCMP_OLT}, {"fcmp ole", llvm::CmpInst::FCMP_OLE},
    {"fcmp ogt", llvm::CmpInst::FCMP_OGT}, {"fcmp oge", llvm::CmpInst::FCMP_OGE},
    {"icmp eq", llvm::CmpInst::ICMP_EQ},   {"icmp ne", llvm::CmpInst::ICMP_NE},
    {"icmp slt", llvm::CmpInst::ICMP_SLT}, {"icmp sle", llvm::CmpInst::ICMP_SLE},
    {"icmp sgt", llvm::CmpInst::ICMP_SGT}, {"icmp sge", llvm::CmpInst::ICMP_SGE},
    {"icmp ult", llvm::CmpInst::ICMP_ULT}, {"icmp ule", llvm::CmpInst::ICMP_ULE},
    {"icmp ugt", llvm::CmpInst::ICMP_UGT}, {"icmp uge", llvm::CmpInst::ICMP_UGE},
};

Type* with_lanes(Type* scalar, int lanes) {
  return lanes == 0 ? scalar : llvm::FixedVectorType::get(scalar, static_cast<unsigned>(lanes));
}

/// `element` in the shape (scalar or vector) of `like`.
Type* shaped(Type* element, const Value* like) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(like->getType());
  return vector ? llvm::FixedVectorType::get(element, vector->getNumElements()) : element;
}

/// A constant (all lanes alike) that is not NaN.
bool is_constant_number(const Value* x) {
  const auto* constant = llvm::dyn_cast<Constant>(x);
  if (constant && constant->getType()->isVectorTy()) constant = constant->getSplatValue();
  const auto* number = llvm::dyn_cast_or_null<ConstantFP>(constant);
  return number && !number->isNaN();
}

/// The value of an integer constant with all lanes alike, or nullptr.
const llvm::APInt* constant_integer(const Value* x) {
  const auto* constant = llvm::dyn_cast<Constant>(x);
  if (constant && constant->getType()->isVectorTy()) constant = constant->getSplatValue();
  const auto* number = llvm::dyn_cast_or_null<ConstantInt>(constant);
  return number ? &number->getValue() : nullptr;
}

}  // namespace

Type* ScalarPrinter::register_type(DType dtype, int lanes) const {
  return dtype == DType::kBool ? with_lanes(builder_.getInt1Ty(), lanes) : memory_type(dtype, lanes);
}

Type* ScalarPrinter::memory_type(DType dtype, int lanes) const {
  switch (dtype) {
    case DType::kBool:
    case DType::kI8:
    case DType::kU8:
      return with_lanes(builder_.getInt8Ty(), lanes);
    case DType::kI16:
    case DType::kU16:
    case DType::kF16:
    case DType::kBF16:
      return with_lanes(builder_.getInt16Ty(), lanes);
    case DType::kI32:
    case DType::kU32:
      return with_lanes(builder_.getInt32Ty(), lanes);
    case DType::kI64:
    case DType::kU64:
      return with_lanes(builder_.getInt64Ty(), lanes);
    case DType::kF32:
      return with_lanes(builder_.getFloatTy(), lanes);
    case DType::kF64:
      return with_lanes(builder_.getDoubleTy(), lanes);
  }
  internal_error(__FILE__, __LINE__, "unknown dtype");
}

Constant* ScalarPrinter::constant(DType dtype, std::uint64_t bits) const {
  Type* type = register_type(dtype);
  if (dtype == DType::kF32) {
    return ConstantFP::get(type, llvm::APFloat(llvm::APFloat::IEEEsingle(), llvm::APInt(32, bits)));
  }
  if (dtype == DType::kF64) {
    return ConstantFP::get(type, llvm::APFloat(llvm::APFloat::IEEEdouble(), llvm::APInt(64, bits)));
  }
  return ConstantInt::get(type, dtype == DType::kBool ? bits & 1 : bits);
}

Value* ScalarPrinter::from_memory(Value* x, DType dtype) {
  return dtype == DType::kBool ? builder_.CreateIsNotNull(x) : x;
}

Value* ScalarPrinter::to_memory(Value* x, DType dtype) {
  return dtype == DType::kBool ? builder_.CreateZExt(x, shaped(builder_.getInt8Ty(), x)) : x;
}

Value* ScalarPrinter::bitcast(Value* x, DType to) {
  return builder_.CreateBitCast(x, shaped(register_type(to), x));
}

Value* ScalarPrinter::convert(Value* x, DType from, DType to) {
  if (from == to) return x;
  if (is_half(from)) return half_to_f32(from, x);
  if (is_half(to)) return f32_to_half(x, to);
  Type* type = shaped(register_type(to), x);
  if (to == DType::kBool) {
    Constant* zero = Constant::getNullValue(x->getType());
    return is_float(from) ? builder_.CreateFCmpUNE(x, zero) : builder_.CreateICmpNE(x, zero);
  }
  if (is_float(from) && is_float(to)) return builder_.CreateFPCast(x, type);
  if (is_float(from)) {
    const auto id = is_signed(to) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    return builder_.CreateIntrinsic(id, {type, x->getType()}, {x});
  }
  if (is_float(to)) return is_signed(from) ? builder_.CreateSIToFP(x, type) : builder_.CreateUIToFP(x, type);
  return builder_.CreateIntCast(x, type, is_signed(from));
}

// As ir/half.h does, on the bits; to f32 every half is exact.
Value* ScalarPrinter::half_to_f32(DType from, Value* x) {
  Type* word = shaped(builder_.getInt32Ty(), x);
  Type* single = shaped(builder_.getFloatTy(), x);
  if (from == DType::kF16 && features_.f16) {
    return builder_.CreateFPExt(builder_.CreateBitCast(x, shaped(builder_.getHalfTy(), x)), single);
  }
  Value* bits = builder_.CreateZExt(x, word);
  if (from == DType::kBF16) return builder_.CreateBitCast(builder_.CreateShl(bits, 16), single);
  Value* sign = builder_.CreateShl(builder_.CreateAnd(bits, 0x8000), 16);
  Value* magnitude = builder_.CreateAnd(bits, 0x7fff);
  Value* moved = builder_.CreateShl(magnitude, 13);
  // Read as the float of the same fields it is too small by the difference of the exponents' biases.
  Value* finite = builder_.CreateBitCast(
      builder_.CreateFMul(builder_.CreateBitCast(moved, single), ConstantFP::get(single, 0x1p112)), word);
  Value* special = builder_.CreateOr(moved, ConstantInt::get(word, 0x7f800000));
  Value* is_finite = builder_.CreateICmpULT(magnitude, ConstantInt::get(word, 0x7c00));
  return builder_.CreateBitCast(builder_.CreateOr(builder_.CreateSelect(is_finite, finite, special), sign),
                                single);
}

// Rounds to nearest even, NaN to a quiet NaN.
Value* ScalarPrinter::f32_to_half(Value* x, DType to) {
  Type* word = shaped(builder_.getInt32Ty(), x);
  Type* half = shaped(builder_.getInt16Ty(), x);
  if (to == DType::kF16 && features_.f16) {
    return builder_.CreateBitCast(builder_.CreateFPTrunc(x, shaped(builder_.getHalfTy(), x)), half);
  }
  const auto number = [&](std::uint32_t value) { return ConstantInt::get(word, value); };
  Value* bits = builder_.CreateBitCast(x, word);
  Value* is_nan = builder_.CreateFCmpUNO(x, x);
  // Adding just under half of what is cut off, and the last bit that stays, carries where it rounds up.
  const auto rounded = [&](Value* value, unsigned shift) {
    Value* odd = builder_.CreateAnd(builder_.CreateLShr(value, shift), 1);
    Value* sum = builder_.CreateAdd(value, builder_.CreateAdd(odd, number((1u << (shift - 1)) - 1)));
    return builder_.CreateLShr(sum, shift);
  };
  if (to == DType::kBF16) {
    Value* quiet = builder_.CreateOr(builder_.CreateLShr(bits, 16), 0x40);
    return builder_.CreateTrunc(builder_.CreateSelect(is_nan, quiet, rounded(bits, 16)), half);
  }
  Value* sign = builder_.CreateAnd(builder_.CreateLShr(bits, 16), 0x8000);
  Value* magnitude = builder_.CreateAnd(bits, 0x7fffffff);
  Value* normal = rounded(builder_.CreateSub(magnitude, number((127 - 15) << 23)), 13);
  // Subnormal: beside 0.5 an f32 has the resolution of subnormal halves, so the sum rounds as it should.
  Value* beside = builder_.CreateFAdd(builder_.CreateBitCast(magnitude, x->getType()),
                                      ConstantFP::get(x->getType(), 0.5));
  Value* subnormal = builder_.CreateSub(builder_.CreateBitCast(beside, word), number(0x3f000000));
  Value* payload = builder_.CreateAnd(builder_.CreateLShr(magnitude, 13), 0x3ff);
  Value* special = builder_.CreateSelect(is_nan, builder_.CreateOr(payload, 0x7e00), number(0x7c00));
  Value* result =
      builder_.CreateSelect(builder_.CreateICmpULT(magnitude, number(0x38800000)), subnormal, normal);
  result = builder_.CreateSelect(builder_.CreateICmpULT(magnitude, number(0x47800000)), result, special);
  return builder_.CreateTrunc(builder_.CreateOr(result, sign), half);
}

Value* ScalarPrinter::apply(ScalarOp op, DType dtype, std::span<Value* const> args) {
  const std::string_view how = cell(op, dtype);
  if (how == "special") return special(op, dtype, args);
  if (how.starts_with("libm:")) return libm_call(how.substr(5), dtype, args);
  const bool rounds = op == ScalarOp::floor || op == ScalarOp::round_even || op == ScalarOp::trunc;
  if (rounds && !features_.rounding) return round_by_sums(op, args[0]);
  if (op == ScalarOp::fma && !features_.fma) {
    return builder_.CreateFAdd(builder_.CreateFMul(args[0], args[1]), args[2]);
  }
  Value* result = instruction(how, args);
  ADZE_CHECK(result != nullptr, "scalar_ops.def: cannot print '" + std::string(how) + "' for " +
                                    std::string(to_string(op)) + " on " + std::string(to_string(dtype)));
  return result;
}

Value* ScalarPrinter::instruction(std::string_view cell, std::span<Value* const> args) {
  if (cell == "fneg") return builder_.CreateFNeg(args[0]);
  if (cell == "neg") return builder_.CreateNeg(args[0]);
  if (cell.starts_with("llvm.")) {
    const auto id = llvm::Function::lookupIntrinsicID(llvm::StringRef(cell.data(), cell.size()));
    if (id == llvm::Intrinsic::not_intrinsic) return nullptr;
    return builder_.CreateIntrinsic(id, {args[0]->getType()}, {args.data(), args.size()});
  }
  for (const BinaryName& row : kBinary) {
    if (row.name == cell) return builder_.CreateBinOp(row.opcode, args[0], args[1]);
  }
  for (const PredicateName& row : kPredicates) {
    if (row.name == cell) return builder_.CreateCmp(row.predicate, args[0], args[1]);
  }
  return nullptr;
}

Value* ScalarPrinter::special(ScalarOp op, DType dtype, std::span<Value* const> args) {
  Value* x = args[0];
  switch (op) {
    case ScalarOp::abs:
      return !is_signed(dtype) ? x
                               : builder_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, x, builder_.getFalse());
    case ScalarOp::sign:
      return sign(dtype, x);
    case ScalarOp::logistic:
      return logistic(dtype, x);
    case ScalarOp::rsqrt:
      return builder_.CreateFDiv(ConstantFP::get(x->getType(), 1.0),
                                 builder_.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x));
    case ScalarOp::is_finite:
      return builder_.CreateFCmpOLT(builder_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x),
                                    ConstantFP::getInfinity(x->getType()));
    case ScalarOp::not_:
      return builder_.CreateNot(x);
    case ScalarOp::clz:  // of 0 it is the width, not poison
      return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, x, builder_.getFalse());
    case ScalarOp::div:
    case ScalarOp::rem:
      return integer_division(op == ScalarOp::rem, dtype, x, args[1]);
    case ScalarOp::max:
    case ScalarOp::min:
      return max_or_min(op == ScalarOp::max, dtype, x, args[1]);
    case ScalarOp::shl:
    case ScalarOp::shr:
      return shift(op == ScalarOp::shl, dtype, x, args[1]);
    case ScalarOp::fma:
      return builder_.CreateAdd(builder_.CreateMul(x, args[1]), args[2]);
    case ScalarOp::select:
      return builder_.CreateSelect(x, args[1], args[2]);
    default:
      internal_error(
          __FILE__, __LINE__,
          "scalar_ops.def: " + std::string(to_string(op)) + " is special, but not to the LLVM back end");
  }
}

// a > b || a != a ? a : b. Where `a` cannot be NaN the first half is all, which x86 has as one instruction.
Value* ScalarPrinter::max_or_min(bool is_max, DType, Value* a, Value* b) {
  const auto ordered = is_max ? llvm::CmpInst::FCMP_OGT : llvm::CmpInst::FCMP_OLT;
  if (is_constant_number(b) && !is_constant_number(a)) {
    // Unordered then means that `a` is NaN.
    return builder_.CreateSelect(
        builder_.CreateFCmp(is_max ? llvm::CmpInst::FCMP_UGT : llvm::CmpInst::FCMP_ULT, a, b), a, b);
  }
  Value* result = builder_.CreateSelect(builder_.CreateFCmp(ordered, a, b), a, b);
  if (is_constant_number(a)) return result;
  return builder_.CreateSelect(builder_.CreateFCmpUNO(a, a), a, result);
}

// x/0 has all bits set and x%0 is x; min/-1 is min and min%-1 is 0: the divisors that trap are replaced by 1.
Value* ScalarPrinter::integer_division(bool remainder, DType dtype, Value* a, Value* b) {
  const bool has_sign = is_signed(dtype);
  const auto divide = [&](Value* divisor) {
    if (remainder) return has_sign ? builder_.CreateSRem(a, divisor) : builder_.CreateURem(a, divisor);
    return has_sign ? builder_.CreateSDiv(a, divisor) : builder_.CreateUDiv(a, divisor);
  };
  const llvm::APInt* known = constant_integer(b);
  if (known && !known->isZero() && !known->isAllOnes()) return divide(b);
  Constant* ones = Constant::getAllOnesValue(b->getType());
  Value* zero = builder_.CreateICmpEQ(b, Constant::getNullValue(b->getType()));
  Value* unsafe = zero;
  if (has_sign) {
    Value* minus_one = builder_.CreateICmpEQ(b, ones);
    Value* lowest = builder_.CreateICmpEQ(
        a,
        ConstantInt::get(a->getType(), llvm::APInt::getSignedMinValue(a->getType()->getScalarSizeInBits())));
    unsafe = builder_.CreateOr(zero, builder_.CreateAnd(minus_one, lowest));
  }
  Value* result = divide(builder_.CreateSelect(unsafe, ConstantInt::get(b->getType(), 1), b));
  return builder_.CreateSelect(zero, remainder ? a : static_cast<Value*>(ones), result);
}

// LLVM's shifts are undefined from the width on; ours give 0.
Value* ScalarPrinter::shift(bool left, DType dtype, Value* a, Value* b) {
  const unsigned width = a->getType()->getScalarSizeInBits();
  const auto shifted = [&](Value* count) {
    return left               ? builder_.CreateShl(a, count)
           : is_signed(dtype) ? builder_.CreateAShr(a, count)
                              : builder_.CreateLShr(a, count);
  };
  const llvm::APInt* known = constant_integer(b);
  if (known && known->ult(width)) return shifted(b);
  Value* inside = builder_.CreateICmpULT(b, ConstantInt::get(b->getType(), width));
  Constant* zero = Constant::getNullValue(a->getType());
  return builder_.CreateSelect(inside, shifted(builder_.CreateSelect(inside, b, zero)), zero);
}

Value* ScalarPrinter::sign(DType dtype, Value* x) {
  Constant* zero = Constant::getNullValue(x->getType());
  if (is_float(dtype)) {
    Value* one =
        builder_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, ConstantFP::get(x->getType(), 1.0), x);
    return builder_.CreateSelect(builder_.CreateFCmpONE(x, zero), one, x);  // zeros and NaN stay
  }
  Value* positive = builder_.CreateZExt(builder_.CreateICmpNE(x, zero), x->getType());
  if (!is_signed(dtype)) return positive;
  return builder_.CreateOr(builder_.CreateAShr(x, x->getType()->getScalarSizeInBits() - 1), positive);
}

// host::logistic, step by step: f32 goes through f64.
Value* ScalarPrinter::logistic(DType dtype, Value* x) {
  if (dtype == DType::kF32) {
    return convert(logistic(DType::kF64, convert(x, DType::kF32, DType::kF64)), DType::kF64, DType::kF32);
  }
  Constant* one = ConstantFP::get(x->getType(), 1.0);
  Value* positive = builder_.CreateFCmpOGE(x, Constant::getNullValue(x->getType()));
  Value* argument = builder_.CreateSelect(positive, builder_.CreateFNeg(x), x);
  Value* e = libm_call("exp", dtype, {&argument, 1});
  return builder_.CreateFDiv(builder_.CreateSelect(positive, one, e), builder_.CreateFAdd(one, e));
}

// Without rounding instructions: adding and subtracting 2^23 (2^52) rounds to the nearest even integer;
// larger numbers are integers already.
Value* ScalarPrinter::round_by_sums(ScalarOp op, Value* x) {
  Type* type = x->getType();
  const double big = type->getScalarType()->isFloatTy() ? 0x1p23 : 0x1p52;
  Constant* magic = ConstantFP::get(type, big);
  Value* magnitude = builder_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  Value* rounded = builder_.CreateFSub(builder_.CreateFAdd(magnitude, magic), magic);
  Constant* one = ConstantFP::get(type, 1.0);
  Constant* zero = Constant::getNullValue(type);
  if (op == ScalarOp::trunc) {
    Value* above = builder_.CreateFCmpOGT(rounded, magnitude);
    rounded = builder_.CreateFSub(rounded, builder_.CreateSelect(above, one, zero));
  }
  rounded = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, rounded, x);
  if (op == ScalarOp::floor) {
    Value* above = builder_.CreateFCmpOGT(rounded, x);
    rounded = builder_.CreateFSub(rounded, builder_.CreateSelect(above, one, zero));
  }
  return builder_.CreateSelect(builder_.CreateFCmpOLT(magnitude, magic), rounded, x);
}

Value* ScalarPrinter::libm_call(std::string_view name, DType dtype, std::span<Value* const> args) {
  Type* type = register_type(dtype);
  llvm::Module* module = builder_.GetInsertBlock()->getModule();
  const std::string symbol = std::string(name) + (dtype == DType::kF32 ? "f" : "");
  const llvm::SmallVector<Type*, 2> types(args.size(), type);
  llvm::FunctionCallee callee =
      module->getOrInsertFunction(symbol, llvm::FunctionType::get(type, types, false));
  llvm::cast<llvm::Function>(callee.getCallee())->setDoesNotThrow();
  const auto call = [&](llvm::ArrayRef<Value*> scalars) {
    llvm::CallInst* result = builder_.CreateCall(callee, scalars);
    // LLVM knows these names and would merge calls into functions that are not linked in (sincos).
    result->addFnAttr(llvm::Attribute::NoBuiltin);
    return result;
  };
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(args[0]->getType());
  if (!vector) return call({args.data(), args.size()});
  Value* result = llvm::PoisonValue::get(args[0]->getType());
  for (unsigned lane = 0; lane < vector->getNumElements(); ++lane) {
    llvm::SmallVector<Value*, 2> scalars;
    for (Value* arg : args) scalars.push_back(builder_.CreateExtractElement(arg, lane));
    result = builder_.CreateInsertElement(result, call(scalars), lane);
  }
  return result;
}

std::vector<std::string> libm_functions() {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    if (!row.floats.starts_with("libm:")) continue;
    names.emplace_back(row.floats.substr(5));
    names.push_back(names.back() + "f");
  }
  return names;
}

}  // namespace adze
