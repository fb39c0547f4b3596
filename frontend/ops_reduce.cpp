#include <fmt/format.h>

#include <algorithm>

#include "adze/ops.h"
#include "emit.h"

namespace adze {

using detail::apply;

Dims Axes::resolve(const char* what, std::int64_t rank) const {
  Dims axes;
  if (!list_) {
    for (std::int64_t i = 0; i < rank; ++i) axes.push_back(i);
    return axes;
  }
  for (const std::int64_t axis : *list_) axes.push_back(detail::resolve_axis(what, axis, rank));
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
    throw TypeError(fmt::format("{}: axes {} name one twice", what, to_string(*list_)));
  }
  return axes;
}

namespace {

Dims with_ones(Dims shape, const Dims& axes) {
  for (const std::int64_t axis : axes) shape[static_cast<std::size_t>(axis)] = 1;
  return shape;
}

Array reduce(const char* name, const OpDef& op, Operand x, const Axes& axes, bool keepdims) {
  const Composition here(name, x.at());
  const TensorType type = x.type();
  const Dims list = detail::checked(x, [&] { return axes.resolve(name, type.rank()); });
  const Array result = apply(op, {x}, {{"axes", list}});
  return keepdims ? reshape(result, with_ones(type.shape, list)) : result;
}

Array arg_reduce(const char* name, const OpDef& op, Operand x, std::optional<std::int64_t> axis,
                 bool keepdims) {
  const Composition here(name, x.at());
  const TensorType type = x.type();
  if (!axis) {
    const Array index = apply(op, {ravel(x)}, {{"axis", std::int64_t{0}}});
    return keepdims ? reshape(index, Dims(type.shape.size(), 1)) : index;
  }
  const std::int64_t resolved =
      detail::checked(x, [&] { return detail::resolve_axis(name, *axis, type.rank()); });
  const Array index = apply(op, {x}, {{"axis", resolved}});
  return keepdims ? reshape(index, with_ones(type.shape, {resolved})) : index;
}

/// How many elements each result of a reduction comes from.
double reduced_count(const TensorType& type, const Dims& axes) {
  std::int64_t count = 1;
  for (const std::int64_t axis : axes) count *= type.shape[static_cast<std::size_t>(axis)];
  return static_cast<double>(count);
}

/// For sums and products, which would soon leave the range of bools and narrow integers.
Array numeric(Operand x) {
  const DType dtype = x.type().dtype;
  if (is_float(dtype) || (is_integer(dtype) && byte_size(dtype) >= 4)) return x.array();
  return astype(x, is_integer(dtype) && !is_signed(dtype) ? DType::kU32 : DType::kI32);
}
Array floating(Operand x) {
  return is_float(x.type().dtype) ? x.array() : astype(x, DType::kF32);
}
Array boolean(Operand x) {
  return x.type().dtype == DType::kBool ? x.array() : x != 0;
}

}  // namespace

Array sum(Operand x, Axes axes, bool keepdims) {
  const Composition here("sum", x.at());
  return reduce("sum", op_reduce_sum, numeric(x), axes, keepdims);
}
Array prod(Operand x, Axes axes, bool keepdims) {
  const Composition here("prod", x.at());
  return reduce("prod", op_reduce_prod, numeric(x), axes, keepdims);
}
Array max(Operand x, Axes axes, bool keepdims) {
  return reduce("max", op_reduce_max, x, axes, keepdims);
}
Array min(Operand x, Axes axes, bool keepdims) {
  return reduce("min", op_reduce_min, x, axes, keepdims);
}
Array all(Operand x, Axes axes, bool keepdims) {
  const Composition here("all", x.at());
  return reduce("all", op_reduce_and, boolean(x), axes, keepdims);
}
Array any(Operand x, Axes axes, bool keepdims) {
  const Composition here("any", x.at());
  return reduce("any", op_reduce_or, boolean(x), axes, keepdims);
}

Array mean(Operand x, Axes axes, bool keepdims) {
  const Composition here("mean", x.at());
  const Array values = floating(x);
  if (is_half(values.dtype()))
    return astype(mean(astype(values, DType::kF32), axes, keepdims), values.dtype());
  const Dims list = detail::checked(x, [&] { return axes.resolve("mean", values.rank()); });
  return sum(values, list, keepdims) / reduced_count(values.type(), list);
}

