#include <fmt/format.h>

#include <algorithm>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"
#include "ir/scalar_host.h"
#include "ir/window_eval.h"
#include "ir/windows.h"

namespace adze {

namespace {

constexpr std::size_t kBatch = 0, kFeature = 1, kSpatial = 2;  // places in a spec
constexpr std::size_t kOut = 0, kIn = 1;  // the same of the rhs: output and input features

/// The attributes, with defaults filled in. A spec lists an operand's dims: batch, feature, spatial ones.
struct Conv {
  Dims lhs, rhs, out;  ///< specs
  Dims strides, lhs_dilation, rhs_dilation;
  DimPair padding;
  std::int64_t feature_groups, batch_groups;

  std::size_t spatial() const { return lhs.size() - kSpatial; }
  Dims spatial_dims(const Dims& spec) const { return {spec.begin() + kSpatial, spec.end()}; }
};

Conv conv_of(const Attrs& attrs, std::int64_t rank) {
  const auto spec = [&](std::string_view name) {
    const Dims& list = attrs.get<Dims>(name);
    return list.empty() ? iota_dims(rank) : list;
  };
  const std::size_t spatial = static_cast<std::size_t>(rank) - kSpatial;
  return {spec("lhs_spec"),
          spec("rhs_spec"),
          spec("out_spec"),
          list_or(attrs.get<Dims>("window_strides"), spatial, 1),
          list_or(attrs.get<Dims>("lhs_dilation"), spatial, 1),
          list_or(attrs.get<Dims>("rhs_dilation"), spatial, 1),
          padding_or_none(attrs.get<DimPair>("padding"), spatial),
          attrs.get<std::int64_t>("feature_group_count"),
          attrs.get<std::int64_t>("batch_group_count")};
}

Attrs attrs_of(const Conv& conv) {
  return {{"window_strides", conv.strides},
          {"padding", conv.padding},
          {"lhs_dilation", conv.lhs_dilation},
          {"rhs_dilation", conv.rhs_dilation},
          {"lhs_spec", conv.lhs},
          {"rhs_spec", conv.rhs},
          {"out_spec", conv.out},
          {"feature_group_count", conv.feature_groups},
          {"batch_group_count", conv.batch_groups}};
}

std::int64_t size_at(const Dims& shape, std::int64_t dim) {
  return shape[static_cast<std::size_t>(dim)];
}

Windows windows_of(const Conv& conv, const Dims& rhs_shape) {
  return {pick(rhs_shape, conv.spatial_dims(conv.rhs)), conv.strides, conv.padding, conv.lhs_dilation,
          conv.rhs_dilation};
}

std::vector<TensorType> infer_conv(InferContext& c) {
  const TensorType& lhs = c.operand(0);
  const TensorType& rhs = c.operand(1);
  for (std::size_t i = 0; i < 2; ++i) check_dtype(c, i, DTypeSet::kNumeric);
  if (lhs.dtype != rhs.dtype) {
    c.fail(fmt::format("operands must have the same dtype: {} vs {}", to_string(lhs), to_string(rhs)));
  }
  if (lhs.rank() != rhs.rank() || lhs.rank() < 2) {
    c.fail(fmt::format("operands must have the same rank, at least 2: {} vs {}", to_string(lhs),
                       to_string(rhs)));
  }
  const Conv conv = conv_of(c.attrs(), lhs.rank());
  for (const auto& [name, spec] :
       {std::pair{"lhs_spec", &conv.lhs}, {"rhs_spec", &conv.rhs}, {"out_spec", &conv.out}}) {
    check_dims(c, name, *spec, lhs.rank());
    if (static_cast<std::int64_t>(spec->size()) != lhs.rank()) {
      c.fail(fmt::format("{} {} must name each of {} dimensions", name, to_string(*spec), lhs.rank()));
    }
  }
  const Windows windows = windows_of(conv, rhs.shape);
  const Dims sizes = pick(lhs.shape, conv.spatial_dims(conv.lhs));
  check_windows(c, {"the window's size", "window_strides", "lhs_dilation", "rhs_dilation"}, sizes, windows);

  const std::int64_t batch = size_at(lhs.shape, conv.lhs[kBatch]);
  const std::int64_t features = size_at(lhs.shape, conv.lhs[kFeature]);
  const std::int64_t in = size_at(rhs.shape, conv.rhs[kIn]);
  const std::int64_t out = size_at(rhs.shape, conv.rhs[kOut]);
  const auto check_groups = [&](std::string_view name, std::int64_t count) {
    if (count < 1) c.fail(fmt::format("{} must be at least 1: {}", name, count));
    if (out % count != 0) {
      c.fail(fmt::format("{} {} must divide the {} output features of rhs", name, count, out));
    }
  };
  check_groups("feature_group_count", conv.feature_groups);
  check_groups("batch_group_count", conv.batch_groups);
  if (conv.feature_groups > 1 && conv.batch_groups > 1) {
    c.fail(fmt::format("feature_group_count {} and batch_group_count {} must not both be above 1",
                       conv.feature_groups, conv.batch_groups));
  }
  if (features % conv.feature_groups != 0) {
    c.fail(fmt::format("feature_group_count {} must divide the {} features of lhs", conv.feature_groups,
                       features));
  }
  if (features / conv.feature_groups != in) {
    c.fail(fmt::format("rhs must have {} input features ({} of lhs / feature_group_count {}), not {}",
                       features / conv.feature_groups, features, conv.feature_groups, in));
  }
  if (batch % conv.batch_groups != 0) {
    c.fail(fmt::format("batch_group_count {} must divide the batch of lhs, {}", conv.batch_groups, batch));
  }

  Dims shape(lhs.shape.size());
  shape[static_cast<std::size_t>(conv.out[kBatch])] = batch / conv.batch_groups;
  shape[static_cast<std::size_t>(conv.out[kFeature])] = out;
  const Dims counts = window_counts(sizes, windows);
  for (std::size_t d = 0; d < counts.size(); ++d) {
    shape[static_cast<std::size_t>(conv.out[kSpatial + d])] = counts[d];
  }
  return {{lhs.dtype, check_shape(c, std::move(shape))}};
}

void eval_conv(EvalContext& c) {
  const Literal& lhs = *c.operands[0];
  const Literal& rhs = *c.operands[1];
  const Dims& lhs_shape = lhs.type().shape;
  const Dims& rhs_shape = rhs.type().shape;
  const Conv conv = conv_of(c.attrs, lhs.type().rank());
  const Windows windows = windows_of(conv, rhs_shape);
  const Dims lhs_strides = row_major_strides(lhs_shape), rhs_strides = row_major_strides(rhs_shape);
  const std::int64_t in = size_at(rhs_shape, conv.rhs[kIn]), out = size_at(rhs_shape, conv.rhs[kOut]);
  const std::int64_t batch = size_at(lhs_shape, conv.lhs[kBatch]) / conv.batch_groups;
  with_wide_type(lhs.type().dtype, [&]<class T>() {
    std::int64_t to = 0;
    for_each_index(c.results[0].type().shape, [&](const Dims& index) {
      const std::int64_t o = size_at(index, conv.out[kFeature]);
      const std::int64_t n = size_at(index, conv.out[kBatch]);
      const std::int64_t first_feature = o / (out / conv.feature_groups) * in;
      const std::int64_t first_row = o / (out / conv.batch_groups) * batch;
      T sum = 0;
      for_each_index(windows.size, [&](const Dims& k) {
        std::int64_t from = (first_row + n) * size_at(lhs_strides, conv.lhs[kBatch]);
        std::int64_t weight = o * size_at(rhs_strides, conv.rhs[kOut]);
        for (std::size_t d = 0; d < k.size(); ++d) {
          const std::int64_t position = size_at(index, conv.out[kSpatial + d]) * conv.strides[d] +
                                        k[d] * conv.rhs_dilation[d] - conv.padding.lhs[d];
          const std::int64_t element = position / conv.lhs_dilation[d];
          if (position < 0 || position % conv.lhs_dilation[d] != 0 ||
              element >= size_at(lhs_shape, conv.lhs[kSpatial + d])) {
            return;
          }
          from += element * size_at(lhs_strides, conv.lhs[kSpatial + d]);
          weight += k[d] * size_at(rhs_strides, conv.rhs[kSpatial + d]);
        }
        for (std::int64_t i = 0; i < in; ++i) {
          const T x = get<T>(lhs, from + (first_feature + i) * size_at(lhs_strides, conv.lhs[kFeature]));
          const T w = get<T>(rhs, weight + i * size_at(rhs_strides, conv.rhs[kIn]));
          sum = host::add(sum, host::mul(x, w));
        }
      });
      set(c.results[0], to++, sum);
    });
  });
}

// --- Moving dims about ---

/// Dimension `dim` as two: [..., outer, size / outer, ...].
ValueId split_dim(GraphBuilder& b, ValueId x, std::int64_t dim, std::int64_t outer) {
  Dims shape = b.type(x).shape;
  std::int64_t& size = shape[static_cast<std::size_t>(dim)];
  size /= outer;
  shape.insert(shape.begin() + dim, outer);
  return emit_reshape(b, x, std::move(shape));
}

/// Dimensions `dim` and `dim` + 1 as one.
ValueId merge_dims(GraphBuilder& b, ValueId x, std::int64_t dim) {
  Dims shape = b.type(x).shape;
  const std::int64_t outer = size_at(shape, dim);
  shape.erase(shape.begin() + dim);
  shape[static_cast<std::size_t>(dim)] *= outer;
  return emit_reshape(b, x, std::move(shape));
}

ValueId move_dim(GraphBuilder& b, ValueId x, std::int64_t from, std::int64_t to) {
  Dims order = iota_dims(b.type(x).rank());
  order.erase(order.begin() + from);
  order.insert(order.begin() + to, from);
  return emit_transpose(b, x, std::move(order));
}

/// Moves `from` in front of `into`, as the outer part of it. Both count as in x.
ValueId merge_into(GraphBuilder& b, ValueId x, std::int64_t from, std::int64_t into) {
  const std::int64_t to = into - (from < into ? 1 : 0);  // where `into` is without `from`
  return merge_dims(b, move_dim(b, x, from, to), to);
}

// --- The derivatives: convolutions again (as JAX's rules) ---

ValueList conv_jvp(JvpContext& c) {
  const auto conv = [&](ValueId x, ValueId w) {
    return x && w ? c.emit(c.op(), {x, w}, c.attrs()) : kNoValue;
  };
  return c.add(conv(c.tangent(0), c.primal(1)), conv(c.primal(0), c.tangent(1)));
}

Dims swapped(Dims spec) {
  std::swap(spec[0], spec[1]);
  return spec;
}

/// The cotangent, with holes where strides skipped, meets the reversed windows; features change sides. Groups
/// of the batch are groups of the cotangent's features.
ValueId cotangent_of_lhs(TransposeContext& c, const Conv& conv) {
  GraphBuilder& b = c.builder();
  ValueId rhs = c.operand(1);
  const Dims lhs_shape = c.operand_type(0).shape, rhs_shape = c.type(rhs).shape;
  const std::int64_t groups = std::max(conv.feature_groups, conv.batch_groups);
  if (groups > 1) {
    // [.., groups * out, .., in, ..] becomes [.., out, .., groups * in, ..].
    rhs = split_dim(b, rhs, conv.rhs[kOut], groups);
    rhs = merge_into(b, rhs, conv.rhs[kOut], conv.rhs[kIn] + (conv.rhs[kIn] > conv.rhs[kOut] ? 1 : 0));
  }
  const Windows back =
      transposed_windows(pick(lhs_shape, conv.spatial_dims(conv.lhs)), windows_of(conv, rhs_shape));
  const Conv transposed{.lhs = conv.out,
                        .rhs = swapped(conv.rhs),
                        .out = conv.lhs,
                        .strides = back.strides,
                        .lhs_dilation = back.base_dilation,
                        .rhs_dilation = back.window_dilation,
                        .padding = back.padding,
                        .feature_groups = groups,
                        .batch_groups = 1};
  const ValueId reversed = c.emit(op_reverse, {rhs}, {{"dims", conv.spatial_dims(conv.rhs)}});
  const ValueId result = c.emit(c.op(), {c.cotangent(), reversed}, attrs_of(transposed));
  if (conv.batch_groups == 1) return result;
  const ValueId split = split_dim(b, result, conv.lhs[kFeature], groups);
  const bool feature_first = conv.lhs[kFeature] < conv.lhs[kBatch];
  return merge_into(b, split, conv.lhs[kFeature], conv.lhs[kBatch] + (feature_first ? 1 : 0));
}

/// The lhs meets the cotangent as if that were the windows; batch and features change roles, strides and
/// dilation too.
ValueId cotangent_of_rhs(TransposeContext& c, const Conv& conv) {
  const Dims sizes = pick(c.type(c.operand(0)).shape, conv.spatial_dims(conv.lhs));
  const Windows windows = windows_of(conv, c.operand_type(1).shape);
  const Dims counts = window_counts(sizes, windows);
  DimPair padding = conv.padding;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    padding.rhs[d] = dilated_size(counts[d], conv.strides[d]) +
                     dilated_size(windows.size[d], conv.rhs_dilation[d]) -
                     dilated_size(sizes[d], conv.lhs_dilation[d]) - conv.padding.lhs[d] - 1;
  }
  const Conv transposed{.lhs = swapped(conv.lhs),
                        .rhs = swapped(conv.out),
                        .out = swapped(conv.rhs),
                        .strides = conv.rhs_dilation,
                        .lhs_dilation = conv.lhs_dilation,
                        .rhs_dilation = conv.strides,
                        .padding = padding,
                        .feature_groups = conv.batch_groups,
                        .batch_groups = conv.feature_groups};
  return c.emit(c.op(), {c.operand(0), c.cotangent()}, attrs_of(transposed));
}

ValueList transpose_conv(TransposeContext& c) {
  for (std::size_t i = 0; i < 2; ++i) {
    if (c.operand_type(i).element_count() == 0) return {kNoValue, kNoValue};
  }
  if (c.result_type().element_count() == 0) return {kNoValue, kNoValue};
  const Conv conv = conv_of(c.attrs(), c.result_type().rank());
  if (c.is_linear(0)) return {cotangent_of_lhs(c, conv), kNoValue};
  return {kNoValue, cotangent_of_rhs(c, conv)};
}

// --- vmap ---

/// The batch joins the lhs's batch or the rhs's output features; where both operands have it, every example
/// is a group of its own.
ValueList batch_conv(BatchContext& c) {
  GraphBuilder& b = c.builder();
  const std::int64_t size = c.batch_size();
  Conv conv = conv_of(c.attrs(), c.result_type().rank());
  // Within operands that carry the batch as dim 0 their own dims are one further on.
  ValueId lhs = c.operand(0), rhs = c.operand(1);
  std::int64_t out_dim = conv.out[kFeature];  // of the result, where the batch ends up as the outer part
  if (c.is_batched(0) && c.is_batched(1)) {
    if (conv.batch_groups > 1) {
      lhs = merge_into(b, lhs, 0, conv.lhs[kBatch] + 1);
      conv.batch_groups *= size;
    } else {
      lhs = merge_into(b, lhs, 0, conv.lhs[kFeature] + 1);
      conv.feature_groups *= size;
    }
    rhs = merge_into(b, rhs, 0, conv.rhs[kOut] + 1);
  } else if (c.is_batched(0)) {
    out_dim = conv.out[kBatch];
    if (conv.batch_groups > 1) {
      // [size, .., groups * n, ..] becomes [.., groups * size * n, ..].
      lhs = split_dim(b, lhs, conv.lhs[kBatch] + 1, conv.batch_groups);
      lhs = merge_into(b, lhs, 0, conv.lhs[kBatch] + 2);
      lhs = merge_dims(b, lhs, conv.lhs[kBatch]);
    } else {
      lhs = merge_into(b, lhs, 0, conv.lhs[kBatch] + 1);
    }
  } else {
    const std::int64_t groups = std::max(conv.feature_groups, conv.batch_groups);
    if (groups > 1) {
      // [size, .., groups * out, ..] becomes [.., groups * size * out, ..].
      rhs = split_dim(b, rhs, conv.rhs[kOut] + 1, groups);
      rhs = merge_into(b, rhs, 0, conv.rhs[kOut] + 2);
      rhs = merge_dims(b, rhs, conv.rhs[kOut]);
      ValueId result = c.emit(c.op(), {lhs, rhs}, attrs_of(conv));  // [.., groups * size * out, ..]
      result = split_dim(b, split_dim(b, result, out_dim, groups * size), out_dim, groups);
      return merge_dims(b, move_dim(b, result, out_dim + 1, 0), out_dim + 1);
    }
    rhs = merge_into(b, rhs, 0, conv.rhs[kOut] + 1);
  }
  const ValueId result = c.emit(c.op(), {lhs, rhs}, attrs_of(conv));
  return move_dim(b, split_dim(b, result, out_dim, size), out_dim, 0);
}

// --- What it stands for ---

/// The elements under the windows contracted with the rhs. Everything before the features in the result's
/// layout is a batch dim of the contraction, so what comes out is in order: the rhs is the lhs of the
/// product, repeated over these dims, which costs nothing. Where the features come last there is nothing to
/// repeat.
ValueList decompose_conv(DecomposeContext& c) {
  GraphBuilder& b = c.builder();
  const std::int64_t rank = c.result_type().rank();
  const Conv conv = conv_of(c.attrs(), rank);
  const Dims lhs_shape = c.type(c.operand(0)).shape, rhs_shape = c.type(c.operand(1)).shape;
  const std::int64_t groups = std::max(conv.feature_groups, conv.batch_groups);
  const bool has_groups = groups > 1;

  // The elements under the windows, with the windows' dims last; spatial dims in which the rhs is one element
  // and nothing moves take part in none.
  const WindowedDims over =
      windowed_dims(pick(lhs_shape, conv.spatial_dims(conv.lhs)), windows_of(conv, rhs_shape));
  ValueId lhs = emit_windows(b, c.operand(0), pick(conv.spatial_dims(conv.lhs), over.dims), over.windows);

  // As [group, dims before the features, dims after them, features, window dims]. This comes after the
  // windows: what is read under their guards should have a plain index.
  Dims roles(static_cast<std::size_t>(rank));  // of the result's dims, as places in a spec
  for (std::size_t role = 0; role < roles.size(); ++role) {
    roles[static_cast<std::size_t>(conv.out[role])] = static_cast<std::int64_t>(role);
  }
  const std::int64_t before = conv.out[kFeature], after = rank - 1 - before;
  const std::int64_t split = conv.batch_groups > 1 ? conv.lhs[kBatch] : conv.lhs[kFeature];
  if (has_groups) lhs = split_dim(b, lhs, split, groups);
  const auto lhs_dim = [&](std::int64_t dim) { return has_groups && dim >= split ? dim + 1 : dim; };
  Dims order;
  if (has_groups) order.push_back(split);
  for (const std::int64_t role : roles) {
    if (role != static_cast<std::int64_t>(kFeature)) {
      order.push_back(lhs_dim(conv.lhs[static_cast<std::size_t>(role)]));
    }
  }
  const auto lhs_features = static_cast<std::int64_t>(order.size());
  order.push_back(lhs_dim(conv.lhs[kFeature]));
  while (static_cast<std::int64_t>(order.size()) < b.type(lhs).rank()) {
    order.push_back(static_cast<std::int64_t>(order.size()));
  }
  lhs = emit_transpose(b, lhs, order);

  Dims rhs_spatial, unused;  // of the rhs
  for (std::size_t d = 0; d < conv.spatial(); ++d) {
    const bool is_used = contains(over.dims, static_cast<std::int64_t>(d));
    (is_used ? rhs_spatial : unused).push_back(conv.rhs[kSpatial + d]);
  }

  // The rhs without dims of size 1 that nothing is paired with: [.., group, out, .., in, ..].
  Dims kept_shape = without_dims(rhs_shape, unused);
  const Dims kept = remaining_dims(rank, unused);
  const auto renumbered = [&](std::int64_t dim) {
    return std::int64_t{std::find(kept.begin(), kept.end(), dim) - kept.begin()};
  };
  ValueId rhs = emit_reshape(b, c.operand(1), kept_shape);
  const std::int64_t rhs_group = renumbered(conv.rhs[kOut]);
  if (has_groups) rhs = split_dim(b, rhs, rhs_group, groups);
  const auto rhs_dim = [&](std::int64_t dim) {
    const std::int64_t at = renumbered(dim);
    return has_groups && at >= rhs_group ? at + 1 : at;
  };
  // Contracted pairs, in the order in which the rhs is in memory.
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs = {{rhs_dim(conv.rhs[kIn]), lhs_features}};
  for (std::size_t i = 0; i < rhs_spatial.size(); ++i) {
    pairs.emplace_back(rhs_dim(rhs_spatial[i]), lhs_features + 1 + static_cast<std::int64_t>(i));
  }
  std::sort(pairs.begin(), pairs.end());
  DimPair contract, batch;  // of (lhs, rhs)
  for (const auto& [rhs_at, lhs_at] : pairs) {
    contract.lhs.push_back(lhs_at);
    contract.rhs.push_back(rhs_at);
  }

  const std::int64_t shift = has_groups ? 1 : 0;
  if (after == 0) {
    if (has_groups) batch = {{0}, {rhs_group}};
    ValueId result = c.emit(op_dot_general, {lhs, rhs}, {{"contract", contract}, {"batch", batch}});
    if (has_groups) result = merge_dims(b, move_dim(b, result, 0, before), before);
    return result;
  }
  const Dims repeated = [&] {
    Dims sizes = b.type(lhs).shape;
    return Dims(sizes.begin() + shift, sizes.begin() + shift + before);
  }();
  Dims shape = repeated;
  const Dims small = b.type(rhs).shape;
  shape.insert(shape.end(), small.begin(), small.end());
  Dims places = iota_dims(static_cast<std::int64_t>(small.size()));
  for (std::int64_t& place : places) place += before;
  rhs = emit_broadcast(b, rhs, std::move(shape), std::move(places));
  for (std::int64_t& dim : contract.rhs) dim += before;
  for (std::int64_t d = 0; d < before; ++d) {
    batch.lhs.push_back(shift + d);
    batch.rhs.push_back(d);
  }
  if (has_groups) {
    batch.lhs.push_back(0);
    batch.rhs.push_back(before + rhs_group);
  }
  // [before, group, out, after]
  const ValueId result =
      c.emit(op_dot_general, {rhs, lhs},
             {{"contract", DimPair{contract.rhs, contract.lhs}}, {"batch", DimPair{batch.rhs, batch.lhs}}});
  return has_groups ? merge_dims(b, result, before) : result;
}

std::vector<OpSample> conv_samples() {
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, Dims lhs, Dims rhs, Attrs attrs, int derivative_order = 0) {
    OpSample sample{.operands = {{dtype, std::move(lhs)}, {dtype, std::move(rhs)}},
                    .attrs = std::move(attrs),
                    .derivative_order = derivative_order};
    if (is_integer(dtype)) {
      sample.low = -100;
      sample.high = 100;
    } else {
      sample.relative_tolerance = dtype == DType::kF32 ? 1e-5 : 1e-13;
    }
    samples.push_back(std::move(sample));
  };
  const Dims nhwc = {0, 3, 1, 2}, hwio = {3, 2, 0, 1}, chwn = {3, 0, 1, 2}, oihw = {0, 1, 2, 3};
  const auto layout = [](Dims lhs, Dims rhs, Dims out) {
    return Attrs{{"lhs_spec", std::move(lhs)}, {"rhs_spec", std::move(rhs)}, {"out_spec", std::move(out)}};
  };
  const auto with = [](Attrs attrs, std::initializer_list<std::pair<std::string, AttrValue>> more) {
    for (const auto& [name, value] : more) attrs.set(name, value);
    return attrs;
  };
  const std::int64_t two = 2, three = 3;
  const DimPair ones{{1, 1}, {1, 1}};
  // One to three spatial dims, and none.
  add(DType::kF32, {2, 3, 17}, {5, 3, 4}, {});
  add(DType::kF32, {2, 3, 9, 11}, {5, 3, 3, 3}, {});
  add(DType::kF32, {2, 3, 9, 11}, {5, 3, 3, 3}, {{"padding", ones}});
  add(DType::kF32, {2, 2, 5, 6, 4}, {3, 2, 2, 3, 2}, {{"window_strides", Dims{1, 2, 1}}});
  add(DType::kF32, {3, 5}, {7, 5}, {});
  // Windows of one element: a product; with strides.
  add(DType::kF32, {2, 3, 4, 5}, {6, 3, 1, 1}, {});
  add(DType::kF32, {2, 4, 5, 3}, {1, 1, 3, 6}, layout(nhwc, hwio, nhwc));
  add(DType::kF32, {2, 3, 4, 5}, {6, 3, 1, 3}, {{"window_strides", Dims{2, 1}}});
  // Strides, dilations, paddings.
  add(DType::kF32, {2, 3, 9, 11}, {4, 3, 3, 2},
      {{"window_strides", Dims{2, 3}}, {"padding", DimPair{{1, 0}, {2, 1}}}});
  add(DType::kF32, {2, 3, 5, 4}, {4, 3, 3, 2}, {{"lhs_dilation", Dims{2, 3}}, {"padding", ones}});
  add(DType::kF32, {2, 3, 9, 11}, {4, 3, 3, 2},
      {{"rhs_dilation", Dims{2, 3}}, {"padding", DimPair{{-1, 2}, {1, -3}}}});
  add(DType::kF32, {1, 2, 7, 8}, {3, 2, 3, 2},
      {{"window_strides", Dims{2, 1}},
       {"lhs_dilation", Dims{1, 2}},
       {"rhs_dilation", Dims{2, 1}},
       {"padding", DimPair{{3, -1}, {0, 2}}}});
  // Layouts.
  add(DType::kF32, {2, 9, 8, 3}, {3, 3, 3, 17}, layout(nhwc, hwio, nhwc));
  add(DType::kF32, {3, 6, 7, 2}, {4, 3, 2, 3}, layout(chwn, oihw, chwn));
  add(DType::kF32, {2, 9, 8, 3}, {4, 3, 2, 3}, layout(nhwc, oihw, {1, 2, 3, 0}));
  // Groups.
  add(DType::kF32, {2, 6, 5, 7}, {4, 3, 2, 2}, {{"feature_group_count", two}});
  add(DType::kF32, {4, 3, 5, 7}, {6, 3, 2, 2}, {{"batch_group_count", two}});
  add(DType::kF32, {2, 5, 7, 6}, {2, 2, 2, 9},
      with(layout(nhwc, hwio, nhwc), {{"feature_group_count", three}}));
  add(DType::kF32, {6, 5, 7, 3}, {2, 2, 3, 6},
      with(layout(nhwc, hwio, nhwc), {{"batch_group_count", three}}));
  add(DType::kF32, {2, 3, 6, 6}, {3, 1, 3, 3}, {{"feature_group_count", three}, {"padding", ones}});
  // Corners.
  add(DType::kF32, {2, 3, 2, 2}, {4, 3, 3, 3}, {});
  add(DType::kF32, {0, 3, 4, 4}, {4, 3, 3, 3}, {});
  add(DType::kF32, {2, 0, 4, 4}, {4, 0, 3, 3}, {});
  add(DType::kF64, {2, 3, 6, 5}, {4, 3, 3, 2}, {});
  add(DType::kI32, {2, 3, 6}, {4, 3, 2}, {});
  add(DType::kI64, {1, 2, 6}, {4, 2, 2}, {});
  add(DType::kU32, {1, 2, 6}, {4, 2, 2}, {{"window_strides", Dims{2}}});
  // Derivatives.
  add(DType::kF64, {2, 2, 4}, {2, 2, 3}, {{"padding", DimPair{{1}, {0}}}}, 2);
  add(DType::kF64, {1, 2, 4, 3}, {2, 2, 2, 2},
      {{"window_strides", Dims{2, 1}}, {"padding", DimPair{{1, -1}, {0, 2}}}}, 2);
  add(DType::kF64, {1, 4, 3, 2}, {2, 2, 2, 1},
      with(layout(nhwc, hwio, nhwc), {{"lhs_dilation", Dims{1, 2}}, {"rhs_dilation", Dims{2, 1}}}), 2);
  add(DType::kF64, {1, 4, 3}, {4, 2, 2}, {{"feature_group_count", two}}, 2);
  add(DType::kF64, {4, 2, 3}, {2, 2, 2}, {{"batch_group_count", two}}, 2);
  add(DType::kF64, {2, 3, 4}, {2, 2, 2},
      with({{"lhs_spec", Dims{2, 0, 1}}, {"rhs_spec", Dims{1, 2, 0}}, {"out_spec", Dims{1, 0, 2}}},
           {{"batch_group_count", two}}),
      2);
  return samples;
}

}  // namespace

