#include <charconv>
#include <vector>

#include "frontend/io/gzip.h"
#include "frontend/io/tables.h"

namespace adze::io {
namespace {

[[noreturn]] void fail(const std::string& path, std::size_t line, std::size_t column,
                       const std::string& message) {
  throw IoError(path + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message);
}

}  // namespace

Literal read_csv(const std::string& path) {
  const std::string text = read_maybe_gzip(path);
  std::vector<float> values;
  std::size_t columns = 0, rows = 0, line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    ++line;
    std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    std::string_view row(text.data() + begin, end - begin);
    begin = end + 1;
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty() || row.front() == '#') continue;
    std::size_t count = 0;
    const char* const first = row.data();
    const char* const last = first + row.size();
    for (const char* at = first;; ++at) {
      while (at != last && *at == ' ') ++at;
      const std::size_t column = static_cast<std::size_t>(at - first) + 1;
      float value = 0;
      const auto [stop, error] = std::from_chars(at, last, value);
      if (error == std::errc::result_out_of_range) fail(path, line, column, "number out of the range of f32");
      if (error != std::errc()) fail(path, line, column, "expected a number");
      values.push_back(value);
      ++count;
      at = stop;
      while (at != last && *at == ' ') ++at;
      if (at == last) break;
      if (*at != ',')
        fail(path, line, static_cast<std::size_t>(at - first) + 1, "expected ',' after a number");
    }
    if (columns == 0) columns = count;
    if (count != columns) {
      fail(path, line, 1,
           "has " + std::to_string(count) + " numbers, but the rows before have " + std::to_string(columns));
    }
    ++rows;
  }
  if (rows == 0) throw IoError(path + ":1:1: holds no rows");
  return Literal::from<float>({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}, values);
}

}  // namespace adze::io
