#include <algorithm>
#include <functional>
#include <set>

#include "passes/fusion.h"
#include "passes/in_place.h"

namespace adze {
namespace {

/// The groups with what must come before what.
class Schedule {
 public:
  Schedule(const Graph& graph, const std::vector<KernelGroup>& groups);
  std::vector<std::size_t> best_order() const;

 private:
  struct Item {
    ValueId value;
    std::int64_t bytes;
    std::size_t producer;
    std::vector<std::size_t> readers;
  };
  using Priority = std::function<std::int64_t(std::size_t group, const std::vector<std::size_t>& unread)>;

  void delay_updates(const Graph& graph, const std::vector<KernelGroup>& groups);
  bool leads_to(std::size_t from, std::size_t to) const;
  std::vector<std::size_t> order_by(const Priority& priority) const;
  std::int64_t peak_of(const std::vector<std::size_t>& order) const;

  std::vector<std::set<std::size_t>> after_;              ///< by group: those that must come later
  std::vector<Item> items_;                               ///< values that live in the arena
  std::vector<std::vector<std::size_t>> reads_, writes_;  ///< by group: positions in items_
};

Schedule::Schedule(const Graph& graph, const std::vector<KernelGroup>& groups)
    : after_(groups.size()), reads_(groups.size()), writes_(groups.size()) {
  constexpr std::size_t kNone = SIZE_MAX;
  std::vector<std::size_t> item_of(graph.values().size(), kNone), made_by(graph.values().size(), kNone);
  std::vector<bool> is_result(graph.values().size(), false);
  for (const ValueId result : graph.results()) is_result[result.index] = true;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const ValueId output : groups[g].outputs) {
      made_by[output.index] = g;
      if (is_result[output.index]) continue;
      item_of[output.index] = items_.size();
      writes_[g].push_back(items_.size());
      items_.push_back({output, graph.type(output).byte_size(), g, {}});
    }
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const ValueId input : groups[g].inputs) {
      if (made_by[input.index] != kNone) after_[made_by[input.index]].insert(g);
      if (item_of[input.index] == kNone) continue;
      reads_[g].push_back(item_of[input.index]);
      items_[item_of[input.index]].readers.push_back(g);
    }
  }
  delay_updates(graph, groups);
}

/// A group that can write a result over a parameter waits for the other readers of that parameter, so that
/// the memory plan may let it, should the parameter be donated.
void Schedule::delay_updates(const Graph& graph, const std::vector<KernelGroup>& groups) {
  std::vector<std::vector<std::size_t>> readers(graph.values().size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const ValueId input : groups[g].inputs) {
      if (graph.is_parameter(input)) readers[input.index].push_back(g);
    }
  }
  std::vector<bool> is_result(graph.values().size(), false);
  for (const ValueId result : graph.results()) is_result[result.index] = true;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::optional<InPlace> in_place;
    for (std::size_t i = 0; i < groups[g].inputs.size(); ++i) {
      const ValueId input = groups[g].inputs[i];
      if (readers[input.index].size() < 2) continue;
      for (std::size_t o = 0; o < groups[g].outputs.size(); ++o) {
        const ValueId output = groups[g].outputs[o];
        if (!is_result[output.index] || graph.type(output) != graph.type(input)) continue;
        if (!in_place) in_place.emplace(groups[g]);
        if (!in_place->allows(i, o)) continue;
        for (const std::size_t reader : readers[input.index]) {
          if (reader != g && !leads_to(g, reader)) after_[reader].insert(g);
        }
        break;
      }
    }
  }
}

bool Schedule::leads_to(std::size_t from, std::size_t to) const {
  std::vector<bool> seen(after_.size(), false);
  std::vector<std::size_t> stack{from};
  while (!stack.empty()) {
    const std::size_t at = stack.back();
    stack.pop_back();
    if (at == to) return true;
    if (seen[at]) continue;
    seen[at] = true;
    stack.insert(stack.end(), after_[at].begin(), after_[at].end());
  }
  return false;
}

/// List scheduling: of the groups whose producers are done, the one of least priority value; ties in given
/// order.
std::vector<std::size_t> Schedule::order_by(const Priority& priority) const {
  std::vector<std::size_t> waits_for(after_.size(), 0), unread(items_.size());
  for (const auto& later : after_) {
    for (const std::size_t g : later) ++waits_for[g];
  }
  for (std::size_t i = 0; i < items_.size(); ++i) unread[i] = items_[i].readers.size();
  std::set<std::size_t> ready;
  for (std::size_t g = 0; g < after_.size(); ++g) {
    if (!waits_for[g]) ready.insert(g);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    std::size_t next = *ready.begin();
    std::int64_t least = INT64_MAX;
    for (const std::size_t g : ready) {
      const std::int64_t value = priority(g, unread);
      if (value >= least) continue;
      least = value;
      next = g;
    }
    ready.erase(next);
    order.push_back(next);
    for (const std::size_t item : reads_[next]) --unread[item];
    for (const std::size_t g : after_[next]) {
      if (--waits_for[g] == 0) ready.insert(g);
    }
  }
  ADZE_CHECK(order.size() == after_.size(), "groups wait for each other");
  return order;
}

std::int64_t Schedule::peak_of(const std::vector<std::size_t>& order) const {
  std::vector<std::size_t> unread(items_.size());
  for (std::size_t i = 0; i < items_.size(); ++i) unread[i] = items_[i].readers.size();
  std::int64_t alive = 0, peak = 0;
  for (const std::size_t g : order) {
    for (const std::size_t item : writes_[g]) alive += items_[item].bytes;
    peak = std::max(peak, alive);
    for (const std::size_t item : reads_[g]) {
      if (--unread[item] == 0) alive -= items_[item].bytes;
    }
    for (const std::size_t item : writes_[g]) {
      if (items_[item].readers.empty()) alive -= items_[item].bytes;
    }
  }
  return peak;
}

std::vector<std::size_t> Schedule::best_order() const {
  const auto growth = [&](std::size_t g, const std::vector<std::size_t>& unread) {
    std::int64_t bytes = 0;
    for (const std::size_t item : writes_[g]) bytes += items_[item].bytes;
    for (const std::size_t item : reads_[g]) bytes -= unread[item] == 1 ? items_[item].bytes : 0;
    return bytes;
  };
  const auto as_given = [](std::size_t, const std::vector<std::size_t>&) { return std::int64_t{0}; };
  std::vector<std::size_t> best = order_by(as_given);
  std::vector<std::size_t> greedy = order_by(growth);
  return peak_of(greedy) < peak_of(best) ? greedy : best;
}

}  // namespace

std::vector<KernelGroup> order_kernels(const Graph& graph, std::vector<KernelGroup> groups) {
  const std::vector<std::size_t> order = Schedule(graph, groups).best_order();
  std::vector<KernelGroup> ordered;
  ordered.reserve(groups.size());
  for (const std::size_t g : order) {
    ordered.push_back(std::move(groups[g]));
    for (Subprogram& sub : ordered.back().subprograms) {
      sub.groups = order_kernels(*sub.graph, std::move(sub.groups));
    }
  }
  return ordered;
}

}  // namespace adze
