#pragma once

#include <utility>

#include "runtime/cuda/cuda_context.h"

namespace adze {

/// A stream or an event to the end of its scope. The context is current where it is made and destroyed.
class CudaStream {
 public:
  explicit CudaStream(const CudaContext& context) : context_(context) {
    context.check(context.driver.cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
  }
  ~CudaStream() { context_.driver.cuStreamDestroy(stream_); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  operator CUstream() const { return stream_; }  // NOLINT: implicit on purpose

 private:
  const CudaContext& context_;
  CUstream stream_ = nullptr;
};

class CudaEvent {
 public:
  explicit CudaEvent(const CudaContext& context) : context_(&context) {
    context.check(context.driver.cuEventCreate(&event_, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  }
  ~CudaEvent() {
    if (event_ != nullptr) context_->driver.cuEventDestroy(event_);
  }
  CudaEvent(CudaEvent&& other) noexcept
      : context_(other.context_), event_(std::exchange(other.event_, nullptr)) {}
  CudaEvent& operator=(CudaEvent&&) = delete;
  operator CUevent() const { return event_; }  // NOLINT: implicit on purpose

 private:
  const CudaContext* context_;
  CUevent event_ = nullptr;
};

}  // namespace adze
