#include "runtime/cuda_host/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstdint>

#include "ir/errors.h"

#if defined(__SANITIZE_ADDRESS__)
#define ADZE_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define ADZE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADZE_ASAN 1
#elif __has_feature(thread_sanitizer)
#define ADZE_TSAN 1
#endif
#endif
#ifdef ADZE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef ADZE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace adze::cuda_host {
namespace {

// Mapped, so that only what is touched is memory; the page below it belongs to nobody.
constexpr std::size_t kStackBytes = 256 * 1024;

std::size_t page_bytes() {
  return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Fiber::Fiber() {
  const std::size_t page = page_bytes();
  void* memory = mmap(nullptr, kStackBytes + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw RuntimeError("cuda-host: out of memory for the stacks of threads");
  mprotect(memory, page, PROT_NONE);
  stack_ = static_cast<std::byte*>(memory) + page;
#ifdef ADZE_TSAN
  own_tsan_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
  const std::size_t page = page_bytes();
#ifdef ADZE_ASAN
  ASAN_UNPOISON_MEMORY_REGION(stack_, kStackBytes);
#endif
#ifdef ADZE_TSAN
  __tsan_destroy_fiber(own_tsan_);
#endif
  munmap(stack_ - page, kStackBytes + page);
}

void Fiber::start(void (*body)(void*), void* argument) {
#ifdef ADZE_ASAN
  ASAN_UNPOISON_MEMORY_REGION(stack_, kStackBytes);  // frames that were dropped
  own_fake_stack_ = nullptr;
#endif
  body_ = body;
  argument_ = argument;
  getcontext(&own_);
  own_.uc_stack.ss_sp = stack_;
  own_.uc_stack.ss_size = kStackBytes;
  own_.uc_link = nullptr;
  const auto self = std::bit_cast<std::uintptr_t>(this);
  makecontext(&own_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self),
              static_cast<unsigned>(static_cast<std::uint64_t>(self) >> 32));
}

void Fiber::enter(unsigned low, unsigned high) {
  const auto self = static_cast<std::uintptr_t>(low | (static_cast<std::uint64_t>(high) << 32));
  auto* fiber = std::bit_cast<Fiber*>(self);
#ifdef ADZE_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &fiber->host_stack_, &fiber->host_stack_bytes_);
#endif
  fiber->body_(fiber->argument_);
  fiber->switch_out(true);
}

void Fiber::resume() {
#ifdef ADZE_ASAN
  __sanitizer_start_switch_fiber(&host_fake_stack_, stack_, kStackBytes);
#endif
#ifdef ADZE_TSAN
  host_tsan_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(own_tsan_, 0);
#endif
  swapcontext(&host_, &own_);
#ifdef ADZE_ASAN
  __sanitizer_finish_switch_fiber(host_fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
  switch_out(false);
}

void Fiber::switch_out([[maybe_unused]] bool last) {
#ifdef ADZE_ASAN
  __sanitizer_start_switch_fiber(last ? nullptr : &own_fake_stack_, host_stack_, host_stack_bytes_);
#endif
#ifdef ADZE_TSAN
  __tsan_switch_to_fiber(host_tsan_, 0);
#endif
  swapcontext(&own_, &host_);
#ifdef ADZE_ASAN
  __sanitizer_finish_switch_fiber(own_fake_stack_, &host_stack_, &host_stack_bytes_);
#endif
}

}  // namespace adze::cuda_host
