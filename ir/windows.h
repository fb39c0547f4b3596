#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ir/op.h"

/// Windows that slide over dimensions: what convolutions and reductions over windows have in common.
namespace adze {

/// Windows over some dimensions, one entry a dimension. Output o and window position k stand for the element
/// (o * stride + k * window_dilation - low) / base_dilation, where that is a whole number in range, and for
/// padding elsewhere.
struct Windows {
  Dims size;             ///< of the window
  Dims strides;          ///< at least 1
  DimPair padding;       ///< low (lhs) and high (rhs); negative amounts cut elements off
  Dims base_dilation;    ///< at least 1: base_dilation - 1 holes between two elements
  Dims window_dilation;  ///< at least 1
};

/// n elements with holes between them: (n - 1) * dilation + 1, 0 for none.
std::int64_t dilated_size(std::int64_t size, std::int64_t dilation);
/// How many windows there are over `sizes`.
Dims window_counts(const Dims& sizes, const Windows& windows);

/// `list` of an attribute; `count` times `value` where it is empty.
Dims list_or(const Dims& list, std::size_t count, std::int64_t value);
DimPair padding_or_none(const DimPair& padding, std::size_t count);

/// Throws TypeError through `c` unless each list of `windows` has an entry for each of `sizes` and each entry
/// makes sense. Entries are called by the attributes' names.
struct WindowNames {
  std::string_view size, strides, base_dilation, window_dilation;
};
void check_windows(const InferContext& c, const WindowNames& names, const Dims& sizes,
                   const Windows& windows);

// The attributes of the ops of reduce_window's kind, one entry a dimension of the operand: window_dimensions,
// window_strides, padding, base_dilation, window_dilation. Empty lists stand for ones, and no padding.

std::vector<AttrSpec> window_attrs();
Windows windows_of(const Attrs& attrs);
Attrs attrs_of(const Windows& windows);
/// The same with one dimension more in front: windows of one element each.
Attrs batched_window_attrs(Attrs attrs);
/// Rank 0: the highest number of `dtype` or the lowest; for floats an infinity.
Literal extreme_value(DType dtype, bool highest);
/// Checks them against a type.
void check_window_attrs(const InferContext& c, const TensorType& type);

/// The windows that move something: the dimensions of an operand whose windows are not single elements.
struct WindowedDims {
  Dims dims;
  Windows windows;  ///< over these
};
WindowedDims windowed_dims(const Dims& shape, const Windows& windows);

// Emission.

/// What `skew` does, see there.
struct Skew {
  DimPair dims;
  Dims sizes, strides, dilation, offset, base_dilation;
};
/// Padded with zeros where `value` is absent.
ValueId emit_skew(GraphBuilder& b, ValueId x, Skew skew, ValueId value = {});
/// The elements under each window over `dims` of x: these dims become the windows' counts, and the windows'
/// dims come last. `padding` has rank 0, zero when absent.
ValueId emit_windows(GraphBuilder& b, ValueId x, const Dims& dims, const Windows& windows,
                     ValueId padding = {});
/// For `y` of the shape of emit_windows(x): what each element of x (sizes `sizes` in `dims`) has at each
/// position of the windows it is under; 0 where there is no such window. Summed over the windows' dims it is
/// the transpose of emit_windows.
ValueId emit_back_from_windows(GraphBuilder& b, ValueId y, const Dims& dims, const Dims& sizes,
                               const Windows& windows);
/// Runs side by side: `runs` has a dim of run elements behind each of the operand's `dims`. Element k of run
/// i of a dim is element i * stride + k + offset of the result, of size `sizes`, where that is in range;
/// zeros are between the runs and around them. No run is longer than the stride.
struct RunPlaces {
  Dims dims, strides, offsets, sizes;
};
ValueId emit_side_by_side(GraphBuilder& b, ValueId runs, const RunPlaces& places);
/// The windows under which the gradient of a sum over `windows` is a sum over windows of the cotangent: base
/// dilation and strides change their roles (JAX's _conv_general_vjp_lhs_padding). `sizes` of the operand.
Windows transposed_windows(const Dims& sizes, const Windows& windows);

}  // namespace adze
