#include "runtime/device.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "ir/errors.h"
#include "ir/suggest.h"

namespace adze {

std::string to_string(Device device) {
  switch (device.kind) {
    case DeviceKind::kCpu:
      return "cpu";
    case DeviceKind::kInterpreter:
      return "interpreter";
    case DeviceKind::kCuda:
      return fmt::format("cuda:{}", device.ordinal);
    case DeviceKind::kCudaHost:
      return "cuda-host";
  }
  return "?";
}

Device parse_device(std::string_view name) {
  for (const Device device :
       {Device::kCpu, Device::kInterpreter, Device(DeviceKind::kCuda), Device(DeviceKind::kCudaHost)}) {
    if (name == to_string(device)) return device;
  }
  constexpr std::string_view kCuda = "cuda", kNumbered = "cuda:";
  if (name == kCuda) return {DeviceKind::kCuda, 0};
  if (name.starts_with(kNumbered)) {
    int ordinal = -1;
    const char* const end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + kNumbered.size(), end, ordinal);
    if (error == std::errc() && rest == end && ordinal >= 0) return {DeviceKind::kCuda, ordinal};
  }
  constexpr std::array<std::string_view, 4> kNames = {"cpu", "interpreter", kCuda, "cuda-host"};
  throw RuntimeError(
      fmt::format("there is no device '{}'{} (known: cpu, interpreter, cuda, cuda:N, cuda-host)", name,
                  did_you_mean(name, kNames)));
}

}  // namespace adze
