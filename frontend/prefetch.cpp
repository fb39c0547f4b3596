#include "adze/data.h"
#include "frontend/array_state.h"
#include "runtime/gpu_device.h"

namespace adze::data {

/// The batch the loop has, and the one after it, whose copy is under way.
struct Prefetched::Iterator::Pass {
  using Batch = std::pair<Array, Array>;
  Batches batches;
  GpuDevice* device;  ///< nullptr: nothing to copy
  std::int64_t position = 0;
  Batch now = {}, next = {};

  Batch start(std::int64_t at) const {
    if (at >= batches.size()) return {};
    Batch batch = batches.at(at);
    if (device != nullptr) {
      for (const Array* array : {&batch.first, &batch.second}) {
        detail::ArrayAccess::state(*array)->buffer->copy_ahead(*device);
      }
    }
    return batch;
  }
};

Prefetched::Prefetched(Batches batches, Device device) : batches_(std::move(batches)), device_(device) {
  if (is_gpu(device_)) gpu_device(device_);
}

Prefetched::Iterator Prefetched::begin() const {
  GpuDevice* const device = is_gpu(device_) ? &gpu_device(device_) : nullptr;
  auto pass = std::make_shared<Iterator::Pass>(Iterator::Pass{batches_, device});
  pass->now = pass->start(0);
  if (device != nullptr) pass->next = pass->start(1);
  return Iterator(std::move(pass));
}

Prefetched::Iterator::value_type Prefetched::Iterator::operator*() const {
  return pass_->now;
}

Prefetched::Iterator& Prefetched::Iterator::operator++() {
  Pass& pass = *pass_;
  ++pass.position;
  if (pass.device == nullptr) {
    pass.now = pass.start(pass.position);
    return *this;
  }
  // The batch just done goes first: its memory is that of the one being started.
  pass.now = std::exchange(pass.next, {});
  pass.next = pass.start(pass.position + 1);
  return *this;
}

bool Prefetched::Iterator::at_end() const {
  return pass_->position >= pass_->batches.size();
}

Prefetched prefetch(Batches batches, Device device) {
  return {std::move(batches), device};
}

}  // namespace adze::data
