#include "passes/simplify_control.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "ir/control_flow.h"
#include "ir/op_helpers.h"
#include "passes/subgraphs.h"

namespace adze {
namespace {

/// What becomes of one parameter of a subgraph.
struct Slot {
  enum class Kind : std::uint8_t { kKept, kSame, kSplat, kDropped };
  Kind kind = Kind::kKept;
  std::size_t same = 0;      ///< kSame: the parameter it equals, itself kept
  ConstantRef element = {};  ///< kSplat
};

std::vector<std::size_t> numbers(std::size_t count) {
  std::vector<std::size_t> list(count);
  std::iota(list.begin(), list.end(), std::size_t{0});
  return list;
}

/// `graph` with the kept parameters in the order of `order` (the others are dropped from the signature), and
/// the results listed.
Graph rebuilt(const Graph& graph, const std::vector<Slot>& slots, std::span<const std::size_t> order,
              std::span<const std::size_t> results) {
  const Graph part = part_of(graph, std::vector<bool>(graph.parameters().size(), true), results);
  GraphBuilder builder;
  builder.set_name(graph.name());
  std::vector<ValueId> arguments(slots.size());
  for (const std::size_t i : order) {
    const Parameter& p = part.parameters()[i];
    arguments[i] = builder.parameter(part.type(p.value), p.name, p.location);
  }
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const TensorType type = part.type(part.parameters()[i].value);
    if (slots[i].kind == Slot::Kind::kSame)
      arguments[i] = arguments[slots[i].same];
    else if (slots[i].kind == Slot::Kind::kSplat)
      arguments[i] = emit_broadcast(builder, builder.constant(*slots[i].element), type.shape, {});
    else if (slots[i].kind == Slot::Kind::kDropped)
      arguments[i] = builder.full(type, 0);
  }
  const ValueList values = inline_graph(builder, part, arguments);
  return rewrite(builder.finish(values));
}

/// The element of a splat constant.
ConstantRef splat_element(const GraphBuilder& builder, ValueId value) {
  const Node* node = builder.graph().producer(value);
  if (node && node->op == &op_broadcast_in_dim) node = builder.graph().producer(node->operands[0]);
  if (!node || node->op != &op_constant) return nullptr;
  const ConstantRef& literal = node->attrs.get<ConstantRef>("value");
  return literal->type().rank() == 0 ? literal : nullptr;
}

/// The first place before `i` with the same value among operands that are kept; `i` where there is none.
std::size_t first_equal(const std::vector<ValueId>& operands, const std::vector<Slot>& slots,
                        std::size_t begin, std::size_t i) {
  for (std::size_t k = begin; k < i; ++k)
    if (operands[k] == operands[i] && slots[k].kind == Slot::Kind::kKept) return k;
  return i;
}

/// Decides for an operand that all iterations or branches read as it is.
Slot shared_slot(const GraphBuilder& builder, const std::vector<ValueId>& operands,
                 const std::vector<Slot>& slots, std::size_t begin, std::size_t i, bool needed) {
  if (!needed) return {Slot::Kind::kDropped};
  if (const ConstantRef element = splat_element(builder, operands[i]))
    return {Slot::Kind::kSplat, 0, element};
  const std::size_t same = first_equal(operands, slots, begin, i);
  if (same != i) return {Slot::Kind::kSame, same};
  return {};
}

/// A node being simplified: the values of its results as far as they are known, otherwise which result of the
/// simpler node they are.
struct Results {
  std::vector<ValueId> known;
  std::vector<std::size_t> from;

  explicit Results(std::size_t count) : known(count), from(numbers(count)) {}
};

// scan

class ScanSimplifier {
 public:
  ScanSimplifier(GraphBuilder& builder, const Node& node, const std::vector<ValueId>& operands,
                 std::vector<bool> live)
      : builder_(builder), operands_(operands), live_(std::move(live)) {
    const ScanLayout s = scan_layout(node.attrs, operands.size());
    body_ = *s.body;
    length_ = s.length;
    reverse_ = s.reverse;
    consts_ = s.consts;
    carries_ = s.carries;
    known_.resize(live_.size());
    place_ = numbers(live_.size());
  }

