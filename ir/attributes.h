#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ir/literal.h"
#include "ir/types.h"

namespace adze {

class Graph;

/// Two parallel dimension lists, as in `contract = [1] x [0]` of dot_general.
struct DimPair {
  Dims lhs, rhs;
  friend bool operator==(const DimPair&, const DimPair&) = default;
};

/// Constants and subgraphs are shared, immutable, compared and hashed by content.
using ConstantRef = std::shared_ptr<const Literal>;
using GraphRef = std::shared_ptr<const Graph>;
using GraphList = std::vector<GraphRef>;

/// Everything an op attribute can be. Printing, parsing, hashing and comparing are generic over it.
using AttrValue = std::variant<std::int64_t, double, bool, DType, Dims, DimPair, std::string, ConstantRef,
                               GraphRef, GraphList>;

bool equal(const AttrValue& a, const AttrValue& b);
std::uint64_t hash(const AttrValue& value, std::uint64_t seed);
/// "an integer", "a list of integers", ...: the index is the alternative's place in AttrValue.
std::string_view attr_kind_name(std::size_t alternative);

/// The attributes of one node: (name, value) pairs sorted by name.
class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<std::string, AttrValue>> entries);

  void set(std::string_view name, AttrValue value);
  void erase(std::string_view name);
  const AttrValue* find(std::string_view name) const;
  /// The attribute as T; InternalError when missing or of another kind (the builder has checked both
  /// against OpDef::attrs before any rule runs).
  template <class T>
  const T& get(std::string_view name) const {
    const AttrValue* value = find(name);
    ADZE_CHECK(value && std::holds_alternative<T>(*value), "attribute " + std::string(name) + " missing");
    return std::get<T>(*value);
  }

  bool empty() const { return entries_.empty(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  std::uint64_t hash(std::uint64_t seed) const;
  friend bool operator==(const Attrs& a, const Attrs& b);

 private:
  std::vector<std::pair<std::string, AttrValue>> entries_;
};

}  // namespace adze
