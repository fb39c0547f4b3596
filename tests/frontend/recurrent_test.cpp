#include <cmath>

#include "support/arrays.h"
#include "support/gradient_checks.h"

namespace adze {
namespace {

using testing::expect_close;
using testing::expect_gradient;
using testing::values_of;

constexpr DType kF64 = DType::kF64;
constexpr std::size_t kIn = 3, kHidden = 4, kTime = 5;
using Numbers = std::vector<double>;

/// Weights without zeros anywhere.
template <class Cell>
Cell filled(Cell cell) {
  std::uint64_t seed = 20;
  return tree_map([&](const Array& w) { return 0.5 * random::normal(random::key(++seed), w.shape(), kF64); },
                  cell);
}

Array inputs() {
  return random::normal(random::key(1), {kTime, kIn}, kF64);
}

double sigmoid_of(double x) {
  return 1 / (1 + std::exp(-x));
}

/// Column `column` of v M.
double product(const Numbers& v, const Array& matrix, std::size_t column) {
  const Numbers m = values_of(matrix);
  const auto columns = static_cast<std::size_t>(matrix.shape()[1]);
  double sum = 0;
  for (std::size_t i = 0; i < v.size(); ++i) sum += v[i] * m[i * columns + column];
  return sum;
}

Numbers row(const Array& x, std::size_t t) {
  const Numbers all = values_of(x);
  return {all.begin() + static_cast<std::ptrdiff_t>(t * kIn),
          all.begin() + static_cast<std::ptrdiff_t>((t + 1) * kIn)};
}

/// All outputs of a cell, step by step.
template <class Cell>
Array unroll(const Cell& cell, const Array& x) {
  auto state = cell.initial_state();
  std::vector<Array> outputs;
  for (std::int64_t t = 0; t < x.shape()[0]; ++t) {
    auto [next, output] = cell(state, index(x, t));
    state = next;
    outputs.push_back(output);
  }
  return stack(outputs);
}

template <class Cell, class Step>
void expect_cell(const Cell& cell, const Step& plain_step) {
  Numbers h(kHidden, 0.0), c(kHidden, 0.0), expected;
  for (std::size_t t = 0; t < kTime; ++t) {
    plain_step(row(inputs(), t), h, c);
    expected.insert(expected.end(), h.begin(), h.end());
  }
  expect_close(unroll(cell, inputs()), Array(expected, {kTime, kHidden}), 1e-13);
  expect_close(
      compile([&](const Cell& weights, const Array& x) { return unroll(weights, x); })(cell, inputs()),
      Array(expected, {kTime, kHidden}), 1e-13);
  expect_gradient([](const std::pair<Cell, Array>& p) { return sum(sin(unroll(p.first, p.second))); },
                  std::pair(cell, inputs()));
  // A batch is its rows.
  const Array x = random::normal(random::key(2), {6, kIn}, kF64);
  const Array batch = cell(cell.initial_state({6}), x).second;
  expect_close(index(batch, 4), cell(cell.initial_state(), index(x, 4)).second, 1e-14);
}

TEST(Recurrent, Rnn) {
  const nn::RnnCell cell = filled(nn::rnn_cell(random::key(0), kIn, kHidden, kF64));
  expect_cell(cell, [&](const Numbers& x, Numbers& h, Numbers&) {
    Numbers next;
    for (std::size_t j = 0; j < kHidden; ++j) {
      next.push_back(
          std::tanh(product(x, cell.input, j) + product(h, cell.recurrent, j) + values_of(cell.bias)[j]));
    }
    h = next;
  });
}

TEST(Recurrent, Lstm) {
  const nn::LstmCell cell = filled(nn::lstm_cell(random::key(0), kIn, kHidden, kF64));
  expect_cell(cell, [&](const Numbers& x, Numbers& h, Numbers& c) {
    const auto gate = [&](std::size_t k, std::size_t j) {
      const std::size_t column = k * kHidden + j;
      return product(x, cell.input, column) + product(h, cell.recurrent, column) +
             values_of(cell.bias)[column];
    };
    Numbers next;
    for (std::size_t j = 0; j < kHidden; ++j) {
      c[j] = sigmoid_of(gate(1, j)) * c[j] + sigmoid_of(gate(0, j)) * std::tanh(gate(2, j));
      next.push_back(sigmoid_of(gate(3, j)) * std::tanh(c[j]));
    }
    h = next;
  });
}

TEST(Recurrent, Gru) {
  const nn::GruCell cell = filled(nn::gru_cell(random::key(0), kIn, kHidden, kF64));
  expect_cell(cell, [&](const Numbers& x, Numbers& h, Numbers&) {
    const auto from_x = [&](std::size_t column) {
      return product(x, cell.input, column) + values_of(cell.bias)[column];
    };
    const auto from_h = [&](std::size_t column) { return product(h, cell.recurrent, column); };
    Numbers next;
    for (std::size_t j = 0; j < kHidden; ++j) {
      const double z = sigmoid_of(from_x(j) + from_h(j)),
                   r = sigmoid_of(from_x(kHidden + j) + from_h(kHidden + j));
      const double n = std::tanh(from_x(2 * kHidden + j) +
                                 r * (from_h(2 * kHidden + j) + values_of(cell.candidate_bias)[j]));
      next.push_back((1 - z) * n + z * h[j]);
    }
    h = next;
  });
}

template <class Layer>
void expect_layer(const Layer& layer, std::int64_t batch) {
  const Array xs = random::normal(random::key(3), {kTime, batch, kIn}, kF64);
  auto state = layer.cell.initial_state({batch});
  std::vector<Array> outputs(kTime);
  for (std::size_t i = 0; i < kTime; ++i) {
    const std::size_t t = layer.reverse ? kTime - 1 - i : i;
    std::tie(state, outputs[t]) = layer.cell(state, index(xs, static_cast<std::int64_t>(t)));
  }
  const auto [last, ys] = compile([](const Layer& l, const Array& x) { return l(x); })(layer, xs);
  expect_close(ys, stack(outputs), 1e-13);
  const std::vector<Array> actual = tree_leaves(last), expected = tree_leaves(state);
  for (std::size_t i = 0; i < expected.size(); ++i) expect_close(actual[i], expected[i], 1e-13);
  // From a state, in two parts.
  if (!layer.reverse) {
    const auto middle = layer(slice_axis(xs, 0, 0, 2)).first;
    expect_close(layer(slice_axis(xs, 0, 2), middle).second, slice_axis(stack(outputs), 0, 2), 1e-13);
  }
  expect_gradient([](const std::pair<Layer, Array>& p) { return sum(sin(p.first(p.second).second)); },
                  std::pair(layer, xs));
}

TEST(Recurrent, LayersAreTheirCellsInALoop) {
  expect_layer(nn::Rnn{filled(nn::rnn_cell(random::key(0), kIn, kHidden, kF64))}, 2);
  expect_layer(nn::Lstm{filled(nn::lstm_cell(random::key(0), kIn, kHidden, kF64)), true}, 2);
  expect_layer(nn::Gru{filled(nn::gru_cell(random::key(0), kIn, kHidden, kF64))}, 1);
  EXPECT_EQ(testing::error_of<TypeError>([] { nn::gru(random::key(0), 3, 4)(ones({3})); }).substr(0, 61),
            "recurrent layer: a sequence is [time, ..., in], got f32[3]\n  ");
}

TEST(Recurrent, InitialWeights) {
  const nn::GruCell cell = nn::gru_cell(random::key(3), 400, 100);
  EXPECT_EQ(to_string(cell.input.type()), "f32[400,300]");
  EXPECT_EQ(to_string(cell.recurrent.type()), "f32[100,300]");
  EXPECT_NEAR(stddev(cell.input).item<double>(), 0.05, 1e-3);
  EXPECT_NEAR(stddev(cell.recurrent).item<double>(), 0.1, 2e-3);
  EXPECT_EQ(to_string(cell.initial_state({2, 7}).type()), "f32[2,7,100]");
}

}  // namespace
}  // namespace adze
