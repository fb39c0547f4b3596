#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/attributes.h"
#include "ir/graph.h"
#include "ir/graph_builder.h"
#include "ir/loop_ir.h"
#include "ir/types.h"

namespace adze {

/// What fusion, lowering, printing and the tests need to know of an op's shape behaviour (after TVM's
/// OpPatternKind). The pattern decides which lowering hook the op must have; a test asserts it.
enum class OpPattern {
  kElementwise,  ///< out[i] = f(a[i], b[i], ...); all shapes equal        -> scalar
  kIndexMap,     ///< out[i] = some operand's element, or f(i): movement, iota, gather -> index_map
  kConstant,     ///< a literal                                            -> none
  kReduction,    ///< folds axes of its operands with a monoid             -> reduce
  kContraction,  ///< sum of products                                      -> contract
  kLoops,        ///< a loop nest of its own, one kernel: sort, scatter, cumsum -> loops
  kComposite,    ///< stands for a graph of other ops, which replaces it before fusion -> decompose
  kControl,      ///< runs subgraphs (scan, while, cond, call)             -> control
  kCollective,   ///< names the axis of a vmap around it, which replaces it: psum   -> batch
};

/// How a program runs the subgraphs of a kControl op. The ops say in their files which attributes and
/// operands these are.
enum class ControlKind { kScan, kWhile, kCond, kCall };

struct OpTraits {
  bool commutative = false;  ///< operands are sorted by id before hash-consing
  /// Derivatives are exactly zero everywhere (floor, comparisons, argmax): no jvp rule needed.
  bool zero_derivative = false;
  /// Linear in all operands jointly: its own jvp (zeros instantiated as needed); needs `transpose`.
  bool linear = false;
  /// A linear step of a derivative that is known by its transpose alone: it has no value, so evaluating or
  /// compiling it is a CompileError.
  bool only_transposed = false;
  /// kElementwise: the body moves or reinterprets bits (select, bitcast_convert), so it gets f16 and bf16 as
  /// they are. All others compute them in f32 and round once: see elementwise_body.
  bool moves_bits = false;
};

/// One attribute an op takes: name, kind (by example), and its value when left out. Without a default it is
/// required.
struct AttrSpec {
  std::string name;
  AttrValue kind;  ///< an example; only its alternative counts
  std::optional<AttrValue> default_value = {};
};

/// Operands and attributes under inspection; `fail` is how a rule rejects them.
class InferContext {
 public:
  InferContext(const OpDef& op, std::vector<TensorType> operands, const Attrs& attrs)
      : op_(op), operands_(std::move(operands)), attrs_(attrs) {}
  const OpDef& op() const { return op_; }
  std::size_t size() const { return operands_.size(); }
  const TensorType& operand(std::size_t i) const { return operands_[i]; }
  std::span<const TensorType> operands() const { return operands_; }
  const Attrs& attrs() const { return attrs_; }
  template <class T>
  const T& attr(std::string_view name) const {
    return attrs_.get<T>(name);
  }
  /// Throws TypeError "<op>: <message>"; the builder adds operands and locations.
  [[noreturn]] void fail(const std::string& message) const;

 private:
  const OpDef& op_;
  std::vector<TensorType> operands_;
  const Attrs& attrs_;
};

/// The derivative of a function, split in two: what does not depend on tangents, and what is linear in them.
struct SplitDerivative {
  Graph primal;   ///< parameters of the function -> its results, then the residuals
  Graph tangent;  ///< residuals, then a tangent for each active parameter -> one tangent for each of
                  ///< has_tangent
  std::vector<bool> has_tangent;  ///< for each result: does it depend on an active parameter?
};

/// A function over a batch: batched parameters and results carry the batch as dim 0.
struct BatchedGraph {
  Graph graph;
  std::vector<bool> batched;  ///< for each result
};

/// What the rules of ops with subgraphs do to their bodies. The levels above implement it (subgraph_rules()
/// in passes/subgraph_rules.h); rules find it in their context.
class SubgraphRules {
 public:
  virtual ~SubgraphRules() = default;
  /// Parameters: those of `graph`, then one tangent for each active one. Results: those of `graph`, then one
  /// tangent for each result that `wanted` marks (zeros where it does not depend on an active parameter).
  virtual Graph jvp(const Graph& graph, const std::vector<bool>& active,
                    const std::vector<bool>& wanted) const = 0;
  /// For each result: does it have a tangent that is not a symbolic zero?
  virtual std::vector<bool> tangent_results(const Graph& graph, const std::vector<bool>& active) const = 0;
  /// Of the values that the tangents need, those that `may_save` allows (and parameters) become residuals;
  /// the others are computed again in the tangent part. Without `may_save` all are saved but constants.
  virtual SplitDerivative linearize(
      const Graph& graph, const std::vector<bool>& active,
      const std::function<bool(const Graph&, const Node&)>& may_save = {}) const = 0;
  /// `graph` is linear in the parameters that `linear` marks. Parameters: the others, then one cotangent for
  /// each result. Results: one cotangent for each linear parameter.
  virtual Graph transpose(const Graph& graph, const std::vector<bool>& linear) const = 0;
  /// `batched`: for each parameter, does it carry a batch of `size` as dim 0? `want_batched` forces results
  /// to carry it (empty: none). `axis_name` is what collectives call the batch (empty: nothing).
  virtual BatchedGraph batch(const Graph& graph, const std::vector<bool>& batched, std::int64_t size,
                             const std::string& axis_name,
                             const std::vector<bool>& want_batched = {}) const = 0;
};

/// Emission helpers that every rule shares. In the arithmetic helpers kNoValue is a symbolic zero where the
/// function is linear in that argument: add(0, x) = x, mul(0, x) = 0, neg(0) = 0. Scalars broadcast: an
/// operand of rank 0 is broadcast to the other's shape.
class RuleContext {
 public:
  RuleContext(GraphBuilder& builder, const Node& node, std::vector<TensorType> result_types,
              const SubgraphRules* subgraphs = nullptr)
      : builder_(builder),
        op_(*node.op),
        attrs_(node.attrs),
        result_types_(std::move(result_types)),
        subgraphs_(subgraphs) {}

