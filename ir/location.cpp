#include "ir/location.h"

#include <mutex>
#include <set>

namespace adze {

std::string to_string(const Location& location) {
  if (!location.known()) return "";
  const std::string_view path = location.file;
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return std::string(name) + ":" + std::to_string(location.line);
}

const char* intern(std::string_view text) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> names;  // nodes never move, so c_str() stays valid
  const std::lock_guard lock(mutex);
  auto found = names.find(text);
  if (found == names.end()) found = names.emplace(text).first;
  return found->c_str();
}

}  // namespace adze
