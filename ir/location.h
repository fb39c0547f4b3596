#pragma once

#include <string>
#include <string_view>

namespace adze {

/// Where in the user's program (or in an .adze file) a value was made. `label` names the composition the op
/// came from ("relu"), empty for a plain op. The strings live as long as the process: literals or `intern`.
struct Location {
  const char* file = "";
  int line = 0;
  const char* label = "";

  /// The caller's position, when used as a default argument.
  /// (std::source_location is missing in clang 14 with libstdc++ 12.)
  static constexpr Location current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line, ""};
  }
  constexpr Location labelled(const char* name) const { return {file, line, *label ? label : name}; }
  bool known() const { return line > 0; }
};

/// "net.cpp:42"; the directory is dropped. Empty when unknown.
std::string to_string(const Location& location);

/// A copy of `text` that lives as long as the process; thread-safe. For file names only: the set stays small.
const char* intern(std::string_view text);

}  // namespace adze
