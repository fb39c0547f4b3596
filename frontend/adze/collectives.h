#pragma once

#include <string>

#include "adze/array.h"

/// What one member of a batch may ask of all of them. `axis_name` is the name that a vmap around gives its
/// axis; where none does, compiling (and running, outside of a trace) is a CompileError. Derivatives as in
/// JAX: psum is its own transpose.
namespace adze {

/// The sum over the members, elementwise; the same for all of them.
Array psum(Operand x, const std::string& axis_name);
/// The mean over the members, elementwise. A float dtype is needed.
Array pmean(Operand x, const std::string& axis_name);
/// The largest over the members, elementwise. Members that tie share the derivative.
Array pmax(Operand x, const std::string& axis_name);
/// The smallest over the members, elementwise. Members that tie share the derivative.
Array pmin(Operand x, const std::string& axis_name);
/// Which member this is: i32, from 0.
Array axis_index(const std::string& axis_name, Location at = Location::current());
/// How many members there are: i32.
Array axis_size(const std::string& axis_name, Location at = Location::current());

}  // namespace adze
