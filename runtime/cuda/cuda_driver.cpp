#ifdef ADZE_CUDA_HEADERS

#include "runtime/cuda/cuda_driver.h"

#include <fmt/format.h>

#include <array>
#include <mutex>

#include "ir/errors.h"

namespace adze {
namespace {

#define ADZE_TEXT_OF(name) #name
#define ADZE_TEXT(name) ADZE_TEXT_OF(name)

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

const std::array<std::string, 2> kNames = {"libcuda.so.1", "libcuda.so"};

}  // namespace

CudaDriver::CudaDriver()
    : library(SharedLibrary::open("NVIDIA's driver (libcuda)", "ADZE_CUDA_DRIVER", kNames)) {
  // What is needed to say that it is too old is as old as the driver itself.
  library.find(cuDriverGetVersion, "cuDriverGetVersion");
  library.find(cuGetErrorName, "cuGetErrorName");
  library.find(cuGetErrorString, "cuGetErrorString");
  if (const CUresult result = cuDriverGetVersion(&version); result != CUDA_SUCCESS) {
    throw RuntimeError(fmt::format("cuda: cuDriverGetVersion failed: {}", describe(result)));
  }
  if (version < kOldestCudaDriver) {
    throw RuntimeError(fmt::format("cuda: the driver {} is too old: it is for CUDA {}, {} or later is needed",
                                   library.path(), version_text(version), version_text(kOldestCudaDriver)));
  }
#define ADZE_FIND(name) library.find(name, ADZE_TEXT(name));
  ADZE_CUDA_FUNCTIONS(ADZE_FIND)
#undef ADZE_FIND
  const CUresult result = cuInit(0);
  if (result == CUDA_ERROR_NO_DEVICE) {
    throw RuntimeError(
        fmt::format("cuda: no device: the driver {} finds no GPU it can use (CUDA_VISIBLE_DEVICES "
                    "may hide them)",
                    library.path()));
  }
  if (result != CUDA_SUCCESS) throw RuntimeError(fmt::format("cuda: cuInit failed: {}", describe(result)));
}

int CudaDriver::device_count() const {
  int count = 0;
  if (const CUresult result = cuDeviceGetCount(&count); result != CUDA_SUCCESS) {
    throw RuntimeError(fmt::format("cuda: cuDeviceGetCount failed: {}", describe(result)));
  }
  if (count == 0) {
    throw RuntimeError(
        fmt::format("cuda: no device: the driver {} shows no GPU (CUDA_VISIBLE_DEVICES may hide "
                    "them)",
                    library.path()));
  }
  return count;
}

std::string CudaDriver::describe(CUresult result) const {
  const char *name = nullptr, *text = nullptr;
  if (cuGetErrorName(result, &name) != CUDA_SUCCESS || name == nullptr) {
    return fmt::format("error {}, which the driver has no name for", static_cast<int>(result));
  }
  if (cuGetErrorString(result, &text) != CUDA_SUCCESS || text == nullptr) return name;
  return fmt::format("{}: {}", name, text);
}

const CudaDriver& cuda_driver() {
  static std::mutex mutex;
  // Kept to the end of the process: memory on the device may be freed as late as that.
  static const CudaDriver* driver = nullptr;
  const std::lock_guard lock(mutex);
  if (driver == nullptr) driver = new CudaDriver;
  return *driver;
}

}  // namespace adze

#endif
