#pragma once

#include <cstdlib>
#include <optional>

#include "runtime/device.h"

namespace adze::testing {

/// The device that ADZE_TEST_DEVICE names: tests that take one run on it too (bench/gpu.sh names a GPU).
inline std::optional<Device> test_device() {
  const char* name = std::getenv("ADZE_TEST_DEVICE");
  return name ? std::optional(parse_device(name)) : std::nullopt;
}

}  // namespace adze::testing
