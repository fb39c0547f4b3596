#include "ir/loops_context.h"

#include <cstring>

#include "ir/scalar_builder.h"

namespace adze {

using loop::Stmt;

LoopsContext::LoopsContext(loop::Kernel& kernel, const Attrs& attrs, std::vector<TensorType> operand_types,
                           std::vector<TensorType> result_types, std::vector<std::size_t> argument_of)
    : kernel_(kernel),
      attrs_(attrs),
      operand_types_(std::move(operand_types)),
      result_types_(std::move(result_types)),
      argument_of_(std::move(argument_of)) {}

Scalar LoopsContext::address(loop::BufferId buffer, const std::vector<Scalar>& index) {
  return loop::offset(exprs(), kernel_.buffers[buffer.index].type, index);
}

Scalar LoopsContext::load(std::size_t i, const std::vector<Scalar>& index, Scalar guard) {
  return exprs().load(operand(i), operand_types_[i].dtype, address(operand(i), index), guard);
}

Scalar LoopsContext::load_result(std::size_t k, const std::vector<Scalar>& index, Scalar guard) {
  return exprs().load(result(k), result_types_[k].dtype, address(result(k), index), guard);
}

void LoopsContext::store(std::size_t k, const std::vector<Scalar>& index, Scalar value) {
  body_.push_back(Stmt::make_store(result(k), address(result(k), index), value));
}

void LoopsContext::accumulate(std::size_t k, const std::vector<Scalar>& index, loop::Combine combine,
                              Scalar value) {
  body_.push_back(Stmt::make_accumulate(result(k), address(result(k), index), combine, value));
}

void LoopsContext::nested(const std::function<void()>& body,
                          const std::function<Stmt(std::vector<Stmt>)>& wrap) {
  std::vector<Stmt> outer = std::move(body_);
  body_.clear();
  body();
  Stmt statement = wrap(std::move(body_));
  body_ = std::move(outer);
  body_.push_back(std::move(statement));
}

void LoopsContext::loop(std::string_view name, std::int64_t extent, const std::function<void(Scalar)>& body,
                        loop::LoopKind kind) {
  if (extent == 0) return;
  const loop::VarId var = exprs().new_var(std::string(name), extent);
  nested([&] { body(exprs().var(var)); },
         [&](std::vector<Stmt> inner) { return Stmt::make_for(var, extent, kind, std::move(inner)); });
}

void LoopsContext::loops(const Dims& shape, const std::function<void(const std::vector<Scalar>&)>& body,
                         loop::LoopKind kind) {
  std::vector<Scalar> index;
  const std::function<void()> deeper = [&] {
    if (index.size() == shape.size()) return body(index);
    const std::size_t dim = index.size();
    loop(
        std::string(1, static_cast<char>('i' + dim % 16)), shape[dim],
        [&](Scalar i) {
          index.push_back(i);
          deeper();
          index.pop_back();
        },
        kind);
  };
  deeper();
}

void LoopsContext::when(Scalar condition, const std::function<void()>& body) {
  nested(body, [&](std::vector<Stmt> inner) { return Stmt::make_if(condition, std::move(inner)); });
}

Scalar LoopsContext::let(std::string_view name, Scalar value) {
  const DType dtype = exprs().dtype(value);
  const loop::VarId var = exprs().new_var(std::string(name), 0, dtype);
  body_.push_back(Stmt::make_let(var, value));
  return exprs().var(var, dtype);
}

void LoopsContext::with_register(std::string_view name, Scalar start,
                                 const std::function<void(Register)>& body) {
  const DType dtype = exprs().dtype(start);
  const loop::BufferId buffer =
      kernel_.add_buffer(std::string(name), {dtype, {1}, {}}, loop::Scope::kRegister);
  nested(
      [&] {
        set({buffer, dtype}, start);
        body({buffer, dtype});
      },
      [&](std::vector<Stmt> inner) { return Stmt::make_alloc(buffer, std::move(inner)); });
}

Scalar LoopsContext::get(Register from) {
  return let("r", exprs().load(from.buffer, from.dtype, exprs().index(0)));
}

void LoopsContext::set(Register to, Scalar value) {
  body_.push_back(Stmt::make_store(to.buffer, exprs().index(0), value));
}

std::vector<Scalar> apply_scalar_body(loop::Exprs& exprs, const Graph& body,
                                      std::span<const Scalar> arguments) {
  std::vector<Scalar> value_of(body.values().size());
  for (std::size_t i = 0; i < arguments.size(); ++i)
    value_of[body.parameters()[i].value.index] = arguments[i];
  for (const Node& node : body.nodes()) {
    const TensorType& type = body.type(node.result);
    if (node.op == &op_constant) {
      const Literal& literal = *node.attrs.get<ConstantRef>("value");
      std::uint64_t bits = 0;
      std::memcpy(&bits, literal.bytes(), literal.byte_size());
      value_of[node.result.index] = exprs.bits(type.dtype, bits);
      continue;
    }
    std::vector<Scalar> operands;
    for (const ValueId operand : node.operands) operands.push_back(value_of[operand.index]);
    value_of[node.result.index] = elementwise_body(exprs, *node.op, node.attrs, type.dtype, operands);
  }
  std::vector<Scalar> results;
  for (const ValueId result : body.results()) results.push_back(value_of[result.index]);
  return results;
}

void check_scalar_body(const InferContext& c, std::string_view attr, const Graph& body,
                       std::span<const DType> parameters, std::span<const DType> results) {
  const std::string name = "'" + std::string(attr) + "' ";
  const auto check = [&](std::size_t count, std::size_t expected, const char* what) {
    if (count == expected) return;
    c.fail(name + "must have " + std::to_string(expected) + " " + what + ", not " + std::to_string(count));
  };
  const auto check_type = [&](ValueId value, DType dtype, const char* what, std::size_t i) {
    const TensorType expected{dtype, {}};
    if (body.type(value) == expected) return;
    c.fail(name + what + " " + std::to_string(i) + " must be " + to_string(expected) + ", not " +
           to_string(body.type(value)));
  };
  check(body.parameters().size(), parameters.size(), "parameters");
  check(body.results().size(), results.size(), "results");
  for (std::size_t i = 0; i < parameters.size(); ++i)
    check_type(body.parameters()[i].value, parameters[i], "parameter", i);
  for (std::size_t i = 0; i < results.size(); ++i) check_type(body.results()[i], results[i], "result", i);
  for (const Node& node : body.nodes()) {
    const bool scalar = node.op == &op_constant || node.op->pattern == OpPattern::kElementwise;
    if (!scalar || body.type(node.result).rank() != 0) {
      c.fail(name + "may hold elementwise ops on rank-0 values only, not " + std::string(node.op->name) +
             " : " + to_string(body.type(node.result)));
    }
  }
}

}  // namespace adze
