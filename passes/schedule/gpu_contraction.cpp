#include "passes/schedule/gpu_scheduler.h"

namespace adze::loop {

std::optional<std::vector<Stmt>> GpuScheduler::contraction(const Band&) {
  return std::nullopt;
}

}  // namespace adze::loop
