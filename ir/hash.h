#pragma once

#define XXH_INLINE_ALL  // header only: nothing to link
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace adze {

inline std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed) {
  return XXH3_64bits_withSeed(data, size, seed);
}
inline std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
  return hash_bytes(text.data(), text.size(), seed);
}
inline std::uint64_t hash_int(std::uint64_t value, std::uint64_t seed) {
  return hash_bytes(&value, sizeof(value), seed);
}

}  // namespace adze
