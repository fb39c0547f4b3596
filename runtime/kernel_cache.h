#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "passes/code_cache.h"
#include "runtime/cache_directory.h"

namespace adze {

/// Machine code in memory and, where there is a directory, on disk (cache_directory.h). Both are bounded in
/// size; what was not used for longest goes first. Thread-safe.
class KernelCache final : public CodeCache {
 public:
  struct Options {
    std::filesystem::path directory;                      ///< empty: in memory only
    std::uint64_t most_bytes = std::uint64_t{256} << 20;  ///< on disk
    std::uint64_t most_memory_bytes = std::uint64_t{64} << 20;
  };
  /// ADZE_CACHE_DIR ("off": in memory only; default: adze in $XDG_CACHE_HOME or in ~/.cache) and
  /// ADZE_CACHE_MEGABYTES. CompileError where the latter is not a number.
  static Options options_from_environment();

  explicit KernelCache(Options options);

  std::optional<std::string> find(std::string_view kind, std::string_view content) override;
  void insert(std::string_view kind, std::string_view content, std::string_view code) noexcept override;

  static CacheKey key_of(std::string_view kind, std::string_view content);

 private:
  struct Entry {
    CacheKey key;
    std::string code;
  };
  struct KeyHash {
    std::size_t operator()(const CacheKey& key) const { return static_cast<std::size_t>(key.low); }
  };
  std::optional<std::string> find_in_memory(const CacheKey& key);
  void keep_in_memory(const CacheKey& key, std::string_view code);

  const std::uint64_t most_memory_bytes_;
  std::optional<CacheDirectory> disk_;
  std::mutex mutex_;          ///< of everything below
  std::list<Entry> entries_;  ///< the last used first
  std::unordered_map<CacheKey, std::list<Entry>::iterator, KeyHash> by_key_;
  std::uint64_t memory_bytes_ = 0;
};

/// The cache of this process, set up as the environment says at the first use.
KernelCache& process_kernel_cache();

}  // namespace adze
