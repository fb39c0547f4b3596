#include "ir/windows.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/op_helpers.h"

namespace adze {

namespace {

/// More than any tensor holds is an error even where it would cancel out. Products of two such amounts do not
/// fit 64 bits, so what is multiplied is bounded by its double first.
constexpr std::int64_t kMaxAmount = std::int64_t{1} << 48;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

}  // namespace

std::int64_t dilated_size(std::int64_t size, std::int64_t dilation) {
  return size == 0 ? 0 : (size - 1) * dilation + 1;
}

Dims window_counts(const Dims& sizes, const Windows& windows) {
  Dims counts;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    const std::int64_t padded =
        dilated_size(sizes[d], windows.base_dilation[d]) + windows.padding.lhs[d] + windows.padding.rhs[d];
    const std::int64_t room = padded - dilated_size(windows.size[d], windows.window_dilation[d]);
    counts.push_back(std::max<std::int64_t>(0, floor_div(room, windows.strides[d]) + 1));
  }
  return counts;
}

Dims list_or(const Dims& list, std::size_t count, std::int64_t value) {
  return list.empty() ? Dims(count, value) : list;
}

DimPair padding_or_none(const DimPair& padding, std::size_t count) {
  return {list_or(padding.lhs, count, 0), list_or(padding.rhs, count, 0)};
}

void check_windows(const InferContext& c, const WindowNames& names, const Dims& sizes,
                   const Windows& windows) {
  const auto check_count = [&](std::string_view name, const Dims& list) {
    if (list.size() == sizes.size()) return;
    c.fail(fmt::format("{} {} must have {} {}", name, to_string(list), sizes.size(),
                       sizes.size() == 1 ? "entry" : "entries"));
  };
  check_count("low padding", windows.padding.lhs);
  check_count("high padding", windows.padding.rhs);
  for (const auto& [name, list] : {std::pair{names.size, &windows.size},
                                   {names.strides, &windows.strides},
                                   {names.base_dilation, &windows.base_dilation},
                                   {names.window_dilation, &windows.window_dilation}}) {
    check_count(name, *list);
    const std::int64_t least = list == &windows.size ? 0 : 1;
    for (const std::int64_t entry : *list) {
      if (entry < least) c.fail(fmt::format("{} {} must be at least {}", name, to_string(*list), least));
      if (entry > kMaxAmount) c.fail(fmt::format("{} {} is out of range", name, to_string(*list)));
    }
  }
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    const auto [low, high] = std::pair{windows.padding.lhs[d], windows.padding.rhs[d]};
    for (const std::int64_t amount : {low, high}) {
      if (amount < -kMaxAmount || amount > kMaxAmount) {
        c.fail(fmt::format("padding {} of windowed dimension {} is out of range", amount, d));
      }
    }
    for (const auto& [size, dilation] :
         {std::pair{sizes[d], windows.base_dilation[d]}, {windows.size[d], windows.window_dilation[d]}}) {
      if (static_cast<double>(size) * static_cast<double>(dilation) > static_cast<double>(kMaxAmount)) {
        c.fail(fmt::format("size {} with dilation {} of windowed dimension {} is out of range", size,
                           dilation, d));
      }
    }
    const std::int64_t dilated = dilated_size(sizes[d], windows.base_dilation[d]);
    if (dilated + low + high < 0) {
      c.fail(fmt::format("padding {} and {} cuts more than there is: {} in windowed dimension {}", low, high,
                         dilated, d));
    }
  }
}

std::vector<AttrSpec> window_attrs() {
  return {{"window_dimensions", Dims{}},
          {"window_strides", Dims{}, Dims{}},
          {"padding", DimPair{}, DimPair{}},
          {"base_dilation", Dims{}, Dims{}},
          {"window_dilation", Dims{}, Dims{}}};
}

Windows windows_of(const Attrs& attrs) {
  const Dims& size = attrs.get<Dims>("window_dimensions");
  return {size, list_or(attrs.get<Dims>("window_strides"), size.size(), 1),
          padding_or_none(attrs.get<DimPair>("padding"), size.size()),
          list_or(attrs.get<Dims>("base_dilation"), size.size(), 1),
          list_or(attrs.get<Dims>("window_dilation"), size.size(), 1)};
}

Attrs attrs_of(const Windows& windows) {
  return {{"window_dimensions", windows.size},
          {"window_strides", windows.strides},
          {"padding", windows.padding},
          {"base_dilation", windows.base_dilation},
          {"window_dilation", windows.window_dilation}};
}

Attrs batched_window_attrs(Attrs attrs) {
  Windows windows = windows_of(attrs);
  for (Dims* list : {&windows.size, &windows.strides, &windows.base_dilation, &windows.window_dilation}) {
    list->insert(list->begin(), 1);
  }
  windows.padding.lhs.insert(windows.padding.lhs.begin(), 0);
  windows.padding.rhs.insert(windows.padding.rhs.begin(), 0);
  for (const auto& [name, value] : attrs_of(windows)) attrs.set(name, value);
  return attrs;
}

Literal extreme_value(DType dtype, bool highest) {
  Literal result(TensorType{dtype, {}});
  if (is_float(dtype)) {
    result.set_double(0, highest ? kInf : -kInf);
    return result;
  }
  const auto bits = static_cast<int>(8 * byte_size(dtype));
  // All ones; but for the sign, which says highest or lowest, where there is one.
  const std::uint64_t ones = ~std::uint64_t{0} >> (64 - bits);
  const std::uint64_t sign = is_signed(dtype) ? std::uint64_t{1} << (bits - 1) : 0;
  const std::uint64_t high = ones & ~sign, low = sign;
  result.set_int(0, static_cast<std::int64_t>(highest ? high : low | (sign ? ~ones : 0)));
  return result;
}

