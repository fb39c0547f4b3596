#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "ir/graph_builder.h"
#include "ir/op.h"
#include "ir/op_helpers.h"

namespace adze::testing {

struct RandomGraphOptions {
  DType dtype = DType::kF64;  ///< of the floats; f32 or f64
  int nodes = 25;             ///< steps of the generator; some emit two or three nodes
  bool smooth = false;        ///< only ops with derivatives everywhere
};

/// Draws a well-formed graph: elementwise ops, movement ops, reductions, contractions, a few integers. Equal
/// seeds give equal graphs. Values stay small, and what jumps (floor, comparisons, argmax) reads exact values
/// only, so that two ways of running the graph differ by rounding and nothing else.
class RandomGraph {
 public:
  RandomGraph(std::uint64_t seed, RandomGraphOptions options) : random_(seed), options_(options) {}

  Graph make() {
    for (int i = 0; i < 3; ++i) {
      const ValueId x = b_.parameter({options_.dtype, draw_shape()});
      floats_.push_back({x, 2, true});
    }
    while (static_cast<int>(b_.graph().nodes().size()) < options_.nodes) step();
    std::vector<ValueId> results;
    for (int i = 0; i < 3; ++i) results.push_back(pick(floats_).id);
    results.push_back(floats_.back().id);
    return b_.finish(std::move(results));
  }

 private:
  /// A float of the graph. All its elements lie in [-bound, bound]; `exact`: made from parameters without
  /// rounding.
  struct Float {
    ValueId id;
    double bound;
    bool exact;
  };

  std::size_t draw(std::size_t count) { return static_cast<std::size_t>(random_() % count); }
  bool coin() { return draw(2) == 0; }
  template <class T>
  T pick(const std::vector<T>& list) {
    return list[draw(list.size())];
  }
  Dims draw_shape() {
    Dims shape(draw(4));
    for (std::int64_t& size : shape)
      size = adze::pick({1, 2, 3, 4, 5, 17}, {static_cast<std::int64_t>(draw(6))})[0];
    return shape;
  }
  Dims shape(ValueId x) { return b_.type(x).shape; }
  ValueId emit(const OpDef& op, std::vector<ValueId> operands, Attrs attrs = {}) {
    return b_.emit(op, std::move(operands), std::move(attrs));
  }

  void add(ValueId id, double bound, bool exact) {
    if (bound > 100) {
      id = emit(op_tanh, {id});
      bound = 1;
      exact = false;
    }
    if (b_.type(id).element_count() <= 4096) floats_.push_back({id, bound, exact});
  }

  void step() {
    switch (draw(8)) {
      case 0:
        return unary();
      case 1:
      case 2:
        return binary();
      case 3:
      case 4:
        return movement();
      case 5:
        return reduction();
      case 6:
        return contraction();
      case 7:
        return options_.smooth ? binary() : jump();
    }
  }

  void unary() {
    const Float x = pick(floats_);
    switch (draw(6)) {
      case 0:
        return add(emit(op_neg, {x.id}), x.bound, x.exact);
      case 1:
        return add(emit(op_tanh, {x.id}), 1, false);
      case 2:
        return add(emit(op_logistic, {x.id}), 1, false);
      case 3:
        return add(emit(op_sin, {x.id}), 1, false);
      case 4:
        if (x.bound <= 4) return add(emit(op_exp, {x.id}), std::exp(x.bound), false);
        return;
      case 5:
        if (!options_.smooth) return add(emit(op_abs, {x.id}), x.bound, x.exact);
        return;
    }
  }

