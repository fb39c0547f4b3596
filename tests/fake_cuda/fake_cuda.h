#pragma once

#include <cuda.h>

#include <map>
#include <string>
#include <vector>

/// A driver and an NVRTC made of host memory, in one shared object: streams run as late as they may, so what
/// is not waited for shows; every call can be made to fail; what is alive is counted.
namespace fake_cuda {

struct Settings {
  int driver_version = 13000;
  int devices = 2;
  int multiprocessors = 4;
  int blocks_per_multiprocessor = 1;
  bool cooperative = true;
  std::size_t memory = std::size_t{1} << 30;  ///< of each device, in bytes
  bool knows_minimal = true;                  ///< NVRTC's --minimal
  std::vector<int> architectures = {80, 90};
  /// Kernels are run (by the host); otherwise launches are only counted.
  bool execute = true;
  /// The `fail_at`-th call from now on of that function ("cuMemAlloc_v2", "*": of any) fails.
  std::string fail_function;
  int fail_at = 0;
  CUresult fail_with = CUDA_ERROR_UNKNOWN;
};

struct Counters {
  int contexts = 0, blocks = 0, host_blocks = 0, streams = 0, events = 0, modules = 0, graphs = 0,
      graph_executables = 0, programs = 0;
  std::size_t bytes = 0;
  friend bool operator==(const Counters&, const Counters&) = default;
};

/// Everything tests see and set.
class Control {
 public:
  virtual ~Control() = default;
  virtual Settings& settings() = 0;
  virtual Counters alive() const = 0;
  /// Names of calls since `forget`, in order.
  virtual const std::vector<std::string>& calls() const = 0;
  virtual int count(const std::string& function) const = 0;
  /// What happened on the streams since `forget`: "copy in 16", "kernel adze_add", "wait", ...
  virtual const std::vector<std::string>& done() const = 0;
  /// What no correct program does: memory freed twice, accesses beyond an allocation, ...
  virtual const std::vector<std::string>& misuse() const = 0;
  virtual void forget() = 0;
  /// A device that was lost is given back; settings are as at the start.
  virtual void reset() = 0;
};

}  // namespace fake_cuda

extern "C" fake_cuda::Control* fake_cuda_control();
