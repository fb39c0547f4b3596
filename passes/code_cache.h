#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace adze {

/// Machine code by content hash, as back ends see it (runtime/kernel_cache.h keeps it in memory and on disk).
class CodeCache {
 public:
  virtual ~CodeCache() = default;
  /// `kind`: "llvm", "cubin", "ptx", "host"; `content`: everything the code depends on, back end and version
  /// included.
  virtual std::optional<std::string> find(std::string_view kind, std::string_view content) = 0;
  /// Never fails: what cannot be kept is not kept.
  virtual void insert(std::string_view kind, std::string_view content, std::string_view code) noexcept = 0;
};

}  // namespace adze
