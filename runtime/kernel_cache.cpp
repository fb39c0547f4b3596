#include "runtime/kernel_cache.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "ir/errors.h"
#include "ir/hash.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::string_view(value) : std::string_view();
}

/// Empty: nowhere.
fs::path cache_directory() {
  const std::string_view chosen = environment("ADZE_CACHE_DIR");
  if (chosen == "off") return {};
  std::error_code error;
  // The process may change its working directory later.
  if (!chosen.empty()) return fs::absolute(chosen, error);
  const fs::path cache = environment("XDG_CACHE_HOME"), home = environment("HOME");
  if (cache.is_absolute()) return cache / "adze";  // a relative one is to be ignored, says its specification
  return home.is_absolute() ? home / ".cache" / "adze" : fs::path();
}

}  // namespace

KernelCache::Options KernelCache::options_from_environment() {
  Options options;
  options.directory = cache_directory();
  if (const std::string_view text = environment("ADZE_CACHE_MEGABYTES"); !text.empty()) {
    std::uint32_t megabytes = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, megabytes);
    if (error != std::errc() || rest != end) {
      throw CompileError(fmt::format("ADZE_CACHE_MEGABYTES: expected a number of megabytes, got '{}'", text));
    }
    options.most_bytes = std::uint64_t{megabytes} << 20;
  }
  return options;
}

KernelCache::KernelCache(Options options) : most_memory_bytes_(options.most_memory_bytes) {
  if (!options.directory.empty()) disk_.emplace(std::move(options.directory), options.most_bytes);
}

CacheKey KernelCache::key_of(std::string_view kind, std::string_view content) {
  const XXH128_hash_t hash =
      XXH3_128bits_withSeed(content.data(), content.size(), hash_text(kind, kind.size()));
  return {hash.low64, hash.high64};
}

std::optional<std::string> KernelCache::find(std::string_view kind, std::string_view content) {
  const CacheKey key = key_of(kind, content);
  std::optional<std::string> code = find_in_memory(key);
  if (code || !disk_) return code;
  code = disk_->read(key);
  if (code) keep_in_memory(key, *code);
  return code;
}

void KernelCache::insert(std::string_view kind, std::string_view content, std::string_view code) noexcept {
  try {
    const CacheKey key = key_of(kind, content);
    keep_in_memory(key, code);
    if (disk_) disk_->write(key, code);
  } catch (...) {  // out of memory: then it is not kept
  }
}

std::optional<std::string> KernelCache::find_in_memory(const CacheKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->code;
}

void KernelCache::keep_in_memory(const CacheKey& key, std::string_view code) {
  if (code.size() > most_memory_bytes_) return;
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    memory_bytes_ -= found->second->code.size();
    entries_.erase(found->second);
    by_key_.erase(found);
  }
  entries_.push_front({key, std::string(code)});
  memory_bytes_ += code.size();
  by_key_.emplace(key, entries_.begin());
  while (memory_bytes_ > most_memory_bytes_) {
    memory_bytes_ -= entries_.back().code.size();
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

KernelCache& process_kernel_cache() {
  static auto* cache = new KernelCache(KernelCache::options_from_environment());  // compilers run until exit
  return *cache;
}

}  // namespace adze