  GraphBuilder& builder() { return builder_; }
  const OpDef& op() const { return op_; }
  const Attrs& attrs() const { return attrs_; }
  template <class T>
  const T& attr(std::string_view name) const {
    return attrs_.get<T>(name);
  }
  const TensorType& result_type(std::size_t k = 0) const { return result_types_[k]; }
  std::size_t result_count() const { return result_types_.size(); }
  /// For jvp, transpose and batch rules.
  const SubgraphRules& subgraphs() const {
    ADZE_CHECK(subgraphs_, "this rule has no access to the rules of subgraphs");
    return *subgraphs_;
  }
  TensorType type(ValueId id) const { return builder_.type(id); }  // by value: emit moves the table

  ValueId emit(const OpDef& op, std::vector<ValueId> operands, Attrs attrs = {}) {
    return builder_.emit(op, std::move(operands), std::move(attrs));
  }
  ValueId add(ValueId a, ValueId b);
  ValueId sub(ValueId a, ValueId b);
  ValueId mul(ValueId a, ValueId b);
  ValueId div(ValueId a, ValueId b);
  ValueId neg(ValueId a);
  ValueId square(ValueId a) { return mul(a, a); }
  /// Elementwise predicate ? a : b; a zero branch is instantiated.
  ValueId select(ValueId predicate, ValueId a, ValueId b);
  /// A splat of result 0's type.
  ValueId constant(double value) { return builder_.full(result_types_[0], value); }
  ValueId one() { return constant(1); }
  ValueId zero() { return constant(0); }
  ValueId full_like(ValueId like, double value) { return builder_.full(type(like), value); }
  ValueId instantiate(ValueId maybe_zero, const TensorType& of) {
    return maybe_zero ? maybe_zero : builder_.full(of, 0);
  }

 protected:
  GraphBuilder& builder_;
  const OpDef& op_;
  Attrs attrs_;
  std::vector<TensorType> result_types_;
  const SubgraphRules* subgraphs_ = nullptr;
};

/// Constant folding and identities. All ids are in the builder's graph.
class FoldContext : public RuleContext {
 public:
  FoldContext(GraphBuilder& builder, const Node& node, std::vector<TensorType> result_types)
      : RuleContext(builder, node, std::move(result_types)), operands_(node.operands) {}
  std::size_t size() const { return operands_.size(); }
  ValueId operand(std::size_t i) const { return operands_[i]; }
  /// The literal, when operand i is a `constant`.
  const Literal* literal(std::size_t i) const;
  /// The value every element of operand i has, seen through broadcast_in_dim and reshape; none if unknown.
  std::optional<double> splat(std::size_t i) const;
  bool is_splat(std::size_t i, double value) const { return splat(i) == std::optional<double>(value); }
  /// The node that makes operand i, nullptr for a parameter.
  const Node* producer(std::size_t i) const { return builder_.graph().producer(operands_[i]); }