Array var(Operand x, Axes axes, bool keepdims) {
  const Composition here("var", x.at());
  const Array values = floating(x);
  if (is_half(values.dtype()))
    return astype(var(astype(values, DType::kF32), axes, keepdims), values.dtype());
  return mean(square(values - mean(values, axes, true)), axes, keepdims);
}
Array stddev(Operand x, Axes axes, bool keepdims) {
  const Composition here("stddev", x.at());
  return sqrt(var(x, axes, keepdims));
}
Array norm(Operand x, Axes axes, bool keepdims) {
  const Composition here("norm", x.at());
  return sqrt(sum(square(x), axes, keepdims));
}

Array argmax(Operand x, std::optional<std::int64_t> axis, bool keepdims) {
  return arg_reduce("argmax", op_argmax, x, axis, keepdims);
}
Array argmin(Operand x, std::optional<std::int64_t> axis, bool keepdims) {
  return arg_reduce("argmin", op_argmin, x, axis, keepdims);
}

// Products.

Array dot_general(Operand a, Operand b, const DotDims& dims) {
  Attrs attrs{{"contract", DimPair{dims.lhs_contract, dims.rhs_contract}},
              {"batch", DimPair{dims.lhs_batch, dims.rhs_batch}}};
  if (dims.preferred_element_type) attrs.set("preferred_element_type", *dims.preferred_element_type);
  const DType lhs = a.type().dtype, rhs = b.type().dtype;
  if (lhs == rhs) return apply(op_dot_general, {a, b}, attrs);
  const Composition here("dot_general", a.at());
  const std::array operands{a, b};
  const DType dtype = detail::common_dtype(operands);
  return apply(op_dot_general, {astype(a, dtype), astype(b, dtype)}, attrs);
}

namespace {

/// `x` with its dimensions before the last two broadcast to `batch`.
Array broadcast_batch(Operand x, Dims batch) {
  const Dims& shape = x.type().shape;
  batch.insert(batch.end(), shape.end() - 2, shape.end());
  return broadcast_to(x, std::move(batch));
}

}  // namespace

Array matmul(Operand a, Operand b) {
  const TensorType lhs = a.type(), rhs = b.type();
  if (lhs.shape.empty() || rhs.shape.empty()) {
    detail::fail(a, fmt::format("matmul: needs operands of rank 1 or more, got {} and {}", to_string(lhs),
                                to_string(rhs)));
  }
  const std::int64_t last = lhs.rank() - 1;
  const std::int64_t inner = rhs.rank() == 1 ? 0 : rhs.rank() - 2;
  // Whatever is not contracted of a vector or of a stack times one matrix is free: no batch dimension needed.
  if (lhs.rank() == 1 || rhs.rank() <= 2) return dot_general(a, b, {{last}, {inner}});
  const Composition here("matmul", a.at());
  const TensorType lhs_batch{lhs.dtype, Dims(lhs.shape.begin(), lhs.shape.end() - 2)};
  const TensorType rhs_batch{rhs.dtype, Dims(rhs.shape.begin(), rhs.shape.end() - 2)};
  const Dims batch =
      detail::checked(a, [&] { return detail::broadcast_shapes("matmul", lhs_batch, rhs_batch); });
  Dims axes;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(batch.size()); ++i) axes.push_back(i);
  const std::int64_t rank = static_cast<std::int64_t>(batch.size()) + 2;
  return dot_general(broadcast_batch(a, batch), broadcast_batch(b, batch),
                     {{rank - 1}, {rank - 2}, axes, axes});
}

Array dot(Operand a, Operand b) {
  const std::int64_t lhs = a.type().rank(), rhs = b.type().rank();
  if (lhs == 0 || rhs == 0) return a * b;
  if (lhs > 2 || rhs > 2) {
    detail::fail(a, fmt::format("dot: takes ranks up to 2, got {} and {}; see matmul", to_string(a.type()),
                                to_string(b.type())));
  }
  return matmul(a, b);
}

Array outer(Operand a, Operand b) {
  const Composition here("outer", a.at());
  return expand_dims(ravel(a), 1) * expand_dims(ravel(b), 0);
}

}  // namespace adze
