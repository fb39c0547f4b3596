#pragma once

#include <string>

#include "ir/literal.h"

// Readers of data files: what `adze/data.h` turns into Arrays. Gzip or plain, found out by content.

namespace adze::io {

/// A table of numbers separated by commas, one row a line, equally many in each: f32[rows, columns]. Blank
/// lines and lines that start with # are skipped. Throws IoError "path:line:column: ...".
Literal read_csv(const std::string& path);

/// An IDX file (the format of MNIST): u8 data become i32, the other element types i32, f32 or f64.
/// Throws IoError "path: byte N: ...".
Literal read_idx(const std::string& path);

}  // namespace adze::io
