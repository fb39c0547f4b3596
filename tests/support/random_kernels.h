#pragma once

#include <random>
#include <string>
#include <vector>

#include "tests/support/native_kernels.h"

/// Random kernels: nests of every kind of loop and statement, with registers, lets, guards, masks, gathers
/// and accumulation that no schedule may ever write in this order.
namespace adze::testing::random_kernels {

using namespace loop;

inline constexpr std::int64_t kElements = 97, kFlags = 53, kIndices = 41, kOutput = 160;

/// Arguments of each: x, p, indices; out and sums are written.
inline Arrays arguments() {
  std::vector<std::uint8_t> flags(kFlags);
  std::vector<std::int32_t> indices(kIndices);
  for (std::size_t i = 0; i < flags.size(); ++i) flags[i] = i * i % 5 < 2;
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::int32_t>(i * 29 % kElements);
  return {to_bytes(numbers<float>(kElements)), to_bytes(flags), to_bytes(indices),
          to_bytes(numbers<float>(kOutput)), to_bytes(numbers<std::int32_t>(kOutput))};
}

class RandomKernel {
 public:
  /// `shared`: with scratch of scope shared inside the loops.
  explicit RandomKernel(unsigned seed, bool shared = true)
      : random_(seed), b_("random" + std::to_string(seed)), shared_(shared) {
    x_ = b_.input("x", DType::kF32, kElements);
    p_ = b_.input("p", DType::kBool, kFlags);
    indices_ = b_.input("indices", DType::kI32, kIndices);
    out_ = b_.output("out", DType::kF32, kOutput);
    sums_ = b_.output("sums", DType::kI32, kOutput);
  }

  Kernel build() {
    b_.kernel.body = statements(0);
    // Every argument marked as written is written.
    b_.kernel.body.push_back(Stmt::make_store(out_, e_.index(0), value(2)));
    b_.kernel.body.push_back(
        Stmt::make_accumulate(sums_, e_.index(1), Combine::kSum, e_.constant(DType::kI32, 3)));
    return std::move(b_.kernel);
  }