  /// The values of the results; kNoValue for those that nothing needs.
  std::vector<ValueId> run() {
    while (round()) {
    }
    const std::span<const ValueId> all(operands_);
    ValueList values;
    if (length_ == 1)
      values = once();
    else
      values = emit_scan(builder_, std::move(body_), length_, reverse_, all.first(consts_),
                         all.subspan(consts_, carries_), all.subspan(consts_ + carries_));
    for (std::size_t k = 0; k < known_.size(); ++k)
      if (!known_[k] && live_[k]) known_[k] = values[place_[k]];
    return known_;
  }

 private:
  std::size_t first_x() const { return consts_ + carries_; }

  /// Original results that are result `k` of the scan as it is now.
  void settle(std::size_t k, ValueId value) {
    for (std::size_t r = 0; r < place_.size(); ++r)
      if (live_[r] && !known_[r] && place_[r] == k) known_[r] = value;
  }

  std::vector<bool> needed_results() const {
    std::vector<bool> needed(body_.results().size(), false);
    for (std::size_t r = 0; r < place_.size(); ++r)
      if (live_[r] && !known_[r]) needed[place_[r]] = true;
    for (bool grown = true; grown;) {
      grown = false;
      std::vector<std::size_t> list;
      for (std::size_t k = 0; k < needed.size(); ++k)
        if (needed[k]) list.push_back(k);
      const std::vector<bool> parameters = needed_parameters(body_, list);
      for (std::size_t k = 0; k < carries_; ++k)
        if (parameters[consts_ + k] && !needed[k]) needed[k] = grown = true;
    }
    return needed;
  }

  /// What becomes of a parameter that is the same at every iteration.
  Slot const_slot(ValueId operand, bool used) const {
    if (!used) return {Slot::Kind::kDropped};
    const ConstantRef element = splat_element(builder_, operand);
    return element ? Slot{Slot::Kind::kSplat, 0, element} : Slot{};
  }

  ValueId broadcast_over_iterations(ValueId slice) {
    Dims shape = builder_.type(slice).shape;
    Dims dims;
    for (std::size_t d = 1; d <= shape.size(); ++d) dims.push_back(static_cast<std::int64_t>(d));
    shape.insert(shape.begin(), length_);
    return emit_broadcast(builder_, slice, shape, dims);
  }

  /// What x is at every iteration, if that is always the same.
  ValueId constant_slice(ValueId x) {
    const Node* node = builder_.graph().producer(x);
    if (!node || node->op != &op_broadcast_in_dim) return kNoValue;
    Dims dims = node->attrs.get<Dims>("dims");
    if (contains(dims, 0)) return kNoValue;
    const ValueId source = node->operands[0];
    for (std::int64_t& d : dims) --d;
    const Dims shape = slice_of(builder_.type(x)).shape;
    return emit_broadcast(builder_, source, shape, dims);
  }

