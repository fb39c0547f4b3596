#include "runtime/gpu_device.h"

#include "ir/errors.h"

namespace adze {

GpuDevice& gpu_device(Device device) {
  ADZE_CHECK(is_gpu(device), "a device with memory of its own");
  return device.kind == DeviceKind::kCuda ? cuda_device(device.ordinal) : cuda_host_device();
}

}  // namespace adze