/// Convolution as in JAX: result[n, o, s] sums lhs[n, i, (s * window_strides + k * rhs_dilation - low) /
/// lhs_dilation] * rhs[o, i, k] over i and k, where that is an element of lhs. Specs name the dims of the
/// operands and the result: (batch, feature, spatial...), of the rhs (output feature, input feature,
/// spatial...); empty: in this order. The features of lhs are `feature_group_count` groups, each with its own
/// part of the rhs's output features; or its batch is `batch_group_count` such groups.
const OpDef op_conv_general_dilated{
    .name = "conv_general_dilated",
    .pattern = OpPattern::kComposite,
    .operand_names = {"lhs", "rhs"},
    .attrs = {{"window_strides", Dims{}, Dims{}},
              {"padding", DimPair{}, DimPair{}},
              {"lhs_dilation", Dims{}, Dims{}},
              {"rhs_dilation", Dims{}, Dims{}},
              {"lhs_spec", Dims{}, Dims{}},
              {"rhs_spec", Dims{}, Dims{}},
              {"out_spec", Dims{}, Dims{}},
              {"feature_group_count", std::int64_t{1}, std::int64_t{1}},
              {"batch_group_count", std::int64_t{1}, std::int64_t{1}}},
    .infer_types = infer_conv,
    .jvp = conv_jvp,
    .transpose = transpose_conv,
    .batch = batch_conv,
    .decompose = decompose_conv,
    .eval = eval_conv,
    .samples = conv_samples,
};

}  // namespace adze
