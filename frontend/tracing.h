#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "adze/trace.h"
#include "array_state.h"
#include "ir/graph_builder.h"

/// Traces in progress; only frontend/*.cpp includes this.
namespace adze::detail {

struct TraceState {
  GraphBuilder builder;
  std::shared_ptr<const TraceIdentity> identity;
  TraceState* outer = nullptr;  ///< the trace around, on the same thread
  std::vector<Array> captures;
  std::vector<std::pair<ValueId, std::string>> capture_parameters;
  /// What each foreign Array became here. Keyed by its state, which `keep_alive` holds.
  std::unordered_map<const ArrayState*, ValueId> known;
  std::vector<Array> keep_alive;
  std::optional<NoComposition> no_composition;
};

/// The innermost trace of this thread, nullptr outside of any.
TraceState* current_trace();

/// The value that stands for `array` in the innermost trace: its own; a constant (one element); or a
/// parameter added for it (captured). RuntimeError for an empty Array and one whose trace has ended; `what`
/// and `name` say which operand ("add", "lhs").
ValueId resolve(TraceState& trace, const Array& array, const char* what, const std::string& name);

/// An Array for a value of the trace.
Array wrap(TraceState& trace, ValueId value);

}  // namespace adze::detail