  bool round() {
    if (body_.results().empty()) return false;
    bool changed = false;
    const std::vector<bool> needed = needed_results();
    std::vector<std::size_t> kept_results;
    for (std::size_t k = 0; k < needed.size(); ++k)
      if (needed[k]) kept_results.push_back(k);
    const std::vector<bool> used = needed_parameters(body_, kept_results);

    // Parameters: carries that keep their value and xs without variety are consts from now on.
    std::vector<Slot> slots(operands_.size());
    std::vector<std::size_t> new_consts, new_carries, new_xs;
    std::vector<ValueId> operands = operands_;
    std::vector<bool> gone(body_.results().size(), false);  // results that are no longer made
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const bool is_carry = i >= consts_ && i < first_x();
      if (i >= first_x() && used[i]) {
        if (const ValueId slice = constant_slice(operands[i])) {
          operands[i] = slice;
          slots[i] = const_slot(slice, true);
          if (slots[i].kind == Slot::Kind::kKept) new_consts.push_back(i);
          changed = true;
          continue;
        }
      }
      if (is_carry) {
        const std::size_t k = i - consts_;
        const ValueId out = body_.results()[k];
        if (length_ == 0 || out == body_.parameters()[i].value) {
          settle(k, operands[i]);
          gone[k] = true;
          slots[i] = const_slot(operands[i], used[i]);
          if (slots[i].kind == Slot::Kind::kKept) new_consts.push_back(i);
          changed = true;
        } else if (!needed[k]) {
          slots[i].kind = Slot::Kind::kDropped;
          gone[k] = changed = true;
        } else {
          const std::size_t twin = twin_carry(k, operands, slots);
          if (twin != k) {
            slots[i] = {Slot::Kind::kSame, consts_ + twin};
            for (std::size_t& place : place_)
              if (place == k) place = twin;
            gone[k] = changed = true;
          } else {
            new_carries.push_back(i);
          }
        }
        continue;
      }
      const std::size_t begin = i < consts_ ? 0 : first_x();
      slots[i] = i < consts_ ? shared_slot(builder_, operands, slots, begin, i, used[i])
                 : used[i]   ? Slot{}
                             : Slot{Slot::Kind::kDropped};
      if (i >= first_x() && used[i]) {
        const std::size_t same = first_equal(operands, slots, begin, i);
        if (same != i) slots[i] = {Slot::Kind::kSame, same};
      }
      if (slots[i].kind != Slot::Kind::kKept)
        changed = true;
      else
        (i < consts_ ? new_consts : new_xs).push_back(i);
    }

    // Ys: each slice once; what is an x or a const already needs no loop.
    std::vector<bool> varying(operands_.size(), true);
    std::fill_n(varying.begin(), consts_, false);
    const std::vector<bool> varies = dependent_values(body_, varying);
    for (std::size_t k = carries_; k < body_.results().size(); ++k) {
      if (!needed[k]) {
        gone[k] = changed = true;
        continue;
      }
      const ValueId out = body_.results()[k];
      const std::size_t position = body_.is_parameter(out) ? body_.value(out).position : 0;
      if (body_.is_parameter(out) && position >= first_x()) {
        settle(k, operands_[position]);
      } else if (!varies[out.index]) {
        std::vector<bool> consts(operands_.size(), false);
        std::fill_n(consts.begin(), consts_, true);
        const std::vector<std::size_t> wanted{k};
        const std::vector<ValueId> arguments(operands_.begin(),
                                             operands_.begin() + static_cast<std::ptrdiff_t>(consts_));
        settle(k, broadcast_over_iterations(
                      inline_graph(builder_, part_of(body_, consts, wanted), arguments)[0]));
      } else {
        std::size_t twin = carries_;
        while (body_.results()[twin] != out || gone[twin]) ++twin;
        if (twin == k) continue;
        for (std::size_t& place : place_)
          if (place == k) place = twin;
      }
      gone[k] = changed = true;
    }
    if (!changed) return false;

    std::vector<std::size_t> results, order = new_consts;
    order.insert(order.end(), new_carries.begin(), new_carries.end());
    order.insert(order.end(), new_xs.begin(), new_xs.end());
    std::vector<std::size_t> new_place(gone.size(), 0);
    for (std::size_t k = 0; k < gone.size(); ++k) {
      if (gone[k]) continue;
      new_place[k] = results.size();
      results.push_back(k);
    }
    for (std::size_t& place : place_) place = new_place[place];
    body_ = rebuilt(body_, slots, order, results);
    operands_.clear();
    for (const std::size_t i : order) operands_.push_back(operands[i]);
    consts_ = new_consts.size();
    carries_ = new_carries.size();
    return true;
  }

