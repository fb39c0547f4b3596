#include "ir/evaluate.h"

#include <algorithm>
#include <optional>

#include "ir/scalar_builder.h"
#include "ir/scalar_eval.h"

namespace adze {

namespace {

constexpr std::size_t kLanes = 64;
constexpr std::int64_t kMaxFoldedElements = 64;

/// One expression for all elements, over one variable an operand.
void evaluate_scalar(const OpDef& op, EvalContext& c) {
  Literal& result = c.results[0];
  loop::Exprs exprs;
  std::vector<Scalar> elements;
  for (const Literal* operand : c.operands) {
    const DType dtype = operand->type().dtype;
    elements.push_back(exprs.var(exprs.new_var("x", 0, dtype), dtype));
  }
  loop::ScalarCode code(exprs, elementwise_body(exprs, op, c.attrs, result.type().dtype, elements), kLanes);

  std::vector<std::uint64_t> vars(c.operands.size() * kLanes);
  const auto count = static_cast<std::size_t>(result.size());
  const std::size_t result_size = byte_size(result.type().dtype);
  for (std::size_t begin = 0; begin < count; begin += kLanes) {
    const std::size_t lanes = std::min(kLanes, count - begin);
    for (std::size_t k = 0; k < c.operands.size(); ++k) {
      const DType dtype = c.operands[k]->type().dtype;
      const std::byte* from = c.operands[k]->bytes() + begin * byte_size(dtype);
      for (std::size_t i = 0; i < lanes; ++i) {
        vars[k * kLanes + i] = loop::read_element(dtype, from + i * byte_size(dtype));
      }
    }
    code.run(vars, lanes);
    for (std::size_t i = 0; i < lanes; ++i) {
      loop::write_element(result.type().dtype, result.bytes() + (begin + i) * result_size, code.result()[i]);
    }
  }
}

const Literal* constant_node(const GraphBuilder& builder, ValueId id) {
  const Node* node = builder.graph().producer(id);
  return node && node->op == &op_constant ? node->attrs.get<ConstantRef>("value").get() : nullptr;
}

/// The value of a constant or of a broadcast of one.
std::optional<Literal> constant_value(const GraphBuilder& builder, ValueId id) {
  if (const Literal* literal = constant_node(builder, id)) return *literal;
  const Node* node = builder.graph().producer(id);
  if (!node || node->op != &op_broadcast_in_dim) return std::nullopt;
  const Literal* source = constant_node(builder, node->operands[0]);
  if (!source) return std::nullopt;
  const TensorType type = builder.type(id);
  return evaluate(op_broadcast_in_dim, node->attrs, std::span(&source, 1), std::span(&type, 1))[0];
}

/// The rank-0 constant that `id` is, or is a broadcast of.
ValueId splat_element(const GraphBuilder& builder, ValueId id) {
  const Node* node = builder.graph().producer(id);
  if (node && node->op == &op_broadcast_in_dim) id = node->operands[0];
  const Literal* value = constant_node(builder, id);
  return value && value->type().rank() == 0 ? id : kNoValue;
}

}  // namespace

std::vector<Literal> evaluate(const OpDef& op, const Attrs& attrs, std::span<const Literal* const> operands,
                              std::span<const TensorType> result_types) {
  std::vector<Literal> results;
  for (const TensorType& type : result_types) results.emplace_back(type);
  EvalContext context{attrs, operands, results};
  if (op.eval) {
    op.eval(context);
  } else {
    ADZE_CHECK(op.scalar != nullptr, std::string(op.name) + " has no reference meaning");
    evaluate_scalar(op, context);
  }
  return results;
}

ValueList fold_constants(GraphBuilder& builder, const Node& node, std::span<const TensorType> result_types) {
  const OpDef& op = *node.op;
  if (node.operands.empty() || op.pattern == OpPattern::kControl || op.pattern == OpPattern::kCollective) {
    return {};
  }

  if (op.pattern == OpPattern::kElementwise && result_types[0].rank() > 0) {
    std::vector<ValueId> elements;
    for (const ValueId operand : node.operands) {
      elements.push_back(splat_element(builder, operand));
      if (!elements.back()) break;
    }
    if (elements.back()) {
      const ValueId element = builder.emit(op, std::move(elements), node.attrs);
      return builder.emit(op_broadcast_in_dim, {element},
                          {{"shape", result_types[0].shape}, {"dims", Dims{}}});
    }
  }
  if (&op == &op_broadcast_in_dim) return {};

  std::vector<Literal> values;
  for (const ValueId operand : node.operands) {
    if (builder.type(operand).element_count() > kMaxFoldedElements) return {};
    std::optional<Literal> value = constant_value(builder, operand);
    if (!value) return {};
    values.push_back(std::move(*value));
  }
  std::vector<const Literal*> operands;
  for (const Literal& value : values) operands.push_back(&value);
  for (const TensorType& type : result_types) {
    if (type.element_count() > kMaxFoldedElements) return {};
  }
  ValueList folded;
  for (Literal& result : evaluate(op, node.attrs, operands, result_types)) {
    folded.push_back(builder.constant(std::move(result)));
  }
  return folded;
}

}  // namespace adze
