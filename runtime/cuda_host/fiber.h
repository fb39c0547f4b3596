#pragma once

#include <ucontext.h>

#include <cstddef>
#include <memory>

namespace adze::cuda_host {

/// A function with a stack of its own, which can stop in the middle and go on later: one thread of a block.
/// It is resumed by the host thread that started it. A fiber may be dropped or started anew while it is
/// suspended; what its stack held is then never destroyed.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// The next `resume` enters `body(argument)`.
  void start(void (*body)(void*), void* argument);
  /// Runs until `suspend` is called on the fiber, or `body` returns.
  void resume();
  /// Back to who resumed this fiber; returns at the next `resume`.
  void suspend();

 private:
  static void enter(unsigned low, unsigned high);
  void switch_out(bool last);

  std::byte* stack_ = nullptr;
  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  ucontext_t own_{}, host_{};
  // For the sanitizers, which follow stacks.
  [[maybe_unused]] void *own_fake_stack_ = nullptr, *host_fake_stack_ = nullptr;
  [[maybe_unused]] const void* host_stack_ = nullptr;
  [[maybe_unused]] std::size_t host_stack_bytes_ = 0;
  [[maybe_unused]] void *own_tsan_ = nullptr, *host_tsan_ = nullptr;
};

}  // namespace adze::cuda_host
