#pragma once

#include <string>
#include <vector>

#include "runtime/device.h"

namespace adze {

/// Machine code for the host: the default.
constexpr Device cpu() {
  return DeviceKind::kCpu;
}
/// The reference meaning, op by op: slow, for comparison.
constexpr Device interpreter() {
  return DeviceKind::kInterpreter;
}
/// NVIDIA GPU number `ordinal`. Where there is none, what runs on it throws RuntimeError with the reason.
constexpr Device cuda(int ordinal = 0) {
  return {DeviceKind::kCuda, ordinal};
}
/// The host executing the source that is made for a GPU: slow, for comparison.
constexpr Device cuda_host() {
  return DeviceKind::kCudaHost;
}

/// A device as `devices` found it.
struct DeviceInfo {
  Device device;
  std::string description;  ///< "cuda:0 (NVIDIA H100 80GB HBM3)"; empty where there is a problem
  std::string problem;      ///< why it cannot be used, as a sentence; empty: it can
};
/// Every device there is, and what stands in the way of those that might be. Opens the GPUs.
std::vector<DeviceInfo> devices();

/// While alive, ops on this thread that run outside a trace, and functions compiled without a device of their
/// own, use this device. The default is cpu().
class DeviceScope {
 public:
  explicit DeviceScope(Device device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Device saved_;
};

}  // namespace adze
