#pragma once

#include <span>
#include <string>
#include <string_view>

namespace adze {

/// "; did you mean 'add'?" with the candidate nearest to `name` (by Levenshtein distance, at most a third of
/// its length), or nothing. Ends an error message about an unknown name; `sigil` stands before the name
/// shown.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates,
                         std::string_view sigil = "");

}  // namespace adze
