#pragma once

#include <stdexcept>
#include <string>

namespace adze {

/// Root of everything Adze throws. `what()` is the whole message, without the leading "error: ".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Shapes, dtypes or attributes do not fit an op.
class TypeError : public Error {
 public:
  using Error::Error;
};

/// A graph or function cannot be differentiated or compiled as asked.
class CompileError : public Error {
 public:
  using Error::Error;
};

/// A compiled function or an eager op was called wrongly.
class RuntimeError : public Error {
 public:
  using Error::Error;
};

/// A file is missing, malformed or cannot be written. The message starts with `path:` or `path:line:column:`.
class IoError : public Error {
 public:
  using Error::Error;
};

/// A broken invariant of the compiler itself: never the user's fault.
class InternalError : public Error {
 public:
  using Error::Error;
};

[[noreturn]] void internal_error(const char* file, int line, const std::string& message);

}  // namespace adze

/// Checks an invariant of the compiler; throws InternalError. Never for user input.
#define ADZE_CHECK(condition, message)                                       \
  do {                                                                       \
    if (!(condition)) ::adze::internal_error(__FILE__, __LINE__, (message)); \
  } while (false)
