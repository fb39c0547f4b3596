#pragma once

#include <span>

#include "adze/array.h"
#include "adze/compile.h"
#include "emit.h"

/// Eager mode: runs one op on concrete Arrays. Each (op, attributes, operand types) is compiled once and
/// kept.
namespace adze::detail {

/// How the operands become the op's: as they are, or converted and broadcast as `apply_numpy` says.
enum class OperandForm : std::uint8_t { kPlain, kNumpy };

/// Emits the op the way `form` says.
ValueList emit_form(GraphBuilder& builder, OperandForm form, const OpDef& op, std::vector<ValueId> operands,
                    Attrs attrs);

std::vector<Array> run_eagerly(OperandForm form, const OpDef& op, std::span<const Array> operands,
                               const Attrs& attrs);

}  // namespace adze::detail
