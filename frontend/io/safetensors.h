#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/literal.h"

namespace adze::io {

/// Tensors by name, in file order.
using NamedLiterals = std::vector<std::pair<std::string, Literal>>;

/// Writes the safetensors format (an 8-byte little-endian header size, a JSON header, the data), to a
/// temporary file that is then renamed. Throws IoError; names must differ.
void save_safetensors(const std::string& path, const NamedLiterals& tensors);

/// Reads it back; the header is not trusted: sizes, offsets and overlaps are checked. Tensors of other dtypes
/// than ours are an IoError naming them.
NamedLiterals load_safetensors(const std::string& path);

}  // namespace adze::io