void check_window_attrs(const InferContext& c, const TensorType& type) {
  const Dims& size = c.attr<Dims>("window_dimensions");
  if (static_cast<std::int64_t>(size.size()) != type.rank()) {
    c.fail(fmt::format("window_dimensions {} must have one entry a dimension of {}", to_string(size),
                       to_string(type)));
  }
  if (std::any_of(size.begin(), size.end(), [](std::int64_t s) { return s == 0; })) {
    c.fail(fmt::format("window_dimensions {} must be at least 1", to_string(size)));
  }
  check_windows(c, {"window_dimensions", "window_strides", "base_dilation", "window_dilation"}, type.shape,
                windows_of(c.attrs()));
}

WindowedDims windowed_dims(const Dims& shape, const Windows& windows) {
  const Dims counts = window_counts(shape, windows);
  WindowedDims result;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const bool is_whole = windows.size[d] == 1 && windows.strides[d] == 1 && windows.padding.lhs[d] == 0 &&
                          windows.base_dilation[d] == 1 && counts[d] == shape[d];
    if (!is_whole) result.dims.push_back(static_cast<std::int64_t>(d));
  }
  const Dims& dims = result.dims;
  result.windows = {pick(windows.size, dims),
                    pick(windows.strides, dims),
                    {pick(windows.padding.lhs, dims), pick(windows.padding.rhs, dims)},
                    pick(windows.base_dilation, dims),
                    pick(windows.window_dilation, dims)};
  return result;
}

ValueId emit_skew(GraphBuilder& b, ValueId x, Skew skew, ValueId value) {
  if (!value) value = b.scalar(b.type(x).dtype, 0);
  return b.emit(op_skew, {x, value},
                {{"dims", std::move(skew.dims)},
                 {"sizes", std::move(skew.sizes)},
                 {"strides", std::move(skew.strides)},
                 {"dilation", std::move(skew.dilation)},
                 {"offset", std::move(skew.offset)},
                 {"base_dilation", std::move(skew.base_dilation)}});
}

ValueId emit_windows(GraphBuilder& b, ValueId x, const Dims& dims, const Windows& windows, ValueId padding) {
  if (dims.empty()) return x;
  Dims shape = b.type(x).shape;
  const std::int64_t rank = b.type(x).rank();
  Skew skew{.dims = {dims, {}},
            .sizes = window_counts(pick(shape, dims), windows),
            .strides = windows.strides,
            .dilation = windows.window_dilation,
            .offset = {},
            .base_dilation = windows.base_dilation};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    skew.dims.rhs.push_back(rank + static_cast<std::int64_t>(i));
    skew.offset.push_back(-windows.padding.lhs[i]);
    shape.push_back(windows.size[i]);
  }
  return emit_skew(b, emit_broadcast(b, x, std::move(shape), iota_dims(rank)), std::move(skew), padding);
}

ValueId emit_back_from_windows(GraphBuilder& b, ValueId y, const Dims& dims, const Dims& sizes,
                               const Windows& windows) {
  if (dims.empty()) return y;
  const std::int64_t rank = b.type(y).rank() - static_cast<std::int64_t>(dims.size());
  Skew skew{.dims = {dims, {}},
            .sizes = sizes,
            .strides = windows.base_dilation,
            .dilation = {},
            .offset = windows.padding.lhs,
            .base_dilation = windows.strides};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    skew.dims.rhs.push_back(rank + static_cast<std::int64_t>(i));
    skew.dilation.push_back(-windows.window_dilation[i]);
  }
  return emit_skew(b, y, std::move(skew));
}

ValueId emit_side_by_side(GraphBuilder& b, ValueId runs, const RunPlaces& places) {
  const Dims shape = b.type(runs).shape;
  Dims merged, low, high, gap;
  std::size_t next = 0;
  for (std::size_t at = 0; at < shape.size(); ++at) {
    const bool has_run = contains(places.dims, static_cast<std::int64_t>(merged.size()));
    merged.push_back(shape[at]);
    low.push_back(0);
    high.push_back(0);
    gap.push_back(0);
    if (!has_run) continue;
    gap.push_back(places.strides[next] - shape[++at]);
    merged.back() *= places.strides[next];
    low.back() = places.offsets[next];
    high.back() = places.sizes[next] - merged.back() - places.offsets[next];
    ++next;
  }
  const ValueId whole = emit_pad(b, runs, Dims(shape.size(), 0), std::move(gap));
  return emit_pad(b, emit_reshape(b, whole, std::move(merged)), std::move(low), std::move(high));
}

Windows transposed_windows(const Dims& sizes, const Windows& windows) {
  const Dims counts = window_counts(sizes, windows);
  Windows result = windows;
  result.strides = windows.base_dilation;
  result.base_dilation = windows.strides;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    const std::int64_t window = dilated_size(windows.size[d], windows.window_dilation[d]);
    const std::int64_t low = window - 1 - windows.padding.lhs[d];
    result.padding.lhs[d] = low;
    result.padding.rhs[d] = dilated_size(sizes[d], windows.base_dilation[d]) + window - 1 -
                            dilated_size(counts[d], windows.strides[d]) - low;
  }
  return result;
}

}  // namespace adze
