#include "fake_state.h"

#include <algorithm>

namespace fake_cuda {

State& state() {
  static auto* const kept = new State;  // libraries may call until the process ends
  return *kept;
}

std::vector<CUcontext>& current_contexts() {
  thread_local std::vector<CUcontext> stack;
  return stack;
}

Counters State::alive() const {
  Counters result;
  for (const auto& [device, count] : contexts) result.contexts += count;
  result.blocks = static_cast<int>(blocks.size());
  result.host_blocks = static_cast<int>(host_blocks.size());
  result.streams = static_cast<int>(streams.size());
  result.events = static_cast<int>(events.size());
  result.modules = static_cast<int>(modules.size());
  result.graphs = static_cast<int>(graphs.size());
  result.graph_executables = static_cast<int>(executables.size());
  result.programs = programs;
  result.bytes = bytes;
  return result;
}

int State::count(const std::string& function) const {
  return static_cast<int>(std::count(calls_.begin(), calls_.end(), function));
}

void State::forget() {
  calls_.clear();
  done_.clear();
  misuse_.clear();
}

void State::reset() {
  settings_ = {};
  lost_ = CUDA_SUCCESS;
  forget();
}

CUresult State::enter(const char* function, bool needs_context) {
  calls_.emplace_back(function);
  if (settings_.fail_at > 0 && (settings_.fail_function == "*" || settings_.fail_function == function) &&
      --settings_.fail_at == 0) {
    return settings_.fail_with;
  }
  if (needs_context && lost_ != CUDA_SUCCESS) return lost_;
  if (needs_context && current_contexts().empty()) return CUDA_ERROR_INVALID_CONTEXT;
  return CUDA_SUCCESS;
}

void State::push(Stream* stream, std::string text, std::function<CUresult()> work) {
  stream->queue.push_back({std::move(text), std::move(work), nullptr, 0});
}

/// Runs what the stream has, or as much as `until` needs to be complete up to `at`.
CUresult State::run(Stream* stream, const Event* until, std::uint64_t at) {
  while (!stream->queue.empty() && (until == nullptr || until->completed < at)) {
    Work work = std::move(stream->queue.front());
    stream->queue.pop_front();
    if (work.waits_for != nullptr && work.waits_for->completed < work.ticket) {
      const CUresult waited = run(work.waits_for->stream, work.waits_for, work.ticket);
      if (waited != CUDA_SUCCESS) return waited;
    }
    if (!work.text.empty()) note(work.text);
    const CUresult result = lost_ != CUDA_SUCCESS ? lost_ : work.run ? work.run() : CUDA_SUCCESS;
    if (result != CUDA_SUCCESS) return result;
  }
  return lost_;
}

CUresult State::run_all() {
  for (Stream* const stream : streams) {
    if (const CUresult result = run(stream); result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

const std::byte* State::owner(const void* memory, std::size_t size) const {
  const auto* const begin = static_cast<const std::byte*>(memory);
  auto after = blocks.upper_bound(const_cast<std::byte*>(begin));
  if (after == blocks.begin()) return nullptr;
  --after;
  return begin + size <= after->first + after->second ? after->first : nullptr;
}

CUresult State::lose(CUresult result, const std::string& why) {
  lost_ = result;
  note("lost: " + why);
  return result;
}

}  // namespace fake_cuda

extern "C" fake_cuda::Control* fake_cuda_control() {
  return &fake_cuda::state();
}
