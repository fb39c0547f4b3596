#include "adze/indexing.h"

#include <fmt/format.h>

#include <string>

#include "adze/ops.h"
#include "emit.h"

namespace adze {

using detail::apply;
using detail::apply_multi;
using detail::checked;
using detail::resolve_axis;

namespace {

std::string to_attr(IndexMode mode) {
  switch (mode) {
    case IndexMode::kFill:
      return "fill";
    case IndexMode::kClip:
      return "clip";
    case IndexMode::kPromiseInBounds:
      return "promise_in_bounds";
  }
  return "fill";
}

Dims counted(std::int64_t first, std::int64_t count) {
  Dims dims;
  for (std::int64_t i = 0; i < count; ++i) dims.push_back(first + i);
  return dims;
}

/// Negative indices count from the end.
Array from_the_end(const Operand& indices, std::int64_t size) {
  const DType dtype = indices.type().dtype;
  if (!is_integer(dtype))
    detail::fail(indices, "an index must be an integer, got " + to_string(indices.type()));
  const Array wide =
      dtype == DType::kI32 || dtype == DType::kI64 ? indices.array() : astype(indices, DType::kI64);
  return where(wide < 0, wide + size, wide);
}

Attrs scatter_attrs(const ScatterNumbers& dims, IndexMode mode) {
  return {{"update_window_dims", dims.update_window_dims},
          {"inserted_window_dims", dims.inserted_window_dims},
          {"scatter_dims_to_operand_dims", dims.scatter_dims_to_operand_dims},
          {"operand_batching_dims", dims.operand_batching_dims},
          {"scatter_indices_batching_dims", dims.scatter_indices_batching_dims},
          {"mode", to_attr(mode)}};
}

/// x.at[indices] along an axis.
Array update_at(const char* name, const OpDef& op, const Operand& x, const Operand& indices,
                const Operand& updates, std::int64_t axis, IndexMode mode) {
  const Composition here(name, x.at());
  const TensorType type = x.type();
  const std::int64_t dim = checked(x, [&] { return resolve_axis(name, axis, type.rank()); });
  if (indices.type().rank() != 1)
    detail::fail(indices,
                 fmt::format("{}: the indices must have rank 1, got {}", name, to_string(indices.type())));
  Dims shape = type.shape;
  shape[static_cast<std::size_t>(dim)] = indices.type().shape[0];
  const Array values = checked(updates, [&] { return broadcast_to(astype(updates, type.dtype), shape); });
  const Array places = from_the_end(indices, type.shape[static_cast<std::size_t>(dim)]);
  Dims window;
  for (std::int64_t d = 0; d < type.rank(); ++d)
    if (d != dim) window.push_back(d);
  return apply(op, {x, expand_dims(places, {-1}), values},
               scatter_attrs({window, {dim}, {dim}, {}, {}}, mode));
}

}  // namespace

Array take(Operand x, Operand indices, std::int64_t axis, IndexMode mode) {
  const Composition here("take", x.at());
  const TensorType type = x.type();
  const std::int64_t dim = checked(x, [&] { return resolve_axis("take", axis, type.rank()); });
  const std::int64_t count = indices.type().rank();
  Dims slice_sizes = type.shape;
  slice_sizes[static_cast<std::size_t>(dim)] = 1;
  Dims offset = counted(0, dim), behind = counted(dim + count, type.rank() - dim - 1);
  offset.insert(offset.end(), behind.begin(), behind.end());
  const Array places = from_the_end(indices, type.shape[static_cast<std::size_t>(dim)]);
  return gather(x, expand_dims(places, {-1}), {offset, {dim}, {dim}, {}, {}}, std::move(slice_sizes), mode);
}

Array take_along_axis(Operand x, Operand indices, std::int64_t axis, IndexMode mode) {
  const Composition here("take_along_axis", x.at());
  const TensorType type = x.type();
  const std::int64_t dim = checked(x, [&] { return resolve_axis("take_along_axis", axis, type.rank()); });
  if (indices.type().rank() != type.rank()) {
    detail::fail(indices, fmt::format("take_along_axis: indices {} must have the rank of {}",
                                      to_string(indices.type()), to_string(type)));
  }
  Dims others;
  for (std::int64_t d = 0; d < type.rank(); ++d)
    if (d != dim) others.push_back(d);
  const Array places = from_the_end(indices, type.shape[static_cast<std::size_t>(dim)]);
  return gather(x, expand_dims(places, {-1}), {{}, {dim}, {dim}, others, others}, Dims(type.shape.size(), 1),
                mode);
}

Array index_set(Operand x, Operand indices, Operand updates, std::int64_t axis, IndexMode mode) {
  return update_at("index_set", op_scatter, x, indices, updates, axis, mode);
}
Array index_add(Operand x, Operand indices, Operand updates, std::int64_t axis, IndexMode mode) {
  return update_at("index_add", op_scatter_add, x, indices, updates, axis, mode);
}
Array index_mul(Operand x, Operand indices, Operand updates, std::int64_t axis, IndexMode mode) {
  return update_at("index_mul", op_scatter_mul, x, indices, updates, axis, mode);
}
Array index_min(Operand x, Operand indices, Operand updates, std::int64_t axis, IndexMode mode) {
  return update_at("index_min", op_scatter_min, x, indices, updates, axis, mode);
}
Array index_max(Operand x, Operand indices, Operand updates, std::int64_t axis, IndexMode mode) {
  return update_at("index_max", op_scatter_max, x, indices, updates, axis, mode);
}

namespace {

/// Start indices as Arrays of i32 (or their own integer dtype), negative ones from the end.
std::vector<Array> start_arrays(const Operand& x, const std::vector<Operand>& starts) {
  const Dims shape = x.type().shape;
  std::vector<Array> arrays;
  for (std::size_t d = 0; d < starts.size(); ++d) {
    const std::int64_t size = d < shape.size() ? shape[d] : 0;
    if (starts[d].is_scalar()) {
      const std::int64_t start = starts[d].integer();
      arrays.push_back(full({}, Operand(start < 0 ? start + size : start, starts[d].at()), DType::kI32));
    } else {
      arrays.push_back(from_the_end(starts[d], size));
    }
  }
  return arrays;
}

/// Operands refer to Arrays: `arrays` must live on.
std::vector<Operand> joined(std::vector<Operand> first, const std::vector<Array>& arrays) {
  first.insert(first.end(), arrays.begin(), arrays.end());
  return first;
}

}  // namespace

Array dynamic_slice(Operand x, const std::vector<Operand>& starts, Dims sizes) {
  const Composition here("dynamic_slice", x.at());
  const std::vector<Array> places = start_arrays(x, starts);
  return detail::apply(op_dynamic_slice, joined({x}, places), {{"slice_sizes", std::move(sizes)}});
}

Array dynamic_slice_axis(Operand x, Operand start, std::int64_t size, std::int64_t axis) {
  const Composition here("dynamic_slice_axis", x.at());
  Dims sizes = x.type().shape;
  const std::int64_t dim =
      checked(x, [&] { return resolve_axis("dynamic_slice_axis", axis, x.type().rank()); });
  std::vector<Operand> starts(sizes.size(), Operand(0, x.at()));
  starts[static_cast<std::size_t>(dim)] = start;
  sizes[static_cast<std::size_t>(dim)] = size;
  return dynamic_slice(x, starts, std::move(sizes));
}

Array dynamic_index(Operand x, Operand i, std::int64_t axis) {
  const Composition here("dynamic_index", x.at());
  return squeeze(dynamic_slice_axis(x, i, 1, axis), {axis});
}

Array dynamic_update_slice(Operand x, Operand update, const std::vector<Operand>& starts) {
  const Composition here("dynamic_update_slice", x.at());
  const std::vector<Array> places = start_arrays(x, starts);
  return detail::apply(op_dynamic_update_slice, joined({x, update}, places));
}

Array gather(Operand x, Operand indices, const GatherNumbers& dims, Dims slice_sizes, IndexMode mode) {
  return apply(op_gather, {x, indices},
               {{"offset_dims", dims.offset_dims},
                {"collapsed_slice_dims", dims.collapsed_slice_dims},
                {"start_index_map", dims.start_index_map},
                {"operand_batching_dims", dims.operand_batching_dims},
                {"start_indices_batching_dims", dims.start_indices_batching_dims},
                {"slice_sizes", std::move(slice_sizes)},
                {"mode", to_attr(mode)}});
}

Array scatter(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims, IndexMode mode) {
  return apply(op_scatter, {x, indices, updates}, scatter_attrs(dims, mode));
}
Array scatter_add(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims, IndexMode mode) {
  return apply(op_scatter_add, {x, indices, updates}, scatter_attrs(dims, mode));
}
Array scatter_mul(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims, IndexMode mode,
                  bool unique_indices) {
  Attrs attrs = scatter_attrs(dims, mode);
  attrs.set("unique_indices", unique_indices);
  return apply(op_scatter_mul, {x, indices, updates}, std::move(attrs));
}
Array scatter_min(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims, IndexMode mode) {
  return apply(op_scatter_min, {x, indices, updates}, scatter_attrs(dims, mode));
}
Array scatter_max(Operand x, Operand indices, Operand updates, const ScatterNumbers& dims, IndexMode mode) {
  return apply(op_scatter_max, {x, indices, updates}, scatter_attrs(dims, mode));
}

Array sort(Operand x, std::int64_t axis) {
  const Composition here("sort", x.at());
  const std::int64_t dim = checked(x, [&] { return resolve_axis("sort", axis, x.type().rank()); });
  return apply(op_sort, {x}, {{"dimension", dim}});
}

std::vector<Array> sort(const std::vector<Array>& operands, std::int64_t axis, std::int64_t num_keys,
                        Location at) {
  const Composition here("sort", at);
  if (operands.empty()) throw TypeError("sort: needs at least one operand\n  at " + to_string(at));
  const std::vector<Operand> all(operands.begin(), operands.end());
  const std::int64_t dim = checked(all[0], [&] { return resolve_axis("sort", axis, all[0].type().rank()); });
  return apply_multi(op_sort, all, {{"dimension", dim}, {"num_keys", num_keys}});
}

Array argsort(Operand x, std::int64_t axis) {
  const Composition here("argsort", x.at());
  const std::int64_t dim = checked(x, [&] { return resolve_axis("argsort", axis, x.type().rank()); });
  const Array places = iota(x.type().shape, dim, DType::kI32);
  const std::vector<Operand> operands{x, places};
  return apply_multi(op_sort, operands, {{"dimension", dim}})[1];
}

std::pair<Array, Array> top_k(Operand x, std::int64_t k) {
  const Composition here("top_k", x.at());
  const std::vector<Operand> operands{x};
  std::vector<Array> results = apply_multi(op_top_k, operands, {{"k", k}});
  return {std::move(results[0]), std::move(results[1])};
}

}  // namespace adze
