#include "passes/fold_layout.h"

#include <algorithm>
#include <optional>

#include "ir/op_helpers.h"
#include "passes/rewrite_rules.h"

namespace adze {
namespace {

std::size_t index_of(std::int64_t dim) {
  return static_cast<std::size_t>(dim);
}

Dims non_unit_dims(const Dims& shape) {
  Dims dims;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1) dims.push_back(static_cast<std::int64_t>(i));
  }
  return dims;
}

/// Same sizes apart from dims of size 1: a reshape between the two only adds and drops such dims.
bool same_but_for_unit_dims(const Dims& a, const Dims& b) {
  return pick(a, non_unit_dims(a)) == pick(b, non_unit_dims(b));
}

// ---- Movement ops over movement ops -----------------------------------------------------------------------

/// A transpose that keeps the order of all dims but those of size 1 moves no data.
ValueId reshape_for_transpose(const RewriteSite& site) {
  if (!site.is(op_transpose)) return kNoValue;
  const Dims& shape = site.type(0).shape;
  const Dims& permutation = site.node.attrs.get<Dims>("permutation");
  Dims moved;
  for (const std::int64_t dim : permutation) {
    if (shape[index_of(dim)] != 1) moved.push_back(dim);
  }
  if (!std::is_sorted(moved.begin(), moved.end())) return kNoValue;
  return emit_reshape(site.builder, site.operands[0], site.result.shape);
}

/// broadcast(reshape(x)), where the reshape adds dims of size 1 (what keepdims leaves behind), is a broadcast
/// of x.
ValueId broadcast_through_reshape(const RewriteSite& site) {
  if (!site.is(op_broadcast_in_dim)) return kNoValue;
  const Node* reshape = site.producer(0, op_reshape);
  if (!reshape) return kNoValue;
  const ValueId source = reshape->operands[0];
  const Dims& from = site.builder.type(source).shape;
  const Dims& to = site.type(0).shape;
  const Dims& dims = site.node.attrs.get<Dims>("dims");
  if (!same_but_for_unit_dims(from, to)) return kNoValue;
  // Each source dim takes the next dim of its size; what is passed over must have size 1.
  Dims source_dims;
  std::size_t next = 0;
  for (const std::int64_t size : from) {
    while (next < to.size() && to[next] != size) ++next;  // over dims of size 1
    if (next == to.size()) return kNoValue;
    source_dims.push_back(dims[next++]);
  }
  return emit_broadcast(site.builder, source, site.result.shape, source_dims);
}

/// reshape(broadcast(x)), where the reshape only adds dims of size 1 or drops such that do not come from x.
ValueId reshape_of_broadcast(const RewriteSite& site) {
  if (!site.is(op_reshape)) return kNoValue;
  const Node* broadcast = site.producer(0, op_broadcast_in_dim);
  if (!broadcast || !same_but_for_unit_dims(site.type(0).shape, site.result.shape)) return kNoValue;
  const Dims from = non_unit_dims(site.type(0).shape);
  const Dims to = non_unit_dims(site.result.shape);
  Dims dims;
  for (const std::int64_t dim : broadcast->attrs.get<Dims>("dims")) {
    const auto found = std::find(from.begin(), from.end(), dim);
    if (found == from.end()) return kNoValue;
    dims.push_back(to[index_of(found - from.begin())]);
  }
  return emit_broadcast(site.builder, broadcast->operands[0], site.result.shape, dims);
}

/// transpose(broadcast(x)) broadcasts the (smaller) transpose of x.
ValueId transpose_of_broadcast(const RewriteSite& site) {
  if (!site.is(op_transpose)) return kNoValue;
  const Node* broadcast = site.producer(0, op_broadcast_in_dim);
  if (!broadcast) return kNoValue;
  const ValueId source = broadcast->operands[0];
  const Dims dims = broadcast->attrs.get<Dims>("dims");
  const Dims& permutation = site.node.attrs.get<Dims>("permutation");
  Dims source_permutation, result_dims;
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    const auto found = std::find(dims.begin(), dims.end(), permutation[i]);
    if (found == dims.end()) continue;
    source_permutation.push_back(found - dims.begin());
    result_dims.push_back(static_cast<std::int64_t>(i));
  }
  const ValueId small = emit_transpose(site.builder, source, source_permutation);
  return emit_broadcast(site.builder, small, site.result.shape, result_dims);
}

ValueId compose_reverses(const RewriteSite& site) {
  if (!site.is(op_reverse)) return kNoValue;
  const Node* inner = site.producer(0, op_reverse);
  if (!inner) return kNoValue;
  const ValueId source = inner->operands[0];
  const Dims& inner_dims = inner->attrs.get<Dims>("dims");
  const Dims& outer_dims = site.node.attrs.get<Dims>("dims");
  Dims dims;  // reversed an odd number of times
  for (std::int64_t d = 0; d < site.result.rank(); ++d) {
    if (contains(inner_dims, d) != contains(outer_dims, d)) dims.push_back(d);
  }
  return dims.empty() ? source : site.builder.emit(op_reverse, {source}, {{"dims", dims}});
}

