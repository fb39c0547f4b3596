#include "tests/fuzz/wrap.h"

#include <algorithm>
#include <random>

#include "ir/errors.h"
#include "ir/op.h"
#include "ir/text.h"
#include "passes/ad/ad.h"
#include "passes/batching.h"
#include "tests/support/random_values.h"

namespace adze::fuzz {
namespace {

constexpr std::size_t kMaxNodes = 400;
constexpr std::int64_t kMaxElements = 1 << 15;  ///< of all values together, over which nothing grows

std::int64_t elements(const Graph& graph) {
  std::int64_t count = 0;
  for (const Value& value : graph.values()) count += value.type.element_count();
  return count;
}

bool is_float_value(const Graph& graph, ValueId value) {
  return is_float(graph.type(value).dtype);
}

}  // namespace

BatchInputs draw_batch(const Program& program, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::int64_t sizes[] = {1, 2, 3, 5};
  BatchInputs batch;
  batch.size = sizes[random() % 4];
  for (std::size_t i = 0; i < program.inputs.size(); ++i) batch.batched.push_back(random() % 2 == 0);
  for (std::int64_t m = 0; m < batch.size; ++m) {
    batch.members.push_back(program.inputs);
    for (std::size_t i = 0; i < program.inputs.size(); ++i) {
      Literal& input = batch.members.back()[i];
      if (!batch.batched[i] || !is_float(input.type().dtype)) continue;
      for (std::int64_t e = 0; e < input.size(); ++e)
        input.set_double(e, input.as_double(e) * (1 - 0.05 * testing::uniform(random)));
    }
  }
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    if (!batch.batched[i]) {
      batch.stacked.push_back(program.inputs[i]);
      continue;
    }
    TensorType type = program.inputs[i].type();
    type.shape.insert(type.shape.begin(), batch.size);
    Literal all(type);
    std::byte* to = all.bytes();
    for (const auto& member : batch.members) to = std::copy_n(member[i].bytes(), member[i].byte_size(), to);
    batch.stacked.push_back(std::move(all));
  }
  return batch;
}

std::pair<Program, std::string> wrap(const Program& program, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const Graph& graph = program.graph;
  if (graph.nodes().size() > kMaxNodes || elements(graph) > kMaxElements) return {program, ""};

  const std::size_t kind = random() % 3;
  if (kind == 2) {
    BatchInputs batch = draw_batch(program, random());
    Graph over = batch_graph(graph, batch.batched, batch.size).graph;
    return {{std::move(over), std::move(batch.stacked)}, "batch"};
  }
  std::vector<bool> active;
  bool any_active = false, any_result = false;
  for (const Parameter& parameter : graph.parameters()) {
    active.push_back(is_float_value(graph, parameter.value) && random() % 3 != 0);
    any_active = any_active || active.back();
  }
  for (const ValueId result : graph.results()) any_result = any_result || is_float_value(graph, result);
  if (!any_active || !any_result) return {program, ""};

  Program derived{{}, program.inputs};
  try {
    derived.graph = kind == 0 ? jvp_graph(graph, active) : vjp_graph(graph, active);
  } catch (const CompileError&) {  // an op without this derivative: while_loop in reverse
    return {program, ""};
  }
  for (const Node& node : derived.graph.nodes()) {
    if (node.op->traits.only_transposed) return {program, ""};  // custom_vjp forward: an error on compiling
  }
  for (std::size_t i = derived.inputs.size(); i < derived.graph.parameters().size(); ++i) {
    const TensorType& type = derived.graph.type(derived.graph.parameters()[i].value);
    derived.inputs.push_back(testing::random_literal(type, random, -1, 1));
  }
  return {std::move(derived), kind == 0 ? "jvp" : "vjp"};
}

}  // namespace adze::fuzz
