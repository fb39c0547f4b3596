#ifdef ADZE_CUDA_HEADERS

#include "runtime/cuda/pinned_staging.h"

#include <fmt/format.h>

namespace adze {

PinnedStaging::~PinnedStaging() {
  for (const Slot& slot : slots_) {
    if (slot.memory != nullptr) context_.driver.cuMemFreeHost(slot.memory);
  }
}

PinnedStaging::Slot& PinnedStaging::take(std::size_t bytes) {
  Slot* best = nullptr;
  for (Slot& slot : slots_) {
    const CUresult state = context_.driver.cuEventQuery(slot.copied);
    if (state == CUDA_ERROR_NOT_READY) continue;
    context_.check(state, "cuEventQuery", "looking for pinned memory");
    const bool fits = slot.bytes >= bytes, best_fits = best != nullptr && best->bytes >= bytes;
    if (best == nullptr || (fits && (!best_fits || slot.bytes < best->bytes))) best = &slot;
  }
  if ((best == nullptr || best->bytes < bytes) && slots_.size() < kMost) {
    slots_.reserve(kMost);
    best = &slots_.emplace_back(Slot{nullptr, 0, CudaEvent(context_)});
  }
  if (best == nullptr) {
    best = &slots_[oldest_++ % kMost];
    context_.check(context_.driver.cuEventSynchronize(best->copied), "cuEventSynchronize",
                   "waiting for pinned memory");
  }
  if (best->bytes < bytes) grow(*best, bytes);
  return *best;
}

void PinnedStaging::grow(Slot& slot, std::size_t bytes) {
  if (slot.memory != nullptr) context_.driver.cuMemFreeHost(slot.memory);
  slot.memory = nullptr;
  slot.bytes = 0;
  context_.check(context_.driver.cuMemHostAlloc(&slot.memory, bytes, 0), "cuMemHostAlloc",
                 fmt::format("allocating {} bytes of pinned memory", bytes));
  slot.bytes = bytes;
}

}  // namespace adze

#endif
