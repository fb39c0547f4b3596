#include "runtime/gpu_device.h"

#include "ir/errors.h"

namespace adze {

GpuDevice& gpu_device(Device device) {
  ADZE_CHECK(is_gpu(device), "a device with memory of its own");
  return device.kind == DeviceKind::kCuda ? cuda_device(device.ordinal) : cuda_host_device();
}

// Until the driver layer is there.
GpuDevice& cuda_device(int) {
  throw RuntimeError("cuda: this build has no CUDA back end");
}
int cuda_device_count() {
  throw RuntimeError("cuda: this build has no CUDA back end");
}

}  // namespace adze