  /// Another float broadcast to the shape of `x`, or a constant.
  Float partner(const Float& x) {
    std::vector<Float> fitting;
    for (const Float& y : floats_) {
      if (shape(y.id) == shape(x.id)) fitting.push_back(y);
    }
    if (coin()) return pick(fitting);
    const Dims& to = shape(x.id);
    for (int attempt = 0; attempt < 4; ++attempt) {
      const Float y = pick(floats_);
      Dims dims;  // each dim of y to the next dim of x that fits
      std::size_t next = 0;
      for (const std::int64_t size : shape(y.id)) {
        while (next < to.size() && size != 1 && to[next] != size) ++next;
        if (next == to.size()) break;
        dims.push_back(static_cast<std::int64_t>(next++));
      }
      if (dims.size() == shape(y.id).size()) return {emit_broadcast(b_, y.id, to, dims), y.bound, y.exact};
    }
    const double value = static_cast<double>(draw(9)) / 4 - 1;
    return {b_.full(b_.type(x.id), value), 1, true};
  }

  void binary() {
    const Float x = pick(floats_), y = partner(x);
    switch (draw(6)) {
      case 0:
        return add(emit(op_add, {x.id, y.id}), x.bound + y.bound, false);
      case 1:
        return add(emit(op_sub, {x.id, y.id}), x.bound + y.bound, false);
      case 2:
      case 3:
        return add(emit(op_mul, {x.id, y.id}), x.bound * y.bound, false);
      case 4: {  // x / (1 + y^2)
        const ValueId one = b_.full(b_.type(x.id), 1);
        return add(emit(op_div, {x.id, emit(op_add, {one, emit(op_mul, {y.id, y.id})})}), x.bound, false);
      }
      case 5:
        if (options_.smooth) return;
        return add(emit(coin() ? op_max : op_min, {x.id, y.id}), std::max(x.bound, y.bound),
                   x.exact && y.exact);
    }
  }

  void movement() {
    const Float x = pick(floats_);
    const Dims from = shape(x.id);
    const std::size_t rank = from.size();
    switch (draw(7)) {
      case 0: {
        Dims permutation = iota_dims(static_cast<std::int64_t>(rank));
        for (std::size_t i = rank; i > 1; --i) std::swap(permutation[i - 1], permutation[draw(i)]);
        return add(emit_transpose(b_, x.id, permutation), x.bound, x.exact);
      }
      case 1: {  // merge two dims, or add one of size 1
        Dims to = from;
        if (rank >= 2 && coin()) {
          const auto d = static_cast<std::ptrdiff_t>(draw(rank - 1));
          to[static_cast<std::size_t>(d)] *= to[static_cast<std::size_t>(d) + 1];
          to.erase(to.begin() + d + 1);
        } else if (rank < 4) {
          to.insert(to.begin() + static_cast<std::ptrdiff_t>(draw(rank + 1)), 1);
        }
        return add(emit_reshape(b_, x.id, to), x.bound, x.exact);
      }
      case 2: {
        if (rank == 4) return;
        Dims to = from, dims = iota_dims(static_cast<std::int64_t>(rank));
        const std::size_t at = draw(rank + 1);
        to.insert(to.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::int64_t>(1 + draw(4)));
        for (std::size_t i = at; i < rank; ++i) ++dims[i];
        return add(emit_broadcast(b_, x.id, to, dims), x.bound, x.exact);
      }
      case 3: {
        Dims start, limit, strides;
        for (const std::int64_t size : from) {
          start.push_back(static_cast<std::int64_t>(draw(static_cast<std::size_t>(size))));
          limit.push_back(start.back() + 1 +
                          static_cast<std::int64_t>(draw(static_cast<std::size_t>(size - start.back()))));
          strides.push_back(static_cast<std::int64_t>(1 + draw(3)));
        }
        return add(emit_slice(b_, x.id, start, limit, strides), x.bound, x.exact);
      }
      case 4: {
        Dims low, high, interior;
        for (const std::int64_t size : from) {
          low.push_back(static_cast<std::int64_t>(draw(3)) - (size > 1 ? 1 : 0));
          high.push_back(static_cast<std::int64_t>(draw(3)));
          interior.push_back(coin() ? 1 : 0);
        }
        const ValueId value = b_.scalar(options_.dtype, 0.5);
        return add(emit_pad(b_, x.id, low, high, interior, value), std::max(x.bound, 0.5), x.exact);
      }
      case 5: {
        if (rank == 0) return;
        const Float y = partner(x);
        const ValueId both =
            emit(op_concatenate, {x.id, y.id}, {{"dimension", static_cast<std::int64_t>(draw(rank))}});
        return add(both, std::max(x.bound, y.bound), x.exact && y.exact);
      }
      case 6: {
        if (rank == 0) return;
        return add(emit(op_reverse, {x.id}, {{"dims", Dims{static_cast<std::int64_t>(draw(rank))}}}), x.bound,
                   x.exact);
      }
    }
  }

