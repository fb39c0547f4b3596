#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/types.h"

namespace adze::testing {

/// A case asks for what does not exist.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The graph of a function of the frontend, by name ("nn.softmax"), for arguments of these types. UsageError
/// when there is none of that name, or it takes another number of arguments.
Graph trace_function(const std::string& name, const std::vector<TensorType>& types);

}  // namespace adze::testing
