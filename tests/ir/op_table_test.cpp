// What every op of the table must fulfil, over its own samples.
#include <gtest/gtest.h>

#include <set>

#include "ir/evaluate.h"
#include "ir/op.h"
#include "ir/scalar_builder.h"
#include "ir/scalar_eval.h"
#include "ir/text.h"
#include "tests/support/literals.h"
#include "tests/support/op_samples.h"

namespace adze {
namespace {

using testing::difference;

std::vector<Literal> run(const Graph& graph, std::span<const Literal> inputs) {
  const Node& node = graph.nodes()[0];
  std::vector<const Literal*> operands;
  for (const Literal& input : inputs) operands.push_back(&input);
  std::vector<TensorType> types;
  for (const ValueId result : graph.results()) types.push_back(graph.type(result));
  return evaluate(*node.op, node.attrs, operands, types);
}

TEST(OpTable, NamesAreUniqueAndFound) {
  std::set<std::string_view> names;
  for (const OpDef* op : all_ops()) {
    EXPECT_TRUE(names.insert(op->name).second) << op->name;
    EXPECT_EQ(find_op(op->name), op);
  }
  EXPECT_EQ(find_op("no_such_op"), nullptr);
}

TEST(OpTable, EveryOpHasSamples) {
  for (const OpDef* op : all_ops()) {
    ASSERT_TRUE(op->samples) << op->name;
    EXPECT_FALSE(op->samples().empty()) << op->name;
  }
}

TEST(OpTable, EveryOpHasExactlyTheHookOfItsPattern) {
  for (const OpDef* op : all_ops()) {
    SCOPED_TRACE(op->name);
    EXPECT_TRUE(op->infer_types);
    EXPECT_EQ(static_cast<bool>(op->scalar), op->pattern == OpPattern::kElementwise);
    EXPECT_EQ(static_cast<bool>(op->index_map), op->pattern == OpPattern::kIndexMap);
    EXPECT_EQ(static_cast<bool>(op->reduce), op->pattern == OpPattern::kReduction);
    EXPECT_EQ(static_cast<bool>(op->contract), op->pattern == OpPattern::kContraction);
    EXPECT_EQ(static_cast<bool>(op->loops), op->pattern == OpPattern::kLoops);
    EXPECT_EQ(static_cast<bool>(op->decompose), op->pattern == OpPattern::kComposite);
    EXPECT_EQ(op->control.has_value(), op->pattern == OpPattern::kControl);
    EXPECT_EQ(static_cast<bool>(op->eval), op->pattern != OpPattern::kElementwise)
        << "the reference meaning of an elementwise op is its scalar rule";
  }
}

TEST(OpTable, EveryOpHasADerivativeOrSaysThatItIsZero) {
  for (const OpDef* op : all_ops()) {
    SCOPED_TRACE(op->name);
    const bool nonzero = op->jvp || op->traits.linear;
    EXPECT_NE(nonzero, op->traits.zero_derivative);
    EXPECT_FALSE(op->jvp && op->traits.linear);
    EXPECT_TRUE(op->transpose || !op->traits.linear);
    bool checked = false;
    for (const OpSample& sample : op->samples()) {
      if (sample.derivative_order == 0 || op->traits.zero_derivative) continue;
      checked = checked || sample.derivative_order >= 2;
      for (const TensorType& type : sample.operands) {
        EXPECT_TRUE(type.dtype == DType::kF64 || !is_float(type.dtype))
            << "finite differences need f64: " << to_string(type);
      }
    }
    const bool needs_check = nonzero && !op->traits.only_transposed;
    EXPECT_EQ(checked, needs_check) << "a sample must check its derivatives to second order";
  }
}

TEST(OpTable, EverySampleVerifiesPrintsAndParses) {
  for (const OpDef* op : all_ops()) {
    for (const OpSample& sample : op->samples()) {
      const Graph graph = testing::sample_graph(*op, sample);
      verify(graph);
      const std::string text = print(graph);
      EXPECT_TRUE(parse_graph(text) == graph) << text;
    }
  }
}

TEST(OpTable, EverySampleHasAValue) {
  for (const OpDef* op : testing::ops_with_values()) {
    for (const OpSample& sample : op->samples()) {
      const Graph graph = testing::sample_graph(*op, sample);
      for (const auto& inputs : testing::value_inputs(sample)) {
        const std::vector<Literal> results = run(graph, inputs);
        ASSERT_EQ(results.size(), graph.results().size());
        for (std::size_t k = 0; k < results.size(); ++k) {
          EXPECT_EQ(results[k].type(), graph.type(graph.results()[k])) << print(graph);
        }
      }
    }
  }
}

/// Loads of index maps become loads of the operands' literals.
class LiteralIndexContext : public IndexContext {
 public:
  using IndexContext::IndexContext;
  Scalar load(std::size_t i, std::vector<Scalar> index, Scalar guard) override {
    Scalar offset = exprs().index(0);
    const Dims strides = row_major_strides(operand_type(i).shape);
    for (std::size_t d = 0; d < index.size(); ++d)
      offset = exprs().add(offset, exprs().mul(index[d], strides[d]));
    return exprs().load({static_cast<std::uint32_t>(i)}, operand_type(i).dtype, offset, guard);
  }
};

class LiteralLoads : public loop::LoadSource {
 public:
  explicit LiteralLoads(std::span<const Literal> literals) : literals_(literals) {}
  void load(loop::BufferId buffer, DType dtype, std::span<const std::uint64_t> index,
            std::span<const std::uint8_t> active, std::span<std::uint64_t> out) override {
    const Literal& from = literals_[buffer.index];
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (!active.empty() && !active[i]) continue;
      ASSERT_LT(index[i], static_cast<std::uint64_t>(from.size())) << "a load out of bounds";
      out[i] = loop::read_element(dtype, from.bytes() + index[i] * byte_size(dtype));
    }
  }

