#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "codegen/cuda/host_interface.h"
#include "runtime/cuda_host/fiber.h"
#include "runtime/cuda_host/region.h"

namespace adze::cuda_host {

/// Runs launches of one program on the calling thread. The threads of a block are fibers, which go on in turn
/// from barrier to barrier; the blocks of a cooperative launch live at once, those of others run one after
/// the other.
///
/// Every access is checked: its bounds, and that no other thread touches the same element with nothing
/// between the two (calls of one phase may run at once, so nothing is between them either). So are barriers
/// that not all threads reach. What is wrong is a RuntimeError naming kernel, buffer, index, block and
/// thread.
class GridRunner {
 public:
  /// `owns(data, bytes)`: is that memory of the device?
  explicit GridRunner(std::function<bool(const void*, std::size_t)> owns);
  GridRunner(const GridRunner&) = delete;
  GridRunner& operator=(const GridRunner&) = delete;

  AdzeHost* host() { return &host_; }  ///< for adze_attach

  struct Launch {
    void (*entry)(void* const* pointers) = nullptr;
    void* const* pointers = nullptr;
    std::uint32_t blocks = 1, threads = 1;
    bool cooperative = false;
  };
  /// Forgets what memory was used for: a run of a program begins, or has ended.
  void forget();
  /// All launches so far are done before the next ones.
  void begin_phase() { ++phase_; }
  void run(const Launch& launch);

 private:
  enum class State : std::uint8_t { kReady, kSleeping, kBarrier, kShuffle, kDone };
  struct Thread {
    State state = State::kReady;
    std::uint32_t block = 0, index = 0;  ///< place in live_, in the block
    std::unique_ptr<Fiber> fiber;        ///< from its start to its end
    int line = 0;                        ///< kBarrier: of the barrier
    std::uint64_t bits = 0;              ///< kShuffle: exchanged
    int mask = 0;
  };
  struct Block {
    std::uint32_t index = 0;
    std::int32_t id = 0;                 ///< differs between launches of one phase
    std::int32_t phase = 0, epoch = 0;   ///< as in RaceCheck::Thread
    std::uint32_t barriers_reached = 0;  ///< of the grid
    std::uint32_t waiting = 0, done = 0;
    std::vector<std::uint32_t> shuffling;  ///< by warp
    std::vector<Thread> threads;
    std::vector<std::uint64_t> shared;
    std::map<std::pair<long long, int>, std::unique_ptr<Region>> shared_regions;
  };

  void run_live(const Launch& launch, std::uint32_t first, std::uint32_t count);
  void schedule();
  void resume(Thread& thread);
  std::string deadlock() const;
  Thread& current() { return *current_; }
  Block& current_block() { return live_[current_->block]; }
  RaceCheck::Thread now();
  std::string where() const;
  void wait(State state);
  [[noreturn]] static void fail(const std::string& message);
  /// A callback's body. Its caller cannot be unwound: what is thrown ends the launch, and this never returns.
  template <class F>
  static auto guarded(AdzeHost* host, F&& body);

  void synchronize_threads(int at);
  std::uint64_t shuffle(std::uint64_t value, int lane_mask);
  void pass_grid_barrier(bool leaving);
  Region* global_region(const char* kernel, const char* buffer, void* data, long long count, int size,
                        bool is_written);
  Region* shared_region(const char* kernel, const char* buffer, long long offset, long long count, int size,
                        long long memory);
  void check_access(const AdzeHostAccess& access);

  AdzeHost host_{};
  std::function<bool(const void*, std::size_t)> owns_;
  const Launch* launch_ = nullptr;
  std::int32_t phase_ = 0, next_block_id_ = 0;
  std::vector<Block> live_;
  std::vector<std::unique_ptr<Fiber>> idle_;
  Thread* current_ = nullptr;
  std::uint64_t progress_ = 0;  ///< what sleeping threads may wait for
  std::string error_;
  bool failed_ = false;
  std::map<std::pair<const void*, int>, std::unique_ptr<Region>> regions_;
  std::vector<Region*> used_;  ///< in this phase
};

}  // namespace adze::cuda_host
