#pragma once

#include <cstddef>
#include <string>

namespace adze::io {

/// The whole content of a file, decompressed when it is gzip. Throws IoError: missing, unreadable, corrupt or
/// truncated gzip, or more than `max_bytes` of content.
std::string read_maybe_gzip(const std::string& path, std::size_t max_bytes = std::size_t{1} << 32);

}  // namespace adze::io
