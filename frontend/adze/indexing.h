#pragma once

#include <string>
#include <utility>
#include <vector>

#include "adze/array.h"

// Reading and writing at places that are data, and orders. All of it differentiates, maps and compiles.

namespace adze {

/// What happens to an index that is out of bounds. kFill: reads give a fill value, writes are dropped. kClip:
/// the nearest place inside is meant. kPromiseInBounds: the caller knows that there is none; what happens
/// then is left open, but never harmful.
enum class IndexMode : std::uint8_t { kFill, kClip, kPromiseInBounds };

/// The slices of `x` along `axis` at `indices` (integers of any shape, which replaces the axis). Negative
/// indices count from the end. Filled places are NaN, or the lowest (unsigned: the highest) integer. As
/// jnp.take. Throws TypeError when the indices are not integers or the axis is out of range.
Array take(Operand x, Operand indices, std::int64_t axis = 0, IndexMode mode = IndexMode::kFill);
/// x[.., indices[.., j, ..], ..]: one index for each element of the result; shapes are equal but for `axis`.
Array take_along_axis(Operand x, Operand indices, std::int64_t axis, IndexMode mode = IndexMode::kFill);

/// `x` with the slices along `axis` at `indices` (of rank 1, negative ones from the end) replaced by, or
/// joined with, those of `updates`, whose shape is that of x but for the axis: jnp's
/// x.at[indices].set(updates), and so on. Where indices meet, index_set keeps the last one.
Array index_set(Operand x, Operand indices, Operand updates, std::int64_t axis = 0,
                IndexMode mode = IndexMode::kFill);
Array index_add(Operand x, Operand indices, Operand updates, std::int64_t axis = 0,
                IndexMode mode = IndexMode::kFill);
Array index_mul(Operand x, Operand indices, Operand updates, std::int64_t axis = 0,
                IndexMode mode = IndexMode::kFill);
Array index_min(Operand x, Operand indices, Operand updates, std::int64_t axis = 0,
                IndexMode mode = IndexMode::kFill);
Array index_max(Operand x, Operand indices, Operand updates, std::int64_t axis = 0,
                IndexMode mode = IndexMode::kFill);

/// The window of `sizes` that begins at `starts` (one integer of rank 0 a dimension). A window that would
/// reach beyond x is moved inside, as in jax.lax.
Array dynamic_slice(Operand x, const std::vector<Operand>& starts, Dims sizes);
/// The same along one axis.
Array dynamic_slice_axis(Operand x, Operand start, std::int64_t size, std::int64_t axis = 0);
/// The element at `i` along `axis`, which goes away.
Array dynamic_index(Operand x, Operand i, std::int64_t axis = 0);
/// `x` with the window at `starts` replaced by `update`.
Array dynamic_update_slice(Operand x, Operand update, const std::vector<Operand>& starts);

/// jax.lax's gather and scatters in full; the names are those of GatherDimensionNumbers. The last dimension
/// of the indices is the index vector: one start for each of `start_index_map`.
struct GatherNumbers {
  Dims offset_dims;
  Dims collapsed_slice_dims;
  Dims start_index_map;
  Dims operand_batching_dims = {};
  Dims start_indices_batching_dims = {};
};
Array gather(Operand x, Operand indices, const GatherNumbers& dims, Dims slice_sizes,
             IndexMode mode = IndexMode::kFill);
struct ScatterNumbers {
  Dims update_window_dims;
  Dims inserted_window_dims;
  Dims scatter_dims_to_operand_dims;
  Dims operand_batching_dims = {};
  Dims scatter_indices_batching_dims = {};
};
Array scatter(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims,
              IndexMode mode = IndexMode::kFill);
Array scatter_add(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims,
                  IndexMode mode = IndexMode::kFill);
Array scatter_mul(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims,
                  IndexMode mode = IndexMode::kFill, bool unique_indices = false);
Array scatter_min(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims,
                  IndexMode mode = IndexMode::kFill);
Array scatter_max(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims,
                  IndexMode mode = IndexMode::kFill);

/// Ascending along `axis`, NaN last; stable.
Array sort(Operand x, std::int64_t axis = -1);
/// Permutes all operands (of one shape) by the order of the first `num_keys`, compared one after the other.
std::vector<Array> sort(const std::vector<Array>& operands, std::int64_t axis = -1, std::int64_t num_keys = 1,
                        Location at = Location::current());
/// The places (i32) the elements of sort(x) come from.
Array argsort(Operand x, std::int64_t axis = -1);
/// The k largest elements of the last axis, descending, and their places (i32). NaN counts as the largest.
std::pair<Array, Array> top_k(Operand x, std::int64_t k);

}  // namespace adze