ValueId compose_slices(const RewriteSite& site) {
  if (!site.is(op_slice)) return kNoValue;
  const Node* inner = site.producer(0, op_slice);
  if (!inner) return kNoValue;
  const std::size_t rank = index_of(site.result.rank());
  const auto strides_of = [&](const Node& node) {
    const Dims& strides = node.attrs.get<Dims>("strides");
    return strides.empty() ? Dims(rank, 1) : strides;
  };
  const Dims inner_strides = strides_of(*inner), outer_strides = strides_of(site.node);
  Dims start(rank), limit(rank), strides(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t first = site.node.attrs.get<Dims>("start")[i];
    start[i] = inner->attrs.get<Dims>("start")[i] + first * inner_strides[i];
    strides[i] = inner_strides[i] * outer_strides[i];
    const std::int64_t size = site.result.shape[i];
    limit[i] = size == 0 ? start[i] : start[i] + (size - 1) * strides[i] + 1;
  }
  return emit_slice(site.builder, inner->operands[0], start, limit, strides);
}

// ---- Layout into dot_general ------------------------------------------------------------------------------

struct DotSide {
  ValueId value;
  Dims batch, contract;
};

struct Dot {
  DotSide lhs, rhs;
  DType preferred;

  static Dot of(const Attrs& attrs, ValueId lhs, ValueId rhs) {
    const DimPair& batch = attrs.get<DimPair>("batch");
    const DimPair& contract = attrs.get<DimPair>("contract");
    return {{lhs, batch.lhs, contract.lhs},
            {rhs, batch.rhs, contract.rhs},
            attrs.get<DType>("preferred_element_type")};
  }
  ValueId emit(GraphBuilder& builder) const {
    return builder.emit(op_dot_general, {lhs.value, rhs.value},
                        {{"batch", DimPair{lhs.batch, rhs.batch}},
                         {"contract", DimPair{lhs.contract, rhs.contract}},
                         {"preferred_element_type", preferred}});
  }
};

Dims free_dims(const DotSide& side, std::int64_t rank) {
  Dims taken = side.batch;
  taken.insert(taken.end(), side.contract.begin(), side.contract.end());
  return remaining_dims(rank, taken);
}

/// dot(transpose(x), y) reads x through other dimension numbers, unless that would reorder x's free dims.
ValueId fold_transposed_operand(const RewriteSite& site) {
  if (!site.is(op_dot_general)) return kNoValue;
  Dot dot = Dot::of(site.node.attrs, site.operands[0], site.operands[1]);
  bool changed = false;
  for (std::size_t i = 0; i < 2; ++i) {
    DotSide& side = i == 0 ? dot.lhs : dot.rhs;
    const Node* transpose = site.producer(i, op_transpose);
    if (!transpose) continue;
    const Dims& permutation = transpose->attrs.get<Dims>("permutation");
    const Dims free = pick(permutation, free_dims(side, site.type(i).rank()));
    if (!std::is_sorted(free.begin(), free.end())) continue;
    side = {transpose->operands[0], pick(permutation, side.batch), pick(permutation, side.contract)};
    changed = true;
  }
  return changed ? dot.emit(site.builder) : kNoValue;
}

/// transpose(dot(x, y)), the dot having no other use: batch dims may come in any order, and y's free dims may
/// come before x's, which is dot(y, x).
ValueId fold_transposed_result(const RewriteSite& site) {
  if (!site.is(op_transpose) || !site.is_only_use(0)) return kNoValue;
  const Node* node = site.producer(0, op_dot_general);
  if (!node) return kNoValue;
  Dot dot = Dot::of(node->attrs, node->operands[0], node->operands[1]);
  const std::int64_t lhs_rank = site.builder.type(dot.lhs.value).rank();
  const auto batch_count = static_cast<std::int64_t>(dot.lhs.batch.size());
  const auto lhs_free = static_cast<std::int64_t>(free_dims(dot.lhs, lhs_rank).size());
  const Dims& permutation = site.node.attrs.get<Dims>("permutation");

  const Dims batch(permutation.begin(), permutation.begin() + batch_count);
  if (std::any_of(batch.begin(), batch.end(), [&](std::int64_t d) { return d >= batch_count; }))
    return kNoValue;
  // The rest must be lhs free then rhs free, or the other way round, each in order.
  const std::int64_t rank = site.result.rank();
  Dims straight, swapped;
  for (std::int64_t d = batch_count; d < rank; ++d) straight.push_back(d);
  for (std::int64_t d = batch_count + lhs_free; d < rank; ++d) swapped.push_back(d);
  for (std::int64_t d = batch_count; d < batch_count + lhs_free; ++d) swapped.push_back(d);
  const Dims rest(permutation.begin() + batch_count, permutation.end());
  if (rest != straight && rest != swapped) return kNoValue;

  dot.lhs.batch = pick(dot.lhs.batch, batch);
  dot.rhs.batch = pick(dot.rhs.batch, batch);
  if (rest != straight) std::swap(dot.lhs, dot.rhs);
  return dot.emit(site.builder);
}

