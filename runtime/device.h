#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace adze {

enum class DeviceKind : std::uint8_t {
  kCpu,          ///< machine code for the host
  kInterpreter,  ///< the reference meaning, op by op: slow, for comparison
  kCuda,         ///< an NVIDIA GPU
  kCudaHost,     ///< the host executing the source made for a GPU: slow, for comparison
};

/// Where programs run: a name for it, nothing is opened by making one.
struct Device {
  DeviceKind kind = DeviceKind::kCpu;
  int ordinal = 0;  ///< which of the GPUs

  constexpr Device() = default;
  constexpr Device(DeviceKind of, int number = 0) : kind(of), ordinal(number) {}  // NOLINT: implicit

  static const Device kCpu, kInterpreter;
  friend bool operator==(const Device&, const Device&) = default;
};
inline constexpr Device Device::kCpu{DeviceKind::kCpu};
inline constexpr Device Device::kInterpreter{DeviceKind::kInterpreter};

/// Does it have memory of its own, run by a GpuDevice?
constexpr bool is_gpu(Device device) {
  return device.kind == DeviceKind::kCuda || device.kind == DeviceKind::kCudaHost;
}

std::string to_string(Device device);  ///< "cpu", "interpreter", "cuda:0", "cuda-host"
/// The device of such a name; "cuda" is "cuda:0". RuntimeError where there is no device of that name.
Device parse_device(std::string_view name);

}  // namespace adze
