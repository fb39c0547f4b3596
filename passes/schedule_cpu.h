#pragma once

#include "ir/loop_ir.h"
#include "passes/target.h"

namespace adze {

/// Picks vector loops, register tiles and unrolling for the target, and writes down what it did in
/// Kernel::schedule. Innermost contiguous axes go into lanes, tails are masked; contractions become register
/// tiles (MR x NV with MR*NV + NV + 1 <= vector registers, tails equalised); operands that no lane axis
/// reads contiguously are packed first. Kernels that call libm stay scalar.
loop::Kernel schedule_cpu(loop::Kernel kernel, const Target& target);

}  // namespace adze
