#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/op.h"
#include "ir/scalar_builder.h"

/// What the files of ir/ops share: constructors of OpDefs, checks, emission of movement ops, samples.
namespace adze {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The dtypes an op accepts.
enum class DTypeSet : std::uint8_t {
  kFloat,    ///< f16, bf16, f32, f64
  kWide,     ///< f32, f64: what is solved needs more than a half holds
  kNumeric,  ///< all floats and integers
  kInteger,  ///< i8 to i64, u8 to u64
  kBits,     ///< bool and all integers
  kAny,
};
bool contains(DTypeSet set, DType dtype);

// Checks for infer_types. All throw TypeError through InferContext::fail.

/// The name of operand i in messages: "lhs", or "operand 3" of a variadic op.
std::string operand_name(const InferContext& c, std::size_t i);
void check_dtype(const InferContext& c, std::size_t i, DTypeSet set);
/// All operands from `first` on have one type.
void check_same_types(const InferContext& c, std::size_t first = 0);
/// `shape` has no negative size and not too many elements. Returns it.
Dims check_shape(const InferContext& c, Dims shape);
/// Each of `dims`, the value of attribute `attr`, is in [0, rank) and none comes twice.
void check_dims(const InferContext& c, std::string_view attr, const Dims& dims, std::int64_t rank);
/// `list`, the value of attribute `attr`, has one entry a dimension of operand 0.
void check_length(const InferContext& c, std::string_view attr, const Dims& list);

// Lists of dimensions.

bool contains(const Dims& dims, std::int64_t dim);
/// 0, 1, ..., count - 1.
Dims iota_dims(std::int64_t count);
/// The dims of [0, rank) that are not in `dims`, ascending.
Dims remaining_dims(std::int64_t rank, const Dims& dims);
Dims inverse_permutation(const Dims& permutation);
/// `shape` without the dims in `axes`.
Dims without_dims(const Dims& shape, const Dims& axes);
/// `list[dim]` for each of `dims`.
Dims pick(const Dims& list, const Dims& dims);
/// `list` after `first`. With a batch size, a shape over a batch.
Dims prepend(std::int64_t first, Dims list);
/// Each of `dims` plus `by`. By 1: where they are when the batch is dim 0.
Dims shifted(Dims dims, std::int64_t by = 1);

// Emission. Where the op would change nothing its operand is returned.

ValueId emit_broadcast(GraphBuilder& b, ValueId x, Dims shape, Dims dims);
ValueId emit_reshape(GraphBuilder& b, ValueId x, Dims shape);
ValueId emit_transpose(GraphBuilder& b, ValueId x, Dims permutation);
/// Strides of 1 where `strides` is empty.
ValueId emit_slice(GraphBuilder& b, ValueId x, Dims start, Dims limit, Dims strides = {});
/// Pads with `value` (rank 0), zero when absent. No interior padding where `interior` is empty.
ValueId emit_pad(GraphBuilder& b, ValueId x, Dims low, Dims high, Dims interior = {}, ValueId value = {});
ValueId emit_convert(GraphBuilder& b, ValueId x, DType dtype);
ValueId emit_reduce_sum(GraphBuilder& b, ValueId x, Dims axes);

// OpDefs of elementwise ops. (The other patterns are few: their files fill an OpDef in themselves.)

/// What is particular to an elementwise op; `elementwise` adds the rest.
struct ElementwiseRules {
  std::size_t operands = 1;
  DTypeSet dtypes = DTypeSet::kFloat;
  std::optional<DType> result = {};  ///< the result's dtype; that of operand 0 where empty
  OpTraits traits = {};
  /// Where empty: "operand" of one, "lhs" and "rhs" of two operands; more need names.
  std::vector<std::string> operand_names = {};
  std::vector<AttrSpec> attrs = {};
  /// What infer_types checks beyond dtypes, equal types and the kinds of attributes (optional).
  std::function<void(InferContext&)> check = {};
  std::function<ValueId(FoldContext&)> fold = {};
  std::function<ValueList(JvpContext&)> jvp = {};
  std::function<ValueList(TransposeContext&)> transpose = {};
  std::function<Scalar(ScalarBuilder&, std::span<const Scalar>)> scalar = {};
  std::function<std::vector<OpSample>()> samples = {};
};
/// An op whose operands have equal types, with a result of the same shape.
OpDef elementwise(std::string_view name, ElementwiseRules rules);
using Args = std::span<const Scalar>;

/// Samples for an elementwise op: its floats (or whatever `dtypes` holds) on shapes of rank 0 to 3, sizes 0,
/// 1, primes, one below and one above vector widths.
struct ElementwiseSamples {
  std::size_t operands = 1;
  DTypeSet dtypes = DTypeSet::kFloat;
  Attrs attrs = {};
  double low = -2, high = 2;
  /// One range an operand, instead of low and high.
  std::vector<std::pair<double, double>> ranges = {};
  std::vector<double> special = {0.0, -0.0, 1, -1, 1e-40, kInf, -kInf, kNan};
  /// In f32 and f64. Halves are computed in f32: where that may be off a half may round the other way, by 1
  /// ULP.
  double max_ulp = 0;
  int derivative_order = 2;
};
/// Relative tolerance of sums that are reordered: a few roundings of `dtype`, of a half the last one.
double sum_tolerance(DType dtype);
std::function<std::vector<OpSample>()> elementwise_samples(ElementwiseSamples options);
/// The same with one operand.
inline std::function<std::vector<OpSample>()> unary_samples(ElementwiseSamples options) {
  options.operands = 1;
  return elementwise_samples(std::move(options));
}
inline std::function<std::vector<OpSample>()> binary_samples(ElementwiseSamples options) {
  options.operands = 2;
  return elementwise_samples(std::move(options));
}

}  // namespace adze
