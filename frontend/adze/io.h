#pragma once

#include <string>
#include <utility>
#include <vector>

#include "adze/tree.h"

/// Trees in files.
namespace adze::io {

namespace detail {
void save(const std::string& path, const std::vector<std::string>& names,
          const std::vector<const Array*>& leaves);
void load(const std::string& path, const std::vector<std::string>& names, const std::vector<Array*>& leaves);
}  // namespace detail

/// Writes the Arrays of a tree as a safetensors file, named by their paths ("hidden.weight"). Written to a
/// temporary file and renamed, so a failure leaves what was there. IoError when that fails.
template <class T>
void save(const std::string& path, const T& tree) {
  detail::save(path, tree_paths(tree), adze::detail::leaf_pointers(tree));
}

/// Reads them back into a tree of the same paths, shapes and dtypes. IoError when the file is malformed,
/// lacks one, has others, or one differs in shape or dtype; `tree` is then unchanged.
template <class T>
void load(const std::string& path, T& tree) {
  detail::load(path, tree_paths(tree), adze::detail::leaf_pointers(tree));
}

}  // namespace adze::io
