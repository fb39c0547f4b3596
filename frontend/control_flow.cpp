#include "adze/control_flow.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/array_state.h"
#include "frontend/subgraphs.h"
#include "ir/control_flow.h"
#include "ir/op_helpers.h"

namespace adze::detail {
namespace {

std::vector<Array> copies(const std::vector<const Array*>& arrays) {
  std::vector<Array> result;
  for (const Array* array : arrays) result.push_back(*array);
  return result;
}

void append(std::vector<Array>& to, const std::vector<Array>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// The carry's types on leaving and entering, by the names users know.
void check_carry(const char* what, const Graph& body, const std::vector<const Array*>& init,
                 const std::vector<std::string>& paths, const Location& at) {
  for (std::size_t k = 0; k < init.size(); ++k) {
    const TensorType& type = body.type(body.results()[k]);
    if (type == init[k]->type()) continue;
    throw TypeError(fmt::format("{}: {} enters as {}, but the body returns {}: a carry keeps its type{}",
                                what, paths[k], to_string(init[k]->type()), to_string(type),
                                at.known() ? "\n  at " + to_string(at) : ""));
  }
}

/// `body` of a scan, `steps` times: (consts, carries, chunks of xs) -> (carries, chunks of ys).
Graph unrolled(const Graph& body, std::size_t consts, std::size_t carries, std::int64_t steps, bool reverse) {
  GraphBuilder builder;
  builder.set_name(body.name());
  std::vector<ValueId> arguments, chunks;
  for (std::size_t i = 0; i < body.parameters().size(); ++i) {
    const Parameter& p = body.parameters()[i];
    const TensorType type = body.type(p.value);
    const bool is_x = i >= consts + carries;
    const ValueId value = builder.parameter(is_x ? stacked(type, steps) : type, p.name, p.location);
    (is_x ? chunks : arguments).push_back(value);
  }
  const std::size_t first_x = arguments.size();
  arguments.resize(first_x + chunks.size());
  std::vector<std::vector<ValueId>> ys(body.results().size() - carries,
                                       std::vector<ValueId>(static_cast<std::size_t>(steps)));
  for (std::int64_t t = 0; t < steps; ++t) {
    const std::int64_t i = reverse ? steps - 1 - t : t;
    for (std::size_t x = 0; x < chunks.size(); ++x) {
      const Dims shape = builder.type(chunks[x]).shape;
      Dims start(shape.size(), 0), limit = shape;
      start[0] = i;
      limit[0] = i + 1;
      arguments[first_x + x] = emit_reshape(builder, emit_slice(builder, chunks[x], start, limit),
                                            Dims(shape.begin() + 1, shape.end()));
    }
    const ValueList results = inline_graph(builder, body, arguments);
    std::copy_n(results.begin(), carries, arguments.begin() + static_cast<std::ptrdiff_t>(consts));
    for (std::size_t y = 0; y < ys.size(); ++y) {
      Dims shape = builder.type(results[carries + y]).shape;
      shape.insert(shape.begin(), 1);
      ys[y][static_cast<std::size_t>(i)] = emit_reshape(builder, results[carries + y], shape);
    }
  }
  std::vector<ValueId> results(arguments.begin() + static_cast<std::ptrdiff_t>(consts),
                               arguments.begin() + static_cast<std::ptrdiff_t>(first_x));
  for (std::vector<ValueId>& slices : ys)
    results.push_back(builder.emit(op_concatenate, std::move(slices), {{"dimension", std::int64_t{0}}}));
  return builder.finish(std::move(results));
}

struct ScanCall {
  GraphRef body;  ///< (consts, carries, slices) -> (carries, ys)
  std::vector<Array> consts;
  std::size_t carries;
  bool reverse;
  Location at;
};

std::vector<Array> apply_scan(const ScanCall& call, std::int64_t length, const std::vector<Array>& carries,
                              const std::vector<Array>& xs) {
  std::vector<Array> operands = call.consts;
  append(operands, carries);
  append(operands, xs);
  return apply_op(op_scan, operands,
                  {{"body", call.body},
                   {"length", length},
                   {"reverse", call.reverse},
                   {"num_consts", static_cast<std::int64_t>(call.consts.size())},
                   {"num_carry", static_cast<std::int64_t>(call.carries)}},
                  call.at);
}

Dims with_leading(Dims leading, const Dims& shape, std::size_t drop) {
  leading.insert(leading.end(), shape.begin() + static_cast<std::ptrdiff_t>(drop), shape.end());
  return leading;
}

/// Turns of `steps` iterations, and what is left over one by one.
std::vector<Array> apply_unrolled(const ScanCall& call, std::int64_t length, std::int64_t steps,
                                  const std::vector<Array>& init, const std::vector<Array>& xs) {
  const std::int64_t turns = length / steps, rest = length % steps;
  const std::int64_t begin = call.reverse ? rest : 0;
  std::vector<Array> chunks, left_over;
  for (const Array& x : xs) {
    chunks.push_back(
        reshape(slice_axis(x, 0, begin, begin + turns * steps), with_leading({turns, steps}, x.shape(), 1)));
    if (rest > 0) {
      left_over.push_back(call.reverse ? slice_axis(x, 0, 0, rest) : slice_axis(x, 0, turns * steps, length));
    }
  }
  ScanCall wide = call;
  wide.body = std::make_shared<const Graph>(
      unrolled(*call.body, call.consts.size(), call.carries, steps, call.reverse));
  std::vector<Array> results = apply_scan(wide, turns, init, chunks);
  for (std::size_t k = call.carries; k < results.size(); ++k)
    results[k] = reshape(results[k], with_leading({turns * steps}, results[k].shape(), 2));
  if (rest == 0) return results;
  const std::vector<Array> carries(results.begin(),
                                   results.begin() + static_cast<std::ptrdiff_t>(call.carries));
  std::vector<Array> last = apply_scan(call, rest, carries, left_over);
  for (std::size_t k = call.carries; k < last.size(); ++k)
    last[k] = call.reverse ? concatenate({last[k], results[k]}) : concatenate({results[k], last[k]});
  return last;
}

}  // namespace

std::vector<TensorType> scan_slices(const std::vector<const Array*>& xs,
                                    const std::vector<std::string>& paths,
                                    std::optional<std::int64_t>& length) {
  std::string source = "length";
  std::vector<TensorType> types = leaf_types("scan", xs, paths);
  for (std::size_t i = 0; i < types.size(); ++i) {
    TensorType& type = types[i];
    if (type.shape.empty())
      throw TypeError(fmt::format("scan: {} is a scalar: there are no slices to run over", paths[i]));
    if (length && *length != type.shape[0]) {
      throw TypeError(fmt::format("scan: {} {} has a leading dim of {}, but {} is {}", paths[i],
                                  to_string(type), type.shape[0], source, *length));
    }
    if (!length) source = fmt::format("that of {}", paths[i]);
    length = type.shape[0];
    type = slice_of(std::move(type));
  }
  if (!length) throw TypeError("scan: there are no xs; say with `length` how many iterations there are");
  if (*length < 0) throw TypeError(fmt::format("scan: length must not be negative, got {}", *length));
  return types;
}

std::vector<Array> run_scan(const TracedGraph& body, const std::vector<const Array*>& init,
                            const std::vector<std::string>& carry_paths, const std::vector<const Array*>& xs,
                            const ScanOptions& options, const Location& at) {
  check_carry("scan", *body.graph, init, carry_paths, at);
  if (options.unroll < 1)
    throw TypeError(fmt::format("scan: unroll must be at least 1, got {}", options.unroll));
  if (body.graph->results().empty()) return {};
  const Captures captures({&body});
  const ScanCall call{share(captures.in_front(body)), captures.arrays(), init.size(), options.reverse, at};
  const std::int64_t steps = std::min(options.unroll, *options.length);
  if (steps <= 1) return apply_scan(call, *options.length, copies(init), copies(xs));
  return apply_unrolled(call, *options.length, steps, copies(init), copies(xs));
}

std::vector<Array> run_while(const TracedGraph& cond, const TracedGraph& body,
                             const std::vector<const Array*>& init,
                             const std::vector<std::string>& carry_paths, const Location& at) {
  const TensorType predicate = cond.graph->type(cond.graph->results()[0]);
  if (predicate != TensorType{DType::kBool, {}}) {
    throw TypeError(fmt::format("while_loop: cond must return bool[], got {}{}", to_string(predicate),
                                at.known() ? "\n  at " + to_string(at) : ""));
  }
  check_carry("while_loop", *body.graph, init, carry_paths, at);
  const Captures of_cond({&cond}), of_body({&body});
  std::vector<Array> operands = of_cond.arrays();
  append(operands, of_body.arrays());
  append(operands, copies(init));
  return apply_op(op_while_, operands,
                  {{"cond", share(of_cond.in_front(cond))},
                   {"body", share(of_body.in_front(body))},
                   {"cond_consts", static_cast<std::int64_t>(of_cond.arrays().size())},
                   {"body_consts", static_cast<std::int64_t>(of_body.arrays().size())}},
                  at);
}

Array branch_index(const char* what, const Array& index, bool is_predicate) {
  const std::string type = index.empty() ? "an empty Array" : to_string(index.type());
  if (index.empty() || !index.shape().empty() || (!is_predicate && is_float(index.dtype()))) {
    throw TypeError(fmt::format("{}: the {} must be {} of rank 0, got {}", what,
                                is_predicate ? "predicate" : "index",
                                is_predicate ? "a bool or number" : "an integer", type));
  }
  if (is_predicate && index.dtype() != DType::kBool) return astype(index != 0, DType::kI32);
  return astype(index, DType::kI32);
}

std::vector<Array> run_cond(const Array& index, const std::vector<TracedGraph>& branches,
                            const std::vector<const Array*>& operands, const Location& at) {
  std::vector<const TracedGraph*> pointers;
  for (const TracedGraph& branch : branches) pointers.push_back(&branch);
  if (branches[0].graph->results().empty()) return {};
  const Captures captures(pointers);
  GraphList graphs;
  for (const TracedGraph& branch : branches) graphs.push_back(share(captures.in_front(branch)));
  std::vector<Array> all = {index};
  append(all, captures.arrays());
  append(all, copies(operands));
  return apply_op(op_cond, all, {{"branches", std::move(graphs)}}, at);
}

Array interleave(const Array& even, const Array& odd, std::int64_t axis) {
  const std::int64_t d = axis < 0 ? axis + even.rank() : axis;
  const std::int64_t size = odd.shape()[static_cast<std::size_t>(d)];
  const bool one_more = even.shape()[static_cast<std::size_t>(d)] > size;
  Dims shape = odd.shape();
  shape[static_cast<std::size_t>(d)] = 2 * size;
  const Array both = reshape(stack({slice_axis(even, d, 0, size), odd}, d + 1), shape);
  return one_more ? concatenate({both, slice_axis(even, d, size)}, d) : both;
}

std::int64_t associative_scan_size(const std::vector<const Array*>& leaves, std::int64_t axis) {
  if (leaves.empty()) return 0;
  std::optional<std::int64_t> size;
  for (const Array* leaf : leaves) {
    const std::int64_t d = axis < 0 ? axis + leaf->rank() : axis;
    if (d < 0 || d >= leaf->rank()) {
      throw TypeError(
          fmt::format("associative_scan: axis {} is out of range for {}", axis, to_string(leaf->type())));
    }
    const std::int64_t own = leaf->shape()[static_cast<std::size_t>(d)];
    if (size && *size != own) {
      throw TypeError(
          fmt::format("associative_scan: Arrays of {} and {} slices along axis {}", *size, own, axis));
    }
    size = own;
  }
  return *size;
}

}  // namespace adze::detail
