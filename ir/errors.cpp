#include "ir/errors.h"

namespace adze {

void internal_error(const char* file, int line, const std::string& message) {
  throw InternalError("internal error: " + message + " (" + file + ":" + std::to_string(line) + ")");
}

}  // namespace adze
