#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"
#include "ir/scalar_host.h"

namespace adze {

namespace {

/// The dims of each operand by role.
struct Roles {
  DimPair batch, contract, free;
};

Roles roles(const Attrs& attrs, std::int64_t lhs_rank, std::int64_t rhs_rank) {
  Roles r{attrs.get<DimPair>("batch"), attrs.get<DimPair>("contract"), {}};
  const auto used = [](Dims a, const Dims& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  r.free = {remaining_dims(lhs_rank, used(r.batch.lhs, r.contract.lhs)),
            remaining_dims(rhs_rank, used(r.batch.rhs, r.contract.rhs))};
  return r;
}

/// The dtype of the result: the operands' own, unless another one is preferred. bool is nobody's preference.
constexpr DType kNoPreference = DType::kBool;
DType result_dtype(const Attrs& attrs, DType operands) {
  const DType preferred = attrs.get<DType>("preferred_element_type");
  return preferred == kNoPreference ? operands : preferred;
}

/// What is preferred must hold what the operands hold, but for integers in a float (as in JAX).
void check_preferred(const InferContext& c) {
  const DType operands = c.operand(0).dtype, preferred = result_dtype(c.attrs(), operands);
  const bool kind =
      is_float(preferred) || (is_integer(operands) && is_signed(operands) == is_signed(preferred));
  if (kind && byte_size(preferred) >= byte_size(operands)) return;
  c.fail(fmt::format("preferred_element_type {} cannot take products of {}: {}", to_string(preferred),
                     to_string(operands),
                     kind                 ? "it must not be narrower"
                     : is_float(operands) ? "a float can"
                                          : "a float or an integer of the same sign can"));
}

void check_pair(const InferContext& c, std::string_view attr, std::string_view adjective,
                const DimPair& pair) {
  if (pair.lhs.size() != pair.rhs.size()) {
    c.fail(fmt::format("{} must pair each lhs dimension with one of rhs: {} x {}", attr, to_string(pair.lhs),
                       to_string(pair.rhs)));
  }
  check_dims(c, fmt::format("lhs {}", attr), pair.lhs, c.operand(0).rank());
  check_dims(c, fmt::format("rhs {}", attr), pair.rhs, c.operand(1).rank());
  const Dims lhs = pick(c.operand(0).shape, pair.lhs);
  const Dims rhs = pick(c.operand(1).shape, pair.rhs);
  for (std::size_t i = 0; i < lhs.size(); ++i) {
    if (lhs[i] != rhs[i]) c.fail(fmt::format("{} dimensions differ: {} vs {}", adjective, lhs[i], rhs[i]));
  }
}

std::vector<TensorType> infer_dot_general(InferContext& c) {
  const DimPair& contract = c.attr<DimPair>("contract");
  const DimPair& batch = c.attr<DimPair>("batch");
  for (std::size_t i = 0; i < 2; ++i) check_dtype(c, i, DTypeSet::kNumeric);
  if (c.operand(0).dtype != c.operand(1).dtype) {
    c.fail(fmt::format("operands must have the same dtype: {} vs {}", to_string(c.operand(0)),
                       to_string(c.operand(1))));
  }
  check_preferred(c);
  check_pair(c, "contract", "contracting", contract);
  check_pair(c, "batch", "batch", batch);
  const auto check_disjoint = [&](std::string_view side, const Dims& a, const Dims& b) {
    for (const std::int64_t d : a) {
      if (contains(b, d)) c.fail(fmt::format("{} dimension {} is both batch and contracting", side, d));
    }
  };
  check_disjoint("lhs", batch.lhs, contract.lhs);
  check_disjoint("rhs", batch.rhs, contract.rhs);

  const Roles r = roles(c.attrs(), c.operand(0).rank(), c.operand(1).rank());
  Dims shape = pick(c.operand(0).shape, batch.lhs);
  for (const std::int64_t size : pick(c.operand(0).shape, r.free.lhs)) shape.push_back(size);
  for (const std::int64_t size : pick(c.operand(1).shape, r.free.rhs)) shape.push_back(size);
  return {{result_dtype(c.attrs(), c.operand(0).dtype), check_shape(c, std::move(shape))}};
}

template <class To>
std::vector<To> converted(const Literal& literal) {
  return with_type(literal.type().dtype, [&]<class From>() {
    std::vector<To> values;
    for (const From value : literal.data<From>()) values.push_back(host::convert<To>(value));
    return values;
  });
}

/// The operands are converted to the result's dtype (f32 for a half). Floats are summed in f64: the reference
/// should be nearer to the truth than what is compared with it.
void eval_dot_general(EvalContext& c) {
  const Dims& lhs_shape = c.operands[0]->type().shape;
  const Dims& rhs_shape = c.operands[1]->type().shape;
  const Roles r = roles(c.attrs, c.operands[0]->type().rank(), c.operands[1]->type().rank());
  const auto lhs_batch = offsets_over(lhs_shape, r.batch.lhs),
             rhs_batch = offsets_over(rhs_shape, r.batch.rhs);
  const auto lhs_free = offsets_over(lhs_shape, r.free.lhs), rhs_free = offsets_over(rhs_shape, r.free.rhs);
  const auto lhs_sum = offsets_over(lhs_shape, r.contract.lhs),
             rhs_sum = offsets_over(rhs_shape, r.contract.rhs);
  with_type(c.results[0].type().dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, bool>) {
      using Accumulator = std::conditional_t<is_float_type<T>, double, T>;
      using Factor = std::conditional_t<is_half_type<T>, float, T>;
      const std::vector<Factor> lhs = converted<Factor>(*c.operands[0]);
      const std::vector<Factor> rhs = converted<Factor>(*c.operands[1]);
      const auto result = c.results[0].template data<T>();
      std::size_t i = 0;
      for (std::size_t b = 0; b < lhs_batch.size(); ++b) {
        for (const std::int64_t m : lhs_free) {
          for (const std::int64_t n : rhs_free) {
            Accumulator sum = 0;
            for (std::size_t k = 0; k < lhs_sum.size(); ++k) {
              const Factor x = lhs[static_cast<std::size_t>(lhs_batch[b] + m + lhs_sum[k])];
              const Factor y = rhs[static_cast<std::size_t>(rhs_batch[b] + n + rhs_sum[k])];
              sum = host::add(sum, host::mul(static_cast<Accumulator>(x), static_cast<Accumulator>(y)));
            }
            result[i++] = static_cast<T>(sum);
          }
        }
      }
    }
  });
}

ValueList dot_general_jvp(JvpContext& c) {
  const auto dot = [&](ValueId x, ValueId y) {
    return x && y ? c.emit(c.op(), {x, y}, c.attrs()) : kNoValue;
  };
  return c.add(dot(c.tangent(0), c.primal(1)), dot(c.primal(0), c.tangent(1)));
}

/// The dims of `list` reordered so that those of `by`, paired with it, ascend.
Dims sorted_by(const Dims& list, const Dims& by) {
  Dims order = iota_dims(static_cast<std::int64_t>(by.size()));
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return by[static_cast<std::size_t>(a)] < by[static_cast<std::size_t>(b)];
  });
  return pick(list, order);
}

