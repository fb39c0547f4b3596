#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "ir/eval_helpers.h"
#include "ir/gather_dims.h"
#include "ir/interpreter.h"
#include "ir/loops_context.h"
#include "ir/op_helpers.h"
#include "ir/scalar_builder.h"

// sort: several operands are permuted together, stable, by the first `num_keys` of them or by a comparator.
// It is made of merge_runs: log2(n) times, each of which merges pairs of sorted runs. Every element finds its
// place alone, by a binary search in the run beside its own, so all of them can do so at once.

namespace adze {

namespace {

using loop::ScalarOp;

std::size_t dimension(const Attrs& attrs) {
  return static_cast<std::size_t>(attrs.get<std::int64_t>("dimension"));
}

const Graph* comparator(const Attrs& attrs) {
  const GraphList& list = attrs.get<GraphList>("comparator");
  return list.empty() ? nullptr : list[0].get();
}

std::vector<TensorType> infer_sort(InferContext& c) {
  const TensorType& first = c.operand(0);
  const std::int64_t dim = c.attr<std::int64_t>("dimension");
  if (dim < 0 || dim >= first.rank())
    c.fail(fmt::format("dimension {} is out of range for {}", dim, to_string(first)));
  std::vector<DType> compared;
  for (std::size_t i = 0; i < c.size(); ++i) {
    check_dtype(c, i, DTypeSet::kAny);
    if (c.operand(i).shape != first.shape) {
      c.fail(fmt::format("operands must have the same shape: {} vs {}", to_string(first),
                         to_string(c.operand(i))));
    }
    compared.insert(compared.end(), 2, c.operand(i).dtype);
  }
  const std::int64_t keys = c.attr<std::int64_t>("num_keys");
  if (keys < 1 || keys > static_cast<std::int64_t>(c.size()))
    c.fail(fmt::format("num_keys {} must be between 1 and the number of operands, {}", keys, c.size()));
  const GraphList& list = c.attr<GraphList>("comparator");
  if (list.size() > 1) c.fail("takes one comparator, or none");
  const DType result[] = {DType::kBool};
  if (!list.empty()) check_scalar_body(c, "comparator", *list[0], compared, result);
  return {c.operands().begin(), c.operands().end()};
}

// --- Order ---

/// Is a < b, NaN last? -0 and 0 are equal.
template <class T>
bool comes_before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a < b || (a == a && b != b);
  return a < b;
}

/// Compares rows `i` and `j` (flat offsets) of the operands.
class RowOrder {
 public:
  RowOrder(std::span<const Literal* const> operands, const Attrs& attrs)
      : operands_(operands),
        keys_(static_cast<std::size_t>(attrs.get<std::int64_t>("num_keys"))),
        comparator_(comparator(attrs)) {}

  bool operator()(std::int64_t i, std::int64_t j) const {
    if (comparator_) return compare(i, j);
    for (std::size_t k = 0; k < keys_; ++k) {
      if (before(k, i, j)) return true;
      if (before(k, j, i)) return false;
    }
    return false;
  }

 private:
  bool before(std::size_t k, std::int64_t i, std::int64_t j) const {
    const Literal& x = *operands_[k];
    if (is_float(x.type().dtype)) return comes_before(x.as_double(i), x.as_double(j));
    return with_type(x.type().dtype, [&]<class T>() {
      const auto data = x.data<T>();
      return comes_before(data[static_cast<std::size_t>(i)], data[static_cast<std::size_t>(j)]);
    });
  }

  bool compare(std::int64_t i, std::int64_t j) const {
    std::vector<Literal> arguments;
    for (const Literal* x : operands_) {
      for (const std::int64_t at : {i, j}) {
        arguments.emplace_back(TensorType{x->type().dtype, {}});
        copy_element(arguments.back(), 0, *x, at);
      }
    }
    return interpret(*comparator_, arguments)[0].as_int(0) != 0;
  }