 private:
  std::span<const Literal> literals_;
};

TEST(OpTable, IndexMapsSayWhatEvalDoes) {
  for (const OpDef* op : all_ops()) {
    if (!op->index_map) continue;
    for (const OpSample& sample : op->samples()) {
      const Graph graph = testing::sample_graph(*op, sample);
      const TensorType type = graph.type(graph.results()[0]);
      const std::vector<Literal> inputs = testing::random_inputs(sample, 7);

      loop::Exprs exprs;
      std::vector<Scalar> index;
      for (const std::int64_t size : type.shape) index.push_back(exprs.var(exprs.new_var("i", size)));
      LiteralIndexContext context(exprs, graph.nodes()[0].attrs, sample.operands, type, index);
      loop::ScalarCode code(exprs, op->index_map(context));
      LiteralLoads loads(inputs);

      Literal result(type);
      const Dims strides = row_major_strides(type.shape);
      for (std::int64_t i = 0; i < result.size(); ++i) {
        std::vector<std::uint64_t> vars;
        for (std::size_t d = 0; d < type.shape.size(); ++d) {
          vars.push_back(static_cast<std::uint64_t>(i / strides[d] % type.shape[d]));
        }
        code.run(vars, 1, {}, &loads);
        loop::write_element(type.dtype, result.bytes() + static_cast<std::size_t>(i) * byte_size(type.dtype),
                            code.result()[0]);
      }
      EXPECT_EQ(difference(result, run(graph, inputs)[0]), "") << print(graph);
    }
  }
}

TEST(OpTable, FoldingConstantsGivesTheSameValues) {
  for (const OpDef* op : testing::ops_with_values()) {
    if (op->pattern == OpPattern::kControl) continue;  // its body is not run while a graph is rewritten
    for (const OpSample& sample : op->samples()) {
      const Graph graph = testing::sample_graph(*op, sample);
      if (graph.results().size() > 1) continue;  // never folded
      for (const auto& inputs : testing::value_inputs(sample)) {
        GraphBuilder builder({.fold = true});
        std::vector<ValueId> operands;
        for (const Literal& input : inputs) operands.push_back(builder.constant(input));
        const ValueList folded = builder.emit_multi(*op, operands, sample.attrs);
        const std::vector<Literal> expected = run(graph, inputs);
        for (std::size_t k = 0; k < folded.size(); ++k) {
          const Node* node = builder.graph().producer(folded[k]);
          if (node && node->op == &op_constant) {
            EXPECT_EQ(difference(*node->attrs.get<ConstantRef>("value"), expected[k]), "") << print(graph);
            continue;
          }
          // iota and broadcasts stay; larger than what folds otherwise.
          bool large = op->pattern == OpPattern::kControl || op->pattern == OpPattern::kCollective;
          for (const Literal& result : expected) large = large || result.size() > 64;
          for (const Literal& input : inputs) large = large || input.size() > 64;
          EXPECT_TRUE(large || op == &op_iota || (node && node->op == &op_broadcast_in_dim)) << print(graph);
        }
      }
    }
  }
}

}  // namespace
}  // namespace adze
