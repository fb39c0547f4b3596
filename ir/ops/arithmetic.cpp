#include "ir/op_helpers.h"

namespace adze {

const OpDef op_add = {
    .name = "add",
    .traits = {.commutative = true, .linear = true},
    .operand_names = {"lhs", "rhs"},
    .infer_types = infer_same,
    .transpose =
        [](TransposeContext& c) {
          return ValueList{c.is_linear(0) ? c.cotangent() : kNoValue,
                           c.is_linear(1) ? c.cotangent() : kNoValue};
        },
    .scalar = [](ScalarBuilder& b, std::span<const Scalar> x) { return b.add(x[0], x[1]); },
};

const OpDef op_sub = {
    .name = "sub",
    .traits = {.linear = true},
    .operand_names = {"lhs", "rhs"},
    .infer_types = infer_same,
    .transpose =
        [](TransposeContext& c) {
          return ValueList{c.is_linear(0) ? c.cotangent() : kNoValue,
                           c.is_linear(1) ? c.neg(c.cotangent()) : kNoValue};
        },
    .scalar = [](ScalarBuilder& b, std::span<const Scalar> x) { return b.sub(x[0], x[1]); },
};

const OpDef op_mul = {
    .name = "mul",
    .traits = {.commutative = true},
    .operand_names = {"lhs", "rhs"},
    .infer_types = infer_same,
    .jvp = [](JvpContext& c) -> ValueList {
      return c.add(c.mul(c.tangent(0), c.primal(1)), c.mul(c.primal(0), c.tangent(1)));
    },
    .transpose =
        [](TransposeContext& c) {
          return ValueList{c.is_linear(0) ? c.mul(c.cotangent(), c.operand(1)) : kNoValue,
                           c.is_linear(1) ? c.mul(c.cotangent(), c.operand(0)) : kNoValue};
        },
    .scalar = [](ScalarBuilder& b, std::span<const Scalar> x) { return b.mul(x[0], x[1]); },
};

const OpDef op_div = {
    .name = "div",
    .operand_names = {"lhs", "rhs"},
    .infer_types = infer_same,
    .jvp = [](JvpContext& c) -> ValueList {
      const ValueId by_lhs = c.div(c.tangent(0), c.primal(1));
      const ValueId by_rhs = c.div(c.mul(c.tangent(1), c.output()), c.primal(1));
      return c.sub(by_lhs, by_rhs);
    },
    .transpose =
        [](TransposeContext& c) {
          return ValueList{c.div(c.cotangent(), c.operand(1)), kNoValue};
        },
    .scalar = [](ScalarBuilder& b, std::span<const Scalar> x) { return b.div(x[0], x[1]); },
};

const OpDef op_neg = {
    .name = "neg",
    .traits = {.linear = true},
    .infer_types = infer_same,
    .transpose = [](TransposeContext& c) -> ValueList { return c.neg(c.cotangent()); },
    .scalar = [](ScalarBuilder& b, std::span<const Scalar> x) { return b.neg(x[0]); },
};

}  // namespace adze