Dims concat(const Dims& a, const Dims& b, const Dims& c) {
  Dims all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return all;
}

/// In the operands' dtype where the result's is the same, else in the wider one, rounded to the operand's
/// once. The cotangent g[batch, lhs free, rhs free] contracted with the other operand over that one's free
/// dims. The operands are kept in the order that needs no transposition in the common cases: for x[B,K] .
/// w[K,N], dx = g . w over N and dw = x . g over B.
ValueList transpose_dot_general(TransposeContext& c) {
  const Roles r = roles(c.attrs(), c.operand_type(0).rank(), c.operand_type(1).rank());
  const auto batch = static_cast<std::int64_t>(r.batch.lhs.size());
  const auto lhs_free = static_cast<std::int64_t>(r.free.lhs.size());
  const auto rhs_free = static_cast<std::int64_t>(r.free.rhs.size());
  const auto range = [](std::int64_t begin, std::int64_t count) {
    Dims dims = iota_dims(count);
    for (std::int64_t& d : dims) d += begin;
    return dims;
  };
  const Dims g_batch = range(0, batch);
  const Dims g_lhs = range(batch, lhs_free);
  const Dims g_rhs = range(batch + lhs_free, rhs_free);
  GraphBuilder& b = c.builder();
  const DType operands = c.operand_type(0).dtype, result = c.result_type().dtype;
  const DType wide = operands == result ? operands : compute_dtype(result);
  const ValueId g = emit_convert(b, c.cotangent(), wide);
  if (c.is_linear(0)) {
    // [batch, lhs free, rhs's contracted dims in its order]
    const ValueId product =
        c.emit(op_dot_general, {g, emit_convert(b, c.operand(1), wide)},
               {{"contract", DimPair{g_rhs, r.free.rhs}}, {"batch", DimPair{g_batch, r.batch.rhs}}});
    const Dims order = concat(r.batch.lhs, r.free.lhs, sorted_by(r.contract.lhs, r.contract.rhs));
    return {emit_convert(b, emit_transpose(b, product, inverse_permutation(order)), operands), kNoValue};
  }
  // [batch, lhs's contracted dims in its order, rhs free]
  const ValueId product =
      c.emit(op_dot_general, {emit_convert(b, c.operand(0), wide), g},
             {{"contract", DimPair{r.free.lhs, g_lhs}}, {"batch", DimPair{r.batch.lhs, g_batch}}});
  const Dims order = concat(r.batch.rhs, sorted_by(r.contract.rhs, r.contract.lhs), r.free.rhs);
  return {kNoValue, emit_convert(b, emit_transpose(b, product, inverse_permutation(order)), operands)};
}

