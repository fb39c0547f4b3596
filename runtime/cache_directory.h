#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace adze {

/// The name of an entry: a 128-bit hash of everything the code depends on.
struct CacheKey {
  std::uint64_t low = 0, high = 0;
  friend bool operator==(const CacheKey&, const CacheKey&) = default;
};

/// Code in files, one a key, safe with many threads and many processes at once.
///
/// A file is written beside its place and renamed into it, so a reader finds a whole file or none. It carries
/// its key, its size and a checksum; what does not fit (cut off, changed, of another version, of another
/// user, writable by others, not a file) counts as absent and is replaced by the next write. Nothing that
/// goes wrong with the disk is an error.
///
/// The size is bounded: kShards subdirectories have an equal share each, and in each the files that were not
/// used for longest go first. (Looking through one of them costs a sixteenth of looking through all, and that
/// has to be done while somebody waits for a compilation.)
class CacheDirectory {
 public:
  static constexpr std::size_t kShards = 16;
  /// What a file is taken to occupy is a multiple of this.
  static constexpr std::uint64_t kBlock = 4096;

  CacheDirectory(std::filesystem::path directory, std::uint64_t most_bytes);

  std::optional<std::string> read(const CacheKey& key) const;
  void write(const CacheKey& key, std::string_view code);
  std::filesystem::path path_of(const CacheKey& key) const;

 private:
  struct Header;
  /// What this process knows of a subdirectory; others write there too.
  struct Shard {
    bool scanned = false;
    std::uint64_t bytes = 0;    ///< found at the last look, plus what was written since
    std::uint64_t written = 0;  ///< since the last look
  };

  static std::size_t shard_of(const CacheKey& key) { return key.high >> 60; }
  std::uint64_t share() const { return most_bytes_ / kShards; }
  bool needs_look(std::size_t shard, std::uint64_t written);
  void make_room(std::size_t shard);

  const std::filesystem::path directory_;
  const std::uint64_t most_bytes_;
  std::mutex mutex_;
  std::array<Shard, kShards> shards_;
};

}  // namespace adze
