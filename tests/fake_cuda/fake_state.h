#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "fake_cuda.h"

namespace fake_cuda {

struct Event {
  std::uint64_t recorded = 0, completed = 0;
  struct Stream* stream = nullptr;
};

/// Work that was given to a stream and has not run.
struct Work {
  std::string text;
  std::function<CUresult()> run;
  Event* waits_for = nullptr;
  std::uint64_t ticket = 0;
};

struct Stream {
  std::deque<Work> queue;
};

struct Module;
struct Function {
  Module* module = nullptr;
  std::string name;
  std::size_t pointers = 0;
  unsigned threads = 0;
  void (*entry)(void* const*) = nullptr;
};
struct Module {
  std::string image;
  std::shared_ptr<const void> code;
  std::map<std::string, std::unique_ptr<Function>> functions;
  int pending = 0;  ///< launches that have not run
};

struct Launch {
  Function* function = nullptr;
  unsigned blocks = 1, threads = 1;
  bool cooperative = false;
  std::vector<void*> pointers;
};

struct Node {
  Launch launch;
  std::vector<Node*> before;
  std::size_t level = 0;
};
struct Graph {
  std::vector<std::unique_ptr<Node>> nodes;
};
struct GraphExecutable {
  std::vector<std::unique_ptr<Node>> nodes;
  std::map<Node*, Node*> of;  ///< by node of the graph
};

/// The whole driver. Guarded by `mutex`.
class State final : public Control {
 public:
  Settings& settings() override { return settings_; }
  Counters alive() const override;
  const std::vector<std::string>& calls() const override { return calls_; }
  int count(const std::string& function) const override;
  const std::vector<std::string>& done() const override { return done_; }
  const std::vector<std::string>& misuse() const override { return misuse_; }
  void forget() override;
  void reset() override;

  /// At the beginning of every call: is it to fail?
  CUresult enter(const char* function, bool needs_context);
  void push(Stream* stream, std::string text, std::function<CUresult()> run);
  CUresult run(Stream* stream, const Event* until = nullptr, std::uint64_t ticket = 0);
  CUresult run_all();
  void report(std::string what) { misuse_.push_back(std::move(what)); }
  void note(std::string what) { done_.push_back(std::move(what)); }
  /// The allocation that holds all these bytes; nullptr: none.
  const std::byte* owner(const void* memory, std::size_t bytes) const;
  CUresult lose(CUresult result, const std::string& why);

  std::recursive_mutex mutex;
  std::map<std::byte*, std::size_t> blocks;
  std::map<std::byte*, std::size_t> host_blocks;  ///< pinned
  std::size_t bytes = 0;
  std::map<int, int> contexts;  ///< how often each was retained
  std::unordered_set<Stream*> streams;
  std::unordered_set<Event*> events;
  std::unordered_set<Module*> modules;
  std::unordered_set<Graph*> graphs;
  std::unordered_set<GraphExecutable*> executables;
  int programs = 0;  ///< of NVRTC
  std::uint64_t ticket = 0;

 private:
  Settings settings_;
  std::vector<std::string> calls_, done_, misuse_;
  CUresult lost_ = CUDA_SUCCESS;
};

State& state();
/// By thread: contexts pushed.
std::vector<CUcontext>& current_contexts();

// Of fake_kernels.cpp.

/// The module of a CUBIN that the fake NVRTC made. CUDA_ERROR_INVALID_IMAGE where it is another.
CUresult load_module(const char* image, Module& module);
/// Runs launches that may run at once; the state's mutex is held.
CUresult run_kernels(const std::vector<const Launch*>& launches);

inline constexpr const char* kCubinHead = "fake cubin of sm_";

}  // namespace fake_cuda
