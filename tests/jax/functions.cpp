#include "jax/functions.h"

namespace adze::testing {
namespace {

const FunctionTable& functions() {
  static const FunctionTable table = [] {
    FunctionTable all = nn_functions();
    all.merge(optim_functions());
    all.merge(random_functions());
    return all;
  }();
  return table;
}

}  // namespace

Graph trace_function(const std::string& name, const std::vector<TensorType>& types) {
  const auto found = functions().find(name);
  if (found == functions().end()) throw UsageError("there is no function '" + name + "'");
  const Function& function = found->second;
  if (types.size() != function.arity) {
    throw UsageError(name + " takes " + std::to_string(function.arity) + " arguments, not " +
                     std::to_string(types.size()));
  }
  std::vector<Array> arguments;
  for (const TensorType& type : types) arguments.push_back(zeros(type.shape, type.dtype));
  return trace(function.call, arguments);
}

}  // namespace adze::testing