  /// A carry before k that begins and goes on as k does.
  std::size_t twin_carry(std::size_t k, const std::vector<ValueId>& operands,
                         const std::vector<Slot>& slots) const {
    for (std::size_t j = 0; j < k; ++j) {
      if (slots[consts_ + j].kind == Slot::Kind::kKept && body_.results()[j] == body_.results()[k] &&
          operands[consts_ + j] == operands[consts_ + k] &&
          body_.results()[j] != body_.parameters()[consts_ + j].value) {
        return j;
      }
    }
    return k;
  }

  /// The only iteration, without a loop.
  ValueList once() {
    std::vector<ValueId> arguments = operands_;
    for (std::size_t i = first_x(); i < arguments.size(); ++i)
      arguments[i] = emit_reshape(builder_, arguments[i], slice_of(builder_.type(arguments[i])).shape);
    ValueList values = inline_graph(builder_, body_, arguments);
    for (std::size_t k = carries_; k < values.size(); ++k)
      values[k] = emit_reshape(builder_, values[k], stacked(builder_.type(values[k]), 1).shape);
    return values;
  }

  GraphBuilder& builder_;
  std::vector<ValueId> operands_;
  std::vector<bool> live_;  ///< by results of the node
  Graph body_;
  std::int64_t length_ = 0;
  bool reverse_ = false;
  std::size_t consts_ = 0, carries_ = 0;
  std::vector<ValueId> known_;      ///< by results of the node
  std::vector<std::size_t> place_;  ///< by results of the node: the result of the scan as it is now
};

// while

std::vector<ValueId> simplify_while(GraphBuilder& builder, const Node& node,
                                    const std::vector<ValueId>& operands, std::vector<bool> live) {
  const WhileLayout w = while_layout(node.attrs, operands.size());
  // Carries that the predicate, a live result or a needed carry needs.
  std::vector<bool> needed = std::move(live);
  const std::vector<std::size_t> predicate{0};
  const std::vector<bool> by_cond = needed_parameters(*w.cond, predicate);
  for (std::size_t k = 0; k < w.carries; ++k) needed[k] = needed[k] || by_cond[w.cond_consts + k];
  std::vector<std::size_t> results;
  std::vector<bool> by_body;
  for (bool grown = true; grown;) {
    grown = false;
    results.clear();
    for (std::size_t k = 0; k < w.carries; ++k)
      if (needed[k]) results.push_back(k);
    by_body = needed_parameters(*w.body, results);
    for (std::size_t k = 0; k < w.carries; ++k)
      if (by_body[w.body_consts + k] && !needed[k]) needed[k] = grown = true;
  }

  std::vector<Slot> cond_slots(w.cond_consts + w.carries), body_slots(w.body_consts + w.carries);
  std::vector<std::size_t> cond_order, body_order, cond_carries, body_carries;
  std::vector<ValueId> cond_consts, body_consts, carries, values(w.carries);
  const std::vector<ValueId> of_cond(operands.begin(),
                                     operands.begin() + static_cast<std::ptrdiff_t>(w.cond_consts));
  const std::vector<ValueId> of_body(operands.begin() + static_cast<std::ptrdiff_t>(w.cond_consts),
                                     operands.end());
  for (std::size_t i = 0; i < w.cond_consts; ++i) {
    cond_slots[i] = shared_slot(builder, of_cond, cond_slots, 0, i, by_cond[i]);
    if (cond_slots[i].kind != Slot::Kind::kKept) continue;
    cond_order.push_back(i);
    cond_consts.push_back(of_cond[i]);
  }
  for (std::size_t i = 0; i < w.body_consts; ++i) {
    body_slots[i] = shared_slot(builder, of_body, body_slots, 0, i, by_body[i]);
    if (body_slots[i].kind != Slot::Kind::kKept) continue;
    body_order.push_back(i);
    body_consts.push_back(of_body[i]);
  }
  results.clear();
  std::vector<std::size_t> place(w.carries, 0);
  for (std::size_t k = 0; k < w.carries; ++k) {
    const std::size_t in_cond = w.cond_consts + k, in_body = w.body_consts + k;
    const ValueId initial = operands[w.first_carry() + k];
    if (w.body->results()[k] == w.body->parameters()[in_body].value) {
      // It keeps its value: a const of both.
      values[k] = initial;
      const ConstantRef element = splat_element(builder, initial);
      const auto slot = [&](bool used) {
        return !used ? Slot{Slot::Kind::kDropped} : element ? Slot{Slot::Kind::kSplat, 0, element} : Slot{};
      };
      cond_slots[in_cond] = slot(by_cond[in_cond]);
      body_slots[in_body] = slot(by_body[in_body]);
      if (cond_slots[in_cond].kind == Slot::Kind::kKept) {
        cond_order.push_back(in_cond);
        cond_consts.push_back(initial);
      }
      if (body_slots[in_body].kind == Slot::Kind::kKept) {
        body_order.push_back(in_body);
        body_consts.push_back(initial);
      }
    } else if (!needed[k]) {
      cond_slots[in_cond].kind = body_slots[in_body].kind = Slot::Kind::kDropped;
    } else {
      place[k] = results.size();
      results.push_back(k);
      carries.push_back(initial);
      cond_carries.push_back(in_cond);
      body_carries.push_back(in_body);
    }
  }
  if (results.empty()) {  // nothing changes: it ends at once (or never)
    for (std::size_t k = 0; k < w.carries; ++k)
      if (!values[k]) values[k] = operands[w.first_carry() + k];
    return values;
  }
  cond_order.insert(cond_order.end(), cond_carries.begin(), cond_carries.end());
  body_order.insert(body_order.end(), body_carries.begin(), body_carries.end());
  const auto share = [](Graph graph) { return std::make_shared<const Graph>(std::move(graph)); };
  const ValueList made =
      builder.emit_multi(op_while_, joined(cond_consts, body_consts, carries),
                         {{"cond", share(rebuilt(*w.cond, cond_slots, cond_order, predicate))},
                          {"body", share(rebuilt(*w.body, body_slots, body_order, results))},
                          {"cond_consts", static_cast<std::int64_t>(cond_consts.size())},
                          {"body_consts", static_cast<std::int64_t>(body_consts.size())}});
  for (std::size_t k = 0; k < w.carries; ++k)
    if (!values[k] && needed[k]) values[k] = made[place[k]];
  return values;
}

