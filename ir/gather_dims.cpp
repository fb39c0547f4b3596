#include "ir/gather_dims.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {
namespace {

std::size_t position(const Dims& dims, std::int64_t dim) {
  return static_cast<std::size_t>(std::find(dims.begin(), dims.end(), dim) - dims.begin());
}

void check_sorted(const InferContext& c, std::string_view name, const Dims& dims) {
  if (!std::is_sorted(dims.begin(), dims.end()))
    c.fail(fmt::format("{} {} must be ascending", name, to_string(dims)));
}

}  // namespace

GatherDims GatherDims::of_gather(const Attrs& attrs) {
  return {.offset = attrs.get<Dims>("offset_dims"),
          .collapsed = attrs.get<Dims>("collapsed_slice_dims"),
          .start_index_map = attrs.get<Dims>("start_index_map"),
          .operand_batching = attrs.get<Dims>("operand_batching_dims"),
          .indices_batching = attrs.get<Dims>("start_indices_batching_dims"),
          .slice_sizes = attrs.get<Dims>("slice_sizes")};
}

GatherDims GatherDims::of_scatter(const Attrs& attrs, const Dims& operand, const Dims& updates) {
  GatherDims dims{.offset = attrs.get<Dims>("update_window_dims"),
                  .collapsed = attrs.get<Dims>("inserted_window_dims"),
                  .start_index_map = attrs.get<Dims>("scatter_dims_to_operand_dims"),
                  .operand_batching = attrs.get<Dims>("operand_batching_dims"),
                  .indices_batching = attrs.get<Dims>("scatter_indices_batching_dims"),
                  .slice_sizes = {}};
  std::size_t next = 0;
  for (std::int64_t d = 0; d < static_cast<std::int64_t>(operand.size()); ++d) {
    const bool is_window = !contains(dims.collapsed, d) && !contains(dims.operand_batching, d);
    const bool known = is_window && next < dims.offset.size() && dims.offset[next] >= 0 &&
                       dims.offset[next] < static_cast<std::int64_t>(updates.size());
    dims.slice_sizes.push_back(known ? updates[static_cast<std::size_t>(dims.offset[next])] : 1);
    if (is_window) ++next;
  }
  return dims;
}

Attrs GatherDims::gather_attrs() const {
  return {{"offset_dims", offset},
          {"collapsed_slice_dims", collapsed},
          {"start_index_map", start_index_map},
          {"operand_batching_dims", operand_batching},
          {"start_indices_batching_dims", indices_batching},
          {"slice_sizes", slice_sizes}};
}

Attrs GatherDims::scatter_attrs() const {
  return {{"update_window_dims", offset},
          {"inserted_window_dims", collapsed},
          {"scatter_dims_to_operand_dims", start_index_map},
          {"operand_batching_dims", operand_batching},
          {"scatter_indices_batching_dims", indices_batching}};
}

GatherDims GatherDims::batched_both() const {
  return {shifted(offset),
          shifted(collapsed),
          shifted(start_index_map),
          prepend(0, shifted(operand_batching)),
          prepend(0, shifted(indices_batching)),
          prepend(1, slice_sizes)};
}

GatherDims GatherDims::batched_operand(std::int64_t size) const {
  return {prepend(0, shifted(offset)), shifted(collapsed), shifted(start_index_map),
          shifted(operand_batching),   indices_batching,   prepend(size, slice_sizes)};
}

GatherDims GatherDims::batched_indices() const {
  return {shifted(offset),           collapsed,  start_index_map, operand_batching,
          shifted(indices_batching), slice_sizes};
}

Dims GatherDims::window_dims() const {
  Dims dims;
  for (std::int64_t d = 0; d < static_cast<std::int64_t>(slice_sizes.size()); ++d)
    if (!contains(collapsed, d) && !contains(operand_batching, d)) dims.push_back(d);
  return dims;
}

void check_gather_mode(const InferContext& c) {
  const std::string& mode = c.attr<std::string>("mode");
  if (std::find(std::begin(kGatherModes), std::end(kGatherModes), mode) == std::end(kGatherModes))
    c.fail(fmt::format("mode \"{}\" must be \"clip\", \"fill\" or \"promise_in_bounds\"", mode));
}

