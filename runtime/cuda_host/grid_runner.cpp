#include "runtime/cuda_host/grid_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "ir/errors.h"

namespace adze::cuda_host {
namespace {

constexpr std::uint32_t kWarp = 32;
constexpr int kFill = 0xfb;  ///< each byte of fresh shared memory: a float of -2.6e36

}  // namespace

template <class F>
auto GridRunner::guarded(AdzeHost* host, F&& body) {
  auto& self = *static_cast<GridRunner*>(host->runner);
  try {
    return body(self);
  } catch (const std::exception& error) {
    self.error_ = error.what();
  }
  self.failed_ = true;
  for (;;) self.current_->fiber->suspend();  // for good: the scheduler stops
}

GridRunner::GridRunner(std::function<bool(const void*, std::size_t)> owns) : owns_(std::move(owns)) {
  host_.runner = this;
  host_.synchronize = [](AdzeHost* host, int line) {
    guarded(host, [&](GridRunner& self) { self.synchronize_threads(line); });
  };
  host_.shuffle_xor = [](AdzeHost* host, unsigned long long bits, int mask) -> unsigned long long {
    return guarded(host, [&](GridRunner& self) { return self.shuffle(bits, mask); });
  };
  host_.sleep = [](AdzeHost* host) { guarded(host, [](GridRunner& self) { self.wait(State::kSleeping); }); };
  host_.grid_barrier = [](AdzeHost* host, bool left) {
    guarded(host, [&](GridRunner& self) { self.pass_grid_barrier(left); });
  };
  host_.changed = [](AdzeHost* host) { ++static_cast<GridRunner*>(host->runner)->progress_; };
  host_.global = [](AdzeHost* host, const char* kernel, const char* buffer, void* data, long long count,
                    int size, bool written) -> AdzeHostRegion* {
    return guarded(host, [&](GridRunner& self) {
      return self.global_region(kernel, buffer, data, count, size, written);
    });
  };
  host_.shared = [](AdzeHost* host, const char* kernel, const char* buffer, long long offset, long long count,
                    int size, long long memory) -> AdzeHostRegion* {
    return guarded(host, [&](GridRunner& self) {
      return self.shared_region(kernel, buffer, offset, count, size, memory);
    });
  };
  host_.access = [](AdzeHost* host, const AdzeHostAccess* access) {
    guarded(host, [&](GridRunner& self) { self.check_access(*access); });
  };
  host_.register_out_of_bounds = [](AdzeHost* host, const char* kernel, const char* buffer, long long index,
                                    long long count) {
    guarded(host, [&](GridRunner& self) {
      fail(fmt::format("{}: {}[{}], which has {} elements, {}", kernel, buffer, index, count, self.where()));
    });
  };
}

void GridRunner::forget() {
  regions_.clear();
  used_.clear();
  phase_ = 0;
  next_block_id_ = 0;
}

// Launches.

void GridRunner::run(const Launch& launch) {
  launch_ = &launch;
  failed_ = false;
  host_.threads = launch.threads;
  host_.blocks = launch.blocks;
  const std::uint32_t together = launch.cooperative ? launch.blocks : 1;
  for (std::uint32_t first = 0; first < launch.blocks && !failed_; first += together) {
    run_live(launch, first, together);
  }
  next_block_id_ += static_cast<std::int32_t>(launch.blocks);
  if (failed_) throw RuntimeError("cuda-host: " + error_);
}

void GridRunner::run_live(const Launch& launch, std::uint32_t first, std::uint32_t count) {
  live_.resize(count);
  for (std::uint32_t b = 0; b < count; ++b) {
    Block& block = live_[b];
    block.index = first + b;
    block.id = next_block_id_ + static_cast<std::int32_t>(block.index);
    block.phase = phase_;
    block.epoch = 0;
    block.barriers_reached = block.waiting = block.done = 0;
    block.shuffling.assign((launch.threads + kWarp - 1) / kWarp, 0);
    block.shared_regions.clear();
    block.threads.resize(launch.threads);
    for (std::uint32_t t = 0; t < launch.threads; ++t) {
      Thread& thread = block.threads[t];
      thread.state = State::kReady;
      thread.block = b;
      thread.index = t;
    }
  }
  schedule();
  for (Block& block : live_) {
    phase_ = std::max(phase_, block.phase);
    for (Thread& thread : block.threads) {
      if (thread.fiber) idle_.push_back(std::move(thread.fiber));
    }
  }
}

void GridRunner::schedule() {
  for (;;) {
    const std::uint64_t before = progress_;
    bool alive = false;
    for (Block& block : live_) {
      for (Thread& thread : block.threads) {
        if (thread.state == State::kReady || thread.state == State::kSleeping) resume(thread);
        if (failed_) return;
        alive = alive || thread.state != State::kDone;
      }
    }
    if (!alive) return;
    if (progress_ == before) {
      error_ = deadlock();
      failed_ = true;
      return;
    }
  }
}

void GridRunner::resume(Thread& thread) {
  current_ = &thread;
  host_.thread = thread.index;
  host_.block = live_[thread.block].index;
  thread.state = State::kReady;
  if (!thread.fiber) {
    if (idle_.empty()) idle_.push_back(std::make_unique<Fiber>());
    thread.fiber = std::move(idle_.back());
    idle_.pop_back();
    thread.fiber->start(
        [](void* runner) {
          auto& self = *static_cast<GridRunner*>(runner);
          self.launch_->entry(self.launch_->pointers);
          self.current().state = State::kDone;
        },
        this);
  }
  thread.fiber->resume();
  if (thread.state != State::kSleeping) ++progress_;
  if (thread.state != State::kDone || failed_) return;
  idle_.push_back(std::move(thread.fiber));
  Block& block = live_[thread.block];
  ++block.done;
  const auto waits = std::find_if(block.threads.begin(), block.threads.end(),
                                  [](const Thread& t) { return t.state == State::kBarrier; });
  if (waits == block.threads.end()) return;
  error_ = fmt::format("thread {} of block {} ends while thread {} waits at a barrier", thread.index,
                       block.index, waits->index);
  failed_ = true;
}

std::string GridRunner::deadlock() const {
  std::string message = "threads wait for each other";
  const auto mention = [&](State state, const char* where) {
    for (const Block& block : live_) {
      for (const Thread& thread : block.threads) {
        if (thread.state != state) continue;
        message += fmt::format(", thread {} of block {} {}", thread.index, block.index, where);
        return;
      }
    }
  };
  mention(State::kBarrier, "at a barrier");
  mention(State::kShuffle, "in a shuffle");
  mention(State::kSleeping, "for other blocks");
  return message;
}

std::string GridRunner::where() const {
  return fmt::format("in thread {} of block {}", host_.thread, host_.block);
}

RaceCheck::Thread GridRunner::now() {
  const Block& block = current_block();
  return {block.id, static_cast<std::int32_t>(current_->index), block.epoch, block.phase};
}

void GridRunner::wait(State state) {
  current_->state = state;
  current_->fiber->suspend();
}

void GridRunner::fail(const std::string& message) {
  throw RuntimeError(message);
}

// What threads do together.

void GridRunner::synchronize_threads(int line) {
  Block& block = current_block();
  current_->line = line;
  if (block.done > 0) {
    fail(fmt::format("a barrier, {}, that threads of the block ended without", where()));
  }
  if (++block.waiting < block.threads.size()) return wait(State::kBarrier);
  for (Thread& thread : block.threads) {
    if (thread.line == line) continue;
    fail(fmt::format("threads {} and {} of block {} wait at different barriers", current_->index,
                     thread.index, block.index));
  }
  for (Thread& thread : block.threads) thread.state = State::kReady;
  block.waiting = 0;
  ++block.epoch;
  ++progress_;
}

std::uint64_t GridRunner::shuffle(std::uint64_t value, int lane_mask) {
  Block& block = current_block();
  Thread& self = *current_;
  const std::uint32_t warp = self.index / kWarp, first = warp * kWarp;
  const std::uint32_t lanes = std::min(kWarp, static_cast<std::uint32_t>(block.threads.size()) - first);
  self.bits = value;
  self.mask = lane_mask;
  if (++block.shuffling[warp] < lanes) {
    wait(State::kShuffle);
    return self.bits;
  }
  block.shuffling[warp] = 0;
  std::vector<std::uint64_t> sent(lanes);
  for (std::uint32_t lane = 0; lane < lanes; ++lane) sent[lane] = block.threads[first + lane].bits;
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    Thread& thread = block.threads[first + lane];
    const std::uint32_t from = lane ^ static_cast<std::uint32_t>(thread.mask);
    if (from < lanes) thread.bits = sent[from];
    thread.state = State::kReady;
  }
  ++progress_;
  return self.bits;
}

