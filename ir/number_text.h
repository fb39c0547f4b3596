#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ir/literal.h"
#include "ir/types.h"

/// Numbers as text that reads back bit for bit: shared by the printers and the parser.
namespace adze {

/// Shortest text that parses back to the same bits: "42", "true", "0.1", "-inf", "nan" for the canonical
/// quiet NaN, "0x7fc00001" for any other. `bits` is zero-extended.
std::string format_number(DType dtype, std::uint64_t bits);

struct ParsedNumber {
  std::uint64_t bits = 0;
  std::string error;  ///< empty when good: "is not a number", "does not fit i32", ...
};
/// Inverse of `format_number`. Floats also take integers; hexadecimal means bits, for floats only.
ParsedNumber parse_number(DType dtype, std::string_view text);

/// Two digits a byte, in memory order.
std::string to_hex(const Literal& literal);
/// Inverse: fills `literal`; false when `text` is not exactly its bytes.
bool from_hex(std::string_view text, Literal& literal);

/// Element `i` of a literal, zero-extended; and back.
std::uint64_t element_bits(const Literal& literal, std::int64_t i);
void set_element_bits(Literal& literal, std::int64_t i, std::uint64_t bits);

}  // namespace adze
