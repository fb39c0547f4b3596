#include "adze/nn/recurrent.h"

#include <cmath>
#include <vector>

#include "adze/ops.h"
#include "adze/random.h"
#include "frontend/emit.h"

namespace adze::nn {
namespace {

/// `gate` of several side by side along the last axis, each of the hidden size.
Array gate(const Array& gates, std::int64_t hidden, std::int64_t index, std::int64_t count = 1) {
  return slice_axis(gates, -1, index * hidden, (index + count) * hidden);
}

std::int64_t hidden_size(const Array& recurrent) {
  return recurrent.shape().at(0);
}

Array zero_state(const Array& recurrent, Dims batch) {
  batch.push_back(hidden_size(recurrent));
  return zeros(std::move(batch), recurrent.dtype());
}

struct Weights {
  Array input, recurrent;
};

Weights gate_weights(const Array& key, std::int64_t in, std::int64_t hidden, std::int64_t gates,
                     DType dtype) {
  const auto keys = random::split<2>(key);
  const auto scaled = [&](const Array& own, std::int64_t fan_in) {
    return random::normal(own, {fan_in, gates * hidden}, dtype) / std::sqrt(static_cast<double>(fan_in));
  };
  return {scaled(keys[0], in), scaled(keys[1], hidden)};
}

}  // namespace

Dims detail::batch_of_sequence(const Array& xs, const Location& at) {
  if (xs.rank() < 2) {
    adze::detail::fail(Operand(xs, at),
                       "recurrent layer: a sequence is [time, ..., in], got " + to_string(xs.type()));
  }
  return {xs.shape().begin() + 1, xs.shape().end() - 1};
}

std::pair<Array, Array> RnnCell::operator()(const Array& state, Operand x) const {
  const Composition here("rnn_cell", x.at());
  const Array next = tanh(matmul(x, input) + matmul(state, recurrent) + bias);
  return {next, next};
}

Array RnnCell::initial_state(Dims batch) const {
  return zero_state(recurrent, std::move(batch));
}

std::pair<LstmState, Array> LstmCell::operator()(const LstmState& state, Operand x) const {
  const Composition here("lstm_cell", x.at());
  const std::int64_t n = hidden_size(recurrent);
  const Array gates = matmul(x, input) + matmul(state.hidden, recurrent) + bias;
  const Array cell =
      sigmoid(gate(gates, n, 1)) * state.cell + sigmoid(gate(gates, n, 0)) * tanh(gate(gates, n, 2));
  const Array hidden = sigmoid(gate(gates, n, 3)) * tanh(cell);
  return {LstmState{hidden, cell}, hidden};
}

LstmState LstmCell::initial_state(Dims batch) const {
  const Array zero = zero_state(recurrent, std::move(batch));
  return {zero, zero};
}

std::pair<Array, Array> GruCell::operator()(const Array& state, Operand x) const {
  const Composition here("gru_cell", x.at());
  const std::int64_t n = hidden_size(recurrent);
  const Array from_input = matmul(x, input) + bias, from_state = matmul(state, recurrent);
  const Array z = sigmoid(gate(from_input, n, 0) + gate(from_state, n, 0));
  const Array r = sigmoid(gate(from_input, n, 1) + gate(from_state, n, 1));
  const Array candidate = tanh(gate(from_input, n, 2) + r * (gate(from_state, n, 2) + candidate_bias));
  const Array next = (1 - z) * candidate + z * state;
  return {next, next};
}

Array GruCell::initial_state(Dims batch) const {
  return zero_state(recurrent, std::move(batch));
}

RnnCell rnn_cell(const Array& key, std::int64_t in, std::int64_t hidden, DType dtype) {
  const Weights w = gate_weights(key, in, hidden, 1, dtype);
  return {w.input, w.recurrent, zeros({hidden}, dtype)};
}

LstmCell lstm_cell(const Array& key, std::int64_t in, std::int64_t hidden, DType dtype) {
  const Weights w = gate_weights(key, in, hidden, 4, dtype);
  return {w.input, w.recurrent, zeros({4 * hidden}, dtype)};
}

GruCell gru_cell(const Array& key, std::int64_t in, std::int64_t hidden, DType dtype) {
  const Weights w = gate_weights(key, in, hidden, 3, dtype);
  return {w.input, w.recurrent, zeros({3 * hidden}, dtype), zeros({hidden}, dtype)};
}

}  // namespace adze::nn
