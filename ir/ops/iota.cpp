#include <fmt/format.h>

#include "ir/eval_helpers.h"
#include "ir/op_helpers.h"

namespace adze {

namespace {

std::vector<OpSample> iota_samples() {
  const auto sample = [](DType dtype, Dims shape, std::int64_t dimension) {
    return OpSample{.operands = {},
                    .attrs = {{"dtype", dtype}, {"shape", std::move(shape)}, {"dimension", dimension}},
                    .derivative_order = 0};
  };
  return {
      sample(DType::kI32, {10}, 0),      sample(DType::kF32, {3, 17}, 1), sample(DType::kF32, {3, 17}, 0),
      sample(DType::kF64, {2, 3, 5}, 1), sample(DType::kI64, {1}, 0),     sample(DType::kU32, {33}, 0),
      sample(DType::kI32, {0, 3}, 1),    sample(DType::kU8, {3, 70}, 1),  sample(DType::kU64, {17}, 0),
      sample(DType::kI16, {5, 7}, 0),    sample(DType::kF16, {67}, 0),    sample(DType::kBF16, {2, 300}, 1)};
}

}  // namespace

/// The index along `dimension`, as `dtype`.
const OpDef op_iota{
    .name = "iota",
    .pattern = OpPattern::kIndexMap,
    .traits = {.zero_derivative = true},
    .operand_names = {},
    .attrs = {{"dtype", DType::kI32, DType::kI32},
              {"shape", Dims{}},
              {"dimension", std::int64_t{}, std::int64_t{0}}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      const DType dtype = c.attr<DType>("dtype");
      const Dims shape = check_shape(c, c.attr<Dims>("shape"));
      const std::int64_t dimension = c.attr<std::int64_t>("dimension");
      if (!contains(DTypeSet::kNumeric, dtype)) {
        c.fail(fmt::format("dtype must be a float or an integer: {}", to_string(dtype)));
      }
      if (dimension < 0 || dimension >= static_cast<std::int64_t>(shape.size())) {
        c.fail(fmt::format("dimension {} is out of range for shape {}", dimension, to_string(shape)));
      }
      return {{dtype, shape}};
    },
    .index_map =
        [](IndexContext& c) {
          const auto dimension = static_cast<std::size_t>(c.attr<std::int64_t>("dimension"));
          return c.exprs().convert(c.index(dimension), c.result_type().dtype);
        },
    .eval =
        [](EvalContext& c) {
          const auto dimension = static_cast<std::size_t>(c.attrs.get<std::int64_t>("dimension"));
          Literal& result = c.results[0];
          std::int64_t i = 0;
          for_each_index(result.type().shape,
                         [&](const Dims& index) { result.set_int(i++, index[dimension]); });
        },
    .samples = iota_samples,
};

}  // namespace adze
