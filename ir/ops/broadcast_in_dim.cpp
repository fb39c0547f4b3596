#include "ir/op_helpers.h"

namespace adze {

// dims[i] is the result dim that operand dim i becomes; operand dims of size 1 are stretched.
const OpDef op_broadcast_in_dim = {
    .name = "broadcast_in_dim",
    .pattern = OpPattern::kIndexMap,
    .traits = {.linear = true},
    .attrs = {{"shape", Dims{}}, {"dims", Dims{}}},
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      const Dims& shape = c.attr<Dims>("shape");
      const Dims& dims = c.attr<Dims>("dims");
      const TensorType& x = c.operand(0);
      if (dims.size() != x.shape.size()) {
        c.fail("dims " + to_string(dims) + " must name one result dimension for each of the operand's " +
               std::to_string(x.rank()));
      }
      for (std::size_t i = 0; i < dims.size(); ++i) {
        if (dims[i] < 0 || dims[i] >= static_cast<std::int64_t>(shape.size())) {
          c.fail("dims " + to_string(dims) + " reach outside the result shape " + to_string(shape));
        }
        if (i && dims[i] <= dims[i - 1]) c.fail("dims " + to_string(dims) + " must increase");
        if (x.shape[i] != 1 && x.shape[i] != shape[static_cast<std::size_t>(dims[i])]) {
          c.fail("operand shape " + to_string(x.shape) + " does not fit " + to_string(shape) +
                 " along dims " + to_string(dims));
        }
      }
      return {{x.dtype, shape}};
    },
    .index_map =
        [](IndexContext& c) {
          const Dims& dims = c.attr<Dims>("dims");
          std::vector<Scalar> index;
          for (std::size_t i = 0; i < dims.size(); ++i) {
            const bool stretched = c.operand_type(0).shape[i] == 1;
            index.push_back(stretched ? c.exprs().index(0) : c.index(static_cast<std::size_t>(dims[i])));
          }
          return c.load(0, std::move(index));
        },
};

}  // namespace adze
