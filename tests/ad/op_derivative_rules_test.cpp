// Derivatives where finite differences do not reach: ties, zeros, infinities, and ops that stop them.
#include <gtest/gtest.h>

#include "ir/graph_builder.h"
#include "ir/interpreter.h"
#include "ir/op.h"
#include "ir/op_helpers.h"
#include "passes/ad/ad.h"
#include "tests/support/literals.h"

namespace adze {
namespace {

using testing::difference;
using testing::tensor;

/// Cotangents of all parameters of op(parameters...) at `arguments` for a cotangent of ones.
std::vector<Literal> pull_back(const OpDef& op, const std::vector<Literal>& arguments, Attrs attrs = {}) {
  GraphBuilder builder;
  std::vector<ValueId> parameters;
  std::vector<bool> active;
  for (const Literal& argument : arguments) {
    parameters.push_back(builder.parameter(argument.type()));
    active.push_back(is_float(argument.type().dtype));
  }
  const ValueId result = builder.emit(op, parameters, std::move(attrs));
  const Literal ones = Literal::full(builder.type(result), 1);
  const Graph graph = builder.finish({result});
  std::vector<Literal> inputs = arguments;
  inputs.push_back(ones);
  std::vector<Literal> results = interpret(vjp_graph(graph, active), inputs);
  results.erase(results.begin());
  return results;
}

/// Gradient of the sum of the gradient with respect to parameter 0: the second derivative of an elementwise
/// op.
Literal second_derivative(const OpDef& op, const std::vector<Literal>& arguments) {
  GraphBuilder builder;
  std::vector<ValueId> parameters;
  for (const Literal& argument : arguments) parameters.push_back(builder.parameter(argument.type()));
  const ValueId result = builder.emit(op, parameters);
  const ValueId sum = emit_reduce_sum(builder, result, iota_dims(builder.type(result).rank()));
  std::vector<bool> active(arguments.size(), false);
  active[0] = true;
  const Graph first = gradient_graph(builder.finish({sum}), active, false);
  GraphBuilder outer;
  parameters.clear();
  for (const Literal& argument : arguments) parameters.push_back(outer.parameter(argument.type()));
  const ValueId gradient = inline_graph(outer, first, parameters)[0];
  const ValueId total = emit_reduce_sum(outer, gradient, iota_dims(outer.type(gradient).rank()));
  return interpret(gradient_graph(outer.finish({total}), active, false), arguments)[0];
}

void expect_value(const Literal& actual, const Literal& expected) {
  EXPECT_EQ(difference(actual, expected), "");
}

TEST(OpDerivativeRules, TiesAreShared) {
  const Literal x = tensor<double>({3}, {1, 2, 3});
  const Literal y = tensor<double>({3}, {2, 2, 2});
  const auto of_max = pull_back(op_max, {x, y});
  expect_value(of_max[0], tensor<double>({3}, {0, 0.5, 1}));
  expect_value(of_max[1], tensor<double>({3}, {1, 0.5, 0}));
  const auto of_min = pull_back(op_min, {x, y});
  expect_value(of_min[0], tensor<double>({3}, {1, 0.5, 0}));
  expect_value(of_min[1], tensor<double>({3}, {0, 0.5, 1}));
  const Literal tied = tensor<double>({4}, {5, 1, 5, 0});
  expect_value(pull_back(op_reduce_max, {tied}, {{"axes", Dims{0}}})[0],
               tensor<double>({4}, {0.5, 0, 0.5, 0}));
  expect_value(pull_back(op_reduce_min, {tied}, {{"axes", Dims{0}}})[0], tensor<double>({4}, {0, 0, 0, 1}));
}

TEST(OpDerivativeRules, AbsAtZero) {
  expect_value(pull_back(op_abs, {tensor<double>({3}, {-2, 0, 2})})[0], tensor<double>({3}, {-1, 1, 1}));
}

TEST(OpDerivativeRules, ReduceProdWithZeros) {
  const auto gradient = [](std::initializer_list<double> x) {
    const auto size = static_cast<std::int64_t>(x.size());
    return pull_back(op_reduce_prod, {tensor<double>({size}, x)}, {{"axes", Dims{0}}})[0];
  };
  expect_value(gradient({2, 0, 3}), tensor<double>({3}, {0, 6, 0}));
  expect_value(gradient({0, 0, 3}), tensor<double>({3}, {0, 0, 0}));
  expect_value(gradient({2, 3, 5, 7, 11}), tensor<double>({5}, {1155, 770, 462, 330, 210}));
  expect_value(gradient({4}), tensor<double>({1}, {1}));
  expect_value(gradient({}), tensor<double>({0}, {}));
}

TEST(OpDerivativeRules, PowAtZero) {
  // d x^y / dx at x = 0: 0 for y > 1, 1 for y = 1, 0 for y = 0; d/dy: 0.
  const Literal x = tensor<double>({3}, {0, 0, 0});
  const Literal y = tensor<double>({3}, {2, 1, 0});
  const auto gradients = pull_back(op_pow, {x, y});
  expect_value(gradients[0], tensor<double>({3}, {0, 1, 0}));
  expect_value(gradients[1], tensor<double>({3}, {0, 0, 0}));
  expect_value(second_derivative(op_pow, {x, y}), tensor<double>({3}, {2, 0, 0}));
}

TEST(OpDerivativeRules, PowOfNegativeBases) {
  expect_value(second_derivative(op_pow, {tensor<double>({2}, {-2, -3}), tensor<double>({2}, {3, 2})}),
               tensor<double>({2}, {-12, 2}));
}

TEST(OpDerivativeRules, SelectLetsNoNaNThrough) {
  const auto gradients = pull_back(op_select, {tensor<bool>({2}, {true, false}), tensor<double>({2}, {1, 2}),
                                               tensor<double>({2}, {3, 4})});
  expect_value(gradients[0], tensor<double>({2}, {1, 0}));
  expect_value(gradients[1], tensor<double>({2}, {0, 1}));
}

TEST(OpDerivativeRules, ZeroDerivatives) {
  for (const OpDef* op : {&op_floor, &op_sign, &op_stop_gradient}) {
    SCOPED_TRACE(op->name);
    expect_value(pull_back(*op, {tensor<double>({2}, {1.5, -0.5})})[0], tensor<double>({2}, {0, 0}));
  }
}

TEST(OpDerivativeRules, ConvertBetweenFloatsKeepsTheCotangentsDtype) {
  expect_value(pull_back(op_convert, {tensor<float>({1}, {2})}, {{"dtype", DType::kF64}})[0],
               tensor<float>({1}, {1}));
  expect_value(pull_back(op_convert, {tensor<double>({1}, {2})}, {{"dtype", DType::kF32}})[0],
               tensor<double>({1}, {1}));
}

TEST(OpDerivativeRules, ThroughAnIntegerNothingFlows) {
  GraphBuilder builder;
  const ValueId x = builder.parameter({DType::kF32, {}});
  const ValueId back = emit_convert(builder, emit_convert(builder, x, DType::kI32), DType::kF32);
  const Graph gradient = gradient_graph(builder.finish({back}), {true}, false);
  expect_value(interpret(gradient, std::vector<Literal>{testing::scalar(2.5F)})[0], testing::scalar(0.0F));
}

TEST(OpDerivativeRules, PadValueGetsWhatTheOperandDoesNot) {
  const auto gradients = pull_back(op_pad, {tensor<double>({3}, {1, 2, 3}), testing::scalar(0.0)},
                                   {{"low", Dims{-1}}, {"high", Dims{2}}, {"interior", Dims{1}}});
  // [_, p, 2, p, 3] without its first, then two more: p 2 p 3 p p.
  expect_value(gradients[0], tensor<double>({3}, {0, 1, 1}));
  expect_value(gradients[1], testing::scalar(4.0));
}

TEST(OpDerivativeRules, MatrixProductsNeedNoTransposition) {
  GraphBuilder builder;
  const ValueId x = builder.parameter({DType::kF32, {5, 3}}, "x");
  const ValueId w = builder.parameter({DType::kF32, {3, 2}}, "w");
  const ValueId y = builder.emit(op_dot_general, {x, w}, {{"contract", DimPair{{1}, {0}}}});
  const Graph vjp = vjp_graph(builder.finish({y}), {true, true});
  for (const Node& node : vjp.nodes()) EXPECT_EQ(node.op, &op_dot_general);
  EXPECT_EQ(vjp.nodes().size(), 3U);
}

}  // namespace
}  // namespace adze
