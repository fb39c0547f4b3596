#include "runtime/cache_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <tuple>
#include <vector>

#include "ir/hash.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".code";
constexpr std::string_view kTemporary = "writing-";  ///< files that are not whole yet begin with this
constexpr std::time_t kAbandonedSeconds = 3600;      ///< whoever wrote a file this old no longer does

/// An open file; closed at the end.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

bool read_all(const File& file, char* to, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::read(file.get(), to, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(const File& file, const char* from, std::size_t size) {
  while (size > 0) {
    const ssize_t put = ::write(file.get(), from, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    from += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

/// Nobody else can have put it there or can change it.
bool is_trusted(const struct stat& status) {
  return status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Makes the directory where it is missing. False where it cannot be had, or is another user's.
bool have_directory(const fs::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return false;
    if (::stat(path.c_str(), &status) != 0) return false;
  }
  return S_ISDIR(status.st_mode) && is_trusted(status);
}

std::uint64_t occupied(std::uint64_t bytes) {
  return (bytes + CacheDirectory::kBlock - 1) / CacheDirectory::kBlock * CacheDirectory::kBlock;
}

bool is_entry(std::string_view name) {
  return name.size() == 32 + kSuffix.size() && name.ends_with(kSuffix) &&
         name.find_first_not_of("0123456789abcdef") == 32;
}

}  // namespace

struct CacheDirectory::Header {
  char magic[8];
  std::uint64_t version;
  std::uint64_t key_low, key_high;
  std::uint64_t size;      ///< of the code behind the header
  std::uint64_t checksum;  ///< of the header with a zero here, and of the code

  static Header of(const CacheKey& key, std::string_view code) {
    Header header = {{'A', 'D', 'Z', 'E', 'C', 'O', 'D', 'E'}, 1, key.low, key.high, code.size(), 0};
    header.checksum = hash_text(code, hash_bytes(&header, sizeof header, 0));
    return header;
  }
};

CacheDirectory::CacheDirectory(fs::path directory, std::uint64_t most_bytes)
    : directory_(std::move(directory)), most_bytes_(most_bytes) {}

fs::path CacheDirectory::path_of(const CacheKey& key) const {
  return directory_ / fmt::format("{:x}", shard_of(key)) /
         fmt::format("{:016x}{:016x}{}", key.high, key.low, kSuffix);
}

std::optional<std::string> CacheDirectory::read(const CacheKey& key) const {
  // Not blocking: a pipe of that name must not stop a compilation.
  const File file(::open(path_of(key).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status = {};
  if (!file || ::fstat(file.get(), &status) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode) || !is_trusted(status)) return std::nullopt;
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (bytes < sizeof(Header) || bytes > most_bytes_) return std::nullopt;

  Header header = {};
  std::string code(bytes - sizeof header, '\0');
  if (!read_all(file, reinterpret_cast<char*>(&header), sizeof header)) return std::nullopt;
  if (!read_all(file, code.data(), code.size())) return std::nullopt;
  const Header expected = Header::of(key, code);
  if (std::memcmp(&header, &expected, sizeof header) != 0) return std::nullopt;
  ::futimens(file.get(), nullptr);  // used now: the last to go; where it cannot be said, it goes earlier
  return code;
}

void CacheDirectory::write(const CacheKey& key, std::string_view code) {
  const std::uint64_t bytes = occupied(sizeof(Header) + code.size());
  if (bytes > share()) return;
  const fs::path path = path_of(key);
  std::error_code ignored;
  fs::create_directories(directory_.parent_path(), ignored);
  if (!have_directory(directory_) || !have_directory(path.parent_path())) return;

  std::string temporary = (path.parent_path() / kTemporary).string() + "XXXXXX";
  bool whole = false;
  {
    const File file(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
    if (!file) return;
    const Header header = Header::of(key, code);
    whole = write_all(file, reinterpret_cast<const char*>(&header), sizeof header) &&
            write_all(file, code.data(), code.size());
  }
  if (!whole || ::rename(temporary.c_str(), path.c_str()) != 0) {
    ::unlink(temporary.c_str());  // no room, most likely: leave none of it behind
    return;
  }
  if (needs_look(shard_of(key), bytes)) make_room(shard_of(key));
}

bool CacheDirectory::needs_look(std::size_t shard, std::uint64_t written) {
  const std::lock_guard lock(mutex_);
  Shard& state = shards_[shard];
  state.bytes += written;
  state.written += written;
  // Now and then in any case, for what other processes write.
  return !state.scanned || state.bytes > share() || state.written > share() / 8;
}

void CacheDirectory::make_room(std::size_t shard) {
  // One at a time, and nobody waits: whoever has the lock does the work.
  const File lock(::open((directory_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return;

  struct Found {
    timespec used;
    std::uint64_t bytes;
    std::string path;
  };
  std::vector<Found> files;
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator entry(directory_ / fmt::format("{:x}", shard), error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    struct stat status = {};
    if (::lstat(entry->path().c_str(), &status) != 0) continue;
    if (name.starts_with(kTemporary)) {
      if (std::time(nullptr) - status.st_mtim.tv_sec > kAbandonedSeconds) ::unlink(entry->path().c_str());
    } else if (is_entry(name)) {
      const std::uint64_t bytes = occupied(static_cast<std::uint64_t>(status.st_size));
      total += bytes;
      files.push_back({status.st_mtim, bytes, entry->path().string()});
    }
  }
  if (total > share()) {
    std::sort(files.begin(), files.end(), [](const Found& a, const Found& b) {
      return std::tie(a.used.tv_sec, a.used.tv_nsec, a.path) <
             std::tie(b.used.tv_sec, b.used.tv_nsec, b.path);
    });
    // A little more than needed, so that not every write has to; never the last one used.
    const std::uint64_t enough = share() - share() / 8;
    for (std::size_t i = 0; i + 1 < files.size() && total > enough; ++i) {
      if (::unlink(files[i].path.c_str()) == 0) total -= files[i].bytes;
    }
  }
  const std::lock_guard guard(mutex_);
  shards_[shard] = {true, total, 0};
}

}  // namespace adze
