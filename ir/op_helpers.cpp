#include "ir/op_helpers.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace adze {

bool contains(DTypeSet set, DType dtype) {
  switch (set) {
    case DTypeSet::kFloat:
      return is_float(dtype);
    case DTypeSet::kWide:
      return is_float(dtype) && !is_half(dtype);
    case DTypeSet::kNumeric:
      return is_integer(dtype) || is_float(dtype);
    case DTypeSet::kInteger:
      return is_integer(dtype);
    case DTypeSet::kBits:
      return is_integer(dtype) || dtype == DType::kBool;
    case DTypeSet::kAny:
      return true;
  }
  return false;
}

namespace {

std::string_view describe(DTypeSet set) {
  switch (set) {
    case DTypeSet::kFloat:
      return "a float";
    case DTypeSet::kWide:
      return "f32 or f64";
    case DTypeSet::kNumeric:
      return "a float or an integer";
    case DTypeSet::kInteger:
      return "an integer";
    case DTypeSet::kBits:
      return "bool or an integer";
    case DTypeSet::kAny:
      return "of any dtype";
  }
  return "";
}

}  // namespace

std::string operand_name(const InferContext& c, std::size_t i) {
  const auto& names = c.op().operand_names;
  if (c.op().variadic && i + 1 >= names.size()) {
    return fmt::format("{} {}", names.back(), i + 1 - names.size());
  }
  return names[i];
}

void check_dtype(const InferContext& c, std::size_t i, DTypeSet set) {
  if (contains(set, c.operand(i).dtype)) return;
  c.fail(fmt::format("{} must be {}: {}", operand_name(c, i), describe(set), to_string(c.operand(i))));
}

void check_same_types(const InferContext& c, std::size_t first) {
  for (std::size_t i = first + 1; i < c.size(); ++i) {
    if (c.operand(i) == c.operand(first)) continue;
    c.fail(fmt::format("operands must have the same type: {} vs {}", to_string(c.operand(first)),
                       to_string(c.operand(i))));
  }
}

Dims check_shape(const InferContext& c, Dims shape) {
  try {
    element_count(shape);
  } catch (const TypeError& error) {
    c.fail(error.what());
  }
  return shape;
}

void check_dims(const InferContext& c, std::string_view attr, const Dims& dims, std::int64_t rank) {
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < 0 || dims[i] >= rank) {
      c.fail(fmt::format("{} {} is out of range: {} for rank {}", attr, to_string(dims), dims[i], rank));
    }
    if (std::count(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(i), dims[i]) > 0) {
      c.fail(fmt::format("{} {} names {} twice", attr, to_string(dims), dims[i]));
    }
  }
}

void check_length(const InferContext& c, std::string_view attr, const Dims& list) {
  if (static_cast<std::int64_t>(list.size()) == c.operand(0).rank()) return;
  c.fail(fmt::format("{} {} must have one entry a dimension of {}", attr, to_string(list),
                     to_string(c.operand(0))));
}

bool contains(const Dims& dims, std::int64_t dim) {
  return std::find(dims.begin(), dims.end(), dim) != dims.end();
}

Dims iota_dims(std::int64_t count) {
  Dims dims(static_cast<std::size_t>(count));
  std::iota(dims.begin(), dims.end(), 0);
  return dims;
}

Dims remaining_dims(std::int64_t rank, const Dims& dims) {
  Dims rest;
  for (std::int64_t d = 0; d < rank; ++d) {
    if (!contains(dims, d)) rest.push_back(d);
  }
  return rest;
}

Dims inverse_permutation(const Dims& permutation) {
  Dims inverse(permutation.size());
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    inverse[static_cast<std::size_t>(permutation[i])] = static_cast<std::int64_t>(i);
  }
  return inverse;
}

Dims without_dims(const Dims& shape, const Dims& axes) {
  return pick(shape, remaining_dims(static_cast<std::int64_t>(shape.size()), axes));
}

Dims pick(const Dims& list, const Dims& dims) {
  Dims picked;
  picked.reserve(dims.size());
  for (const std::int64_t d : dims) picked.push_back(list[static_cast<std::size_t>(d)]);
  return picked;
}

Dims prepend(std::int64_t first, Dims list) {
  list.insert(list.begin(), first);
  return list;
}

Dims shifted(Dims dims, std::int64_t by) {
  for (std::int64_t& d : dims) d += by;
  return dims;
}

ValueId emit_broadcast(GraphBuilder& b, ValueId x, Dims shape, Dims dims) {
  if (b.type(x).shape == shape) return x;
  return b.emit(op_broadcast_in_dim, {x}, {{"shape", std::move(shape)}, {"dims", std::move(dims)}});
}

ValueId emit_reshape(GraphBuilder& b, ValueId x, Dims shape) {
  if (b.type(x).shape == shape) return x;
  return b.emit(op_reshape, {x}, {{"shape", std::move(shape)}});
}

ValueId emit_transpose(GraphBuilder& b, ValueId x, Dims permutation) {
  if (std::is_sorted(permutation.begin(), permutation.end())) return x;
  return b.emit(op_transpose, {x}, {{"permutation", std::move(permutation)}});
}

