#pragma once

#include <atomic>
#include <new>
#include <string>
#include <string_view>

#include "passes/target.h"
#include "runtime/cuda/cuda_driver.h"

namespace adze {

/// The primary context of one GPU, and what its errors mean. Thread-safe.
class CudaContext {
 public:
  /// RuntimeError: no such device, or what the driver says.
  CudaContext(const CudaDriver& driver, int ordinal);
  ~CudaContext();
  CudaContext(const CudaContext&) = delete;
  CudaContext& operator=(const CudaContext&) = delete;

  const CudaDriver& driver;
  const std::string& name() const { return name_; }
  const Target& target() const { return target_; }
  bool cooperative() const { return cooperative_; }

  /// Throws RuntimeError where the result is not CUDA_SUCCESS: device, call, CUDA's name of the error, and
  /// what can be done. After an error that CUDA does not recover from, every later one names that first one.
  void check(CUresult result, std::string_view call, const std::string& doing = {}) const;

  /// The context is this thread's to the end of the scope, whatever it had before. RuntimeError where it
  /// cannot be.
  class Current {
   public:
    explicit Current(const CudaContext& context);
    /// Where it cannot be, the calls below fail.
    Current(const CudaContext& context, std::nothrow_t) noexcept;
    ~Current();
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

   private:
    const CudaContext& context_;
    CUresult pushed_;
  };

 private:
  int attribute(CUdevice_attribute which, const char* what) const;

  std::string name_;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  Target target_;
  bool cooperative_ = false;
  mutable std::atomic<const std::string*> lost_ = nullptr;  ///< the error that took the device away
};

}  // namespace adze