/// A side of a dot without its reshape, where that only adds or drops dims of size 1 and neither batch nor
/// contraction needs one of them. Free dims of size 1 may come and go: the result is reshaped to its type.
std::optional<DotSide> without_reshape(const RewriteSite& site, std::size_t i, const DotSide& side) {
  const Node* reshape = site.producer(i, op_reshape);
  if (!reshape) return std::nullopt;
  const ValueId source = reshape->operands[0];
  const Dims& from = site.builder.type(source).shape;
  const Dims& to = site.type(i).shape;
  if (!same_but_for_unit_dims(from, to)) return std::nullopt;
  const Dims from_dims = non_unit_dims(from), to_dims = non_unit_dims(to);
  DotSide result{source, {}, {}};
  const auto map_dims = [&](const Dims& dims, Dims& mapped) {
    for (const std::int64_t dim : dims) {
      const auto found = std::find(to_dims.begin(), to_dims.end(), dim);
      if (found == to_dims.end()) return false;
      mapped.push_back(from_dims[index_of(found - to_dims.begin())]);
    }
    return true;
  };
  if (!map_dims(side.batch, result.batch) || !map_dims(side.contract, result.contract)) return std::nullopt;
  return result;
}

/// Contracted and batch dims of size 1 do nothing in a dot: both operands drop them.
ValueId drop_unit_dims(const RewriteSite& site) {
  if (!site.is(op_dot_general)) return kNoValue;
  Dot dot = Dot::of(site.node.attrs, site.operands[0], site.operands[1]);
  // Only where the operands have just been given these dims, so that the reshapes meet theirs and vanish.
  if (!site.producer(0, op_reshape) || !site.producer(1, op_reshape)) return kNoValue;
  const Dims lhs_shape = site.type(0).shape, rhs_shape = site.type(1).shape;
  Dims dropped_lhs, dropped_rhs;
  const auto drop = [&](Dims& lhs_dims, Dims& rhs_dims) {
    for (std::size_t i = lhs_dims.size(); i-- > 0;) {
      if (lhs_shape[index_of(lhs_dims[i])] != 1) continue;
      dropped_lhs.push_back(lhs_dims[i]);
      dropped_rhs.push_back(rhs_dims[i]);
      lhs_dims.erase(lhs_dims.begin() + static_cast<std::ptrdiff_t>(i));
      rhs_dims.erase(rhs_dims.begin() + static_cast<std::ptrdiff_t>(i));
    }
  };
  drop(dot.lhs.contract, dot.rhs.contract);
  drop(dot.lhs.batch, dot.rhs.batch);
  if (dropped_lhs.empty()) return kNoValue;
  const auto renumber = [&](DotSide& side, const Dims& shape, const Dims& dropped) {
    side.value = emit_reshape(site.builder, side.value, without_dims(shape, dropped));
    for (Dims* dims : {&side.batch, &side.contract}) {
      for (std::int64_t& dim : *dims) {
        dim -= std::count_if(dropped.begin(), dropped.end(), [&](std::int64_t d) { return d < dim; });
      }
    }
  };
  renumber(dot.lhs, lhs_shape, dropped_lhs);
  renumber(dot.rhs, rhs_shape, dropped_rhs);
  return emit_reshape(site.builder, dot.emit(site.builder), site.result.shape);
}

/// dot(reshape(x), y), where the reshape only adds or drops dims of size 1.
ValueId fold_reshaped_operand(const RewriteSite& site) {
  if (!site.is(op_dot_general)) return kNoValue;
  Dot dot = Dot::of(site.node.attrs, site.operands[0], site.operands[1]);
  const std::optional<DotSide> lhs = without_reshape(site, 0, dot.lhs);
  const std::optional<DotSide> rhs = without_reshape(site, 1, dot.rhs);
  if (!lhs && !rhs) return kNoValue;
  if (lhs) dot.lhs = *lhs;
  if (rhs) dot.rhs = *rhs;
  return emit_reshape(site.builder, dot.emit(site.builder), site.result.shape);
}

constexpr SiteRule kRules[] = {reshape_for_transpose,   broadcast_through_reshape, reshape_of_broadcast,
                               transpose_of_broadcast,  compose_reverses,          compose_slices,
                               fold_transposed_operand, fold_transposed_result,    drop_unit_dims,
                               fold_reshaped_operand};

}  // namespace

Graph fold_layout(const Graph& graph) {
  // Movement ops of one kind compose by their own OpDef::fold.
  return apply_rules(graph, kRules, {.fold = true});
}

}  // namespace adze
