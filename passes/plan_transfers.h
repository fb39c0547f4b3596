#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ir/loop_ir.h"

namespace adze {

/// One step of running a program on a device with memory of its own. The steps of a program are executed as
/// they stand: no copy happens that is not one of them. Results stay on the device; reading one copies it
/// out.
struct TransferStep {
  enum class Kind : std::uint8_t {
    kUpload,    ///< constant `position`: once, when the program is loaded
    kCopyIn,    ///< parameter `position`: to the device, unless it is there
    kTakeOver,  ///< parameter `position`, which is overwritten: the memory given up by the caller, or a copy
    kAllocate,  ///< result `position`: memory on the device
    kAlias,     ///< result `position`: the memory of parameter `source`
    kLaunch,    ///< all kernels
  };
  Kind kind = Kind::kLaunch;
  std::size_t position = 0;
  std::size_t source = 0;
  friend bool operator==(const TransferStep&, const TransferStep&) = default;
};

/// By parameter: does a kernel write to its memory, or a result live there?
std::vector<bool> overwritten_parameters(const loop::Program& program,
                                         const std::vector<std::optional<std::size_t>>& result_aliases);

/// Before: calls with all their places; `result_aliases` as in MemoryPlan. After: every constant, parameter
/// and result has its step, and the launch is the last one.
std::vector<TransferStep> plan_transfers(const loop::Program& program,
                                         const std::vector<std::optional<std::size_t>>& result_aliases);

/// One line a step: "copy in param 0 (1024 bytes) unless it is there".
std::string print(const loop::Program& program, const std::vector<TransferStep>& steps);

}  // namespace adze
