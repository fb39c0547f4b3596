#pragma once

#include <cuda.h>

#include <string>

#include "codegen/cuda/shared_library.h"

namespace adze {

/// Every function of the driver that is used. cuda.h's macros give the names their versions (cuMemAlloc_v2).
// clang-format off
#define ADZE_CUDA_FUNCTIONS(X) \
  X(cuInit) X(cuDriverGetVersion) X(cuGetErrorName) X(cuGetErrorString) X(cuDeviceGetCount) \
  X(cuDeviceGet) X(cuDeviceGetName) X(cuDeviceGetAttribute) X(cuDevicePrimaryCtxRetain) \
  X(cuDevicePrimaryCtxRelease) X(cuCtxPushCurrent) X(cuCtxPopCurrent) X(cuMemAlloc) X(cuMemFree) \
  X(cuMemHostAlloc) X(cuMemFreeHost) X(cuMemcpyHtoDAsync) X(cuMemcpyDtoHAsync) X(cuMemcpyDtoDAsync) \
  X(cuMemsetD8Async) X(cuStreamCreate) X(cuStreamDestroy) X(cuStreamSynchronize) X(cuStreamWaitEvent) \
  X(cuEventCreate) X(cuEventDestroy) X(cuEventRecord) X(cuEventSynchronize) X(cuEventQuery) \
  X(cuModuleLoadData) X(cuModuleUnload) X(cuModuleGetFunction) X(cuLaunchKernel) \
  X(cuLaunchCooperativeKernel) X(cuOccupancyMaxActiveBlocksPerMultiprocessor) X(cuGraphCreate) \
  X(cuGraphDestroy) X(cuGraphAddKernelNode) X(cuGraphInstantiate) X(cuGraphExecDestroy) \
  X(cuGraphExecKernelNodeSetParams) X(cuGraphLaunch)
// clang-format on

/// libcuda, loaded and initialised: as many members as it has functions above.
struct CudaDriver {
  SharedLibrary library;
  int version = 0;
#define ADZE_DECLARE(name) decltype(&::name) name = nullptr;
  ADZE_CUDA_FUNCTIONS(ADZE_DECLARE)
#undef ADZE_DECLARE

  /// RuntimeError: no driver, too old, no device, or what cuInit says.
  CudaDriver();
  int device_count() const;
  /// "CUDA_ERROR_OUT_OF_MEMORY: out of memory"
  std::string describe(CUresult result) const;
};

/// Opened at the first use that succeeds, and kept.
const CudaDriver& cuda_driver();

/// The oldest driver that has all of it, as cuDriverGetVersion says it: 12.0.
inline constexpr int kOldestCudaDriver = 12000;

}  // namespace adze
