#include "ir/op.h"

#include <array>
#include <cstring>
#include <unordered_map>

namespace adze {
namespace {

constexpr std::array kOps = {
#define ADZE_OP(name) &op_##name,
#include "ir/ops.def"
#undef ADZE_OP
};

/// The scalar operand of an arithmetic helper, broadcast to the other's shape.
std::pair<ValueId, ValueId> same_shape(GraphBuilder& builder, ValueId a, ValueId b) {
  const TensorType ta = builder.type(a), tb = builder.type(b);
  const auto broadcast = [&](ValueId x, const Dims& shape) {
    return builder.emit(op_broadcast_in_dim, {x}, {{"shape", shape}, {"dims", Dims{}}});
  };
  if (ta.shape == tb.shape) return {a, b};
  if (ta.shape.empty()) return {broadcast(a, tb.shape), b};
  if (tb.shape.empty()) return {a, broadcast(b, ta.shape)};
  return {a, b};
}

}  // namespace

std::span<const OpDef* const> all_ops() {
  return kOps;
}

const OpDef* find_op(std::string_view name) {
  static const auto* table = [] {
    auto* result = new std::unordered_map<std::string_view, const OpDef*>;
    for (const OpDef* op : kOps) result->emplace(op->name, op);
    return result;
  }();
  const auto found = table->find(name);
  return found == table->end() ? nullptr : found->second;
}

void InferContext::fail(const std::string& message) const {
  throw TypeError(std::string(op_.name) + ": " + message);
}

ValueId RuleContext::add(ValueId a, ValueId b) {
  if (!a) return b;
  if (!b) return a;
  const auto [x, y] = same_shape(builder_, a, b);
  return emit(op_add, {x, y});
}

ValueId RuleContext::sub(ValueId a, ValueId b) {
  if (!b) return a;
  if (!a) return neg(b);
  const auto [x, y] = same_shape(builder_, a, b);
  return emit(op_sub, {x, y});
}

ValueId RuleContext::mul(ValueId a, ValueId b) {
  if (!a || !b) return kNoValue;
  const auto [x, y] = same_shape(builder_, a, b);
  return emit(op_mul, {x, y});
}

ValueId RuleContext::div(ValueId a, ValueId b) {
  if (!a) return kNoValue;
  const auto [x, y] = same_shape(builder_, a, b);
  return emit(op_div, {x, y});
}

ValueId RuleContext::neg(ValueId a) {
  return a ? emit(op_neg, {a}) : kNoValue;
}

ValueId RuleContext::select(ValueId predicate, ValueId a, ValueId b) {
  if (!a && !b) return kNoValue;
  if (!a) a = full_like(b, 0);
  if (!b) b = full_like(a, 0);
  return emit(op_select, {predicate, a, b});
}

Dims BatchContext::shape(std::size_t i) const {
  Dims shape = type(operands_[i]).shape;
  if (batched_[i]) shape.erase(shape.begin());
  return shape;
}

ValueId BatchContext::with_batch(std::size_t i) {
  if (batched_[i]) return operands_[i];
  Dims shape = this->shape(i), dims;
  for (std::size_t d = 1; d <= shape.size(); ++d) dims.push_back(static_cast<std::int64_t>(d));
  shape.insert(shape.begin(), batch_size_);
  return emit(op_broadcast_in_dim, {operands_[i]}, {{"shape", shape}, {"dims", dims}});
}

TensorType BatchContext::batched_result_type(std::size_t k) const {
  TensorType type = result_type(k);
  type.shape.insert(type.shape.begin(), batch_size_);
  return type;
}

const Literal* FoldContext::literal(std::size_t i) const {
  const Node* node = producer(i);
  return node && node->op == &op_constant ? node->attrs.get<ConstantRef>("value").get() : nullptr;
}

std::optional<double> FoldContext::splat(std::size_t i) const {
  const Graph& graph = builder_.graph();
  const Node* node = producer(i);
  while (node && node->op->pattern == OpPattern::kIndexMap && node->operands.size() == 1 &&
         (node->op->name == "broadcast_in_dim" || node->op->name == "reshape")) {
    node = graph.producer(node->operands[0]);
  }
  if (!node || node->op != &op_constant) return std::nullopt;
  const Literal& value = *node->attrs.get<ConstantRef>("value");
  if (value.size() == 0) return std::nullopt;
  const std::size_t size = byte_size(value.type().dtype);
  for (std::size_t k = 1; k < static_cast<std::size_t>(value.size()); ++k) {  // by bits: 0.0 is not -0.0
    if (std::memcmp(value.bytes(), value.bytes() + k * size, size) != 0) return std::nullopt;
  }
  return value.as_double(0);
}

}  // namespace adze
