#include "ir/op_helpers.h"

namespace adze {

const OpDef op_neg =
    elementwise("neg", {.dtypes = DTypeSet::kNumeric,
                        .traits = {.linear = true},
                        .fold =
                            [](FoldContext& c) {
                              const Node* producer = c.producer(0);
                              return producer && producer->op == &op_neg ? producer->operands[0] : kNoValue;
                            },
                        .transpose = [](TransposeContext& c) { return c.neg(c.cotangent()); },
                        .scalar = [](ScalarBuilder& b, Args x) { return b.neg(x[0]); },
                        .samples = unary_samples({.dtypes = DTypeSet::kNumeric, .low = -100, .high = 100})});

}  // namespace adze
