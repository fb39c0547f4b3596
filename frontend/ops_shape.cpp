#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "adze/ops.h"
#include "emit.h"
#include "tracing.h"

namespace adze {

using detail::apply;
using detail::apply_nullary;
using detail::checked;
using detail::resolve_axis;

namespace {

std::size_t at_index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// Every element `value`: a splat in a trace, memory outside of one.
Array fill(TensorType type, double value, Location at) {
  if (detail::TraceState* trace = detail::current_trace()) {
    const LocationScope scope(trace->builder, detail::effective_location(at));
    return detail::wrap(*trace, trace->builder.full(type, value));
  }
  return detail::to_array(Literal::full(std::move(type), value));
}

}  // namespace

// Construction.

Array zeros(Dims shape, DType dtype, Location at) {
  return fill({dtype, std::move(shape)}, 0, at);
}
Array ones(Dims shape, DType dtype, Location at) {
  return fill({dtype, std::move(shape)}, 1, at);
}
Array full(Dims shape, Operand value, std::optional<DType> dtype) {
  const Composition here("full", value.at());
  if (value.is_scalar())
    return fill({dtype.value_or(value.type().dtype), std::move(shape)}, value.real(), value.at());
  return broadcast_to(dtype ? astype(value, *dtype) : value.array(), std::move(shape));
}
Array zeros_like(Operand x) {
  return fill(x.type(), 0, x.at().labelled("zeros_like"));
}
Array ones_like(Operand x) {
  return fill(x.type(), 1, x.at().labelled("ones_like"));
}

Array iota(Dims shape, std::int64_t axis, DType dtype, Location at) {
  const std::int64_t rank = static_cast<std::int64_t>(shape.size());
  return apply_nullary(
      op_iota,
      {{"dtype", dtype}, {"shape", std::move(shape)}, {"dimension", resolve_axis("iota", axis, rank)}}, at);
}

Array arange(std::int64_t stop, DType dtype, Location at) {
  return iota({std::max<std::int64_t>(stop, 0)}, 0, dtype, at.labelled("arange"));
}

Array detail::arange(double start, double stop, double step, DType dtype, Location at) {
  if (step == 0 || !std::isfinite(start) || !std::isfinite(stop) || !std::isfinite(step)) {
    throw TypeError(fmt::format("arange: no range from {} to {} in steps of {}", start, stop, step));
  }
  const Composition here("arange", at);
  const double count = std::max(0.0, std::ceil((stop - start) / step));
  if (count > 0x1p48) throw TypeError(fmt::format("arange: {} elements are too many", count));
  const Array steps = iota({static_cast<std::int64_t>(count)}, 0, dtype);
  if (is_float(dtype)) return start + steps * step;
  return static_cast<std::int64_t>(start) + steps * static_cast<std::int64_t>(step);
}

Array linspace(double start, double stop, std::int64_t count, DType dtype, Location at) {
  const Composition here("linspace", at);
  if (count == 1) return full({1}, start, dtype);
  // Written so that both ends come out exactly.
  const Array t = iota({count}, 0, dtype) / static_cast<double>(count - 1);
  return start * (1 - t) + stop * t;
}

Array eye(std::int64_t n, std::optional<std::int64_t> m, DType dtype, std::int64_t diagonal, Location at) {
  const Composition here("eye", at);
  const Dims shape{n, m.value_or(n)};
  return astype(iota(shape, 0) + diagonal == iota(shape, 1), dtype);
}

// Shapes.

Array reshape(Operand x, Dims shape) {
  const TensorType type = x.type();
  const auto fail = [&] {
    detail::fail(x, fmt::format("reshape: {} does not fit {}", to_string(type), to_string(shape)));
  };
  const auto open = std::find(shape.begin(), shape.end(), -1);
  if (open != shape.end()) {
    const Dims wanted = shape;
    *open = 1;
    if (std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size < 0; })) {
      shape = wanted;
      fail();
    }
    const std::int64_t rest = checked(x, [&] { return element_count(shape); });
    if (rest == 0 || type.element_count() % rest != 0) {
      shape = wanted;
      fail();
    }
    *open = type.element_count() / rest;
  }
  if (shape == type.shape) return x.array();
  if (checked(x, [&] { return element_count(shape); }) != type.element_count()) fail();
  if (!detail::current_trace() && !x.is_scalar() && !x.pointer()->traced()) {
    return detail::view(*x.pointer(), std::move(shape));
  }
  return apply(op_reshape, {x}, {{"shape", std::move(shape)}});
}

