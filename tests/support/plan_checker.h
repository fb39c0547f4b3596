#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ir/interpreter.h"
#include "passes/fusion.h"
#include "passes/memory_plan.h"

/// Two independent judges of a memory plan. Neither looks at how the plan was made.
namespace adze::testing {

/// Places as memory: parameters and the results that took their memory over are one.
class PlanMemory {
 public:
  using Range = std::pair<std::int64_t, std::int64_t>;
  struct Span {
    std::string memory;
    Range bytes;
  };

  PlanMemory(const Graph& graph, const MemoryPlan& plan) : graph_(graph), plan_(plan) {}

  Span result(std::size_t k) const {
    const std::int64_t size = graph_.type(graph_.results()[k]).byte_size();
    if (const auto parameter = plan_.result_aliases.at(k))
      return {"param " + std::to_string(*parameter), {0, size}};
    return {"result " + std::to_string(k), {0, size}};
  }
  Span place(ValueId value) const {
    const loop::BufferRef ref = plan_.places.at(value.index);
    const std::int64_t size = graph_.type(value).byte_size();
    switch (ref.place) {
      case loop::BufferRef::Place::kParameter:
        return {"param " + std::to_string(ref.position), {0, size}};
      case loop::BufferRef::Place::kResult:
        return result(static_cast<std::size_t>(ref.position));
      case loop::BufferRef::Place::kConstant:
        return {"constant " + std::to_string(ref.position), {0, size}};
      case loop::BufferRef::Place::kArena:
        return {"arena", {ref.position, ref.position + size}};
    }
    return {};
  }
  static bool overlap(const Span& a, const Span& b) {
    return a.memory == b.memory && a.bytes.first < b.bytes.second && b.bytes.first < a.bytes.second;
  }
  static bool same(const Span& a, const Span& b) { return a.memory == b.memory && a.bytes == b.bytes; }

 private:
  const Graph& graph_;
  const MemoryPlan& plan_;
};

/// By lifetimes: nothing is written where something still needed lives (unless can_alias), nothing reaches
/// outside the arena or into a parameter that was not donated, and every result ends where its caller looks
/// for it.
inline void check_plan(const Graph& graph, const std::vector<KernelGroup>& groups,
                       const std::vector<bool>& donated, const MemoryPlan& plan) {
  const PlanMemory memory(graph, plan);
  const std::size_t end = groups.size();
  struct Life {
    std::size_t written, last_read;
  };
  std::map<std::uint32_t, Life> lives;
  for (const Parameter& p : graph.parameters()) {
    lives[p.value.index] = {0, donated.empty() || !donated[graph.value(p.value).position] ? end + 1 : 0};
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const ValueId output : groups[g].outputs) lives[output.index] = {g, g};
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const ValueId input : groups[g].inputs) {
      if (const auto at = lives.find(input.index); at != lives.end()) {
        at->second.last_read = std::max(at->second.last_read, g);
      }
    }
  }
  for (const auto& [result, source] : plan.copies) {
    if (const auto at = lives.find(source.index); at != lives.end()) at->second.last_read = end + 1;
  }
  for (std::size_t k = 0; k < graph.results().size(); ++k) {
    const ValueId value = graph.results()[k];
    const bool copied = std::any_of(plan.copies.begin(), plan.copies.end(), [&](const auto& copy) {
      return copy.first == k && copy.second == value;
    });
    if (copied) continue;
    ASSERT_TRUE(PlanMemory::same(memory.place(value), memory.result(k))) << "result " << k << " is elsewhere";
    lives.at(value.index).last_read = end + 1;
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t o = 0; o < groups[g].outputs.size(); ++o) {
      const ValueId output = groups[g].outputs[o];
      const PlanMemory::Span target = memory.place(output);
      ASSERT_NE(target.memory.substr(0, 8), "constant");
      if (target.memory == "arena") {
        EXPECT_EQ(target.bytes.first % static_cast<std::int64_t>(kAlignment), 0);
        EXPECT_GE(target.bytes.first, 0);
        EXPECT_LE(target.bytes.second, plan.arena_bytes);
      }
      for (const auto& [other, life] : lives) {
        if (ValueId{other} == output || life.written > g || life.last_read < g) continue;
        const PlanMemory::Span span = memory.place({other});
        if (!PlanMemory::overlap(target, span)) continue;
        const auto& inputs = groups[g].inputs;
        const auto at = std::find(inputs.begin(), inputs.end(), ValueId{other});
        const bool in_place = at != inputs.end() && life.last_read == g && PlanMemory::same(target, span) &&
                              can_alias(groups[g], static_cast<std::size_t>(at - inputs.begin()), o);
        // A donated parameter that is never read has no last reader.
        const bool never_read = graph.is_parameter({other}) && life.last_read == 0 &&
                                std::find(groups[0].inputs.begin(), groups[0].inputs.end(), ValueId{other}) ==
                                    groups[0].inputs.end();
        EXPECT_TRUE(in_place || never_read)
            << "group " << g << " writes %" << output.index << " over %" << other << '\n'
            << print(graph, plan);
      }
    }
  }
  for (const auto& [result, source] : plan.copies) {
    for (std::size_t k = 0; k < graph.results().size(); ++k) {
      if (k == result) continue;
      EXPECT_FALSE(PlanMemory::overlap(memory.result(k), memory.result(result)))
          << "results " << k << ", " << result;
    }
  }
}

/// By running: the groups' bodies are interpreted one after the other on bytes at the planned places.
inline std::vector<Literal> run_plan(const Graph& graph, const std::vector<KernelGroup>& groups,
                                     const MemoryPlan& plan, std::span<const Literal> arguments) {
  const PlanMemory memory(graph, plan);
  std::map<std::string, std::vector<std::byte>> bytes;
  const auto at = [&](const PlanMemory::Span& span) {
    std::vector<std::byte>& buffer = bytes[span.memory];
    const auto size = static_cast<std::size_t>(span.bytes.second);
    if (buffer.size() < size) buffer.resize(size, std::byte{0xAB});
    return buffer.data() + span.bytes.first;
  };
  const auto load = [&](const PlanMemory::Span& span, const TensorType& type) {
    Literal literal(type);
    if (literal.byte_size()) std::memcpy(literal.bytes(), at(span), literal.byte_size());
    return literal;
  };
  const auto store = [&](const PlanMemory::Span& span, const Literal& literal) {
    if (literal.byte_size()) std::memcpy(at(span), literal.bytes(), literal.byte_size());
  };
  for (std::size_t i = 0; i < arguments.size(); ++i)
    store(memory.place(graph.parameters()[i].value), arguments[i]);
  for (std::size_t i = 0; i < plan.constants.size(); ++i) {
    store({"constant " + std::to_string(i), {0, plan.constants[i]->type().byte_size()}}, *plan.constants[i]);
  }
  for (const KernelGroup& group : groups) {
    std::vector<Literal> inputs;
    for (const ValueId input : group.inputs) inputs.push_back(load(memory.place(input), graph.type(input)));
    const std::vector<Literal> outputs = interpret(group.body, inputs);
    for (std::size_t o = 0; o < outputs.size(); ++o) store(memory.place(group.outputs[o]), outputs[o]);
  }
  for (const auto& [result, source] : plan.copies) {
    store(memory.result(result), load(memory.place(source), graph.type(source)));
  }
  std::vector<Literal> results;
  for (std::size_t k = 0; k < graph.results().size(); ++k) {
    results.push_back(load(memory.result(k), graph.type(graph.results()[k])));
  }
  return results;
}

}  // namespace adze::testing