void GridRunner::pass_grid_barrier(bool leaving) {
  Block& block = current_block();
  if (!leaving) {
    ++block.barriers_reached;
    return;
  }
  for (const Block& other : live_) {
    if (other.barriers_reached < block.barriers_reached) {
      fail(fmt::format("block {} leaves a grid barrier that block {} has not reached", block.index,
                       other.index));
    }
  }
  ++block.phase;
}

// Memory.

Region* GridRunner::global_region(const char* kernel, const char* buffer, void* data, long long count,
                                  int size, bool is_written) {
  std::unique_ptr<Region>& slot = regions_[{data, size}];
  const auto bytes = static_cast<std::size_t>(count) * static_cast<std::size_t>(size);
  if (!slot) slot = std::make_unique<Region>(true);
  Region& region = *slot;
  if (region.races.elements() < static_cast<std::uint64_t>(count) || region.data == nullptr) {
    if (!owns_(data, bytes)) {
      fail(fmt::format("{}: {} ({} bytes) is not memory of the device, {}", kernel, buffer, bytes, where()));
    }
    region.data = data;
    region.element_bytes = static_cast<std::size_t>(size);
    region.races.grow(static_cast<std::uint64_t>(count));
  }
  const std::int32_t phase = current_block().phase;
  if (region.phase == phase && region.count >= count && (region.written || !is_written)) return &region;
  region.count = region.phase == phase ? std::max<std::int64_t>(region.count, count) : count;
  region.written = is_written || (region.written && region.phase == phase);
  region.phase = phase;
  std::erase_if(used_, [&](const Region* other) { return other->phase < phase || other == &region; });
  for (const Region* other : used_) {
    if ((other->written || region.written) && other->overlaps(region)) {
      fail(fmt::format("{}: {} overlaps another buffer of the same phase that is written to, {}", kernel,
                       buffer, where()));
    }
  }
  used_.push_back(&region);
  return &region;
}