Array ravel(Operand x) {
  return reshape(x, {-1});
}

Array transpose(Operand x, std::optional<Dims> permutation) {
  Dims axes;
  const std::int64_t rank = x.type().rank();
  if (permutation) {
    for (const std::int64_t axis : *permutation) {
      axes.push_back(checked(x, [&] { return resolve_axis("transpose", axis, rank); }));
    }
  } else {
    for (std::int64_t i = rank; i-- > 0;) axes.push_back(i);
  }
  return apply(op_transpose, {x}, {{"permutation", std::move(axes)}});
}

Array swapaxes(Operand x, std::int64_t a, std::int64_t b) {
  const Composition here("swapaxes", x.at());
  const std::int64_t rank = x.type().rank();
  Dims axes(at_index(rank));
  std::iota(axes.begin(), axes.end(), 0);
  const auto place = [&](std::int64_t axis) {
    return at_index(checked(x, [&] { return resolve_axis("swapaxes", axis, rank); }));
  };
  std::swap(axes[place(a)], axes[place(b)]);
  return transpose(x, axes);
}

Array moveaxis(Operand x, std::int64_t from, std::int64_t to) {
  const Composition here("moveaxis", x.at());
  const std::int64_t rank = x.type().rank();
  const std::int64_t source = checked(x, [&] { return resolve_axis("moveaxis", from, rank); });
  const std::int64_t target = checked(x, [&] { return resolve_axis("moveaxis", to, rank); });
  Dims axes;
  for (std::int64_t i = 0; i < rank; ++i) {
    if (i != source) axes.push_back(i);
  }
  axes.insert(axes.begin() + target, source);
  return transpose(x, axes);
}

Array expand_dims(Operand x, Axes axes) {
  const Composition here("expand_dims", x.at());
  const TensorType type = x.type();
  const std::int64_t rank = type.rank() + axes.count();
  if (axes.is_all()) return x.array();
  const Dims places = checked(x, [&] { return axes.resolve("expand_dims", rank); });
  Dims shape;
  auto size = type.shape.begin();
  for (std::int64_t i = 0; i < rank; ++i) {
    shape.push_back(std::binary_search(places.begin(), places.end(), i) ? 1 : *size++);
  }
  return reshape(x, std::move(shape));
}

Array squeeze(Operand x, Axes axes) {
  const Composition here("squeeze", x.at());
  const TensorType type = x.type();
  const Dims places = checked(x, [&] { return axes.resolve("squeeze", type.rank()); });
  Dims shape;
  for (std::int64_t i = 0; i < type.rank(); ++i) {
    const std::int64_t size = type.shape[at_index(i)];
    const bool named = std::binary_search(places.begin(), places.end(), i);
    if (!named || (axes.is_all() && size != 1)) {
      shape.push_back(size);
    } else if (size != 1) {
      detail::fail(x, fmt::format("squeeze: axis {} of {} has size {}, not 1", i, to_string(type), size));
    }
  }
  return reshape(x, std::move(shape));
}

Array broadcast_in_dim(Operand x, Dims shape, Dims dims) {
  return apply(op_broadcast_in_dim, {x}, {{"shape", std::move(shape)}, {"dims", std::move(dims)}});
}

Array broadcast_to(Operand x, Dims shape) {
  const TensorType type = x.type();
  if (type.shape == shape) return x.array();
  const Dims common = checked(x, [&] {
    return detail::broadcast_shapes("broadcast_to", type, TensorType{type.dtype, shape});
  });
  if (common != shape) {
    detail::fail(x,
                 fmt::format("broadcast_to: {} does not broadcast to {}", to_string(type), to_string(shape)));
  }
  Dims dims(type.shape.size());
  std::iota(dims.begin(), dims.end(), static_cast<std::int64_t>(shape.size() - type.shape.size()));
  const Composition here("broadcast_to", x.at());
  return broadcast_in_dim(x, std::move(shape), std::move(dims));
}