// cond and call

/// Operands and results that the branches (or the only body) have in common.
std::vector<ValueId> simplify_branches(
    GraphBuilder& builder, const GraphList& branches, const std::vector<ValueId>& operands,
    const std::vector<bool>& live,
    const std::function<ValueList(std::vector<Graph>, std::vector<ValueId>)>& emit) {
  std::vector<ValueId> values(live.size());
  std::vector<std::size_t> results, place(live.size(), 0);
  for (std::size_t k = 0; k < live.size(); ++k) {
    if (!live[k]) continue;
    // All branches hand the same operand through, or give another result twice.
    const auto all = [&](const auto& predicate) {
      return std::all_of(branches.begin(), branches.end(),
                         [&](const GraphRef& branch) { return predicate(*branch); });
    };
    const ValueId first = branches[0]->results()[k];
    if (branches[0]->is_parameter(first)) {
      const std::size_t position = branches[0]->value(first).position;
      if (all([&](const Graph& g) { return g.results()[k] == g.parameters()[position].value; })) {
        values[k] = operands[position];
        continue;
      }
    }
    std::size_t twin = 0;
    while (twin < results.size() &&
           !all([&](const Graph& g) { return g.results()[results[twin]] == g.results()[k]; })) {
      ++twin;
    }
    place[k] = twin;
    if (twin == results.size()) results.push_back(k);
  }
  if (results.empty()) return values;

  std::vector<bool> used(operands.size(), false);
  for (const GraphRef& branch : branches) {
    const std::vector<bool> own = needed_parameters(*branch, results);
    for (std::size_t i = 0; i < used.size(); ++i) used[i] = used[i] || own[i];
  }
  std::vector<Slot> slots(operands.size());
  std::vector<std::size_t> order;
  std::vector<ValueId> kept;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    slots[i] = shared_slot(builder, operands, slots, 0, i, used[i]);
    if (slots[i].kind != Slot::Kind::kKept) continue;
    order.push_back(i);
    kept.push_back(operands[i]);
  }
  std::vector<Graph> graphs;
  for (const GraphRef& branch : branches) graphs.push_back(rebuilt(*branch, slots, order, results));
  const ValueList made = emit(std::move(graphs), std::move(kept));
  for (std::size_t k = 0; k < live.size(); ++k)
    if (!values[k] && live[k]) values[k] = made[place[k]];
  return values;
}