 private:
  std::vector<ValueId> operands_;
};

/// A forward rule sees primals, primal outputs and tangents; a missing tangent is kNoValue, a symbolic zero.
/// At least one tangent is there when it is called. Returns one tangent a result (kNoValue = zero).
class JvpContext : public RuleContext {
 public:
  JvpContext(GraphBuilder& builder, const Node& node, std::vector<TensorType> result_types,
             std::vector<ValueId> primals, std::vector<ValueId> outputs, std::vector<ValueId> tangents,
             const SubgraphRules* rules = nullptr)
      : RuleContext(builder, node, std::move(result_types), rules),
        primals_(std::move(primals)),
        outputs_(std::move(outputs)),
        tangents_(std::move(tangents)) {}
  std::size_t size() const { return primals_.size(); }
  ValueId primal(std::size_t i) const { return primals_[i]; }
  ValueId output(std::size_t k = 0) const { return outputs_[k]; }
  ValueId tangent(std::size_t i) const { return tangents_[i]; }
  bool has_tangent(std::size_t i) const { return static_cast<bool>(tangents_[i]); }
  /// Values to stand for the primal outputs from here on, where the rule computes them together with what the
  /// tangents need (a scan that stores residuals); what was emitted for them before is dead then.
  void replace_outputs(std::vector<ValueId> outputs) { outputs_ = std::move(outputs); }
  const std::vector<ValueId>& outputs() const { return outputs_; }

 private:
  std::vector<ValueId> primals_, outputs_, tangents_;
};

/// A transpose rule gets the cotangent of each result (kNoValue = zero, at least one is not) and returns one
/// cotangent an operand: kNoValue where the operand is not linear or the cotangent is zero.
class TransposeContext : public RuleContext {
 public:
  TransposeContext(GraphBuilder& builder, const Node& node, std::vector<TensorType> result_types,
                   std::vector<ValueId> operands, std::vector<TensorType> operand_types,
                   std::vector<ValueId> cotangents, const SubgraphRules* rules = nullptr)
      : RuleContext(builder, node, std::move(result_types), rules),
        operands_(std::move(operands)),
        operand_types_(std::move(operand_types)),
        cotangents_(std::move(cotangents)) {}
  std::size_t size() const { return operands_.size(); }
  bool is_linear(std::size_t i) const { return !operands_[i]; }  ///< its value is unknown: a tangent
  ValueId operand(std::size_t i) const { return operands_[i]; }  ///< of a non-linear operand
  const TensorType& operand_type(std::size_t i) const { return operand_types_[i]; }
  ValueId cotangent(std::size_t k = 0) const { return cotangents_[k]; }

 private:
  std::vector<ValueId> operands_;
  std::vector<TensorType> operand_types_;
  std::vector<ValueId> cotangents_;
};

/// A vmap rule emits the op over a batch. Batched operands carry the batch as dim 0, and so do the results,
/// all of them unless `set_unbatched` says otherwise. At least one operand is batched when it is called, but
/// for collectives and ops with subgraphs that hold some.
class BatchContext : public RuleContext {
 public:
  BatchContext(GraphBuilder& builder, const Node& node, std::vector<TensorType> result_types,
               std::vector<ValueId> operands, std::vector<bool> batched, std::int64_t batch_size,
               std::string axis_name, const SubgraphRules* rules)
      : RuleContext(builder, node, std::move(result_types), rules),
        operands_(std::move(operands)),
        batched_(std::move(batched)),
        result_batched_(result_types_.size(), true),
        batch_size_(batch_size),
        axis_name_(std::move(axis_name)) {}
  std::size_t size() const { return operands_.size(); }
  ValueId operand(std::size_t i) const { return operands_[i]; }
  bool is_batched(std::size_t i) const { return batched_[i]; }
  const std::vector<bool>& batched() const { return batched_; }
  std::int64_t batch_size() const { return batch_size_; }
  const std::string& axis_name() const { return axis_name_; }
  /// Shape of operand i without the batch.
  Dims shape(std::size_t i) const;
  /// Operand i with the batch as dim 0, broadcast where it has none.
  ValueId with_batch(std::size_t i);
  /// `result_type(k)` is the type without the batch.
  TensorType batched_result_type(std::size_t k = 0) const;
  void set_unbatched(std::size_t k) { result_batched_[k] = false; }
  const std::vector<bool>& result_batched() const { return result_batched_; }

 private:
  std::vector<ValueId> operands_;
  std::vector<bool> batched_, result_batched_;
  std::int64_t batch_size_;
  std::string axis_name_;
};

/// Emits what a kComposite op stands for, in simpler ops: one value a result, of the same types.
class DecomposeContext : public RuleContext {
 public:
  DecomposeContext(GraphBuilder& builder, const Node& node, std::vector<TensorType> result_types,
                   std::vector<ValueId> operands)
      : RuleContext(builder, node, std::move(result_types)), operands_(std::move(operands)) {}
  std::size_t size() const { return operands_.size(); }
  ValueId operand(std::size_t i) const { return operands_[i]; }
  const std::vector<ValueId>& operands() const { return operands_; }

