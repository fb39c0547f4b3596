#include "ir/fold_rows.h"

#include <algorithm>

#include "ir/op_helpers.h"

namespace adze {

ValueList emit_elementwise(GraphBuilder& b, const Graph& body, std::span<const ValueId> arguments,
                           const Dims& shape) {
  std::vector<ValueId> value_of(body.values().size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    value_of[body.parameters()[i].value.index] = arguments[i];
  }
  for (const Node& node : body.nodes()) {
    std::vector<ValueId> operands;
    for (const ValueId operand : node.operands) {
      operands.push_back(emit_broadcast(b, value_of[operand.index], shape, {}));
    }
    const ValueList results = b.emit_multi(*node.op, std::move(operands), node.attrs);
    for (std::uint32_t k = 0; k < node.result_count; ++k) value_of[node.result_at(k).index] = results[k];
  }
  ValueList results;
  for (const ValueId result : body.results()) {
    results.push_back(emit_broadcast(b, value_of[result.index], shape, {}));
  }
  return results;
}

std::vector<ValueId> emit_fold(
    GraphBuilder& b, std::vector<ValueId> rows,
    const std::function<std::vector<ValueId>(std::vector<ValueId>, std::vector<ValueId>)>& combine) {
  const auto every_second = [&](ValueId x, std::int64_t start, std::int64_t limit) {
    const Dims shape = b.type(x).shape;
    Dims from(shape.size(), 0), to = shape, strides(shape.size(), 1);
    from[0] = start;
    to[0] = limit;
    strides[0] = 2;
    return emit_slice(b, x, std::move(from), std::move(to), std::move(strides));
  };
  while (true) {
    const std::int64_t count = b.type(rows[0]).shape[0];
    if (count == 1) break;
    const std::int64_t paired = count / 2 * 2;
    std::vector<ValueId> first, second;
    for (const ValueId x : rows) {
      first.push_back(every_second(x, 0, paired - 1));
      second.push_back(every_second(x, 1, paired));
    }
    std::vector<ValueId> combined = combine(std::move(first), std::move(second));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (paired == count) continue;
      combined[i] = b.emit(op_concatenate, {combined[i], every_second(rows[i], paired, count)},
                           {{"dimension", std::int64_t{0}}});
    }
    rows = std::move(combined);
  }
  for (ValueId& x : rows) x = emit_reshape(b, x, without_dims(b.type(x).shape, {0}));
  return rows;
}

ValueId emit_rows(GraphBuilder& b, ValueId x, ValueId first, const Dims& axes) {
  const Dims shape = b.type(x).shape;
  const Dims kept = remaining_dims(static_cast<std::int64_t>(shape.size()), axes);
  Dims order = axes, row = pick(shape, kept);
  order.insert(order.end(), kept.begin(), kept.end());
  row.insert(row.begin(), element_count(pick(shape, axes)));
  const ValueId rows = emit_reshape(b, emit_transpose(b, x, order), row);
  row[0] = 1;
  return b.emit(op_concatenate, {emit_broadcast(b, first, row, {}), rows}, {{"dimension", std::int64_t{0}}});
}

ValueList fold_tangents(RuleContext& c, const Graph& body, std::span<const ValueId> operands,
                        std::span<const ValueId> starts, std::span<const ValueId> operand_tangents,
                        std::span<const ValueId> start_tangents, const Dims& axes) {
  GraphBuilder& b = c.builder();
  const std::size_t n = operands.size();
  // Which states have tangents: those of active operands, and what the body makes of these.
  std::vector<bool> active(n);
  for (std::size_t i = 0; i < n; ++i) active[i] = operand_tangents[i] || start_tangents[i];
  const auto twice = [&] {
    std::vector<bool> both = active;
    both.insert(both.end(), active.begin(), active.end());
    return both;
  };
  while (true) {
    const std::vector<bool> reached = c.subgraphs().tangent_results(body, twice());
    std::vector<bool> more = active;
    for (std::size_t i = 0; i < n; ++i) more[i] = active[i] || reached[i];
    if (more == active) break;
    active = std::move(more);
  }
  const Graph derivative = c.subgraphs().jvp(body, twice(), active);

  std::vector<ValueId> rows;  // states, then the tangents of active ones
  for (std::size_t i = 0; i < n; ++i) rows.push_back(emit_rows(b, operands[i], starts[i], axes));
  for (std::size_t i = 0; i < n; ++i) {
    if (!active[i]) continue;
    const ValueId tangent = c.instantiate(operand_tangents[i], c.type(operands[i]));
    const ValueId start = c.instantiate(start_tangents[i], c.type(starts[i]));
    rows.push_back(emit_rows(b, tangent, start, axes));
  }
  const auto split = static_cast<std::ptrdiff_t>(n);
  const std::vector<ValueId> folded =
      emit_fold(b, std::move(rows), [&](const std::vector<ValueId>& x, const std::vector<ValueId>& y) {
        std::vector<ValueId> arguments(x.begin(), x.begin() + split);
        arguments.insert(arguments.end(), y.begin(), y.begin() + split);
        arguments.insert(arguments.end(), x.begin() + split, x.end());
        arguments.insert(arguments.end(), y.begin() + split, y.end());
        const Dims shape = b.type(x[0]).shape;
        const ValueList results = emit_elementwise(b, derivative, arguments, shape);
        return std::vector<ValueId>(results.begin(), results.end());
      });
  ValueList tangents;
  std::size_t next = n;
  for (std::size_t i = 0; i < n; ++i) tangents.push_back(active[i] ? folded[next++] : kNoValue);
  return tangents;
}

}  // namespace adze
