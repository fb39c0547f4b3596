#pragma once

#include <string>
#include <string_view>

#include "ir/literal.h"

namespace adze::io {

/// The array of a .npy file: versions 1.0 to 3.0, little-endian f32, f64, i32, i64, u32 or bool. Fortran
/// order is turned into row-major. Throws IoError "path: byte N: ..." for anything malformed, truncated or
/// followed by something else.
Literal load_npy(const std::string& path);
/// The same from memory; `name` stands for the path in messages.
Literal parse_npy(std::string_view bytes, const std::string& name);

/// Writes a .npy file, row-major, atomically. Throws IoError.
void save_npy(const std::string& path, const Literal& literal);
/// The bytes that `save_npy` writes.
std::string npy_bytes(const Literal& literal);

}  // namespace adze::io
