#pragma once

#include <string>
#include <vector>

#include "ir/graph_builder.h"
#include "ir/op.h"
#include "ir/op_helpers.h"
#include "passes/ad/ad.h"

namespace adze::testing {

/// Graphs by hand, briefly: one function an op, scalars and vectors broadcast along the last dims.
struct GraphKit {
  GraphBuilder b;

  ValueId input(Dims shape, std::string name = {}, DType dtype = DType::kF32) {
    return b.parameter({dtype, std::move(shape)}, std::move(name));
  }
  Dims shape(ValueId x) const { return b.type(x).shape; }  // by value: emitting moves the table
  DType dtype(ValueId x) const { return b.type(x).dtype; }
  ValueId scalar(double value, DType of = DType::kF32) { return b.scalar(of, value); }

  ValueId op(const OpDef& def, std::vector<ValueId> operands, Attrs attrs = {}) {
    return b.emit(def, std::move(operands), std::move(attrs));
  }
  /// x with its dims as the last ones of `to`.
  ValueId spread(ValueId x, const Dims& to) {
    Dims dims;
    for (std::size_t i = to.size() - shape(x).size(); i < to.size(); ++i) {
      dims.push_back(static_cast<std::int64_t>(i));
    }
    return emit_broadcast(b, x, to, dims);
  }
  /// x with its dims as the first ones of `to`.
  ValueId spread_rows(ValueId x, const Dims& to) {
    return emit_broadcast(b, x, to, iota_dims(static_cast<std::int64_t>(shape(x).size())));
  }
  ValueId binary(const OpDef& def, ValueId x, ValueId y) {
    if (shape(x).size() < shape(y).size()) x = spread(x, shape(y));
    if (shape(y).size() < shape(x).size()) y = spread(y, shape(x));
    return op(def, {x, y});
  }
  ValueId add(ValueId x, ValueId y) { return binary(op_add, x, y); }
  ValueId sub(ValueId x, ValueId y) { return binary(op_sub, x, y); }
  ValueId mul(ValueId x, ValueId y) { return binary(op_mul, x, y); }
  ValueId div(ValueId x, ValueId y) { return binary(op_div, x, y); }
  ValueId scale(ValueId x, double factor) { return mul(x, scalar(factor, dtype(x))); }
  ValueId exp(ValueId x) { return op(op_exp, {x}); }
  ValueId tanh(ValueId x) { return op(op_tanh, {x}); }
  ValueId relu(ValueId x) { return binary(op_max, x, scalar(0, dtype(x))); }
  ValueId sum(ValueId x, Dims axes) { return op(op_reduce_sum, {x}, {{"axes", std::move(axes)}}); }
  ValueId max(ValueId x, Dims axes) { return op(op_reduce_max, {x}, {{"axes", std::move(axes)}}); }
  ValueId dot(ValueId x, ValueId y, Dims lhs = {1}, Dims rhs = {0}) {
    return op(op_dot_general, {x, y},
              {{"contract", DimPair{std::move(lhs), std::move(rhs)}}, {"batch", DimPair{{}, {}}}});
  }
  ValueId reshape(ValueId x, Dims to) { return emit_reshape(b, x, std::move(to)); }
  ValueId transpose(ValueId x, Dims order) { return emit_transpose(b, x, std::move(order)); }

