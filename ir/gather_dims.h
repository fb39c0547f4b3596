#pragma once

#include <string>
#include <string_view>

#include "ir/op.h"

/// What gather and the scatters share: how an array of start indices selects windows of an operand.
namespace adze {

/// JAX's GatherDimensionNumbers, and ScatterDimensionNumbers under the names of gather. The last dim of the
/// indices (the index vector) holds one start for each dim of `start_index_map`; its other dims are the
/// batch.
struct GatherDims {
  Dims offset;            ///< dims of the gathered array (or the updates) that run over a window
  Dims collapsed;         ///< dims of the operand that a window has one element of and the result lacks
  Dims start_index_map;   ///< which dim of the operand each component of an index vector is for
  Dims operand_batching;  ///< dims of the operand that go along with ...
  Dims indices_batching;  ///< ... these dims of the indices
  Dims slice_sizes;       ///< of a window, one a dim of the operand

  static GatherDims of_gather(const Attrs& attrs);
  /// `operand` and `updates` give the window: 1 where a dim is inserted or a batch.
  static GatherDims of_scatter(const Attrs& attrs, const Dims& operand, const Dims& updates);
  /// As attributes of gather, without its mode.
  Attrs gather_attrs() const;
  /// As attributes of a scatter, without its mode.
  Attrs scatter_attrs() const;

  /// The same over a batch in front of: operand and indices; the operand alone, whose windows then cover it;
  /// the indices alone.
  GatherDims batched_both() const;
  GatherDims batched_operand(std::int64_t size) const;
  GatherDims batched_indices() const;

  /// Dims of the operand that appear as offsets, ascending.
  Dims window_dims() const;
};

/// What happens to windows that are not inside the operand: "clip" moves them inside; "fill" reads the fill
/// value, and a scatter drops the whole window; "promise_in_bounds" leaves open what is read or written, and
/// is done as "clip".
inline constexpr std::string_view kGatherModes[] = {"clip", "fill", "promise_in_bounds"};
void check_gather_mode(const InferContext& c);

/// The checks of `dims` that gather and the scatters share; `result_rank` is that of what runs over windows.
void check_gather_dims(const InferContext& c, const GatherDims& dims, const TensorType& operand,
                       const TensorType& indices, std::int64_t result_rank);

/// Where one element of a gathered array (or an update) lies in the operand, as loop expressions.
struct GatherPlace {
  std::vector<Scalar> index;  ///< into the operand
  Scalar inside;              ///< absent: always
};
/// `load_start(k, batch_index)` is component k of an index vector, of any integer dtype.
GatherPlace gather_place(loop::Exprs& exprs, const GatherDims& dims, const Dims& operand_shape, bool fill,
                         const std::vector<Scalar>& result_index,
                         const std::function<Scalar(std::vector<Scalar>)>& load_start);

/// The same on values, for the interpreter: false where there is no such element (mode "fill").
bool eval_gather_place(const GatherDims& dims, const Dims& operand_shape, bool fill, const Dims& result_index,
                       const Literal& indices, Dims& place);

/// x[indices] along `dim`, where `indices` has the shape of `x` but for `dim`: what undoes or repeats a sort.
/// `indices` are in bounds.
ValueId emit_take_along(GraphBuilder& b, ValueId x, ValueId indices, std::int64_t dim);

}  // namespace adze
