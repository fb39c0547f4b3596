#include "passes/arena_packing.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace adze {
namespace {

using Order = std::vector<std::size_t>;

bool overlap_in_time(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.first <= b.last && b.first <= a.last;
}

/// Places the buffers in this order, each into the smallest gap that it fits in between those already placed
/// that live at the same time. Returns the end of the highest.
std::int64_t best_fit(std::vector<ArenaBuffer>& buffers, const Order& order) {
  std::int64_t peak = 0;
  Order placed;  // by offset
  for (const std::size_t i : order) {
    ArenaBuffer& buffer = buffers[i];
    std::int64_t free_from = 0, best_gap = INT64_MAX, best = -1;
    for (const std::size_t j : placed) {
      const ArenaBuffer& other = buffers[j];
      if (!overlap_in_time(buffer, other)) continue;
      const std::int64_t gap = other.offset - free_from;
      if (gap >= buffer.bytes && gap < best_gap) {
        best_gap = gap;
        best = free_from;
      }
      free_from = std::max(free_from, other.offset + other.bytes);
    }
    buffer.offset = best >= 0 ? best : free_from;
    peak = std::max(peak, buffer.offset + buffer.bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), i,
                         [&](std::size_t a, std::size_t b) { return buffers[a].offset < buffers[b].offset; }),
        i);
  }
  return peak;
}

std::size_t end_of_time(const std::vector<ArenaBuffer>& buffers) {
  std::size_t end = 0;
  for (const ArenaBuffer& buffer : buffers) end = std::max(end, buffer.last + 1);
  return end;
}

}  // namespace

std::int64_t lower_bound_bytes(const std::vector<ArenaBuffer>& buffers) {
  std::vector<std::int64_t> change(end_of_time(buffers) + 1, 0);
  for (const ArenaBuffer& buffer : buffers) {
    change[buffer.first] += buffer.bytes;
    change[buffer.last + 1] -= buffer.bytes;
  }
  std::int64_t alive = 0, most = 0;
  for (const std::int64_t delta : change) most = std::max(most, alive += delta);
  return most;
}

std::int64_t pack(std::vector<ArenaBuffer>& buffers) {
  const std::int64_t bound = lower_bound_bytes(buffers);
  const auto lifetime = [&](std::size_t i) {
    return static_cast<std::int64_t>(buffers[i].last - buffers[i].first + 1);
  };
  Order best_order(buffers.size());
  std::iota(best_order.begin(), best_order.end(), std::size_t{0});
  std::int64_t best = INT64_MAX;
  std::vector<ArenaBuffer> best_buffers;
  const auto attempt = [&](const Order& order) {
    const std::int64_t peak = best_fit(buffers, order);
    if (peak >= best) return false;
    best = peak;
    best_order = order;
    best_buffers = buffers;
    return true;
  };

  const auto by = [&](const std::function<std::int64_t(std::size_t)>& key) {
    Order order(buffers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
    return order;
  };
  attempt(by([&](std::size_t i) { return -buffers[i].bytes; }));
  if (best > bound) attempt(by([&](std::size_t i) { return -buffers[i].bytes * lifetime(i); }));
  if (best > bound) attempt(by([&](std::size_t i) { return -lifetime(i); }));
  if (best > bound) attempt(by([&](std::size_t i) { return static_cast<std::int64_t>(buffers[i].first); }));
  if (best > bound) attempt(by([&](std::size_t i) { return -static_cast<std::int64_t>(buffers[i].last); }));

  // What reaches the peak was placed too late. The work is bounded: a step costs about size squared.
  const std::size_t size = buffers.size();
  const std::size_t steps = size ? std::min<std::size_t>(100, 4'000'000 / (size * size)) : 0;
  Order order = best_order;
  for (std::size_t step = 0; step < steps && best > bound; ++step) {
    const std::int64_t peak = best_fit(buffers, order);
    const auto reaches_peak = [&](std::size_t i) { return buffers[i].offset + buffers[i].bytes == peak; };
    const Order before = order;
    std::stable_partition(order.begin(), order.end(), reaches_peak);
    if (order == before) break;
    attempt(order);
  }
  if (!best_buffers.empty()) buffers = std::move(best_buffers);
  return buffers.empty() ? 0 : best;
}

}  // namespace adze
