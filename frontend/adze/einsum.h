#pragma once

#include <string_view>
#include <vector>

#include "adze/array.h"

namespace adze {

/// Einstein's summation: einsum("ij,jk->ik", a, b) is a matrix product. One term of letters an operand, one
/// letter an axis; axes of one letter have one size, and what the output does not name is summed over.
/// Without "->" the output has the letters that occur once, in alphabetical order. A letter twice in a term
/// takes the diagonal. "..." stands for further axes, which broadcast and, without "->", come first. Blanks
/// count nothing.
///
/// Operands are converted to one dtype and contracted by twos with `dot_general`, those first that leave the
/// least to be done. TypeError where the terms do not fit the operands.
Array einsum(std::string_view spec, Operand a);
Array einsum(std::string_view spec, Operand a, Operand b);
Array einsum(std::string_view spec, Operand a, Operand b, Operand c);
Array einsum(std::string_view spec, const std::vector<Array>& operands, Location at = Location::current());

}  // namespace adze
