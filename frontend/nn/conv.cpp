#include "adze/nn/conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "adze/ops.h"
#include "adze/random.h"
#include "frontend/emit.h"

namespace adze::nn {
namespace {

/// `list`, or ones; TypeError unless it has an entry for each spatial dimension.
Dims list_or_ones(const char* what, const char* name, Operand x, const Dims& list, std::size_t rank) {
  if (list.empty()) return Dims(rank, 1);
  if (list.size() != rank || std::any_of(list.begin(), list.end(), [](std::int64_t n) { return n < 1; })) {
    adze::detail::fail(
        x, fmt::format("{}: {} {} should be {} positive numbers", what, name, adze::to_string(list), rank));
  }
  return list;
}

/// Low and high, for windows of these sizes over the dimensions `sizes`.
DimPair resolve(const char* what, Operand x, const Padding& padding, const Dims& sizes, const Dims& window,
                const Dims& strides, const Dims& dilation) {
  DimPair result{Dims(sizes.size(), 0), Dims(sizes.size(), 0)};
  switch (padding.kind) {
    case Padding::Kind::kValid:
      return result;
    case Padding::Kind::kExplicit:
      if (padding.low.size() != sizes.size() || padding.high.size() != sizes.size()) {
        adze::detail::fail(
            x, fmt::format("{}: padding {} and {} for {} spatial dimensions", what,
                           adze::to_string(padding.low), adze::to_string(padding.high), sizes.size()));
      }
      return {padding.low, padding.high};
    case Padding::Kind::kSame:
      break;
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t count = (sizes[i] + strides[i] - 1) / strides[i];
    const std::int64_t reach = (count - 1) * strides[i] + (window[i] - 1) * dilation[i] + 1;
    const std::int64_t total = count == 0 ? 0 : std::max<std::int64_t>(reach - sizes[i], 0);
    result.lhs[i] = total / 2;
    result.rhs[i] = total - total / 2;
  }
  return result;
}

/// x with exactly one dimension before its `spatial` ones and the channels, and the dimensions there were.
struct Batched {
  Array array;
  Dims leading;
  Dims sizes;  ///< spatial
};

Batched batched(const char* what, Operand x, std::size_t spatial) {
  const TensorType type = x.type();
  if (spatial < 1 || spatial > 3 || type.shape.size() < spatial + 1) {
    adze::detail::fail(x,
                       fmt::format("{}: needs 1 to 3 spatial dimensions, then channels; got a window of {} "
                                   "over {}",
                                   what, spatial, to_string(type)));
  }
  const auto first = type.shape.end() - static_cast<std::ptrdiff_t>(spatial) - 1;
  Batched result{x.array(), Dims(type.shape.begin(), first), Dims(first, type.shape.end() - 1)};
  Dims shape{element_count(result.leading)};
  shape.insert(shape.end(), first, type.shape.end());
  result.array = reshape(x, std::move(shape));
  return result;
}

Array unbatched(const Array& y, const Dims& leading) {
  Dims shape = leading;
  shape.insert(shape.end(), y.shape().begin() + 1, y.shape().end());
  return reshape(y, std::move(shape));
}

/// The order (batch, feature, spatial...) of a tensor [batch, spatial..., feature].
Dims channels_last(std::size_t spatial) {
  Dims spec{0, static_cast<std::int64_t>(spatial) + 1};
  for (std::size_t i = 1; i <= spatial; ++i) spec.push_back(static_cast<std::int64_t>(i));
  return spec;
}

/// The attributes of windows over the spatial dimensions of [batch, spatial..., channels].
Attrs pool_attrs(const char* what, Operand x, const Dims& sizes, const Dims& window,
                 const PoolOptions& options) {
  list_or_ones(what, "window", x, window, window.size());
  const Dims strides =
      list_or_ones(what, "strides", x, options.strides.empty() ? window : options.strides, window.size());
  DimPair padding = resolve(what, x, options.padding, sizes, window, strides, Dims(window.size(), 1));
  const auto around = [](Dims list, std::int64_t value) {
    list.insert(list.begin(), value);
    list.push_back(value);
    return list;
  };
  return {{"window_dimensions", around(window, 1)},
          {"window_strides", around(strides, 1)},
          {"padding", DimPair{around(padding.lhs, 0), around(padding.rhs, 0)}}};
}

}  // namespace

Array Conv::operator()(Operand x) const {
  const Composition here("conv", x.at());
  const std::size_t spatial = kernel.shape().size() - 2;
  const Batched input = batched("conv", x, spatial);
  const Dims window(kernel.shape().begin(), kernel.shape().end() - 2);
  const Dims stride = list_or_ones("conv", "strides", x, strides, spatial),
             spread = list_or_ones("conv", "dilation", x, dilation, spatial);
  const std::int64_t channels = x.type().shape.back(), expected = kernel.shape().end()[-2] * groups;
  if (channels != expected) {
    adze::detail::fail(
        x, fmt::format("conv: {} has {} channels, the kernel {} in {} group{} takes {}", to_string(x.type()),
                       channels, to_string(kernel.type()), groups, groups == 1 ? "" : "s", expected));
  }
  // (output feature, input feature, spatial...) of [spatial..., in, out].
  const auto rank = static_cast<std::int64_t>(spatial);
  Dims kernel_spec{rank + 1, rank};
  for (std::int64_t i = 0; i < rank; ++i) kernel_spec.push_back(i);
  const Array y =
      adze::detail::apply(op_conv_general_dilated, {input.array, kernel},
                          {{"window_strides", stride},
                           {"padding", resolve("conv", x, padding, input.sizes, window, stride, spread)},
                           {"rhs_dilation", spread},
                           {"lhs_spec", channels_last(spatial)},
                           {"rhs_spec", kernel_spec},
                           {"out_spec", channels_last(spatial)},
                           {"feature_group_count", groups}});
  return unbatched(y, input.leading) + bias;
}

Conv conv(const Array& key, Dims window, std::int64_t in, std::int64_t out, const ConvOptions& options) {
  if (options.groups < 1 || in % options.groups != 0 || out % options.groups != 0) {
    throw TypeError(fmt::format("conv: {} groups do not divide {} input and {} output channels",
                                options.groups, in, out));
  }
  Dims shape = std::move(window);
  const double fan_in = static_cast<double>(element_count(shape) * (in / options.groups));
  shape.insert(shape.end(), {in / options.groups, out});
  const Array kernel = random::normal(key, std::move(shape), options.dtype) / std::sqrt(fan_in);
  return {kernel,        zeros({out}, options.dtype), options.strides, options.padding, options.dilation,
          options.groups};
}

Array max_pool(Operand x, Dims window, const PoolOptions& options) {
  const Composition here("max_pool", x.at());
  const Batched input = batched("max_pool", x, window.size());
  const Attrs attrs = pool_attrs("max_pool", x, input.sizes, window, options);
  return unbatched(adze::detail::apply(op_reduce_window_max, {input.array}, attrs), input.leading);
}

Array avg_pool(Operand x, Dims window, const PoolOptions& options, bool without_padding) {
  const Composition here("avg_pool", x.at());
  const Batched input = batched("avg_pool", x, window.size());
  const Attrs attrs = pool_attrs("avg_pool", x, input.sizes, window, options);
  const Array sums = adze::detail::apply(op_reduce_window_sum, {input.array}, attrs);
  if (!without_padding) {
    return unbatched(sums / static_cast<double>(element_count(window)), input.leading);
  }
  Dims one = input.array.shape();
  one.front() = one.back() = 1;  // as many under each window, whatever the example and the channel
  const Array counts = adze::detail::apply(op_reduce_window_sum, {ones(one, input.array.dtype())}, attrs);
  return unbatched(sums / counts, input.leading);
}

}  // namespace adze::nn
