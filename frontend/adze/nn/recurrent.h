#pragma once

#include <cstdint>
#include <utility>

#include "adze/array.h"
#include "adze/control_flow.h"

namespace adze::nn {

namespace detail {
/// The dimensions of [time, ..., in] between the two. TypeError where there is no time.
Dims batch_of_sequence(const Array& xs, const Location& at);
}  // namespace detail

// Cells: one step of a recurrent network. auto [state2, output] = cell(state, x), with x [..., in] and the
// output [..., hidden]; the body that `scan` takes. All weights of a cell's gates stand side by side in one
// matrix.

/// h' = tanh(x W + h U + b); the state and the output are h'. Elman, "Finding structure in time", 1990.
struct RnnCell {
  Array input;      ///< W [in, hidden]
  Array recurrent;  ///< U [hidden, hidden]
  Array bias;       ///< b [hidden]
  std::pair<Array, Array> operator()(const Array& state, Operand x) const;
  /// Zeros [batch..., hidden].
  Array initial_state(Dims batch = {}) const;
};

struct LstmState {
  Array hidden, cell;  ///< [..., hidden]
};
/// i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of x W + h U + b; c' = f c + i g; h' = o tanh(c'); the output
/// is h'. Hochreiter and Schmidhuber, "Long short-term memory", 1997, with the forget gate of Gers et al.,
/// 2000.
struct LstmCell {
  Array input;      ///< W [in, 4 hidden]: i, f, g, o
  Array recurrent;  ///< U [hidden, 4 hidden]
  Array bias;       ///< b [4 hidden]
  std::pair<LstmState, Array> operator()(const LstmState& state, Operand x) const;
  LstmState initial_state(Dims batch = {}) const;
};

/// z, r = sigmoid of x W + h U + b; n = tanh(x W_n + b_n + r (h U_n + c)); h' = (1 - z) n + z h; the state
/// and the output are h'. Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014, in
/// the form of cuDNN, PyTorch and Flax.
struct GruCell {
  Array input;           ///< W [in, 3 hidden]: z, r, n
  Array recurrent;       ///< U [hidden, 3 hidden]
  Array bias;            ///< b [3 hidden]
  Array candidate_bias;  ///< c [hidden]
  std::pair<Array, Array> operator()(const Array& state, Operand x) const;
  Array initial_state(Dims batch = {}) const;
};

/// Weights normal with standard deviation 1/sqrt(in) and 1/sqrt(hidden), biases zero.
RnnCell rnn_cell(const Array& key, std::int64_t in, std::int64_t hidden, DType dtype = DType::kF32);
LstmCell lstm_cell(const Array& key, std::int64_t in, std::int64_t hidden, DType dtype = DType::kF32);
GruCell gru_cell(const Array& key, std::int64_t in, std::int64_t hidden, DType dtype = DType::kF32);

/// Layers: a cell over a sequence xs [time, ..., in], by `scan`, a loop inside the program.
///
///   auto [last, outputs] = layer(xs);             // from the cell's initial state; outputs [time, ...,
///   hidden] auto [last, outputs] = layer(xs, state);
///
/// With `reverse` from the last element to the first; the outputs keep their places.
template <class Cell>
struct Recurrent {
  Cell cell;
  bool reverse = false;

  template <class State>
  std::pair<State, Array> operator()(const Array& xs, const State& state,
                                     Location at = Location::current()) const {
    const auto step = [this](const State& now, const Array& x) { return cell(now, x); };
    return scan(step, state, xs, {.reverse = reverse}, at);
  }
  auto operator()(const Array& xs, Location at = Location::current()) const {
    return (*this)(xs, cell.initial_state(detail::batch_of_sequence(xs, at)), at);
  }
};
using Rnn = Recurrent<RnnCell>;
using Lstm = Recurrent<LstmCell>;
using Gru = Recurrent<GruCell>;
inline Rnn rnn(const Array& key, std::int64_t in, std::int64_t hidden, DType dtype = DType::kF32) {
  return {rnn_cell(key, in, hidden, dtype)};
}
inline Lstm lstm(const Array& key, std::int64_t in, std::int64_t hidden, DType dtype = DType::kF32) {
  return {lstm_cell(key, in, hidden, dtype)};
}
inline Gru gru(const Array& key, std::int64_t in, std::int64_t hidden, DType dtype = DType::kF32) {
  return {gru_cell(key, in, hidden, dtype)};
}

}  // namespace adze::nn