 private:
  struct Registers {
    BufferId buffer;
    std::int64_t size;
  };

  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  template <class T>
  const T& any_of(const std::vector<T>& list) {
    return list[static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(list.size()) - 1))];
  }

  /// A sum of variables in scope, in [0, size). Without `lane`, the same in all lanes.
  ExprId index(std::int64_t size, bool lane, bool registers = false) {
    ExprId sum = e_.index(0);
    std::int64_t top = 0;
    for (int terms = static_cast<int>(pick(0, 3)); terms > 0 && !vars_.empty(); --terms) {
      const VarId var = any_of(vars_);
      if (var == lane_ && !lane) continue;
      if (registers && kinds_[var.index] == LoopKind::kSerial) continue;
      const std::int64_t factor = chance(60) ? 1 : pick(2, 5);
      sum = e_.add(sum, e_.mul(e_.var(var), factor));
      top += factor * (e_.var_extent(var) - 1);
    }
    if (top >= size) return e_.rem(sum, size);
    return e_.add(sum, pick(0, size - 1 - top));
  }

  /// first + lane * stride in [0, size): another element in each lane.
  ExprId distinct_index(std::int64_t size, bool registers = false) {
    const std::int64_t lanes = e_.var_extent(lane_);
    const std::int64_t stride = lanes * 2 <= size && chance(30) ? 2 : 1;
    const std::int64_t room = size - (lanes - 1) * stride;
    const ExprId at = e_.add(e_.mul(e_.var(lane_), stride), index(room, false, registers));
    // A permutation that is not affine: the two halves change places.
    return chance(20) && size % 2 == 0 ? e_.rem(e_.add(at, size / 2), size) : at;
  }

  ExprId condition(int depth) {
    switch (pick(0, 3)) {
      case 0:
        return b_.load(p_, index(kFlags, true));
      case 1:
        return e_.apply(ScalarOp::lt, {index(20, true), e_.index(pick(1, 15))});
      case 2:
        return e_.apply(ScalarOp::gt, {value(depth - 1), value(depth - 1)});
      default:
        return e_.both(b_.load(p_, index(kFlags, false)), b_.load(p_, index(kFlags, true)));
    }
  }

  ExprId guarded_load(int depth) {
    // May reach beyond the end where the guard does not hold.
    const ExprId at = e_.add(index(kElements, true), pick(0, 40));
    ExprId guard = e_.apply(ScalarOp::lt, {at, e_.index(kElements)});
    if (chance(30)) guard = e_.both(guard, condition(depth - 1));
    return e_.apply(ScalarOp::select, {guard, b_.load(x_, at, guard), value(depth - 1)});
  }

  ExprId value(int depth) {
    if (depth <= 0)
      return chance(50) ? b_.load(x_, index(kElements, true)) : b_.f32(static_cast<double>(pick(-3, 3)));
    switch (pick(0, 9)) {
      case 0:
        return e_.apply(ScalarOp::add, {value(depth - 1), value(depth - 1)});
      case 1:
        return e_.apply(ScalarOp::sub, {value(depth - 1), value(depth - 1)});
      case 2:
        return e_.apply(ScalarOp::max, {value(depth - 1), value(depth - 1)});
      case 3:
        return e_.apply(ScalarOp::select, {condition(depth - 1), value(depth - 1), value(depth - 1)});
      case 4:
        return guarded_load(depth);
      case 5:  // through memory
        return b_.load(x_, e_.convert(b_.load(indices_, index(kIndices, true)), DType::kI64));
      case 6:
        return e_.convert(index(50, true), DType::kF32);
      case 7:
        return lets_.empty() ? value(depth - 1) : e_.var(any_of(lets_), DType::kF32);
      case 8:
        return b_.load(out_, index(kOutput, true));
      default:
        if (registers_.empty()) return value(depth - 1);
        const Registers& registers = any_of(registers_);
        return b_.load(registers.buffer, index(registers.size, true, true));
    }
  }

  std::vector<Stmt> statements(int depth) {
    const std::size_t lets = lets_.size();
    std::vector<Stmt> body;
    for (std::int64_t i = pick(1, 3); i > 0; --i) body.push_back(statement(depth));
    lets_.resize(lets);
    return body;
  }

  Stmt statement(int depth) {
    const std::int64_t choice = depth >= 5 ? pick(0, 3) : pick(0, 10);
    switch (choice) {
      case 0: {
        const ExprId bound = value(2);
        lets_.push_back(e_.new_var("t", 0, DType::kF32));
        return Stmt::make_let(lets_.back(), bound);
      }
      case 1:
      case 2:
        return write();
      case 3: {
        const auto combine = static_cast<Combine>(pick(0, 5));
        const ExprId number = e_.convert(index(1000, true), DType::kI32);
        const ExprId at = lane_ && chance(50) ? distinct_index(kOutput) : index(kOutput, false);
        return Stmt::make_accumulate(sums_, at, combine, number);
      }
      case 4:
        if (!lane_) return Stmt::make_if(condition(1), statements(depth + 1));
        return write();
      case 5:
        if (registers_.size() < 3) return alloc(depth);
        return write();
      case 6:
      case 7:
        if (!lane_) return vector_loop(depth);
        [[fallthrough]];
      default:
        return loop(depth, chance(50) ? LoopKind::kSerial : LoopKind::kUnroll);
    }
  }

  Stmt write() {
    if (!registers_.empty() && chance(60)) return write_register(any_of(registers_));
    if (lane_) {
      if (chance(60)) return Stmt::make_store(out_, distinct_index(kOutput), value(3));
      if (chance(30)) return Stmt::make_accumulate(out_, distinct_index(kOutput), Combine::kMax, value(3));
      return Stmt::make_accumulate(out_, index(kOutput, false), chance(50) ? Combine::kSum : Combine::kMin,
                                   value(3));
    }
    return Stmt::make_store(out_, index(kOutput, true), value(3));
  }

  Stmt write_register(const Registers& registers) {
    if (!lane_) {
      const ExprId at = index(registers.size, false, true);
      if (chance(50)) return Stmt::make_store(registers.buffer, at, value(2));
      return Stmt::make_accumulate(registers.buffer, at, Combine::kSum, value(2));
    }
    if (e_.var_extent(lane_) > registers.size || chance(30)) {
      return Stmt::make_accumulate(registers.buffer, index(registers.size, false, true), Combine::kMax,
                                   value(2));
    }
    const ExprId at = distinct_index(registers.size, true);
    if (chance(50)) return Stmt::make_store(registers.buffer, at, value(2));
    return Stmt::make_accumulate(registers.buffer, at, Combine::kSum, value(2));
  }

  Stmt alloc(int depth) {
    const std::int64_t size = pick(1, 20);
    const bool shared = chance(25) && shared_;
    const BufferId buffer =
        b_.kernel.add_buffer("r" + std::to_string(b_.kernel.buffers.size()), {DType::kF32, {size}, {}},
                             shared ? Scope::kShared : Scope::kRegister);
    const VarId i = e_.new_var("i" + std::to_string(i_++), size);
    kinds_.resize(e_.var_count());
    const bool vector = !lane_ && chance(50);
    std::vector<Stmt> body{
        Stmt::make_for(i, size, vector ? LoopKind::kVector : LoopKind::kUnroll,
                       {Stmt::make_store(buffer, e_.var(i), e_.convert(e_.var(i), DType::kF32))})};
    registers_.push_back({buffer, size});
    for (Stmt& stmt : statements(depth + 1)) body.push_back(std::move(stmt));
    registers_.pop_back();
    return Stmt::make_alloc(buffer, std::move(body));
  }

  Stmt loop(int depth, LoopKind kind) {
    const VarId var = e_.new_var("v" + std::to_string(i_++), pick(1, 4));
    kinds_.resize(e_.var_count());
    kinds_[var.index] = kind;
    vars_.push_back(var);
    std::vector<Stmt> body = statements(depth + 1);
    vars_.pop_back();
    return Stmt::make_for(var, e_.var_extent(var), kind, std::move(body));
  }

  Stmt vector_loop(int depth) {
    const VarId var =
        e_.new_var("l" + std::to_string(i_++), any_of(std::vector<std::int64_t>{2, 3, 4, 8, 16}));
    kinds_.resize(e_.var_count());
    kinds_[var.index] = LoopKind::kVector;
    ExprId limit;
    if (chance(50)) limit = e_.apply(ScalarOp::sub, {e_.index(pick(0, 12)), index(10, true)});
    vars_.push_back(var);
    lane_ = var;
    std::vector<Stmt> body = statements(depth + 1);
    lane_ = {};
    vars_.pop_back();
    return Stmt::make_for(var, e_.var_extent(var), LoopKind::kVector, std::move(body), limit);
  }

  std::mt19937 random_;
  KernelBuilder b_;
  bool shared_;
  Exprs& e_ = b_.e;
  BufferId x_, p_, indices_, out_, sums_;
  std::vector<VarId> vars_, lets_;
  std::vector<LoopKind> kinds_;  ///< by variable
  std::vector<Registers> registers_;
  VarId lane_;
  int i_ = 0;
};

}  // namespace adze::testing::random_kernels