  /// Over the last dim.
  ValueId softmax(ValueId x) {
    const std::int64_t last = b.type(x).rank() - 1;
    const ValueId e = exp(sub(x, spread_rows(max(x, {last}), shape(x))));
    return div(e, spread_rows(sum(e, {last}), shape(x)));
  }
  /// Of logits [n, classes] and labels i32 [n]: the mean over the rows.
  ValueId softmax_cross_entropy(ValueId logits, ValueId labels) {
    const Dims to = shape(logits);
    const ValueId shifted = sub(logits, spread_rows(op(op_stop_gradient, {max(logits, {1})}), to));
    const ValueId log_sum = op(op_log, {sum(exp(shifted), {1})});
    const ValueId classes =
        op(op_iota, {}, {{"dtype", DType::kI32}, {"shape", to}, {"dimension", std::int64_t{1}}});
    const ValueId is_label = op(op_eq, {classes, spread_rows(labels, to)});
    const ValueId picked = sum(op(op_select, {is_label, shifted, b.full(b.type(shifted), 0)}), {1});
    return scale(sum(sub(log_sum, picked), {0}), 1.0 / static_cast<double>(to[0]));
  }
};

/// loss(w1, b1, w2, b2, x, labels) of a two-layer perceptron.
inline Graph mlp_loss(std::int64_t batch, std::int64_t in, std::int64_t hidden, std::int64_t out) {
  GraphKit k;
  const ValueId w1 = k.input({in, hidden}, "w1"), b1 = k.input({hidden}, "b1");
  const ValueId w2 = k.input({hidden, out}, "w2"), b2 = k.input({out}, "b2");
  const ValueId x = k.input({batch, in}, "x"), labels = k.input({batch}, "labels", DType::kI32);
  const ValueId h = k.relu(k.add(k.dot(x, w1), b1));
  const ValueId logits = k.add(k.dot(h, w2), b2);
  return k.b.finish({k.softmax_cross_entropy(logits, labels)});
}

/// A training step of it. Parameters: w1 b1 w2 b2, their state, x, labels. Results: the loss, then the new
/// values.
enum class Optimizer { kSgd, kMomentum, kAdam };
inline Graph mlp_step(Optimizer optimizer, std::int64_t batch, std::int64_t in, std::int64_t hidden,
                      std::int64_t out) {
  const Graph loss = mlp_loss(batch, in, hidden, out);
  const Graph gradient = gradient_graph(loss, {true, true, true, true, false, false}, true);
  GraphKit k;
  std::vector<ValueId> arguments, m, v;
  const auto parameters = gradient.parameters();
  const auto like = [&](std::size_t i, const std::string& suffix) {
    return k.b.parameter(gradient.type(parameters[i].value), parameters[i].name + suffix);
  };
  for (std::size_t i = 0; i < 4; ++i) arguments.push_back(like(i, ""));
  for (std::size_t i = 0; i < 4 && optimizer != Optimizer::kSgd; ++i) m.push_back(like(i, ".m"));
  for (std::size_t i = 0; i < 4 && optimizer == Optimizer::kAdam; ++i) v.push_back(like(i, ".v"));
  ValueId step;
  if (optimizer == Optimizer::kAdam) step = k.input({}, "step");
  for (std::size_t i = 4; i < 6; ++i) arguments.push_back(like(i, ""));
  const ValueList outputs = inline_graph(k.b, gradient, arguments);

  std::vector<ValueId> results{outputs[0]}, states;
  const auto sqrt = [&](ValueId x) { return k.op(op_sqrt, {x}); };
  const ValueId next = step ? k.add(step, k.scalar(1)) : ValueId{};
  for (std::size_t i = 0; i < 4; ++i) {
    const ValueId w = arguments[i], g = outputs[i + 1];
    if (optimizer == Optimizer::kSgd) {
      results.push_back(k.sub(w, k.scale(g, 0.01)));
    } else if (optimizer == Optimizer::kMomentum) {
      const ValueId velocity = k.add(k.scale(m[i], 0.9), g);
      results.push_back(k.sub(w, k.scale(velocity, 0.01)));
      states.push_back(velocity);
    } else {
      const ValueId m2 = k.add(k.scale(m[i], 0.9), k.scale(g, 0.1));
      const ValueId v2 = k.add(k.scale(v[i], 0.999), k.scale(k.mul(g, g), 0.001));
      const auto correction = [&](double beta) {
        return k.sub(k.scalar(1), k.op(op_pow, {k.scalar(beta), next}));
      };
      const ValueId update =
          k.div(k.div(m2, correction(0.9)), k.add(sqrt(k.div(v2, correction(0.999))), k.scalar(1e-8)));
      results.push_back(k.sub(w, k.scale(update, 1e-3)));
      states.push_back(m2);
      states.push_back(v2);
    }
  }
  results.insert(results.end(), states.begin(), states.end());
  if (step) results.push_back(next);
  return rewrite(k.b.finish(std::move(results)), {}, {.fold = true});
}

}  // namespace adze::testing