 private:
  std::vector<ValueId> operands_;
};

/// Writes the loop nest of a kLoops op. See loops_context.h.
class LoopsContext;

/// Writes an elementwise op's body in the closed scalar instruction set, over operand elements. Only a thin
/// face on loop::Exprs: the interpreter evaluates what it builds, lowering inlines it. See scalar_builder.h.
class ScalarBuilder;
using Scalar = loop::ExprId;

/// Where an output element comes from, for kIndexMap ops. See scalar_builder.h.
class IndexContext;

enum class ReduceKind { kSum, kProd, kMax, kMin, kAnd, kOr, kArgMax, kArgMin };
/// Folds `axes` of operand 0 (axes removed from the result). Sum and prod start from 0 and 1, max and min
/// from the lowest and highest value (-inf, inf for floats); NaN wins in max, min, argmax, argmin (as in
/// JAX). kArgMax/kArgMin fold one axis and give the first index of the extreme element.
struct ReduceSpec {
  ReduceKind kind;
  Dims axes;
};

/// dot_general: result dims are batch, lhs free, rhs free, in operand order.
struct ContractSpec {
  Dims lhs_batch, rhs_batch, lhs_contract, rhs_contract;
};

/// Operands in, results out, for the interpreter. `results` are allocated, zero-filled.
struct EvalContext {
  const Attrs& attrs;
  std::span<const Literal* const> operands;
  std::span<Literal> results;
};

/// Which derivatives of a sample exist: a while has no reverse mode, a custom_vjp_call no forward mode.
enum class DerivativeModes : std::uint8_t { kBoth, kForward, kReverse };

/// One instance of an op for the tests: types, attributes, where to draw inputs, what to expect.
struct OpSample {
  std::vector<TensorType> operands;
  Attrs attrs = {};
  double low = -2, high = 2;  ///< operands are drawn uniformly from [low, high]
  /// Per-operand ranges, overriding low/high where given.
  std::vector<std::pair<double, double>> ranges = {};
  std::vector<double> special = {};  ///< also tried, as splats and mixed in (values only, not derivatives)
  double max_ulp = 0;                ///< compiled against interpreter; 0 = same bits
  double relative_tolerance = 0;     ///< used instead of max_ulp where sums are reordered
  /// Makes drawn inputs valid (symmetric, sorted, in bounds); also applied before finite differences.
  std::function<void(std::vector<Literal>&)> adjust = {};
  int derivative_order = 2;  ///< checked to this order (0: integers, or no derivative)
  DerivativeModes derivative_modes = DerivativeModes::kBoth;
};

/// Everything Adze knows of one op. Defined in ir/ops/<op>.cpp, listed in ir/ops.def, and nowhere else.
struct OpDef {
  std::string_view name;
  OpPattern pattern = OpPattern::kElementwise;
  OpTraits traits = {};
  /// Names of the operands in errors ("lhs", "rhs"). The last one stands for the rest when `variadic`.
  std::vector<std::string> operand_names = {"operand"};
  bool variadic = false;
  std::vector<AttrSpec> attrs = {};

  /// Checks operands and attributes (arity, attribute names and kinds were checked before), gives the result
  /// types.
  std::function<std::vector<TensorType>(InferContext&)> infer_types = {};
  /// The simpler value this one equals; kNoValue if none (optional).
  std::function<ValueId(FoldContext&)> fold = {};
  std::function<ValueList(JvpContext&)> jvp = {};
  std::function<ValueList(TransposeContext&)> transpose = {};
  /// vmap; elementwise ops need none.
  std::function<ValueList(BatchContext&)> batch = {};

  // Exactly one of these, by pattern.
  std::function<Scalar(ScalarBuilder&, std::span<const Scalar>)> scalar = {};
  std::function<Scalar(IndexContext&)> index_map = {};
  std::function<ReduceSpec(const Attrs&, std::span<const TensorType>)> reduce = {};
  std::function<ContractSpec(const Attrs&)> contract = {};
  std::function<void(LoopsContext&)> loops = {};
  std::function<ValueList(DecomposeContext&)> decompose = {};
  std::optional<ControlKind> control = {};

  /// The reference meaning; derived from `scalar` where empty.
  std::function<void(EvalContext&)> eval = {};
  std::function<std::vector<OpSample>()> samples = {};
};

/// All ops, in the order of ops.def.
std::span<const OpDef* const> all_ops();
/// By name; nullptr when unknown.
const OpDef* find_op(std::string_view name);

#define ADZE_OP(name) extern const OpDef op_##name;
#include "ir/ops.def"
#undef ADZE_OP

}  // namespace adze