void check_gather_dims(const InferContext& c, const GatherDims& dims, const TensorType& operand,
                       const TensorType& indices, std::int64_t result_rank) {
  const bool gather = c.op().name == "gather";
  const auto name = [&](const char* of_gather, const char* of_scatter) {
    return gather ? of_gather : of_scatter;
  };
  if (!is_integer(indices.dtype)) c.fail("the indices must be integers, not " + to_string(indices));
  if (indices.rank() == 0) c.fail("the indices need a last dimension: the index vector");
  const std::int64_t vector = indices.shape.back();
  if (vector != static_cast<std::int64_t>(dims.start_index_map.size())) {
    c.fail(fmt::format("{} {} must have one entry for each of the {} components of an index vector",
                       name("start_index_map", "scatter_dims_to_operand_dims"),
                       to_string(dims.start_index_map), vector));
  }
  check_dims(c, name("offset_dims", "update_window_dims"), dims.offset, result_rank);
  check_sorted(c, name("offset_dims", "update_window_dims"), dims.offset);
  check_dims(c, name("collapsed_slice_dims", "inserted_window_dims"), dims.collapsed, operand.rank());
  check_sorted(c, name("collapsed_slice_dims", "inserted_window_dims"), dims.collapsed);
  check_dims(c, name("start_index_map", "scatter_dims_to_operand_dims"), dims.start_index_map,
             operand.rank());
  check_dims(c, "operand_batching_dims", dims.operand_batching, operand.rank());
  check_dims(c, name("start_indices_batching_dims", "scatter_indices_batching_dims"), dims.indices_batching,
             indices.rank() - 1);
  if (dims.operand_batching.size() != dims.indices_batching.size()) {
    c.fail(fmt::format("operand_batching_dims {} and those of the indices {} must go in pairs",
                       to_string(dims.operand_batching), to_string(dims.indices_batching)));
  }
  for (std::size_t i = 0; i < dims.operand_batching.size(); ++i) {
    const std::int64_t d = dims.operand_batching[i];
    if (contains(dims.collapsed, d) || contains(dims.start_index_map, d)) {
      c.fail(fmt::format("dimension {} of the operand is a batch: it cannot be collapsed or indexed", d));
    }
    const std::int64_t in_operand = operand.shape[static_cast<std::size_t>(d)];
    const std::int64_t in_indices = indices.shape[static_cast<std::size_t>(dims.indices_batching[i])];
    if (in_operand != in_indices) {
      c.fail(fmt::format("batching dimensions differ in size: {} of the operand, {} of the indices",
                         in_operand, in_indices));
    }
  }
  check_length(c, "slice_sizes", dims.slice_sizes);
  for (std::int64_t d = 0; d < operand.rank(); ++d) {
    const auto i = static_cast<std::size_t>(d);
    if (dims.slice_sizes[i] < 0 || dims.slice_sizes[i] > operand.shape[i]) {
      c.fail(fmt::format("a window of {} along dimension {} does not fit into {}", dims.slice_sizes[i], d,
                         to_string(operand)));
    }
    const bool is_one = contains(dims.collapsed, d) || contains(dims.operand_batching, d);
    if (is_one && dims.slice_sizes[i] != 1) {
      c.fail(fmt::format("slice_sizes {} must be 1 in dimension {}, which is collapsed or a batch",
                         to_string(dims.slice_sizes), d));
    }
  }
  if (dims.window_dims().size() != dims.offset.size()) {
    c.fail(fmt::format("{} {} must have one entry for each of the {} window dimensions that stay",
                       name("offset_dims", "update_window_dims"), to_string(dims.offset),
                       dims.window_dims().size()));
  }
}