Region* GridRunner::shared_region(const char* kernel, const char* buffer, long long offset, long long count,
                                  int size, long long memory) {
  Block& block = current_block();
  const auto bytes = static_cast<std::size_t>(count) * static_cast<std::size_t>(size);
  if (offset < 0 || static_cast<std::size_t>(offset) + bytes > static_cast<std::size_t>(memory)) {
    fail(fmt::format("{}: {} ends behind the {} bytes of shared memory", kernel, buffer, memory));
  }
  const std::size_t words = (static_cast<std::size_t>(memory) + 7) / 8;
  if (block.shared.size() < words) {
    if (!block.shared_regions.empty()) fail("shared memory grows during a launch");
    block.shared.resize(words);
  }
  std::unique_ptr<Region>& slot = block.shared_regions[{offset, size}];
  if (!slot) slot = std::make_unique<Region>(false);
  Region& region = *slot;
  if (region.declared == block.epoch && region.count >= count) return &region;
  region.count = count;
  region.data = reinterpret_cast<std::byte*>(block.shared.data()) + offset;
  region.element_bytes = static_cast<std::size_t>(size);
  for (const auto& [place, other] : block.shared_regions) {
    if (other.get() != &region && other->data != nullptr && other->overlaps(region) &&
        other->touched == block.epoch) {
      fail(fmt::format("{}: {} takes over shared memory that was used since the last barrier, {}", kernel,
                       buffer, where()));
    }
  }
  region.declared = block.epoch;
  std::memset(region.data, kFill, bytes);
  region.races = RaceCheck(static_cast<std::uint64_t>(count), false);
  return &region;
}

void GridRunner::check_access(const AdzeHostAccess& access) {
  auto& region = *static_cast<Region*>(access.region);
  const RaceCheck::Thread thread = now();
  region.touched = thread.epoch;
  const char* verb = access.write ? "writes" : "reads";
  if (access.index < 0 || access.index > access.count - access.lanes) {
    fail(fmt::format("{}: {} {}[{}], which has {} elements, {}", access.kernel, verb, access.buffer,
                     access.index < 0 ? access.index : std::max(access.index, access.count), access.count,
                     where()));
  }
  const auto index = static_cast<std::size_t>(access.index);
  const auto lanes = static_cast<std::size_t>(access.lanes);
  const auto place = reinterpret_cast<std::uintptr_t>(region.begin() + index * region.element_bytes);
  if (place % (lanes * region.element_bytes) != 0) {
    fail(fmt::format("{}: {} {} elements at {}[{}], which is not aligned to that, {}", access.kernel, verb,
                     lanes, access.buffer, index, where()));
  }
  for (std::size_t i = index; i < index + lanes; ++i) {
    if (const auto other = region.races.access(i, thread, access.write)) {
      fail(fmt::format("{}: race: thread {} of block {} {} {}[{}], which {}", access.kernel, thread.thread,
                       thread.block, verb, access.buffer, i, *other));
    }
  }
}

}  // namespace adze::cuda_host