  std::span<const Literal* const> operands_;
  std::size_t keys_;
  const Graph* comparator_;
};

/// Permutes every line along the dimension by what `order_line` makes of its offsets.
void eval_lines(EvalContext& c, const std::function<void(std::vector<std::int64_t>&)>& order_line) {
  const Dims& shape = c.operands[0]->type().shape;
  const auto dim = static_cast<std::int64_t>(dimension(c.attrs));
  const auto along = offsets_over(shape, {dim});
  for (const std::int64_t base :
       offsets_over(shape, remaining_dims(static_cast<std::int64_t>(shape.size()), {dim}))) {
    std::vector<std::int64_t> line;
    for (const std::int64_t offset : along) line.push_back(base + offset);
    order_line(line);
    for (std::size_t k = 0; k < c.operands.size(); ++k)
      for (std::size_t i = 0; i < line.size(); ++i)
        copy_element(c.results[k], base + along[i], *c.operands[k], line[i]);
  }
}

void eval_sort(EvalContext& c) {
  const RowOrder order(c.operands, c.attrs);
  eval_lines(c, [&](std::vector<std::int64_t>& line) { std::stable_sort(line.begin(), line.end(), order); });
}

void eval_merge(EvalContext& c) {
  const RowOrder order(c.operands, c.attrs);
  const std::int64_t run = c.attrs.get<std::int64_t>("run");
  eval_lines(c, [&](std::vector<std::int64_t>& line) {
    const auto n = static_cast<std::int64_t>(line.size());
    for (std::int64_t begin = 0; begin < n; begin += 2 * run) {
      const auto at = [&](std::int64_t i) { return line.begin() + std::min(i, n); };
      std::inplace_merge(at(begin), at(begin + run), at(begin + 2 * run), order);
    }
  });
}

/// The same order as an expression.
Scalar before(LoopsContext& c, const std::vector<Scalar>& a, const std::vector<Scalar>& b) {
  loop::Exprs& e = c.exprs();
  if (const Graph* body = comparator(c.attrs())) {
    std::vector<Scalar> arguments;
    for (std::size_t k = 0; k < a.size(); ++k) {
      arguments.push_back(a[k]);
      arguments.push_back(b[k]);
    }
    return apply_scalar_body(e, *body, arguments)[0];
  }
  const auto less = [&](Scalar x, Scalar y) {
    x = e.convert(x, compute_dtype(e.dtype(x)));
    y = e.convert(y, compute_dtype(e.dtype(y)));
    const Scalar smaller = e.apply(ScalarOp::lt, {x, y});
    if (!is_float(e.dtype(x))) return smaller;
    const Scalar nan_last = e.both(e.apply(ScalarOp::eq, {x, x}), e.apply(ScalarOp::ne, {y, y}));
    return e.apply(ScalarOp::or_, {smaller, nan_last});
  };
  Scalar result;
  for (auto k = static_cast<std::size_t>(c.attr<std::int64_t>("num_keys")); k-- > 0;) {
    const Scalar first = less(a[k], b[k]);
    if (!result) {
      result = first;
      continue;
    }
    const Scalar tie = e.apply(ScalarOp::not_, {less(b[k], a[k])});
    result = e.apply(ScalarOp::or_, {first, e.both(tie, result)});
  }
  return result;
}

void loops_merge(LoopsContext& c) {
  loop::Exprs& e = c.exprs();
  const std::size_t dim = dimension(c.attrs());
  const Dims& shape = c.operand_type(0).shape;
  const std::int64_t n = shape[dim], run = c.attr<std::int64_t>("run");
  c.loops(
      shape,
      [&](const std::vector<Scalar>& index) {
        const auto row = [&](Scalar at, Scalar guard) {
          std::vector<Scalar> place = index, values;
          place[dim] = at;
          for (std::size_t k = 0; k < c.size(); ++k) values.push_back(c.load(k, place, guard));
          return values;
        };
        const Scalar i = index[dim];
        const Scalar own = e.mul(e.div(i, run), run);
        const Scalar is_left = e.apply(ScalarOp::eq, {e.rem(e.div(i, run), 2), e.index(0)});
        const Scalar other =
            c.let("other", e.apply(ScalarOp::select, {is_left, e.add(own, run), e.add(own, -run)}));
        const Scalar rest = e.apply(ScalarOp::max, {e.apply(ScalarOp::sub, {e.index(n), other}), e.index(0)});
        const Scalar length = e.apply(ScalarOp::min, {rest, e.index(run)});
        std::vector<Scalar> self = row(i, {});
        for (std::size_t k = 0; k < self.size(); ++k) self[k] = c.let("x" + std::to_string(k), self[k]);
        // How many of the other run come before this element: ties go to the left run.
        c.with_register("low", e.index(0), [&](LoopsContext::Register low) {
          c.with_register("high", length, [&](LoopsContext::Register high) {
            c.loop("step", std::bit_width(static_cast<std::uint64_t>(run)), [&](Scalar) {
              const Scalar from = c.get(low), to = c.get(high);
              const Scalar open = c.let("open", e.apply(ScalarOp::lt, {from, to}));
              const Scalar middle = c.let("middle", e.div(e.add(from, to), 2));
              std::vector<Scalar> there = row(e.add(other, middle), open);
              for (std::size_t k = 0; k < there.size(); ++k)
                there[k] = c.let("y" + std::to_string(k), there[k]);
              const Scalar in_left = e.apply(ScalarOp::not_, {before(c, self, there)});
              const Scalar passes =
                  c.let("passes",
                        e.both(open, e.apply(ScalarOp::select, {is_left, before(c, there, self), in_left})));
              const Scalar stays = e.both(open, e.apply(ScalarOp::not_, {passes}));
              c.set(low, e.apply(ScalarOp::select, {passes, e.add(middle, 1), from}));
              c.set(high, e.apply(ScalarOp::select, {stays, middle, to}));
            });
            const Scalar begin = e.apply(ScalarOp::min, {own, other});
            std::vector<Scalar> place = index;
            place[dim] = e.add(e.add(begin, e.apply(ScalarOp::sub, {i, own})), c.get(low));
            for (std::size_t k = 0; k < c.size(); ++k) c.store(k, place, self[k]);
          });
        });
      },
      loop::LoopKind::kParallel);
}

ValueList decompose_sort(DecomposeContext& c) {
  ValueList values = c.operands();
  const std::int64_t n = c.result_type().shape[dimension(c.attrs())];
  for (std::int64_t run = 1; run < n; run *= 2) {
    Attrs attrs = c.attrs();
    attrs.set("run", run);
    values = c.builder().emit_multi(op_merge_runs, values, std::move(attrs));
  }
  return values;
}

// --- Rules ---

/// Sorts the places along, then moves the tangents to where the primals went.
ValueList jvp_permuted(JvpContext& c) {
  GraphBuilder& b = c.builder();
  const std::int64_t dim = c.attr<std::int64_t>("dimension");
  const Dims shape = c.result_type().shape;
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(c.primal(i));
  operands.push_back(b.emit(op_iota, {}, {{"dtype", DType::kI64}, {"shape", shape}, {"dimension", dim}}));
  Attrs attrs = c.attrs();
  if (const Graph* body = comparator(attrs)) {  // which knows nothing of the places
    GraphBuilder wider;
    wider.set_name(body->name());
    std::vector<ValueId> arguments;
    for (const Parameter& parameter : body->parameters())
      arguments.push_back(wider.parameter(body->type(parameter.value), parameter.name));
    for (int side = 0; side < 2; ++side) wider.parameter({DType::kI64, {}});
    ValueList results = inline_graph(wider, *body, arguments);
    attrs.set("comparator", GraphList{std::make_shared<const Graph>(wider.finish(std::move(results)))});
  }
  ValueList sorted = b.emit_multi(c.op(), std::move(operands), std::move(attrs));
  const ValueId places = sorted.back();
  sorted.pop_back();
  c.replace_outputs(sorted);
  ValueList tangents;
  for (std::size_t i = 0; i < c.size(); ++i)
    tangents.push_back(c.has_tangent(i) ? emit_take_along(b, c.tangent(i), places, dim) : kNoValue);
  return tangents;
}

ValueList batch_permuted(BatchContext& c) {
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(c.with_batch(i));
  Attrs attrs = c.attrs();
  attrs.set("dimension", c.attr<std::int64_t>("dimension") + 1);
  return c.builder().emit_multi(c.op(), std::move(operands), std::move(attrs));
}

/// x > y on the first operand of `count`: for samples.
GraphList descending(std::vector<DType> dtypes) {
  GraphBuilder b;
  b.set_name("descending");
  std::vector<ValueId> arguments;
  for (const DType dtype : dtypes)
    for (int side = 0; side < 2; ++side) arguments.push_back(b.parameter({dtype, {}}));
  const ValueId greater = b.emit(op_gt, {arguments[0], arguments[1]});
  return {std::make_shared<const Graph>(b.finish({greater}))};
}

std::vector<OpSample> sort_samples() {
  using enum DType;
  const auto sample = [](std::vector<DType> dtypes, Dims shape, std::int64_t dim, std::int64_t keys,
                         int derivative_order) {
    OpSample result{.operands = {},
                    .attrs = {{"dimension", dim}, {"num_keys", keys}},
                    .special = {0.0, -0.0, 1, kInf, -kInf, kNan},
                    .derivative_order = derivative_order};
    for (const DType dtype : dtypes) result.operands.push_back({dtype, shape});
    if (derivative_order > 0) result.special = {};
    for (const DType dtype : dtypes)
      if (!is_float(dtype)) result.special = {};
    return result;
  };
  std::vector<OpSample> samples = {sample({kF32}, {17}, 0, 1, 0),
                                   sample({kF32}, {1}, 0, 1, 0),
                                   sample({kF32}, {0}, 0, 1, 0),
                                   sample({kF32}, {4, 9}, 1, 1, 0),
                                   sample({kF32}, {9, 4}, 0, 1, 0),
                                   sample({kI32, kF32}, {64}, 0, 1, 0),
                                   sample({kI32, kI32, kF32}, {3, 33}, 1, 2, 0),
                                   sample({kU32, kBool}, {31}, 0, 1, 0),
                                   sample({kBF16, kU8}, {19}, 0, 1, 0),
                                   sample({kF64}, {7}, 0, 1, 2),
                                   sample({kF64}, {2, 0}, 1, 1, 2),
                                   sample({kF64, kF64}, {2, 5}, 1, 1, 2)};
  OpSample backwards = sample({kF32, kI32}, {21}, 0, 1, 0);
  backwards.special = {};
  backwards.attrs.set("comparator", descending({kF32, kI32}));
  samples.push_back(std::move(backwards));
  OpSample differentiated = sample({kF64}, {6}, 0, 1, 2);
  differentiated.attrs.set("comparator", descending({kF64}));
  samples.push_back(std::move(differentiated));
  return samples;
}

/// With operands that are sorted in runs of 4.
std::vector<OpSample> merge_samples() {
  using enum DType;
  std::vector<OpSample> samples;
  for (const auto& [dtype, shape, dim] :
       {std::tuple{kF32, Dims{19}, std::int64_t{0}}, std::tuple{kI32, Dims{3, 13}, std::int64_t{1}},
        std::tuple{kF64, Dims{7, 2}, std::int64_t{0}}}) {
    OpSample sample{.operands = {{dtype, shape}, {dtype, shape}},
                    .attrs = {{"dimension", dim}, {"num_keys", std::int64_t{1}}, {"run", std::int64_t{4}}},
                    .derivative_order = dtype == kF64 ? 2 : 0};
    sample.adjust = [dim = dim](std::vector<Literal>& inputs) {
      const Literal before = inputs[0];
      const Dims& size = before.type().shape;
      const auto along = offsets_over(size, {dim});
      for (const std::int64_t base :
           offsets_over(size, remaining_dims(static_cast<std::int64_t>(size.size()), {dim}))) {
        std::vector<double> line;
        for (const std::int64_t offset : along) line.push_back(before.as_double(base + offset));
        for (std::size_t i = 0; i < line.size(); i += 4)
          std::sort(line.begin() + static_cast<std::ptrdiff_t>(i),
                    line.begin() + static_cast<std::ptrdiff_t>(std::min(i + 4, line.size())));
        for (std::size_t i = 0; i < line.size(); ++i) inputs[0].set_double(base + along[i], line[i]);
      }
    };
    samples.push_back(std::move(sample));
  }
  return samples;
}

OpDef permutation(std::string_view name, OpPattern pattern) {
  OpDef op;
  op.name = name;
  op.pattern = pattern;
  op.variadic = true;
  op.attrs = {{"dimension", std::int64_t{}},
              {"num_keys", std::int64_t{}, std::int64_t{1}},
              {"comparator", GraphList{}, GraphList{}}};
  op.infer_types = infer_sort;
  op.jvp = jvp_permuted;
  op.batch = batch_permuted;
  return op;
}

}  // namespace

const OpDef op_sort = [] {
  OpDef op = permutation("sort", OpPattern::kComposite);
  op.decompose = decompose_sort;
  op.eval = eval_sort;
  op.samples = sort_samples;
  return op;
}();

const OpDef op_merge_runs = [] {
  OpDef op = permutation("merge_runs", OpPattern::kLoops);
  op.attrs.push_back({"run", std::int64_t{}});
  op.infer_types = [](InferContext& c) {
    if (c.attr<std::int64_t>("run") < 1) c.fail("run must be positive");
    return infer_sort(c);
  };
  op.loops = loops_merge;
  op.eval = eval_merge;
  op.samples = merge_samples;
  return op;
}();

}  // namespace adze
