#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ir/graph_builder.h"
#include "ir/op.h"

namespace adze::testing {

/// The ops that can be run by themselves: not those that are known by their transpose alone, and not
/// collectives, which mean nothing without a vmap around them (the tests of batching check them).
inline std::vector<const OpDef*> ops_with_values() {
  std::vector<const OpDef*> ops;
  for (const OpDef* op : all_ops())
    if (!op->traits.only_transposed && op->pattern != OpPattern::kCollective) ops.push_back(op);
  return ops;
}

/// The op applied to one parameter an operand.
inline Graph sample_graph(const OpDef& op, const OpSample& sample) {
  GraphBuilder builder;
  builder.set_name(op.name == "not" || op.name == "and" || op.name == "or" || op.name == "xor" ||
                           op.name == "while"
                       ? std::string(op.name) + "_op"
                       : std::string(op.name));
  std::vector<ValueId> operands;
  for (const TensorType& type : sample.operands) operands.push_back(builder.parameter(type));
  ValueList results = builder.emit_multi(op, operands, sample.attrs);
  return builder.finish(std::move(results));
}

/// The range operand k is drawn from.
inline std::pair<double, double> sample_range(const OpSample& sample, std::size_t k) {
  return k < sample.ranges.size() ? sample.ranges[k] : std::pair{sample.low, sample.high};
}

/// Uniform draws, the same for the same seed on every machine. bool: a fair coin; u32: the range clipped at
/// 0.
inline std::vector<Literal> random_inputs(const OpSample& sample, std::uint32_t seed) {
  std::mt19937 engine(seed);
  const auto uniform = [&] { return (static_cast<double>(engine()) + 0.5) / 4294967296.0; };
  std::vector<Literal> inputs;
  for (std::size_t k = 0; k < sample.operands.size(); ++k) {
    const auto [low, high] = sample_range(sample, k);
    Literal literal(sample.operands[k]);
    for (std::int64_t i = 0; i < literal.size(); ++i) {
      const double u = uniform();
      if (literal.type().dtype == DType::kBool) {
        literal.set_int(i, u < 0.5 ? 0 : 1);
      } else {
        literal.set_double(i, low + u * (high - low));
      }
    }
    inputs.push_back(std::move(literal));
  }
  if (sample.adjust) sample.adjust(inputs);
  return inputs;
}

/// Everything an op is run on for its values: random draws; the special values as splats, in all combinations
/// over the elements, and sprinkled among random ones.
inline std::vector<std::vector<Literal>> value_inputs(const OpSample& sample) {
  std::vector<std::vector<Literal>> sets = {random_inputs(sample, 1)};
  const std::vector<double>& special = sample.special;
  if (special.empty() || sample.operands.empty()) return sets;
  for (const double value : special) {
    sets.push_back(sets[0]);
    for (Literal& literal : sets.back()) {
      for (std::int64_t i = 0; i < literal.size(); ++i) literal.set_double(i, value);
    }
  }
  sets.push_back(sets[0]);
  std::size_t period = 1;
  for (Literal& literal : sets.back()) {
    for (std::int64_t i = 0; i < literal.size(); ++i) {
      literal.set_double(i, special[static_cast<std::size_t>(i) / period % special.size()]);
    }
    period *= special.size();
  }
  sets.push_back(random_inputs(sample, 2));
  std::mt19937 engine(3);
  for (Literal& literal : sets.back()) {
    for (std::int64_t i = 0; i < literal.size(); ++i) {
      if (engine() % 8 == 0) literal.set_double(i, special[engine() % special.size()]);
    }
  }
  if (sample.adjust)
    for (std::vector<Literal>& inputs : sets) sample.adjust(inputs);
  return sets;
}

}  // namespace adze::testing
