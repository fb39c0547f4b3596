#include "tests/fuzz/generator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>

#include "ir/evaluate.h"
#include "ir/op.h"
#include "ir/op_helpers.h"
#include "tests/support/op_samples.h"

namespace adze::fuzz {
namespace {

constexpr std::int64_t kMaxElements = 2048;

/// The least and the largest element; none where there are no elements or one is not finite.
std::optional<std::pair<double, double>> extent(const Literal& literal) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (std::int64_t i = 0; i < literal.size(); ++i) {
    const double value = literal.as_double(i);
    if (!std::isfinite(value)) return std::nullopt;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (literal.size() == 0) return std::nullopt;
  return std::pair{low, high};
}

/// Elementwise, and the result's shape is the operands': samples may be had in other shapes.
bool takes_any_shape(const OpDef& op) {
  return op.pattern == OpPattern::kElementwise && !op.operand_names.empty();
}

/// clamp's derivative at its bounds is zero, as in JAX: not what finite differences say of clamp(x, x, y).
bool is_differentiable(const OpDef& op) {
  return (op.jvp || op.traits.linear) && op.name != "clamp";
}

class Generator {
 public:
  Generator(std::uint64_t seed, const GeneratorOptions& options) : random_(seed), options_(options) {
    for (const OpDef* op : testing::ops_with_values()) {
      if (options.without.contains(op->name)) continue;
      std::vector<OpSample> samples = op->samples();
      std::erase_if(samples, [&](const OpSample& sample) { return !suits(*op, sample); });
      if (!samples.empty()) ops_.push_back({op, std::move(samples)});
    }
  }

  Program make() {
    builder_.set_name("fuzz");
    for (int i = 0; i < options_.steps; ++i) step();
    if (pool_.empty()) new_parameter(draw_sample_type(), -1, 1);
    if (one_in(4)) new_parameter(draw_sample_type(), -1, 1);  // read by nothing
    std::vector<ValueId> results;
    const std::size_t count = 1 + draw(4);
    for (std::size_t i = 0; i + 1 < count; ++i) results.push_back(pick(pool_));  // parameters among them
    results.push_back(pool_.back());
    return {builder_.finish(std::move(results)), std::move(inputs_)};
  }

 private:
  struct Entry {
    const OpDef* op;
    std::vector<OpSample> samples;
  };

  bool suits(const OpDef& op, const OpSample& sample) const {
    std::int64_t elements = 0;
    for (const TensorType& type : sample.operands) elements += type.element_count();
    if (elements > 2 * kMaxElements) return false;
    if (!options_.smooth) return true;
    return !sample.operands.empty() && is_differentiable(op) && sample.derivative_order > 0;
  }

  std::size_t draw(std::size_t count) { return static_cast<std::size_t>(random_() % count); }
  bool one_in(std::size_t count) { return draw(count) == 0; }
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(random_() >> 11) * 0x1.0p-53;
  }
  template <class T>
  const T& pick(const std::vector<T>& list) {
    return list[draw(list.size())];
  }
  ValueId emit(const OpDef& op, std::vector<ValueId> operands, Attrs attrs = {}) {
    return builder_.emit(op, std::move(operands), std::move(attrs));
  }
  TensorType type(ValueId value) const { return builder_.type(value); }

  /// Evaluates what was emitted since the last call.
  void catch_up() {
    const Graph& graph = builder_.graph();
    literals_.resize(graph.values().size());
    for (; evaluated_ < graph.nodes().size(); ++evaluated_) {
      const Node& node = graph.nodes()[evaluated_];
      std::vector<const Literal*> operands;
      std::vector<TensorType> types;
      for (const ValueId operand : node.operands) operands.push_back(&literals_[operand.index]);
      for (std::uint32_t k = 0; k < node.result_count; ++k) types.push_back(graph.type(node.result_at(k)));
      std::vector<Literal> results = evaluate(*node.op, node.attrs, operands, types);
      for (std::uint32_t k = 0; k < node.result_count; ++k)
        literals_[node.result_at(k).index] = std::move(results[k]);
    }
  }
  const Literal& literal(ValueId value) {
    catch_up();
    return literals_[value.index];
  }

  ValueId new_parameter(Literal value) {
    const ValueId parameter = builder_.parameter(value.type());
    catch_up();
    literals_[parameter.index] = value;
    inputs_.push_back(std::move(value));
    pool_.push_back(parameter);
    return parameter;
  }
  ValueId new_parameter(const TensorType& of, double low, double high) {
    Literal value(of);
    for (std::int64_t i = 0; i < value.size(); ++i) {
      if (of.dtype == DType::kBool)
        value.set_int(i, one_in(2));
      else
        value.set_double(i, uniform(low, high));
    }
    return new_parameter(std::move(value));
  }
  TensorType draw_sample_type() {
    const OpSample& sample = pick(pick(ops_).samples);
    return sample.operands.empty() ? TensorType{options_.smooth ? DType::kF64 : DType::kF32, {}}
                                   : pick(sample.operands);
  }

