#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace adze::io {

/// The whole content of a file (a pipe or terminal is read to its end). Throws IoError "path: ..." when it is
/// missing, unreadable, a directory or larger than `max_bytes`.
std::string read_file(const std::string& path, std::size_t max_bytes = std::size_t{1} << 34);

/// Writes to a temporary file beside `path`, then renames it: other processes see the old content or the new,
/// never half of it, and a failure leaves the old file. Throws IoError.
void write_file(const std::string& path, std::string_view content);

}  // namespace adze::io
