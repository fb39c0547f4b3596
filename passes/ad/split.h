#pragma once

#include <functional>
#include <vector>

#include "ir/op.h"

namespace adze {

/// The derivative of `graph` along its `active` parameters, split into what does not depend on tangents and
/// what is linear in them. A value that the tangents need is saved as a residual where it is a parameter or
/// `may_save` allows it (without `may_save`: always), and computed again in the tangent part from what is
/// saved where it does not. Constants, and what is made of them alone, are never saved.
SplitDerivative split_derivative(const Graph& graph, const std::vector<bool>& active,
                                 const std::function<bool(const Graph&, const Node&)>& may_save = {});

}  // namespace adze
