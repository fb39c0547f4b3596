#include "ir/suggest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace adze {
namespace {

constexpr std::size_t kLongestName = 64;  // bounds the cost; nobody mistypes longer names by a letter

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates,
                         std::string_view sigil) {
  if (name.size() > kLongestName) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(name.size(), 3) / 3 + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongestName) continue;
    // An abbreviation ("dim" for "dimension") is as near as one wrong letter.
    const bool is_abbreviation = name.size() >= 3 && candidate.starts_with(name);
    const std::size_t distance = is_abbreviation ? 1 : edit_distance(name, candidate);
    if (distance < best_distance && distance < std::min(name.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best.empty() ? std::string() : "; did you mean '" + std::string(sigil) + std::string(best) + "'?";
}

}  // namespace adze
