#pragma once

#include <random>
#include <vector>

#include "support/graph_kit.h"

namespace adze::testing {

/// A graph of `size` ops of all patterns on small shapes, with a few results: some values read often, some
/// never.
inline Graph random_graph(std::uint64_t seed, std::size_t size) {
  std::mt19937_64 random(seed);
  GraphKit k;
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::int64_t sizes[] = {1, 2, 3, 4, 6};
  const auto shape_of_rank = [&](std::size_t rank) {
    Dims shape;
    for (std::size_t i = 0; i < rank; ++i) shape.push_back(sizes[below(5)]);
    return shape;
  };
  std::vector<ValueId> values;
  for (std::size_t i = 0; i < 2 + below(4); ++i)
    values.push_back(k.input(shape_of_rank(below(4)), {}, DType::kF64));
  // Late values more often than early ones, so that chains form.
  const auto pick = [&] {
    const std::size_t back = std::min(below(values.size()), below(values.size()));
    return values[values.size() - 1 - back];
  };
  const auto fit = [&](ValueId x, const Dims& to) {  // any value as one of shape `to`
    const Dims from = k.shape(x);
    if (from == to) return x;
    if (element_count(from) == element_count(to)) return k.reshape(x, to);
    if (from.size() <= to.size()) {
      Dims dims;
      std::size_t d = 0;
      for (std::size_t t = 0; t < to.size() && d < from.size(); ++t) {
        if (from[d] == to[t] || from[d] == 1) {
          dims.push_back(static_cast<std::int64_t>(t));
          ++d;
        }
      }
      if (d == from.size()) return emit_broadcast(k.b, x, to, dims);
    }
    const Dims all = iota_dims(static_cast<std::int64_t>(from.size()));
    return emit_broadcast(k.b, k.sum(x, all), to, {});
  };
  const OpDef* unary[] = {&op_exp, &op_tanh, &op_neg, &op_abs, &op_sin, &op_floor};
  const OpDef* binary[] = {&op_add, &op_mul, &op_max, &op_sub};
  while (values.size() < size) {
    const ValueId x = pick();
    const Dims shape = k.shape(x);
    const std::size_t rank = shape.size();
    const auto axis = [&] { return static_cast<std::int64_t>(below(rank)); };
    switch (below(16)) {
      case 0:
      case 1:
        // Bounded again, so that values stay finite.
        values.push_back(k.tanh(k.op(*unary[below(6)], {x})));
        break;
      case 2:
      case 3:
      case 4:
      case 5:
        values.push_back(k.op(*binary[below(4)], {x, fit(pick(), shape)}));
        break;
      case 6:
        values.push_back(k.op(
            op_select, {k.op(op_gt, {x, k.spread(k.scalar(0, DType::kF64), shape)}), x, fit(pick(), shape)}));
        break;
      case 7:
      case 8:
        if (rank) values.push_back(below(2) ? k.sum(x, {axis()}) : k.max(x, {axis()}));
        break;
      case 9:
        if (rank) values.push_back(k.softmax(x));
        break;
      case 10:
        if (rank == 2) {
          const ValueId y = pick();
          if (k.shape(y).size() == 2 && k.shape(y)[0] == shape[1])
            values.push_back(k.dot(x, y));
          else
            values.push_back(k.dot(x, x, {1}, {1}));
        }
        break;
      case 11:
        if (rank >= 2) {
          Dims order = iota_dims(static_cast<std::int64_t>(rank));
          std::swap(order[0], order[rank - 1]);
          values.push_back(k.transpose(x, order));
        }
        break;
      case 12:
        if (rank) {
          Dims start(rank, 0), limit = shape;
          start[0] = static_cast<std::int64_t>(below(static_cast<std::size_t>(shape[0])));
          if (start[0] < limit[0]) values.push_back(emit_slice(k.b, x, start, limit));
        }
        break;
      case 13:
        if (rank && shape[0] < 8) values.push_back(emit_pad(k.b, x, Dims(rank, 0), Dims(rank, 1)));
        break;
      case 14:
        if (rank && shape[0] < 8)
          values.push_back(k.op(op_concatenate, {x, x}, {{"dimension", std::int64_t{0}}}));
        break;
      case 15:
        if (rank < 3) {
          Dims to = shape;
          to.push_back(sizes[below(5)]);
          values.push_back(k.spread_rows(x, to));
        }
        break;
    }
  }
  std::vector<ValueId> results;
  for (std::size_t i = 0; i < 1 + below(4); ++i) results.push_back(pick());
  results.push_back(values.back());
  return k.b.finish(std::move(results));
}

}  // namespace adze::testing
