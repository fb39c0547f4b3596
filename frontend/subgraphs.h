#pragma once

#include <vector>

#include "adze/trace.h"
#include "ir/op.h"

/// Traced functions as subgraphs of an op; only frontend/*.cpp includes this.
namespace adze::detail {

/// What several functions capture, each Array once: operands of the op that holds their graphs.
class Captures {
 public:
  explicit Captures(const std::vector<const TracedGraph*>& functions);
  const std::vector<Array>& arrays() const { return arrays_; }
  /// The function's graph with these as further parameters: (captures, leaves) -> results, or
  /// (leaves, captures) -> results. What is not captured by this one is a parameter that nothing reads.
  Graph in_front(const TracedGraph& function) const { return with_parameters(function, true); }
  Graph behind(const TracedGraph& function) const { return with_parameters(function, false); }

 private:
  Graph with_parameters(const TracedGraph& function, bool captures_first) const;
  std::size_t place(const Array& array) const;
  std::vector<Array> arrays_;
};

/// The results of an op on Arrays: recorded in the trace in progress, or compiled once and run.
std::vector<Array> apply_op(const OpDef& op, const std::vector<Array>& operands, Attrs attrs,
                            const Location& at);

inline GraphRef share(Graph graph) {
  return std::make_shared<const Graph>(std::move(graph));
}

}  // namespace adze::detail