Array concatenate(const std::vector<Array>& parts, std::int64_t axis, Location at) {
  if (parts.empty()) throw TypeError("concatenate: no Arrays given");
  std::vector<Operand> operands;
  for (const Array& part : parts) operands.emplace_back(part, at);
  const std::int64_t dimension =
      checked(operands[0], [&] { return resolve_axis("concatenate", axis, parts[0].rank()); });
  return apply(op_concatenate, operands, {{"dimension", dimension}});
}

Array stack(const std::vector<Array>& parts, std::int64_t axis, Location at) {
  const Composition here("stack", at);
  std::vector<Array> expanded;
  for (const Array& part : parts) expanded.push_back(expand_dims(part, axis));
  return concatenate(expanded, axis, at);
}

std::vector<Array> split(Operand x, std::int64_t parts, std::int64_t axis) {
  const Composition here("split", x.at());
  const TensorType type = x.type();
  const std::int64_t dimension = checked(x, [&] { return resolve_axis("split", axis, type.rank()); });
  const std::int64_t size = type.shape[at_index(dimension)];
  if (parts <= 0 || size % parts != 0) {
    detail::fail(x, fmt::format("split: axis {} of {} cannot be cut into {} equal parts", dimension,
                                to_string(type), parts));
  }
  std::vector<Array> result;
  const std::int64_t step = size / parts;
  for (std::int64_t i = 0; i < parts; ++i) {
    result.push_back(slice_axis(x, dimension, i * step, (i + 1) * step));
  }
  return result;
}

Array slice(Operand x, Dims start, Dims limit, Dims strides) {
  return apply(op_slice, {x},
               {{"start", std::move(start)}, {"limit", std::move(limit)}, {"strides", std::move(strides)}});
}

Array slice_axis(Operand x, std::int64_t axis, std::int64_t start, std::optional<std::int64_t> stop,
                 std::int64_t stride) {
  const Composition here("slice_axis", x.at());
  const TensorType type = x.type();
  const std::size_t d = at_index(checked(x, [&] { return resolve_axis("slice_axis", axis, type.rank()); }));
  const std::int64_t size = type.shape[d];
  const auto from_end = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size);
  };
  Dims first(type.shape.size(), 0), limit = type.shape, strides(type.shape.size(), 1);
  first[d] = from_end(start);
  limit[d] = std::max(first[d], stop ? from_end(*stop) : size);
  strides[d] = stride;
  return slice(x, std::move(first), std::move(limit), std::move(strides));
}

Array index(Operand x, std::int64_t i, std::int64_t axis) {
  const Composition here("index", x.at());
  const TensorType type = x.type();
  const std::int64_t dimension = checked(x, [&] { return resolve_axis("index", axis, type.rank()); });
  const std::int64_t size = type.shape[at_index(dimension)];
  if (i < -size || i >= size) {
    detail::fail(x,
                 fmt::format("index: {} is out of range for axis {} of {}", i, dimension, to_string(type)));
  }
  const std::int64_t start = i < 0 ? i + size : i;
  return squeeze(slice_axis(x, dimension, start, start + 1), dimension);
}

Array pad(Operand x, Dims low, Dims high, Operand value, Dims interior) {
  const Composition here("pad", x.at());
  const Attrs attrs{{"low", std::move(low)}, {"high", std::move(high)}, {"interior", std::move(interior)}};
  if (!value.is_scalar()) return apply(op_pad, {x, value}, attrs);
  const Array padding = fill({x.type().dtype, {}}, value.real(), x.at());
  return apply(op_pad, {x, padding}, attrs);
}

Array reverse(Operand x, Axes axes) {
  const Dims dims = checked(x, [&] { return axes.resolve("reverse", x.type().rank()); });
  return apply(op_reverse, {x}, {{"dims", dims}});
}

Array one_hot(Operand labels, std::int64_t classes, DType dtype) {
  const Composition here("one_hot", labels.at());
  const TensorType type = labels.type();
  if (!is_integer(type.dtype)) {
    detail::fail(labels, fmt::format("one_hot: labels must be integers, got {}", to_string(type)));
  }
  return astype(expand_dims(labels, -1) == iota({classes}, 0, type.dtype), dtype);
}

}  // namespace adze
