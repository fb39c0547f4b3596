#ifdef ADZE_CUDA_HEADERS

#include "runtime/cuda/cuda_context.h"

#include <fmt/format.h>

#include <array>

#include "ir/errors.h"

namespace adze {
namespace {

/// Errors of work that ran: the context can do nothing any more.
bool is_final(CUresult result) {
  switch (result) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
      return true;
    default:
      return false;
  }
}

std::string_view advice(CUresult result) {
  switch (result) {
    case CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE:
      return "; ADZE_LAUNCH=graph launches its kernels one by one";
    case CUDA_ERROR_INVALID_IMAGE:
    case CUDA_ERROR_NO_BINARY_FOR_GPU:
    case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
      return "; the driver may be older than NVRTC: update it, or name an older NVRTC by ADZE_NVRTC";
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
      return "; another process may have it to itself";
    case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
      return "; the machine must be started again after an update of the driver";
    default:
      return "";
  }
}

}  // namespace

CudaContext::CudaContext(const CudaDriver& cu, int ordinal)
    : driver(cu), name_(fmt::format("cuda:{}", ordinal)) {
  const int count = driver.device_count();
  if (ordinal < 0 || ordinal >= count) {
    throw RuntimeError(fmt::format("{}: there is no such device, the driver shows {}", name_,
                                   count == 1 ? "only cuda:0" : fmt::format("cuda:0 to cuda:{}", count - 1)));
  }
  check(driver.cuDeviceGet(&device_, ordinal), "cuDeviceGet");
  std::array<char, 256> text = {};
  check(driver.cuDeviceGetName(text.data(), static_cast<int>(text.size()) - 1, device_), "cuDeviceGetName");
  const int capability = 10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, "compute capability") +
                         attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, "compute capability");
  target_ = gpu_target(capability, attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, "multiprocessors"));
  cooperative_ = attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, "cooperative launch") != 0;
  name_ = fmt::format("{} ({})", name_, text.data());
  check(driver.cuDevicePrimaryCtxRetain(&context_, device_), "cuDevicePrimaryCtxRetain");
}

CudaContext::~CudaContext() {
  driver.cuDevicePrimaryCtxRelease(device_);
  delete lost_.load();
}

int CudaContext::attribute(CUdevice_attribute which, const char* what) const {
  int value = 0;
  check(driver.cuDeviceGetAttribute(&value, which, device_), "cuDeviceGetAttribute",
        fmt::format("asking for its {}", what));
  return value;
}

void CudaContext::check(CUresult result, std::string_view call, const std::string& doing) const {
  if (result == CUDA_SUCCESS) return;
  const std::string where = doing.empty() ? "" : " while " + doing;
  const std::string what =
      fmt::format("{}: {} failed{}: {}{}", name_, call, where, driver.describe(result), advice(result));
  if (const std::string* const first = lost_.load()) {
    throw RuntimeError(fmt::format("{}; the device was lost to this process before: {}", what, *first));
  }
  if (!is_final(result)) throw RuntimeError(what);
  auto* const kept = new std::string(what);
  const std::string* expected = nullptr;
  if (!lost_.compare_exchange_strong(expected, kept)) delete kept;
  throw RuntimeError(what +
                     "; a kernel has gone wrong and the device is lost to this process: start it again "
                     "(compute-sanitizer finds the kernel)");
}

CudaContext::Current::Current(const CudaContext& context) : Current(context, std::nothrow) {
  context_.check(pushed_, "cuCtxPushCurrent");
}

CudaContext::Current::Current(const CudaContext& context, std::nothrow_t) noexcept
    : context_(context), pushed_(context.driver.cuCtxPushCurrent(context.context_)) {}

CudaContext::Current::~Current() {
  CUcontext ignored = nullptr;
  if (pushed_ == CUDA_SUCCESS) context_.driver.cuCtxPopCurrent(&ignored);
}

}  // namespace adze

#endif
