#include "adze/tree.h"

#include <fmt/format.h>

#include <algorithm>

namespace adze::detail {

void PathCollector::enter(std::string_view name) {
  lengths_.push_back(path_.size());
  if (!path_.empty()) path_ += '.';
  path_ += name;
}

void PathCollector::enter(std::size_t index) {
  lengths_.push_back(path_.size());
  path_ += fmt::format("[{}]", index);
}

void PathCollector::leave() {
  path_.resize(lengths_.back());
  lengths_.pop_back();
}

void check_same_structure(const char* what, const StructureWriter& a, const StructureWriter& b) {
  if (a.bytes != b.bytes) throw TypeError(std::string(what) + ": the trees differ in structure");
}

void replace_leaves(const std::vector<Array*>& leaves, std::vector<Array> values) {
  if (leaves.size() != values.size()) {
    throw TypeError(fmt::format("tree: {} Arrays for a tree of {}", values.size(), leaves.size()));
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) *leaves[i] = std::move(values[i]);
}

}  // namespace adze::detail