std::vector<ValueId> simplify_cond(GraphBuilder& builder, const Node& node,
                                   const std::vector<ValueId>& operands, const std::vector<bool>& live) {
  const GraphList& branches = node.attrs.get<GraphList>("branches");
  const std::vector<ValueId> rest(operands.begin() + 1, operands.end());
  std::optional<std::size_t> taken;
  if (branches.size() == 1) taken = 0;
  if (const ConstantRef index = splat_element(builder, operands[0])) {
    const auto last = static_cast<std::int64_t>(branches.size()) - 1;
    taken = static_cast<std::size_t>(std::clamp<std::int64_t>(index->as_int(0), 0, last));
  }
  if (taken) return inline_graph(builder, *branches[*taken], rest);
  return simplify_branches(builder, branches, rest, live,
                           [&](std::vector<Graph> graphs, std::vector<ValueId> kept) {
                             return emit_cond(builder, operands[0], std::move(graphs), std::move(kept));
                           });
}

std::vector<ValueId> simplify_call(GraphBuilder& builder, const Node& node,
                                   const std::vector<ValueId>& operands, const std::vector<bool>& live) {
  return simplify_branches(builder, {node.attrs.get<GraphRef>("body")}, operands, live,
                           [&](std::vector<Graph> graphs, std::vector<ValueId> kept) {
                             return emit_call(builder, std::move(graphs[0]), std::move(kept));
                           });
}

}  // namespace

Graph simplify_control(const Graph& graph) {
  if (std::none_of(graph.nodes().begin(), graph.nodes().end(), holds_subgraphs)) return graph;
  constexpr int kMaxRounds = 4;  // what one node no longer needs, another need not give
  Graph current = rewrite(graph);
  for (int round = 0; round < kMaxRounds; ++round) {
    const Graph inner = on_subgraphs(current, simplify_control);
    const std::vector<bool> live_values_of = live_values(inner);
    const Graph replaced =
        rewrite(inner,
                [&](GraphBuilder& builder, const Graph& from, const Node& node,
                    const std::vector<ValueId>& operands) -> ValueList {
                  if (node.op->pattern != OpPattern::kControl) return {};
                  std::vector<bool> live;
                  for (std::uint32_t k = 0; k < node.result_count; ++k)
                    live.push_back(live_values_of[node.result_at(k).index]);
                  std::vector<ValueId> values;
                  switch (*node.op->control) {
                    case ControlKind::kScan:
                      values = ScanSimplifier(builder, node, operands, live).run();
                      break;
                    case ControlKind::kWhile:
                      values = simplify_while(builder, node, operands, live);
                      break;
                    case ControlKind::kCond:
                      values = simplify_cond(builder, node, operands, live);
                      break;
                    case ControlKind::kCall:
                      values = simplify_call(builder, node, operands, live);
                      break;
                  }
                  for (std::uint32_t k = 0; k < node.result_count; ++k)  // dead ones: anything of their type
                    if (!values[k]) values[k] = builder.full(TensorType(from.type(node.result_at(k))), 0);
                  return values;
                });
    Graph next = rewrite(replaced);  // without what stood for dead results
    if (next == current) break;
    current = std::move(next);
  }
  return current;
}

}  // namespace adze