ValueId emit_slice(GraphBuilder& b, ValueId x, Dims start, Dims limit, Dims strides) {
  if (std::all_of(strides.begin(), strides.end(), [](std::int64_t s) { return s == 1; })) strides.clear();
  const bool from_zero = std::all_of(start.begin(), start.end(), [](std::int64_t s) { return s == 0; });
  if (strides.empty() && from_zero && limit == b.type(x).shape) return x;
  return b.emit(op_slice, {x},
                {{"start", std::move(start)}, {"limit", std::move(limit)}, {"strides", std::move(strides)}});
}

ValueId emit_pad(GraphBuilder& b, ValueId x, Dims low, Dims high, Dims interior, ValueId value) {
  const auto all_zero = [](const Dims& dims) {
    return std::all_of(dims.begin(), dims.end(), [](std::int64_t d) { return d == 0; });
  };
  if (all_zero(interior)) interior.clear();
  if (all_zero(low) && all_zero(high) && interior.empty()) return x;
  if (!value) value = b.scalar(b.type(x).dtype, 0);
  return b.emit(op_pad, {x, value},
                {{"low", std::move(low)}, {"high", std::move(high)}, {"interior", std::move(interior)}});
}

ValueId emit_convert(GraphBuilder& b, ValueId x, DType dtype) {
  return b.type(x).dtype == dtype ? x : b.emit(op_convert, {x}, {{"dtype", dtype}});
}

ValueId emit_reduce_sum(GraphBuilder& b, ValueId x, Dims axes) {
  return axes.empty() ? x : b.emit(op_reduce_sum, {x}, {{"axes", std::move(axes)}});
}

OpDef elementwise(std::string_view name, ElementwiseRules rules) {
  OpDef op;
  op.name = name;
  op.pattern = OpPattern::kElementwise;
  op.traits = rules.traits;
  if (rules.operands == 2) op.operand_names = {"lhs", "rhs"};
  if (!rules.operand_names.empty()) op.operand_names = std::move(rules.operand_names);
  ADZE_CHECK(op.operand_names.size() == rules.operands, std::string(name) + ": operands without names");
  op.attrs = std::move(rules.attrs);
  op.infer_types = [dtypes = rules.dtypes, result = rules.result,
                    check = std::move(rules.check)](InferContext& c) {
    for (std::size_t i = 0; i < c.size(); ++i) check_dtype(c, i, dtypes);
    check_same_types(c);
    if (check) check(c);
    return std::vector<TensorType>{{result.value_or(c.operand(0).dtype), c.operand(0).shape}};
  };
  op.fold = std::move(rules.fold);
  op.jvp = std::move(rules.jvp);
  op.transpose = std::move(rules.transpose);
  op.scalar = std::move(rules.scalar);
  op.samples = std::move(rules.samples);
  return op;
}

double sum_tolerance(DType dtype) {
  switch (dtype) {
    case DType::kBF16:
      return 0x1p-7;
    case DType::kF16:
      return 0x1p-10;
    case DType::kF32:
      return 1e-5;
    default:
      return dtype == DType::kF64 ? 1e-13 : 0;
  }
}

std::function<std::vector<OpSample>()> elementwise_samples(ElementwiseSamples options) {
  return [options = std::move(options)] {
    std::vector<OpSample> samples;
    const auto add = [&](DType dtype, Dims shape, int derivative_order) {
      OpSample sample;
      sample.operands.assign(options.operands, TensorType{dtype, std::move(shape)});
      sample.attrs = options.attrs;
      sample.low = options.low;
      sample.high = options.high;
      sample.ranges = options.ranges;
      sample.special = options.special;
      sample.max_ulp = is_half(dtype) ? std::min(options.max_ulp, 1.0) : options.max_ulp;
      sample.derivative_order = derivative_order;
      samples.push_back(std::move(sample));
    };
    const int order = options.derivative_order;
    if (contains(options.dtypes, DType::kF32)) {
      for (const Dims& shape :
           {Dims{}, Dims{1}, Dims{7}, Dims{17}, Dims{31}, Dims{3, 5, 11}, Dims{2, 0, 3}}) {
        add(DType::kF32, shape, 0);
      }
      add(DType::kF64, {}, order);
      add(DType::kF64, {2, 3}, order);
      add(DType::kF64, {37}, 0);
      add(DType::kBF16, {37}, 0);
      add(DType::kF16, {3, 11}, 0);
    }
    if (contains(options.dtypes, DType::kI32)) {
      for (const DType dtype : {DType::kI32, DType::kI64, DType::kU32}) {
        add(dtype, {}, 0);
        add(dtype, {19}, 0);
        add(dtype, {5, 7}, 0);
      }
      add(DType::kI8, {67}, 0);
      add(DType::kU16, {35}, 0);
      add(DType::kU64, {19}, 0);
    }
    if (contains(options.dtypes, DType::kBool)) {
      add(DType::kBool, {}, 0);
      add(DType::kBool, {67}, 0);
    }
    return samples;
  };
}

}  // namespace adze
