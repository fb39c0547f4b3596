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
  if (S_ISDIR(status.st_mode)) throw IoError(path + ": is a directory");
  // The size is known for regular files only, and is a hint even there: a file may change while it is read.
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  const auto check_size = [&](std::size_t size) {
    if (size <= max_bytes) return;
    throw IoError(path + ": holds more than the limit of " + std::to_string(max_bytes) + " bytes");
  };
  const std::size_t size = S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) : 0;
  check_size(size);
  std::size_t capacity = size + 1;  // a read that comes back short shows the end
  std::string content;
  while (true) {
    check_size(content.size());
    if (content.size() >= capacity) capacity = content.size() + kChunk;
    const std::size_t done = content.size();
    content.resize(capacity);
    const ssize_t got = read(file.fd, content.data() + done, content.size() - done);
    content.resize(done + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, errno);
    if (got == 0) return content;
  }
}

void write_file(const std::string& name, std::string_view content) {
  // A link stays one: the file it leads to is replaced. Devices and directories are no files to replace.
  std::string path = name;
  struct stat status {};
  if (stat(name.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) throw IoError(name + ": is not a regular file");
    if (char* real = realpath(name.c_str(), nullptr)) {
      path = real;
      std::free(real);
    }
  }
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
