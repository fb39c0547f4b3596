#pragma once

#include <memory>
#include <string>
#include <utility>

#include "adze/array.h"
#include "ir/graph.h"
#include "runtime/buffer.h"

/// What an Array refers to; only frontend/*.cpp includes this.
namespace adze::detail {

/// The identity of a trace, which outlives it in the Arrays that escape.
struct TraceIdentity {
  std::string name;  ///< "loss": what is being traced
};

struct ArrayState {
  TensorType type;
  BufferPtr buffer;  ///< none: a traced value
  std::shared_ptr<const TraceIdentity> trace = {};
  ValueId value = {};
  Location location = {};  ///< where a traced value was made
};

struct ArrayAccess {
  static Array make(TensorType type, BufferPtr buffer) {
    Array result;
    result.state_ = std::make_shared<ArrayState>(ArrayState{std::move(type), std::move(buffer)});
    return result;
  }
  static Array make_traced(TensorType type, std::shared_ptr<const TraceIdentity> trace, ValueId value,
                           Location location) {
    Array result;
    result.state_ =
        std::make_shared<ArrayState>(ArrayState{std::move(type), nullptr, std::move(trace), value, location});
    return result;
  }
  /// nullptr when empty.
  static const ArrayState* state(const Array& array) { return array.state_.get(); }
  static const Location& location(const Composition& composition) { return composition.location_; }
  /// No other Array refers to the same memory.
  static bool sole_owner(const Array& array) {
    return array.state_.use_count() == 1 && array.state_->buffer.use_count() == 1;
  }
  /// The buffer of a concrete Array, which is empty afterwards.
  static BufferPtr take_buffer(Array& array) {
    const std::shared_ptr<ArrayState> state = std::move(array.state_);
    return state.use_count() == 1 ? std::move(state->buffer) : state->buffer;
  }
};

/// The place ops carry now: the outermost Composition's, or `at`.
Location effective_location(const Location& at);

/// Lifts the current Composition while a user's function is traced.
class NoComposition {
 public:
  NoComposition();
  ~NoComposition();
  NoComposition(const NoComposition&) = delete;
  NoComposition& operator=(const NoComposition&) = delete;

 private:
  const Composition* saved_;
};

/// "made at net.cpp:41 while tracing loss": a traced Array in words.
std::string describe_traced(const ArrayState& state);

}  // namespace adze::detail
