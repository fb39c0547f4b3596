#include "adze/vmap.h"

#include <fmt/format.h>

#include "adze/ops.h"
#include "passes/batching.h"

namespace adze {

std::vector<std::optional<int>> BatchAxes::resolve(const char* what,
                                                   const std::vector<std::size_t>& counts) const {
  std::size_t leaves = 0;
  for (const std::size_t count : counts) leaves += count;
  if (one_) return std::vector<std::optional<int>>(leaves, list_[0]);
  std::vector<std::optional<int>> axes;
  if (list_.size() == counts.size()) {
    for (std::size_t i = 0; i < counts.size(); ++i) axes.insert(axes.end(), counts[i], list_[i]);
    return axes;
  }
  if (list_.size() == leaves) return list_;
  throw TypeError(fmt::format("vmap: {} has {} axes, but there are {} {} of {} Arrays", what, list_.size(),
                              counts.size(), std::string_view(what) == "in_axes" ? "arguments" : "results",
                              leaves));
}

namespace detail {

BatchLayout batch_layout(const VmapOptions& options, const std::vector<const Array*>& leaves,
                         const std::vector<std::string>& paths, const std::vector<std::size_t>& counts) {
  BatchLayout layout{leaf_types("vmap", leaves, paths), options.in_axes.resolve("in_axes", counts), 0};
  std::optional<std::int64_t> size = options.axis_size;
  std::string source = "axis_size";
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    std::optional<int>& axis = layout.axes[i];
    if (!axis) continue;
    TensorType& type = layout.types[i];
    const auto rank = static_cast<int>(type.rank());
    if (*axis < -rank || *axis >= rank) {
      throw TypeError(
          fmt::format("vmap: in_axes: axis {} is out of range for {} {}", *axis, paths[i], to_string(type)));
    }
    if (*axis < 0) *axis += rank;
    const std::int64_t own = type.shape[static_cast<std::size_t>(*axis)];
    if (size && *size != own) {
      throw TypeError(fmt::format("vmap: {} {} has a batch of {} on axis {}, but {} has {}", paths[i],
                                  to_string(type), own, *axis, source, *size));
    }
    if (!size) source = paths[i] + " " + to_string(type);
    size = own;
    type.shape.erase(type.shape.begin() + *axis);
  }
  if (!size) throw TypeError("vmap: no argument is batched; say how many members there are with axis_size");
  if (*size < 0) throw TypeError(fmt::format("vmap: axis_size must not be negative, got {}", *size));
  layout.size = *size;
  return layout;
}

std::vector<Array> evaluate_batch(const TracedGraph& traced, const BatchLayout& layout,
                                  const std::vector<const Array*>& leaves, const VmapOptions& options,
                                  const std::vector<std::size_t>& result_counts) {
  const std::vector<std::optional<int>> out_axes = options.out_axes.resolve("out_axes", result_counts);
  std::vector<Array> arguments;
  std::vector<bool> batched;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const std::optional<int> axis = layout.axes[i];
    arguments.push_back(axis && *axis != 0 ? moveaxis(*leaves[i], *axis, 0) : *leaves[i]);
    batched.push_back(axis.has_value());
  }
  arguments.insert(arguments.end(), traced.captures.begin(), traced.captures.end());
  batched.resize(traced.graph->parameters().size(), false);
  std::vector<bool> wanted;
  for (const std::optional<int> axis : out_axes) wanted.push_back(axis.has_value());
  const BatchedGraph graph = batch_graph(*traced.graph, batched, layout.size, options.axis_name, wanted);
  std::vector<Array> results = evaluate(graph.graph, arguments);
  for (std::size_t k = 0; k < results.size(); ++k) {
    if (!out_axes[k]) {
      if (!graph.batched[k]) continue;
      throw TypeError(
          fmt::format("vmap: result {} depends on the batch, so its out axis cannot be nullopt", k));
    }
    const auto rank = static_cast<int>(results[k].rank());
    if (*out_axes[k] < -rank || *out_axes[k] >= rank) {
      throw TypeError(fmt::format("vmap: out_axes: axis {} is out of range for result {} {}", *out_axes[k], k,
                                  to_string(results[k].type())));
    }
    const int axis = *out_axes[k] < 0 ? *out_axes[k] + rank : *out_axes[k];
    if (axis != 0) results[k] = moveaxis(results[k], 0, axis);
  }
  return results;
}

}  // namespace detail
}  // namespace adze