/// A batch of both operands is one more batch dim, the first; of one operand, the first of its free dims, and
/// moved to the front of the result.
ValueList batch_dot_general(BatchContext& c) {
  DimPair contract = c.attr<DimPair>("contract");
  DimPair batch = c.attr<DimPair>("batch");
  const auto make_room = [&](Dims DimPair::*side) {
    contract.*side = shifted(contract.*side);
    batch.*side = shifted(batch.*side);
  };
  // Where the batch of one operand is in the product: behind the batch dims, or those and lhs's free dims.
  const auto at =
      static_cast<std::int64_t>(c.is_batched(0) ? batch.lhs.size() : c.shape(0).size() - contract.lhs.size());
  if (c.is_batched(0)) make_room(&DimPair::lhs);
  if (c.is_batched(1)) make_room(&DimPair::rhs);
  const bool both = c.is_batched(0) && c.is_batched(1);
  if (both) batch = {prepend(0, batch.lhs), prepend(0, batch.rhs)};
  Attrs attrs = c.attrs();
  attrs.set("contract", contract);
  attrs.set("batch", batch);
  const ValueId product = c.emit(c.op(), {c.operand(0), c.operand(1)}, std::move(attrs));
  if (both) return product;
  return emit_transpose(c.builder(), product, prepend(at, remaining_dims(c.type(product).rank(), {at})));
}

