#pragma once

#include <adze/adze.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace adze::testing {

/// A case asks for what does not exist.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A function of the frontend, and how many arguments it takes.
struct Function {
  std::size_t arity;
  std::function<std::vector<Array>(const std::vector<Array>& a)> call;
};
using FunctionTable = std::map<std::string, Function>;

FunctionTable nn_functions();
FunctionTable optim_functions();
FunctionTable random_functions();

/// The graph of a function by name ("nn.softmax"), for arguments of these types. UsageError when there is
/// none of that name, or it takes another number of arguments.
Graph trace_function(const std::string& name, const std::vector<TensorType>& types);

}  // namespace adze::testing
