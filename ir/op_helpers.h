#pragma once

#include <string>
#include <vector>

#include "ir/op.h"
#include "ir/scalar_builder.h"

// What op files share. Not for anyone else.

namespace adze {

/// All operands of one type, which is the result's.
std::vector<TensorType> infer_same(InferContext& c);

}  // namespace adze
