#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/op.h"

/// What is shared by all who look into ops with subgraphs: how their operands and results are laid out, how
/// they are emitted, and parts of graphs.
namespace adze {

/// How the operands and results of a `scan` are laid out: (consts, carries, xs) -> (carries, ys). The body
/// takes (consts, carries, a slice of each x) and gives (carries, a slice of each y).
struct ScanLayout {
  const Graph* body;
  std::int64_t length;
  bool reverse;
  std::size_t consts, carries, xs, ys;

  std::size_t first_x() const { return consts + carries; }
};
ScanLayout scan_layout(const Attrs& attrs, std::size_t operand_count);

/// How the operands of a `while` are laid out: (cond_consts, body_consts, carries) -> carries.
struct WhileLayout {
  const Graph* cond;
  const Graph* body;
  std::size_t cond_consts, body_consts, carries;

  std::size_t first_carry() const { return cond_consts + body_consts; }
};
WhileLayout while_layout(const Attrs& attrs, std::size_t operand_count);

/// The operands of one group after another.
std::vector<ValueId> joined(std::span<const ValueId> a, std::span<const ValueId> b,
                            std::span<const ValueId> c = {});

ValueList emit_scan(GraphBuilder& builder, Graph body, std::int64_t length, bool reverse,
                    std::span<const ValueId> consts, std::span<const ValueId> carries,
                    std::span<const ValueId> xs);
/// No node where `body` has no results.
ValueList emit_call(GraphBuilder& builder, Graph body, std::vector<ValueId> operands);
/// No node where the branches have no results.
ValueList emit_cond(GraphBuilder& builder, ValueId index, std::vector<Graph> branches,
                    std::vector<ValueId> operands);

/// `type` with a leading dim of `size`, and without its leading dim.
TensorType stacked(TensorType type, std::int64_t size);
TensorType slice_of(TensorType type);

std::vector<TensorType> parameter_types(const Graph& graph);
std::vector<TensorType> result_types(const Graph& graph);

/// For each value of `graph`: does it depend on one of the marked parameters?
std::vector<bool> dependent_values(const Graph& graph, const std::vector<bool>& parameters);
/// For each parameter: do the results listed need it? Of loops and branches only what their needed results
/// need.
std::vector<bool> needed_parameters(const Graph& graph, std::span<const std::size_t> results);
/// The part of `graph` that gives the results listed, with the marked parameters only; these must be all that
/// the results need.
Graph part_of(const Graph& graph, const std::vector<bool>& parameters, std::span<const std::size_t> results);

/// How many of the flags are set.
std::size_t count(const std::vector<bool>& flags);

// Checks for infer_types. All throw TypeError through InferContext::fail.

/// What a subgraph's parameter or result must be, and why: "the type of carry 0".
struct Slot {
  TensorType type;
  std::string what;
};
/// The subgraph of an attribute takes `parameters` and, where given, returns what `results` says, in front of
/// any others.
void check_parameters(const InferContext& c, std::string_view attr, const Graph& graph,
                      std::span<const Slot> parameters);
void check_results(const InferContext& c, std::string_view attr, const Graph& graph,
                   std::span<const Slot> results, bool more_allowed = false);
/// The subgraph of an attribute, which must not be null.
const Graph& check_graph(const InferContext& c, std::string_view attr);
/// The value of a count attribute, which must lie in [0, most].
std::size_t check_count(const InferContext& c, std::string_view attr, std::size_t most);

/// Throws the CompileError of reverse-mode differentiation through a while.
[[noreturn]] void fail_reverse_while();

}  // namespace adze
