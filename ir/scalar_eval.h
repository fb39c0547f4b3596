#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "ir/loop_ir.h"

/// Evaluation of loop::Exprs on the host. A value of any dtype is held as its bits, zero-extended to 64.
namespace adze::loop {

template <class T>
std::uint64_t to_bits(T value) {
  std::uint64_t bits = 0;
  static_assert(sizeof(T) <= sizeof(bits));
  std::memcpy(&bits, &value, sizeof(T));  // little-endian hosts, as everywhere in Adze
  return bits;
}
template <class T>
T from_bits(std::uint64_t bits) {
  if constexpr (std::is_same_v<T, bool>) {
    return (bits & 1) != 0;
  } else {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }
}

/// One element in memory, as bits and back.
std::uint64_t read_element(DType dtype, const std::byte* at);
void write_element(DType dtype, std::byte* at, std::uint64_t bits);

/// Does `op` take operands of `dtype`? (For select: the dtype of the two values.) Arithmetic is not for bool,
/// bit operations are not for floats, elementary functions are for floats only.
bool is_defined(ScalarOp op, DType dtype);
/// The dtype `op` gives for operands of `dtype`: bool for predicates, else the same.
DType result_dtype(ScalarOp op, DType dtype);

/// One instruction on one value; `dtype` is that of the operands (of the two values for select).
/// InternalError where `is_defined` says no.
std::uint64_t evaluate(ScalarOp op, DType dtype, std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0);
std::uint64_t convert_bits(std::uint64_t bits, DType from, DType to);

/// A conspicuous value for what is unspecified (fresh memory, loads whose guard is false), so that a result
/// that depends on it stands out: a NaN with payload dead, 0x5a5a5a5a, true.
std::uint64_t unspecified(DType dtype);

/// The value that changes nothing when combined: -0.0 for a float sum, 1, lowest, highest (-inf, inf), all
/// ones, 0.
std::uint64_t identity(Combine combine, DType dtype);
/// The instruction behind a combine: add, mul, max, min, and_, or_.
ScalarOp combine_op(Combine combine);
/// The fixed tree order in which a vector loop folds its lanes into one value: inactive lanes hold the
/// identity, as do lanes added to reach a power of two; then lane i takes in lane i + n/2, for n/2, n/4,
/// ... 1. `lanes` is scratch.
std::uint64_t fold_lanes(Combine combine, DType dtype, std::vector<std::uint64_t>& lanes);

/// Where loads come from. Lanes whose `active` flag is false must not be read; what they yield is not used.
class LoadSource {
 public:
  virtual ~LoadSource() = default;
  virtual void load(BufferId buffer, DType dtype, std::span<const std::uint64_t> index,
                    std::span<const std::uint8_t> active, std::span<std::uint64_t> out) = 0;
};

/// One or more expressions compiled to a flat list of steps, each run over all lanes of a block at once:
/// cheap enough to interpret kernels of millions of elements. Shared subexpressions are computed once.
class ScalarCode {
 public:
  /// `lanes`: the most lanes of one run. The Exprs may grow or go away afterwards.
  ScalarCode(const Exprs& exprs, std::span<const ExprId> roots, std::size_t lanes = 1);
  ScalarCode(const Exprs& exprs, ExprId root, std::size_t lanes = 1)
      : ScalarCode(exprs, std::span<const ExprId>(&root, 1), lanes) {}

  /// Evaluates lanes [0, count). `vars` holds variable v, lane l at vars[v.index * lanes() + l]. `active`:
  /// one flag a lane, empty for all; inactive lanes are computed but load nothing. `loads` may be null
  /// without loads.
  void run(std::span<const std::uint64_t> vars, std::size_t count, std::span<const std::uint8_t> active = {},
           LoadSource* loads = nullptr);
  /// The lanes of root i after `run`.
  std::span<const std::uint64_t> result(std::size_t i = 0) const {
    return {slots_.data() + roots_[i] * lanes_, lanes_};
  }
  std::size_t lanes() const { return lanes_; }
  DType dtype(std::size_t i = 0) const { return root_dtypes_[i]; }

 private:
  using Function = void (*)(const std::uint64_t* a, const std::uint64_t* b, const std::uint64_t* c,
                            std::uint64_t* out, std::size_t count);
  struct Step {
    ExprKind kind = ExprKind::kScalar;
    DType dtype = DType::kI64;
    Function function = nullptr;
    std::size_t out = 0, a = 0, b = 0, c = 0;  ///< slots
    bool guarded = false;                      ///< a load whose guard is slot b
    std::uint32_t source = 0;                  ///< the variable or buffer
  };

  std::size_t lanes_;
  std::vector<Step> steps_;
  std::vector<std::size_t> roots_;
  std::vector<DType> root_dtypes_;
  std::vector<std::uint64_t> slots_;  ///< [slot][lane]; constants are filled in once
  std::vector<std::uint8_t> flags_;   ///< which lanes a load reads
};

}  // namespace adze::loop