  void reduction() {
    const Float x = pick(floats_);
    Dims axes;
    std::int64_t count = 1;
    for (std::size_t d = 0; d < shape(x.id).size(); ++d) {
      if (!coin()) continue;
      axes.push_back(static_cast<std::int64_t>(d));
      count *= shape(x.id)[d];
    }
    if (axes.empty()) return;
    if (options_.smooth || coin()) {
      add(emit(op_reduce_sum, {x.id}, {{"axes", axes}}), x.bound * static_cast<double>(count), false);
    } else {
      add(emit(coin() ? op_reduce_max : op_reduce_min, {x.id}, {{"axes", axes}}), x.bound, x.exact);
    }
  }

  void contraction() {
    const Float x = pick(floats_), y = pick(floats_);
    std::vector<DimPair> pairs;
    for (std::size_t i = 0; i < shape(x.id).size(); ++i) {
      for (std::size_t k = 0; k < shape(y.id).size(); ++k) {
        if (shape(x.id)[i] == shape(y.id)[k]) {
          pairs.push_back({{static_cast<std::int64_t>(i)}, {static_cast<std::int64_t>(k)}});
        }
      }
    }
    if (pairs.empty()) return;
    const DimPair contract = pick(pairs);
    DimPair batch = pick(pairs);
    if (batch.lhs == contract.lhs || batch.rhs == contract.rhs || coin()) batch = {};
    const auto size = static_cast<double>(shape(x.id)[static_cast<std::size_t>(contract.lhs[0])]);
    if (shape(x.id).size() + shape(y.id).size() > 5) return;
    add(emit(op_dot_general, {x.id, y.id}, {{"batch", batch}, {"contract", contract}}),
        size * x.bound * y.bound, false);
  }

  /// What is not continuous, on exact values; integers among it.
  void jump() {
    std::vector<Float> exact;
    std::copy_if(floats_.begin(), floats_.end(), std::back_inserter(exact),
                 [](const Float& x) { return x.exact; });
    const Float x = pick(exact);
    switch (draw(3)) {
      case 0: {
        Float y = partner(x), z = partner(x);
        if (!y.exact) y = {b_.full(b_.type(x.id), 0), 0, true};
        return add(emit(op_select, {emit(coin() ? op_gt : op_le, {x.id, y.id}), x.id, z.id}),
                   std::max(x.bound, z.bound), z.exact);
      }
      case 1:
        return add(emit(op_floor, {x.id}), x.bound + 1, true);
      case 2: {
        if (shape(x.id).empty()) return;
        const auto axis = static_cast<std::int64_t>(draw(shape(x.id).size()));
        const auto size = static_cast<double>(shape(x.id)[static_cast<std::size_t>(axis)]);
        const ValueId index = emit(coin() ? op_argmax : op_argmin, {x.id}, {{"axis", axis}});
        const ValueId twice = emit(op_add, {index, index});
        return add(emit(op_convert, {twice}, {{"dtype", options_.dtype}}), 2 * size, true);
      }
    }
  }

  std::mt19937_64 random_;
  RandomGraphOptions options_;
  GraphBuilder b_;
  std::vector<Float> floats_;
};

inline Graph random_graph(std::uint64_t seed, RandomGraphOptions options = {}) {
  return RandomGraph(seed, options).make();
}

}  // namespace adze::testing
