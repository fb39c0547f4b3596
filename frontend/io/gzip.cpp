#include "frontend/io/gzip.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "ir/errors.h"

namespace adze::io {

std::string read_maybe_gzip(const std::string& path, std::size_t max_bytes) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) throw IoError(path + ": " + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) throw IoError(path + ": is not a regular file");
  errno = 0;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose_r);
  if (!file) throw IoError(path + ": " + (errno ? std::strerror(errno) : "out of memory"));
  std::string content;
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  while (true) {
    const std::size_t used = content.size();
    if (used > max_bytes) {
      throw IoError(path + ": holds more than " + std::to_string(max_bytes) + " bytes");
    }
    content.resize(used + kChunk);
    const int got = gzread(file.get(), content.data() + used, static_cast<unsigned>(kChunk));
    int code = Z_OK;
    const char* message = gzerror(file.get(), &code);
    // A gzip stream cut short ends with a short read and Z_BUF_ERROR.
    if (got < 0 || code == Z_BUF_ERROR || code == Z_DATA_ERROR) {
      throw IoError(path + ": " + (code == Z_BUF_ERROR ? "the gzip data is truncated" : message));
    }
    content.resize(used + static_cast<std::size_t>(got));
    if (got == 0) return content;
  }
}

}  // namespace adze::io
