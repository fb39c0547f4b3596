#pragma once

#include "tests/fuzz/oracles.h"

namespace adze::fuzz {

/// What `oracle` says of the program, exceptions among it; empty: all is well.
std::string verdict(const Program& program, const Oracle& oracle);
/// The same by a process of its own, so that a crash and an endless loop are verdicts too.
std::string isolated_verdict(const Program& program, const Oracle& oracle);

/// A smaller program that `oracle` still rejects: one result, as early as possible, and nodes before it
/// replaced by parameters that hold their values. `judge`: one of the functions above.
Program minimise(const Program& program, const Oracle& oracle,
                 std::string (*judge)(const Program&, const Oracle&) = verdict);

}  // namespace adze::fuzz
