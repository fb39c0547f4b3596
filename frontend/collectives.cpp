#include "adze/collectives.h"

#include <fmt/format.h>

#include "adze/ops.h"
#include "emit.h"

namespace adze {
namespace {

Attrs over(const std::string& axis_name) {
  return {{"axis_name", axis_name}};
}

}  // namespace

Array psum(Operand x, const std::string& axis_name) {
  return detail::apply(op_psum, {x}, over(axis_name));
}

Array pmean(Operand x, const std::string& axis_name) {
  const Composition here("pmean", x.at());
  const DType dtype = x.type().dtype;
  if (!is_float(dtype)) detail::fail(x, fmt::format("pmean: needs a float dtype, got {}", to_string(dtype)));
  return psum(x, axis_name) / astype(axis_size(axis_name, x.at()), dtype);
}

Array pmax(Operand x, const std::string& axis_name) {
  return detail::apply(op_pmax, {x}, over(axis_name));
}

Array pmin(Operand x, const std::string& axis_name) {
  return detail::apply(op_pmin, {x}, over(axis_name));
}

Array axis_index(const std::string& axis_name, Location at) {
  return detail::apply_nullary(op_axis_index, over(axis_name), at);
}

Array axis_size(const std::string& axis_name, Location at) {
  return psum(Operand(1, at), axis_name);  // a constant: batching makes a number of it
}

}  // namespace adze