GatherPlace gather_place(loop::Exprs& e, const GatherDims& dims, const Dims& operand_shape, bool fill,
                         const std::vector<Scalar>& result_index,
                         const std::function<Scalar(std::vector<Scalar>)>& load_start) {
  using loop::ScalarOp;
  std::vector<Scalar> batch;
  for (std::size_t d = 0; d < result_index.size(); ++d)
    if (!contains(dims.offset, static_cast<std::int64_t>(d))) batch.push_back(result_index[d]);
  GatherPlace place;
  std::size_t next_offset = 0;
  for (std::size_t d = 0; d < operand_shape.size(); ++d) {
    const auto dim = static_cast<std::int64_t>(d);
    Scalar at = e.index(0);
    if (const std::size_t k = position(dims.start_index_map, dim); k < dims.start_index_map.size()) {
      std::vector<Scalar> index = batch;
      index.push_back(e.index(static_cast<std::int64_t>(k)));
      at = e.convert(load_start(std::move(index)), DType::kI64);
      const Scalar last = e.index(operand_shape[d] - dims.slice_sizes[d]);
      if (fill) {
        place.inside = e.both(place.inside, e.apply(ScalarOp::ge, {at, e.index(0)}));
        place.inside = e.both(place.inside, e.apply(ScalarOp::le, {at, last}));
      } else {
        at = e.apply(ScalarOp::min, {e.apply(ScalarOp::max, {at, e.index(0)}), last});
      }
    } else if (const std::size_t b = position(dims.operand_batching, dim); b < dims.operand_batching.size()) {
      at = batch[static_cast<std::size_t>(dims.indices_batching[b])];
    }
    if (!contains(dims.collapsed, dim) && !contains(dims.operand_batching, dim))
      at = e.add(at, result_index[static_cast<std::size_t>(dims.offset[next_offset++])]);
    place.index.push_back(at);
  }
  return place;
}

bool eval_gather_place(const GatherDims& dims, const Dims& operand_shape, bool fill, const Dims& result_index,
                       const Literal& indices, Dims& place) {
  Dims batch;
  for (std::size_t d = 0; d < result_index.size(); ++d)
    if (!contains(dims.offset, static_cast<std::int64_t>(d))) batch.push_back(result_index[d]);
  const Dims strides = row_major_strides(indices.type().shape);
  const std::int64_t vector = flat_offset(batch, strides);
  place.assign(operand_shape.size(), 0);
  for (std::size_t k = 0; k < dims.start_index_map.size(); ++k) {
    const auto d = static_cast<std::size_t>(dims.start_index_map[k]);
    const std::int64_t last = operand_shape[d] - dims.slice_sizes[d];
    const std::int64_t start = indices.as_int(vector + static_cast<std::int64_t>(k));
    if (fill && (start < 0 || start > last)) return false;
    place[d] = std::clamp<std::int64_t>(start, 0, last);
  }
  for (std::size_t i = 0; i < dims.operand_batching.size(); ++i) {
    place[static_cast<std::size_t>(dims.operand_batching[i])] =
        batch[static_cast<std::size_t>(dims.indices_batching[i])];
  }
  const Dims window = dims.window_dims();
  for (std::size_t i = 0; i < window.size(); ++i)
    place[static_cast<std::size_t>(window[i])] += result_index[static_cast<std::size_t>(dims.offset[i])];
  return true;
}

ValueId emit_take_along(GraphBuilder& b, ValueId x, ValueId indices, std::int64_t dim) {
  Dims shape = b.type(indices).shape;
  if (element_count(shape) == 0)
    return b.full({b.type(x).dtype, shape}, 0);  // x may have nothing to take from
  const std::int64_t rank = b.type(x).rank();
  shape.push_back(1);
  const Dims others = remaining_dims(rank, {dim});
  const GatherDims dims{.offset = {},
                        .collapsed = {dim},
                        .start_index_map = {dim},
                        .operand_batching = others,
                        .indices_batching = others,
                        .slice_sizes = Dims(static_cast<std::size_t>(rank), 1)};
  Attrs attrs = dims.gather_attrs();
  attrs.set("mode", "promise_in_bounds");
  return b.emit(op_gather, {x, emit_reshape(b, indices, std::move(shape))}, std::move(attrs));
}

}  // namespace adze
