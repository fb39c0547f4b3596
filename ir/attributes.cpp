#include "ir/attributes.h"

#include <algorithm>
#include <bit>

#include "ir/graph.h"
#include "ir/hash.h"

namespace adze {
namespace {

std::uint64_t hash_dims(const Dims& dims, std::uint64_t seed) {
  return hash_bytes(dims.data(), dims.size() * sizeof(std::int64_t), hash_int(dims.size(), seed));
}

template <class T>
std::uint64_t hash_of(const T& value, std::uint64_t seed) {
  if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, bool> || std::is_same_v<T, DType>) {
    return hash_int(static_cast<std::uint64_t>(value), seed);
  } else if constexpr (std::is_same_v<T, double>) {
    return hash_int(std::bit_cast<std::uint64_t>(value), seed);
  } else if constexpr (std::is_same_v<T, Dims>) {
    return hash_dims(value, seed);
  } else if constexpr (std::is_same_v<T, DimPair>) {
    return hash_dims(value.rhs, hash_dims(value.lhs, seed));
  } else if constexpr (std::is_same_v<T, std::string>) {
    return hash_text(value, seed);
  } else if constexpr (std::is_same_v<T, ConstantRef>) {
    const std::uint64_t type =
        hash_dims(value->type().shape, hash_int(static_cast<std::uint64_t>(value->type().dtype), seed));
    return hash_bytes(value->bytes(), value->byte_size(), type);
  } else if constexpr (std::is_same_v<T, GraphList>) {
    seed = hash_int(value.size(), seed);
    for (const GraphRef& graph : value) seed = graph->hash(seed);
    return seed;
  } else {
    return value->hash(seed);
  }
}

}  // namespace

bool equal(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        const T& y = std::get<T>(b);
        if constexpr (std::is_same_v<T, ConstantRef> || std::is_same_v<T, GraphRef>) {
          return x == y || *x == *y;
        } else if constexpr (std::is_same_v<T, GraphList>) {
          return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                            [](const GraphRef& f, const GraphRef& g) { return f == g || *f == *g; });
        } else if constexpr (std::is_same_v<T, double>) {
          return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);  // NaN equals itself
        } else {
          return x == y;
        }
      },
      a);
}

std::uint64_t hash(const AttrValue& value, std::uint64_t seed) {
  return std::visit([&](const auto& x) { return hash_of(x, hash_int(value.index(), seed)); }, value);
}

std::string_view attr_kind_name(std::size_t alternative) {
  static constexpr std::string_view kNames[] = {
      "an integer",      "a float",  "a bool",     "a dtype",    "a list of integers",
      "a pair of lists", "a string", "a constant", "a function", "a list of functions"};
  static_assert(std::size(kNames) == std::variant_size_v<AttrValue>);
  return kNames[alternative];
}

Attrs::Attrs(std::initializer_list<std::pair<std::string, AttrValue>> entries) {
  for (const auto& [name, value] : entries) set(name, value);
}

void Attrs::set(std::string_view name, AttrValue value) {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), name,
                                   [](const auto& entry, std::string_view key) { return entry.first < key; });
  if (at != entries_.end() && at->first == name) {
    at->second = std::move(value);
  } else {
    entries_.emplace(at, std::string(name), std::move(value));
  }
}

void Attrs::erase(std::string_view name) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.first == name; });
}

const AttrValue* Attrs::find(std::string_view name) const {
  for (const auto& [key, value] : entries_) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::uint64_t Attrs::hash(std::uint64_t seed) const {
  for (const auto& [name, value] : entries_) seed = adze::hash(value, hash_text(name, seed));
  return seed;
}

bool operator==(const Attrs& a, const Attrs& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && equal(x.second, y.second);
  });
}

}  // namespace adze
