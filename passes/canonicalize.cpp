#include "passes/canonicalize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "ir/op_helpers.h"
#include "passes/rewrite_rules.h"
#include "passes/simplify_control.h"
#include "passes/subgraphs.h"

namespace adze {
namespace {

/// What differentiation has used up. (OpDef::fold must keep it: it also runs while a graph is traced.)
ValueId drop_stop_gradient(const RewriteSite& site) {
  return site.is(op_stop_gradient) ? site.operands[0] : kNoValue;
}

/// op(broadcast(a), broadcast(b), splat) = broadcast(op(a, b, splat)): as much work as the sources have
/// elements. The broadcasts must agree in source shape and dims; splats are broadcasts of rank 0.
ValueId hoist_over_broadcast(const RewriteSite& site) {
  if (site.node.op->pattern != OpPattern::kElementwise || site.operands.empty()) return kNoValue;
  if (site.result.rank() == 0) return kNoValue;

  std::vector<ValueId> sources;
  std::optional<Attrs> attrs;
  Dims shape;  // of the sources
  for (std::size_t i = 0; i < site.operands.size(); ++i) {
    const Node* node = site.producer(i, op_broadcast_in_dim);
    if (!node) return kNoValue;
    const Dims& source_shape = site.builder.type(node->operands[0]).shape;
    const bool splat = source_shape.empty();
    if (!splat && attrs && !shape.empty() && (source_shape != shape || !(*attrs == node->attrs)))
      return kNoValue;
    if (!attrs || (shape.empty() && !splat)) {
      attrs = node->attrs;
      shape = source_shape;
    }
    sources.push_back(node->operands[0]);
  }
  if (element_count(shape) >= site.result.element_count()) return kNoValue;

  for (ValueId& source : sources) {
    if (site.builder.type(source).shape == shape) continue;
    source = site.builder.emit(op_broadcast_in_dim, {source}, {{"shape", shape}, {"dims", Dims{}}});
  }
  const ValueId small = site.builder.emit(*site.node.op, std::move(sources), site.node.attrs);
  return site.builder.emit(op_broadcast_in_dim, {small}, *attrs);
}

/// A literal with the same bits everywhere is a broadcast scalar: fusion copies those instead of reading
/// memory.
ValueId broadcast_splat_literal(const RewriteSite& site) {
  if (!site.is(op_constant) || site.result.rank() == 0) return kNoValue;
  const Literal& literal = *site.node.attrs.get<ConstantRef>("value");
  if (literal.size() == 0) return kNoValue;
  const std::size_t size = byte_size(site.result.dtype);
  for (std::size_t at = size; at < literal.byte_size(); at += size) {
    if (std::memcmp(literal.bytes(), literal.bytes() + at, size) != 0) return kNoValue;
  }
  Literal element(TensorType{site.result.dtype, {}});
  std::memcpy(element.bytes(), literal.bytes(), size);
  return emit_broadcast(site.builder, site.builder.constant(std::move(element)), site.result.shape, {});
}

/// The value of a scalar constant, seen through one broadcast.
std::optional<double> splat_of(const RewriteSite& site, std::size_t i) {
  const Node* broadcast = site.producer(i, op_broadcast_in_dim);
  const ValueId source = broadcast ? broadcast->operands[0] : site.operands[i];
  const Node* node = site.builder.graph().producer(source);
  if (!node || node->op != &op_constant) return std::nullopt;
  const Literal& literal = *node->attrs.get<ConstantRef>("value");
  if (literal.size() != 1) return std::nullopt;
  return literal.as_double(0);
}

/// x / 2^k = x * 2^-k, exactly, as long as 2^-k is a normal number (of f16: at most 2^15).
ValueId divide_by_power_of_two(const RewriteSite& site) {
  if (!site.is(op_div) || !is_float(site.result.dtype)) return kNoValue;
  const std::optional<double> divisor = splat_of(site, 1);
  if (!divisor || !std::isfinite(*divisor) || *divisor == 0) return kNoValue;
  const int limit = site.result.dtype == DType::kF16 ? 14 : 100;
  int exponent = 0;
  if (std::abs(std::frexp(*divisor, &exponent)) != 0.5 || std::abs(exponent) > limit) return kNoValue;
  return site.builder.emit(op_mul, {site.operands[0], site.builder.full(site.result, 1 / *divisor)});
}

constexpr SiteRule kRules[] = {drop_stop_gradient, broadcast_splat_literal, hoist_over_broadcast,
                               divide_by_power_of_two};

}  // namespace

Graph canonicalize(const Graph& graph) {
  Graph current = apply_rules(graph, kRules, {.fold = true});
  if (std::none_of(current.nodes().begin(), current.nodes().end(), holds_subgraphs)) return current;
  current = simplify_control(current);
  return apply_rules(current, kRules, {.fold = true});
}

}  // namespace adze
