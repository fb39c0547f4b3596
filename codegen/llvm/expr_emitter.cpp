#include "codegen/llvm/expr_emitter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include "ir/errors.h"

namespace adze {
namespace {

using llvm::Align;
using llvm::Constant;
using llvm::Value;
using loop::BufferId;
using loop::Expr;
using loop::ExprId;
using loop::ExprKind;
using loop::ScalarOp;

/// Tags of the value table.
enum Tag : std::uint64_t { kScalar, kConvert, kBitcast, kSplat, kLoad, kAddress, kIndex, kTruncate };

std::uint64_t bits(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}
std::uint64_t bits(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}
template <class E>
std::uint64_t tag(Tag operation, E detail, DType dtype) {
  return static_cast<std::uint64_t>(operation) | static_cast<std::uint64_t>(detail) << 8 |
         static_cast<std::uint64_t>(dtype) << 24;
}

bool is_vector(const Value* value) {
  return value->getType()->isVectorTy();
}
bool fits_i32(std::int64_t value) {
  return value >= std::numeric_limits<std::int32_t>::min() &&
         value <= std::numeric_limits<std::int32_t>::max();
}

/// Eight zero bytes: what a load reads whose guard is false. (Its buffer may have no element at all.)
Value* zero_bytes(llvm::IRBuilderBase& builder) {
  llvm::Module& module = *builder.GetInsertBlock()->getModule();
  if (llvm::GlobalVariable* known = module.getGlobalVariable("adze.zero", true)) return known;
  llvm::Type* type = builder.getInt64Ty();
  auto* zero = new llvm::GlobalVariable(module, type, true, llvm::GlobalValue::InternalLinkage,
                                        Constant::getNullValue(type), "adze.zero");
  zero->setAlignment(Align(8));
  return zero;
}

}  // namespace

ExprEmitter::ExprEmitter(llvm::IRBuilderBase& builder, ScalarFeatures features, const loop::Kernel& kernel,
                         bool keep_lanes)
    : builder_(builder),
      printer_(builder, features),
      kernel_(kernel),
      exprs_(kernel.exprs),
      registers_(builder, printer_, kernel, keep_lanes),
      variables_(exprs_.var_count()),
      variable_lanes_(exprs_.var_count()),
      variable_firsts_(exprs_.var_count()),
      pointers_(kernel.buffers.size()),
      epochs_(kernel.buffers.size()),
      values_(exprs_.size()),
      firsts_(exprs_.size()),
      value_stamps_(exprs_.size()),
      first_stamps_(exprs_.size()) {}

// Variables and vector loops.

void ExprEmitter::bind(loop::VarId var, Value* value) {
  variables_[var.index] = value;
  variable_lanes_[var.index] = {Lane::Kind::kUniform};
}

void ExprEmitter::bind_let(loop::VarId var, ExprId id) {
  bind(var, value(id));
  if (!vector_) return;
  variable_lanes_[var.index] = lane(id);
  if (lane(id).kind != Lane::Kind::kAffine) return;
  evaluate({id, true});
  variable_firsts_[var.index] = firsts_[id.index];
}

void ExprEmitter::enter_vector_loop(const loop::Stmt& stmt, Value* mask, Value* any) {
  const auto extent = static_cast<unsigned>(stmt.extent);
  vector_ = {stmt.var, static_cast<int>(extent), static_cast<int>(std::bit_ceil(extent)), mask, any};
  lanes_ = &lanes_by_loop_[&stmt];
  lanes_->resize(exprs_.size());
  llvm::SmallVector<std::uint64_t, 64> numbers;
  for (int i = 0; i < vector_->count; ++i) numbers.push_back(static_cast<std::uint64_t>(i));
  variables_[stmt.var.index] = llvm::ConstantDataVector::get(builder_.getContext(), numbers);
  variable_lanes_[stmt.var.index] = {Lane::Kind::kAffine, 1};
  variable_firsts_[stmt.var.index] = {};
}

void ExprEmitter::leave_vector_loop() {
  vector_.reset();
  lanes_ = nullptr;
}

ExprEmitter::Lane ExprEmitter::lane_of(ExprId id) const {
  using Kind = Lane::Kind;
  const Expr& expr = exprs_[id];
  if (expr.kind == ExprKind::kVar) return variable_lanes_[expr.var.index];
  const auto of = [&](std::size_t i) {
    return expr.args[i] ? (*lanes_)[expr.args[i].index] : Lane{Kind::kUniform};
  };
  const Lane a = of(0), b = of(1);
  if (a.kind == Kind::kUniform && b.kind == Kind::kUniform && of(2).kind == Kind::kUniform) return a;
  if (!splits(expr) || a.kind == Kind::kVarying || b.kind == Kind::kVarying) return {Kind::kVarying};
  if (expr.op == ScalarOp::add) return {Kind::kAffine, a.coefficient + b.coefficient};
  if (expr.op == ScalarOp::sub) return {Kind::kAffine, a.coefficient - b.coefficient};
  const auto left = exprs_.as_index(expr.args[0]), right = exprs_.as_index(expr.args[1]);
  return {Kind::kAffine, left ? *left * b.coefficient : a.coefficient * *right};
}

ExprEmitter::Lane ExprEmitter::lane(ExprId root) {
  if (!vector_) return {Lane::Kind::kUniform};
  const auto known = [&](ExprId id) { return (*lanes_)[id.index].kind != Lane::Kind::kUnknown; };
  if (known(root)) return (*lanes_)[root.index];
  std::vector<ExprId> stack{root};
  while (!stack.empty()) {
    const ExprId id = stack.back();
    const std::size_t size = stack.size();
    if (!known(id)) {
      for (const ExprId arg : exprs_[id].args) {
        if (arg && !known(arg)) stack.push_back(arg);
      }
      if (stack.size() > size) continue;
      (*lanes_)[id.index] = lane_of(id);
    }
    stack.pop_back();
  }
  return (*lanes_)[root.index];
}

// Values. Expressions are walked with a stack of our own: fused kernels nest them thousands deep.

bool ExprEmitter::splits(const Expr& expr) const {
  if (expr.kind != ExprKind::kScalar || expr.dtype != DType::kI64) return false;
  if (expr.op == ScalarOp::add || expr.op == ScalarOp::sub) return true;
  return expr.op == ScalarOp::mul && (exprs_.as_index(expr.args[0]) || exprs_.as_index(expr.args[1]));
}

bool ExprEmitter::is_done(const Node& node) const {
  return (node.first_lane ? first_stamps_ : value_stamps_)[node.id.index] == stamp_;
}

template <class Visit>
void ExprEmitter::visit_arguments(const Node& node, Visit&& visit) {
  const Expr& expr = exprs_[node.id];
  if (expr.kind == ExprKind::kConst || expr.kind == ExprKind::kVar) return;
  if (node.first_lane && !splits(expr)) return visit(Node{node.id, false});
  if (node.first_lane || is_uniform_sum(node.id)) {
    visit(Node{expr.args[0], true});
    visit(Node{expr.args[1], true});
    return;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const bool address = expr.kind == ExprKind::kLoad && i == 0;
    if (expr.args[i]) visit(Node{expr.args[i], address && by_first_lane(expr.args[i])});
  }
}

void ExprEmitter::evaluate(const Node& root) {
  if (is_done(root)) return;
  std::vector<Node> stack{root};
  while (!stack.empty()) {
    const Node node = stack.back();
    if (is_done(node)) {
      stack.pop_back();
      continue;
    }
    const std::size_t size = stack.size();
    visit_arguments(node, [&](const Node& argument) {
      if (!is_done(argument)) stack.push_back(argument);
    });
    if (stack.size() > size) continue;
    if (node.first_lane) {
      firsts_[node.id.index] = compute_first(node.id);
      first_stamps_[node.id.index] = stamp_;
    } else {
      values_[node.id.index] = compute(node.id);
      value_stamps_[node.id.index] = stamp_;
    }
    stack.pop_back();
  }
}

Value* ExprEmitter::value(ExprId id) {
  evaluate({id, false});
  return values_[id.index];
}

bool ExprEmitter::is_uniform_sum(ExprId id) {
  return splits(exprs_[id]) && lane(id).kind == Lane::Kind::kUniform;
}

Value* ExprEmitter::compute(ExprId id) {
  const Expr& expr = exprs_[id];
  if (is_uniform_sum(id)) {
    const Offset sum = compute_first(id);
    return sum.variable == nullptr ? builder_.getInt64(bits(sum.constant))
           : sum.constant == 0     ? sum.variable
                               : index_op(ScalarOp::add, sum.variable, builder_.getInt64(bits(sum.constant)));
  }
  const auto argument = [&](std::size_t i) { return expr.args[i] ? values_[expr.args[i].index] : nullptr; };
  switch (expr.kind) {
    case ExprKind::kConst:
      return printer_.constant(expr.dtype, expr.bits);
    case ExprKind::kVar:
      return variables_[expr.var.index];
    case ExprKind::kLoad:
      return load(expr.buffer, place(expr.args[0]), argument(1));
    case ExprKind::kConvert: {
      const DType from = exprs_.dtype(expr.args[0]);
      return table_.get({tag(kConvert, from, expr.dtype), bits(argument(0))},
                        [&] { return printer_.convert(argument(0), from, expr.dtype); });
    }
    case ExprKind::kBitcast:
      return table_.get({tag(kBitcast, expr.dtype, expr.dtype), bits(argument(0))},
                        [&] { return printer_.bitcast(argument(0), expr.dtype); });
    case ExprKind::kScalar:
      break;
  }
  std::array<Value*, 3> args{argument(0), argument(1), argument(2)};
  const auto count = static_cast<std::size_t>(loop::arity(expr.op));
  if (std::any_of(args.begin(), args.begin() + static_cast<std::ptrdiff_t>(count), is_vector)) {
    for (std::size_t i = 0; i < count; ++i) {
      if (expr.op != ScalarOp::select || i > 0) args[i] = splat(args[i]);
    }
  }
  const DType dtype = exprs_.dtype(expr.args[expr.op == ScalarOp::select ? 1 : 0]);
  return table_.get({tag(kScalar, expr.op, dtype), bits(args[0]), bits(args[1]), bits(args[2])}, [&] {
    return printer_.apply(expr.op, dtype, {args.data(), count});
  });
}

Offset ExprEmitter::compute_first(ExprId id) {
  const Expr& expr = exprs_[id];
  const auto of_value = [](Value* value) -> Offset {
    if (const auto* constant = llvm::dyn_cast<llvm::ConstantInt>(value))
      return {nullptr, constant->getSExtValue()};
    return {value, 0};
  };
  if (expr.kind == ExprKind::kConst) return {nullptr, static_cast<std::int64_t>(expr.bits)};
  if (expr.kind == ExprKind::kVar) {
    const bool varies = vector_ && variable_lanes_[expr.var.index].kind == Lane::Kind::kAffine;
    return varies ? variable_firsts_[expr.var.index] : of_value(variables_[expr.var.index]);
  }
  if (!splits(expr)) return of_value(values_[id.index]);

  const Offset a = firsts_[expr.args[0].index], b = firsts_[expr.args[1].index];
  if (expr.op == ScalarOp::mul) {
    const bool swap = exprs_.as_index(expr.args[0]).has_value();
    const Offset& x = swap ? b : a;
    const std::int64_t factor = swap ? a.constant : b.constant;
    Offset product{nullptr, x.constant * factor};
    if (x.variable != nullptr && factor != 0) {
      product.variable =
          factor == 1 ? x.variable : index_op(ScalarOp::mul, x.variable, builder_.getInt64(bits(factor)));
    }
    return product;
  }
  const bool plus = expr.op == ScalarOp::add;
  Offset sum{a.variable, plus ? a.constant + b.constant : a.constant - b.constant};
  if (b.variable != nullptr) {
    Value* zero = builder_.getInt64(0);
    sum.variable = a.variable != nullptr ? index_op(expr.op, a.variable, b.variable)
                   : plus                ? b.variable
                                         : index_op(ScalarOp::sub, zero, b.variable);
  }
  return sum;
}

Value* ExprEmitter::index_op(ScalarOp op, Value* x, Value* y) {
  return table_.get({tag(kIndex, op, DType::kI64), bits(x), bits(y)}, [&] {
    const std::array args{x, y};
    return printer_.apply(op, DType::kI64, args);
  });
}

Value* ExprEmitter::splat(Value* value) {
  if (is_vector(value)) return value;
  const auto count = llvm::ElementCount::getFixed(static_cast<unsigned>(vector_->count));
  if (auto* constant = llvm::dyn_cast<Constant>(value))
    return llvm::ConstantVector::getSplat(count, constant);
  return table_.get({kSplat, bits(value), count.getFixedValue()},
                    [&] { return builder_.CreateVectorSplat(count, value); });
}

Value* ExprEmitter::lanes_of(Value* value) {
  return vector_ ? splat(value) : value;
}

// Memory.

Place ExprEmitter::place(ExprId index) {
  if (by_first_lane(index)) {
    evaluate({index, true});
    const std::int64_t stride = lane(index).coefficient;
    return {stride == 0 ? Place::Kind::kUniform : Place::Kind::kAffine, firsts_[index.index], stride,
            nullptr};
  }
  Value* indices = splat(value(index));
  const auto range = exprs_.range(index);
  if (range && fits_i32(range->first) && fits_i32(range->second)) {  // half as many registers for a gather
    indices = table_.get({kTruncate, bits(indices)}, [&] {
      return builder_.CreateTrunc(indices, printer_.register_type(DType::kI32, vector_->count));
    });
  }
  return {Place::Kind::kIndexed, {}, 0, indices};
}

Value* ExprEmitter::address(BufferId buffer, const Offset& first) {
  llvm::Type* type = printer_.memory_type(kernel_.buffers[buffer.index].type.dtype);
  Value* pointer = pointers_[buffer.index];
  const auto advance = [&](Value* by) {
    pointer = table_.get({kAddress, bits(type), bits(pointer), bits(by)},
                         [&] { return builder_.CreateGEP(type, pointer, by); });
  };
  if (first.variable != nullptr) advance(first.variable);
  if (first.constant != 0) advance(builder_.getInt64(bits(first.constant)));
  return pointer;
}

Value* ExprEmitter::lane_addresses(BufferId buffer, const Place& place) {
  llvm::Type* type = printer_.memory_type(kernel_.buffers[buffer.index].type.dtype);
  Value* base = address(buffer, place.first);
  Value* indices = place.indices;
  if (place.kind == Place::Kind::kAffine) {
    const bool narrow = fits_i32(place.stride * vector_->count);
    llvm::SmallVector<Constant*, 64> offsets;
    for (int lane = 0; lane < vector_->count; ++lane) {
      offsets.push_back(llvm::ConstantInt::getSigned(narrow ? builder_.getInt32Ty() : builder_.getInt64Ty(),
                                                     lane * place.stride));
    }
    indices = llvm::ConstantVector::get(offsets);
  }
  return table_.get({kAddress, bits(type), bits(base), bits(indices)},
                    [&] { return builder_.CreateGEP(type, base, indices); });
}

/// The elements of a register buffer: constants, since its index has unrolled and vector variables only.
std::vector<std::int64_t> ExprEmitter::register_positions(const Place& place) const {
  ADZE_CHECK(place.first.variable == nullptr, "a register is indexed by what is not a constant");
  if (place.kind == Place::Kind::kUniform) return {place.first.constant};
  std::vector<std::int64_t> positions;
  for (int lane = 0; lane < vector_->extent; ++lane) {
    if (place.kind == Place::Kind::kAffine) {
      positions.push_back(place.first.constant + lane * place.stride);
      continue;
    }
    const auto* indices = llvm::dyn_cast<Constant>(place.indices);
    ADZE_CHECK(indices != nullptr, "a register is indexed by what is not a constant");
    const auto* index =
        llvm::cast<llvm::ConstantInt>(indices->getAggregateElement(static_cast<unsigned>(lane)));
    positions.push_back(index->getSExtValue());
  }
  return positions;
}

/// The active lanes in which `guard` holds; nullptr: all.
Value* ExprEmitter::combined_mask(Value* guard) {
  if (guard == nullptr) return vector_->mask;
  if (vector_->mask == nullptr) return splat(guard);
  const std::array args{vector_->mask, splat(guard)};
  return table_.get({tag(kScalar, ScalarOp::and_, DType::kBool), bits(args[0]), bits(args[1])},
                    [&] { return printer_.apply(ScalarOp::and_, DType::kBool, args); });
}

Value* ExprEmitter::scalar_load(BufferId buffer, const Offset& first, Value* condition) {
  const DType dtype = kernel_.buffers[buffer.index].type.dtype;
  Value* pointer = address(buffer, first);
  return table_.get({kLoad, bits(pointer), bits(condition), epochs_[buffer.index]}, [&] {
    Value* from =
        condition == nullptr ? pointer : builder_.CreateSelect(condition, pointer, zero_bytes(builder_));
    llvm::Type* type = printer_.memory_type(dtype);
    return printer_.from_memory(builder_.CreateAlignedLoad(type, from, Align(byte_size(dtype))), dtype);
  });
}

Value* ExprEmitter::load(BufferId buffer, const Place& place, Value* guard) {
  const loop::Buffer& target = kernel_.buffers[buffer.index];
  const int lanes = place.kind == Place::Kind::kUniform ? 0 : vector_->count;
  if (target.scope == loop::Scope::kRegister) {
    return registers_.read(buffer, register_positions(place), lanes);
  }
  const DType dtype = target.type.dtype;
  if (const auto* known = llvm::dyn_cast_or_null<llvm::ConstantInt>(guard)) {
    if (known->isZero()) return Constant::getNullValue(printer_.register_type(dtype));
    guard = nullptr;
  }
  if (place.kind == Place::Kind::kUniform) {
    if (guard != nullptr && is_vector(guard)) {
      guard = builder_.CreateOrReduce(combined_mask(guard));
    } else if (vector_ && vector_->any != nullptr) {
      guard = guard == nullptr ? vector_->any : builder_.CreateAnd(vector_->any, guard);
    }
    return scalar_load(buffer, place.first, guard);
  }
  Value* mask = combined_mask(guard);
  llvm::Type* type = printer_.memory_type(dtype, lanes);
  const Align align(byte_size(dtype));
  const bool contiguous = place.kind == Place::Kind::kAffine && place.stride == 1;
  Value* from = contiguous ? address(buffer, place.first) : lane_addresses(buffer, place);
  return table_.get({kLoad, bits(from), bits(mask), epochs_[buffer.index], bits(type)}, [&] {
    Constant* zero = Constant::getNullValue(type);
    Value* loaded = !contiguous       ? builder_.CreateMaskedGather(type, from, align, mask, zero)
                    : mask == nullptr ? static_cast<Value*>(builder_.CreateAlignedLoad(type, from, align))
                                      : builder_.CreateMaskedLoad(type, from, align, mask, zero);
    return printer_.from_memory(loaded, dtype);
  });
}

void ExprEmitter::store(BufferId buffer, const Place& place, Value* value) {
  const loop::Buffer& target = kernel_.buffers[buffer.index];
  const bool uniform = place.kind == Place::Kind::kUniform;
  const int lanes = uniform ? 0 : vector_->count;
  Value* mask = !vector_ ? nullptr : uniform ? vector_->any : vector_->mask;
  if (!uniform) value = splat(value);
  ADZE_CHECK(!uniform || !is_vector(value), "lanes stored to one element of " + target.name);
  if (target.scope == loop::Scope::kRegister) {
    return registers_.write(buffer, register_positions(place), lanes, value, mask);
  }
  const DType dtype = target.type.dtype;
  value = printer_.to_memory(value, dtype);
  const Align align(byte_size(dtype));
  if (uniform && mask != nullptr) {
    // Storing the old value again would touch memory that may not be there.
    llvm::LLVMContext& context = builder_.getContext();
    llvm::Function* function = builder_.GetInsertBlock()->getParent();
    llvm::BasicBlock* then = llvm::BasicBlock::Create(context, "", function);
    llvm::BasicBlock* join = llvm::BasicBlock::Create(context, "", function);
    Value* to = address(buffer, place.first);
    builder_.CreateCondBr(mask, then, join);
    builder_.SetInsertPoint(then);
    builder_.CreateAlignedStore(value, to, align);
    builder_.CreateBr(join);
    builder_.SetInsertPoint(join);
  } else if (uniform) {
    builder_.CreateAlignedStore(value, address(buffer, place.first), align);
  } else if (place.kind != Place::Kind::kAffine || place.stride != 1) {
    builder_.CreateMaskedScatter(value, lane_addresses(buffer, place), align, mask);
  } else if (mask != nullptr) {
    builder_.CreateMaskedStore(value, address(buffer, place.first), align, mask);
  } else {
    builder_.CreateAlignedStore(value, address(buffer, place.first), align);
  }
  invalidate(buffer);
}

}  // namespace adze