std::vector<OpSample> dot_general_samples() {
  const auto sample = [](DType dtype, Dims lhs, Dims rhs, DimPair contract, DimPair batch,
                         int derivative_order, DType preferred = kNoPreference) {
    OpSample result{.operands = {{dtype, std::move(lhs)}, {dtype, std::move(rhs)}},
                    .attrs = {{"contract", std::move(contract)},
                              {"batch", std::move(batch)},
                              {"preferred_element_type", preferred}},
                    .derivative_order = derivative_order};
    result.relative_tolerance = sum_tolerance(result_dtype(result.attrs, dtype));
    if (is_integer(dtype)) {
      result.low = -100;
      result.high = 100;
    }
    return result;
  };
  const DimPair none;
  const DimPair matmul{{1}, {0}};
  return {
      sample(DType::kF32, {1, 1}, {1, 1}, matmul, none, 0),
      sample(DType::kF32, {5, 7}, {7, 17}, matmul, none, 0),
      sample(DType::kF32, {13, 31}, {31, 33}, matmul, none, 0),
      sample(DType::kF32, {64, 128}, {128, 10}, matmul, none, 0),
      sample(DType::kF32, {31, 13}, {31, 19}, {{0}, {0}}, none, 0),
      sample(DType::kF32, {13, 31}, {19, 31}, {{1}, {1}}, none, 0),
      sample(DType::kF32, {31, 13}, {19, 31}, {{0}, {1}}, none, 0),
      sample(DType::kF32, {17}, {17}, {{0}, {0}}, none, 0),
      sample(DType::kF32, {5, 17}, {17}, matmul, none, 0),
      sample(DType::kF32, {17}, {17, 5}, {{0}, {0}}, none, 0),
      sample(DType::kF32, {}, {}, none, none, 0),
      sample(DType::kF32, {3}, {5}, none, none, 0),
      sample(DType::kF32, {3, 5, 7}, {3, 7, 9}, {{2}, {1}}, {{0}, {0}}, 0),
      sample(DType::kF32, {2, 5, 3, 7}, {3, 7, 2, 4}, {{3}, {1}}, {{0, 2}, {2, 0}}, 0),
      sample(DType::kF32, {2, 3, 5}, {5, 3, 4}, {{1, 2}, {1, 0}}, none, 0),
      sample(DType::kF32, {4, 0}, {0, 3}, matmul, none, 0),
      sample(DType::kF32, {0, 4}, {4, 3}, matmul, none, 0),
      sample(DType::kF64, {9, 17}, {17, 11}, matmul, none, 0),
      sample(DType::kI32, {3, 5}, {5, 7}, matmul, none, 0),
      sample(DType::kI64, {2, 3, 4}, {2, 4, 5}, {{2}, {1}}, {{0}, {0}}, 0),
      sample(DType::kU32, {9}, {9}, {{0}, {0}}, none, 0),
      sample(DType::kI8, {5, 19}, {19, 33}, matmul, none, 0),
      sample(DType::kI8, {5, 19}, {19, 33}, matmul, none, 0, DType::kI32),
      sample(DType::kU8, {3, 7}, {5, 7}, {{1}, {1}}, none, 0, DType::kU64),
      sample(DType::kU16, {5, 7}, {7, 3}, matmul, none, 0, DType::kF32),
      sample(DType::kBF16, {13, 31}, {31, 33}, matmul, none, 0),
      sample(DType::kBF16, {13, 31}, {31, 33}, matmul, none, 0, DType::kF32),
      sample(DType::kF16, {2, 5, 7}, {2, 7, 3}, {{2}, {1}}, {{0}, {0}}, 0),
      sample(DType::kF16, {33}, {33}, {{0}, {0}}, none, 0, DType::kF64),
      sample(DType::kF64, {2, 3}, {3, 2}, matmul, none, 2),
      sample(DType::kF64, {3, 2}, {2, 3}, {{0}, {1}}, none, 2),
      sample(DType::kF64, {2, 2, 3}, {3, 2, 2}, {{2}, {0}}, {{0}, {2}}, 2),
      sample(DType::kF64, {2, 3, 2}, {2, 3, 2}, {{1, 2}, {1, 0}}, none, 2),
      sample(DType::kF64, {2}, {3}, none, none, 2),
  };
}

}  // namespace

/// Sums products over the dims paired by `contract`, for each index of the dims paired by `batch`. The
/// result's dims are batch, lhs free, rhs free, in operand order. Products and sums are of the result's
/// dtype, `preferred_element_type` where given and else the operands'; of a half in f32, rounded once.
const OpDef op_dot_general{
    .name = "dot_general",
    .pattern = OpPattern::kContraction,
    .operand_names = {"lhs", "rhs"},
    .attrs = {{"contract", DimPair{}},
              {"batch", DimPair{}, DimPair{}},
              {"preferred_element_type", DType::kF32, kNoPreference}},
    .infer_types = infer_dot_general,
    .fold =
        [](FoldContext& c) {  // a preference for what it is anyway
          const TensorType lhs = c.type(c.operand(0));
          if (c.attr<DType>("preferred_element_type") != lhs.dtype) return kNoValue;
          return c.emit(c.op(), {c.operand(0), c.operand(1)},
                        {{"contract", c.attr<DimPair>("contract")}, {"batch", c.attr<DimPair>("batch")}});
        },
    .jvp = dot_general_jvp,
    .transpose = transpose_dot_general,
    .batch = batch_dot_general,
    .contract =
        [](const Attrs& attrs) {
          const DimPair& batch = attrs.get<DimPair>("batch");
          const DimPair& contract = attrs.get<DimPair>("contract");
          return ContractSpec{batch.lhs, batch.rhs, contract.lhs, contract.rhs};
        },
    .eval = eval_dot_general,
    .samples = dot_general_samples,
};

}  // namespace adze