  void step() {
    const Entry& entry = pick(ops_);
    OpSample sample = pick(entry.samples);
    const OpDef& op = *entry.op;
    const auto seed = static_cast<std::uint32_t>(random_());
    if (takes_any_shape(op) && !sample.adjust && !pool_.empty() && !one_in(3)) {
      const Dims shape = type(pick(pool_)).shape;
      for (TensorType& operand : sample.operands) operand.shape = shape;
    }
    const std::vector<Literal> adjusted = testing::random_inputs(sample, seed);
    OpSample plain = sample;
    plain.adjust = {};
    const std::vector<Literal> drawn = testing::random_inputs(plain, seed);

    std::vector<ValueId> operands;
    for (std::size_t i = 0; i < sample.operands.size(); ++i) {
      const TensorType& wanted = sample.operands[i];
      if (!(adjusted[i] == drawn[i])) {
        operands.push_back(one_in(2) ? new_parameter(adjusted[i]) : builder_.constant(adjusted[i]));
      } else if (i > 0 && sample.operands[i - 1] == wanted && one_in(6)) {
        operands.push_back(operands.back());  // one value twice
      } else {
        const auto [low, high] = testing::sample_range(sample, i);
        operands.push_back(connect(wanted, low, high, op.pattern == OpPattern::kElementwise));
      }
    }
    const ValueList results = builder_.emit_multi(op, std::move(operands), sample.attrs);
    catch_up();
    for (const ValueId result : results) {
      if (type(result).element_count() <= kMaxElements) pool_.push_back(result);
    }
  }

  /// A value of this type, its elements in [low, high].
  ValueId connect(const TensorType& wanted, double low, double high, bool elementwise) {
    if (pool_.empty() || one_in(5)) return new_parameter(wanted, low, high);
    ValueId value = pool_[std::max(draw(pool_.size()), draw(pool_.size()))];  // rather a late one
    if (options_.smooth && type(value).dtype != wanted.dtype) return new_parameter(wanted, low, high);
    if (type(value).dtype != wanted.dtype) value = emit_convert(builder_, value, wanted.dtype);
    value = with_shape(value, wanted.shape);
    if (!value) return new_parameter(wanted, low, high);
    return in_range(value, low, high, elementwise);
  }

  /// kNoValue where `value` has no elements to make others of.
  ValueId with_shape(ValueId value, const Dims& shape) {
    if (type(value).shape == shape) return value;
    const std::int64_t from = type(value).element_count(), to = element_count(shape);
    if (from == to) return emit_reshape(builder_, value, shape);
    if (from == 0) return kNoValue;
    if (type(value).rank() == 0) return emit_broadcast(builder_, value, shape, {});
    // The common case of a bias: the last dims of the shape.
    const Dims have = type(value).shape;
    if (have.size() < shape.size() && std::equal(have.rbegin(), have.rend(), shape.rbegin())) {
      const auto rank = static_cast<std::int64_t>(have.size());
      return emit_broadcast(builder_, value, shape,
                            shifted(iota_dims(rank), static_cast<std::int64_t>(shape.size()) - rank));
    }
    ValueId flat = emit_reshape(builder_, value, {from});
    if (from > to) {
      flat = emit_slice(builder_, flat, {from - to}, {from});
    } else if (one_in(2)) {
      flat = emit_pad(builder_, flat, {0}, {to - from}, {}, builder_.scalar(type(value).dtype, 1));
    } else {  // again and again
      const std::int64_t copies = (to + from - 1) / from;
      flat = emit_broadcast(builder_, flat, {copies, from}, {1});
      flat = emit_slice(builder_, emit_reshape(builder_, flat, {copies * from}), {0}, {to});
    }
    return emit_reshape(builder_, flat, shape);
  }

  ValueId in_range(ValueId value, double low, double high, bool elementwise) {
    const TensorType of = type(value);
    if (of.dtype == DType::kBool || of.element_count() == 0) return value;
    const auto found = extent(literal(value));
    if (!found) return new_parameter(of, low, high);
    const auto [least, largest] = *found;
    if (least >= low && largest <= high) return value;
    if (!is_float(of.dtype)) {
      if (elementwise && one_in(2)) return value;  // integers wrap and have no domain
      if (is_signed(of.dtype) || low >= 0) {
        value = emit(op_max, {value, builder_.full(of, std::ceil(low))});
      }
      return emit(op_min, {value, builder_.full(of, std::floor(high))});
    }
    const double span = largest - least,
                 room = (high - low) / 2;  // in the middle half: rounding stays inside
    if (!(room > 0)) return new_parameter(of, low, high);
    const double scale = span > room ? std::exp2(-std::ceil(std::log2(span / room))) : 1;
    if (scale < 1e-6) return new_parameter(of, low, high);  // nothing would be left of what differs
    const double offset = (low + high) / 2 - scale * (least + largest) / 2;
    if (scale != 1) value = emit(op_mul, {value, builder_.full(of, scale)});
    return emit(op_add, {value, builder_.full(of, offset)});
  }

  std::mt19937_64 random_;
  const GeneratorOptions& options_;
  std::vector<Entry> ops_;
  GraphBuilder builder_;
  std::vector<Literal> literals_, inputs_;
  std::size_t evaluated_ = 0;
  std::vector<ValueId> pool_;
};

}  // namespace

Program generate(std::uint64_t seed, const GeneratorOptions& options) {
  return Generator(seed, options).make();
}

}  // namespace adze::fuzz
