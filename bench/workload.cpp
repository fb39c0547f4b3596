#include "bench/workload.h"

#include <chrono>

namespace adze::bench {

Setting usual_setting(Device device, double seconds) {
  switch (device.kind) {
    case DeviceKind::kCpu:
      return {device, seconds};
    case DeviceKind::kCuda:
      return {device, seconds, 10, 20, 50};
    case DeviceKind::kInterpreter:
    case DeviceKind::kCudaHost:
      return {device, seconds, 0, 1};
  }
  return {device, seconds};
}

std::vector<double> time_calls(const Setting& setting, const std::function<void()>& step,
                               const std::function<void()>& wait) {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t kMost = 1'000'000;
  std::vector<double> times;
  for (int i = 0; i < setting.warm_up; ++i) step();
  wait();
  const auto begin = Clock::now();
  const auto is_enough = [&] {
    if (times.size() < static_cast<std::size_t>(setting.least)) return false;
    return times.size() >= kMost ||
           std::chrono::duration<double>(Clock::now() - begin).count() >= setting.seconds;
  };
  while (!is_enough()) {
    const auto start = Clock::now();
    for (int i = 0; i < setting.group; ++i) step();
    wait();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count() / setting.group);
  }
  return times;
}

int calls_a_group(const std::function<void()>& call) {
  Setting once;
  once.warm_up = once.least = 1;
  once.seconds = 0;
  return time_calls(once, call, [] {})[0] < 10 ? 100 : 1;
}

}  // namespace adze::bench
