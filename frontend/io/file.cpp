#include "frontend/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "ir/errors.h"

namespace adze::io {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  throw IoError(path + ": " + std::strerror(error));
}

/// Closes a descriptor on every way out.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

std::string read_file(const std::string& path, std::size_t max_bytes) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail(path, errno);
  struct stat status {};
  if (fstat(file.fd, &status) != 0) fail(path, errno);
  if (!S_ISREG(status.st_mode)) throw IoError(path + ": is not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > max_bytes) {
    throw IoError(path + ": has " + std::to_string(size) + " bytes, more than the limit of " +
                  std::to_string(max_bytes));
  }
  std::string content(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = read(file.fd, content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, errno);
    if (got == 0) break;  // the file shrank meanwhile
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

void write_file(const std::string& path, std::string_view content) {
  std::string temporary = path + ".XXXXXX";
  {
    const Descriptor file{mkstemp(temporary.data())};
    if (file.fd < 0) fail(path, errno);
    const auto abandon = [&](int error) {
      unlink(temporary.c_str());
      fail(path, error);
    };
    while (!content.empty()) {
      const ssize_t wrote = write(file.fd, content.data(), std::min(content.size(), std::size_t{1} << 30));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) abandon(errno);
      content.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (fchmod(file.fd, 0644) != 0 || fsync(file.fd) != 0) abandon(errno);
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    fail(path, error);
  }
}

}  // namespace adze::io
