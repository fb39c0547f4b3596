#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fake_state.h"

// The functions of cuda.h, under the names that its macros give them. What an argument may be is checked only
// as far as Adze could get it wrong.

using fake_cuda::Event;
using fake_cuda::Function;
using fake_cuda::GraphExecutable;
using fake_cuda::Launch;
using fake_cuda::Module;
using fake_cuda::Node;
using fake_cuda::State;
using fake_cuda::state;
using fake_cuda::Stream;
using FakeGraph = fake_cuda::Graph;

namespace {

constexpr std::byte kFresh{0xcb};

/// Begins a function: locks, counts, fails if asked to.
#define FAKE_ENTER(needs_context)      \
  State& s = state();                  \
  const std::lock_guard lock(s.mutex); \
  if (const CUresult fails = s.enter(__func__, needs_context); fails != CUDA_SUCCESS) return fails

/// Begins a function that gives something up, which it does even where it reports an error (of earlier work).
#define FAKE_ENTER_RELEASE(needs_context) \
  State& s = state();                     \
  const std::lock_guard lock(s.mutex);    \
  const CUresult fails = s.enter(__func__, needs_context)

template <class T, class Set>
T* known(const Set& set, const void* handle) {
  T* const pointer = static_cast<T*>(const_cast<void*>(handle));
  return set.contains(pointer) ? pointer : nullptr;
}
Stream* stream_of(State& s, CUstream stream) {
  return known<Stream>(s.streams, stream);
}
Event* event_of(State& s, CUevent event) {
  return known<Event>(s.events, event);
}

std::byte* bytes_of(CUdeviceptr address) {
  return reinterpret_cast<std::byte*>(address);
}

struct ErrorText {
  CUresult result;
  const char *name, *text;
};
constexpr ErrorText kErrors[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE",
     "too many blocks in cooperative launch"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

CUresult copy(State& s, CUstream stream, const char* what, std::byte* to, const std::byte* from,
              std::size_t bytes, const void* on_device) {
  Stream* const on = stream_of(s, stream);
  if (on == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (s.owner(on_device, bytes) == nullptr) {
    s.report(std::string(what) + " outside of device memory");
    return CUDA_ERROR_INVALID_VALUE;
  }
  s.push(on, std::string(what) + " " + std::to_string(bytes), [=] {
    std::memcpy(to, from, bytes);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

bool is_pinned(const State& s, const void* memory) {
  auto after = s.host_blocks.upper_bound(static_cast<std::byte*>(const_cast<void*>(memory)));
  if (after == s.host_blocks.begin()) return false;
  --after;
  return memory < after->first + after->second;
}

Launch make_launch(Function* function, unsigned blocks, unsigned threads, void** parameters,
                   bool cooperative) {
  Launch launch{function, blocks, threads, cooperative, {}};
  void* const* const pointers = static_cast<void* const*>(parameters[0]);
  launch.pointers.assign(pointers, pointers + function->pointers);
  return launch;
}

Function* function_of(State& s, CUfunction handle) {
  for (Module* const module : s.modules) {
    for (auto& [name, function] : module->functions) {
      if (static_cast<void*>(function.get()) == static_cast<void*>(handle)) return function.get();
    }
  }
  s.report("a kernel of a module that is not loaded");
  return nullptr;
}

CUresult launch_kernel(State& s, CUfunction handle, unsigned blocks, unsigned threads, CUstream stream,
                       void** parameters, bool cooperative) {
  Function* const function = function_of(s, handle);
  Stream* const on = stream_of(s, stream);
  if (function == nullptr || on == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const auto room =
      static_cast<unsigned>(s.settings().multiprocessors * s.settings().blocks_per_multiprocessor);
  if (cooperative && blocks > room) return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
  const Launch launch = make_launch(function, blocks, threads, parameters, cooperative);
  ++function->module->pending;
  s.push(on, "kernel " + function->name, [launch] {
    --launch.function->module->pending;
    return fake_cuda::run_kernels({&launch});
  });
  return CUDA_SUCCESS;
}

/// Nodes that nothing orders run at once: level by level, so that a missing dependence shows as a race.
CUresult run_graph(const std::vector<Node>& nodes) {
  std::size_t levels = 0;
  for (const Node& node : nodes) levels = std::max(levels, node.level + 1);
  for (std::size_t level = 0; level < levels; ++level) {
    std::vector<const Launch*> launches;
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
      if (node->level != level) continue;
      --node->launch.function->module->pending;
      launches.push_back(&node->launch);
      state().note("kernel " + node->launch.function->name);
    }
    if (const CUresult result = fake_cuda::run_kernels(launches); result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned) {
  FAKE_ENTER(false);
  return s.settings().devices == 0 ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int* version) {
  FAKE_ENTER(false);
  *version = s.settings().driver_version;
  return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char** text) {
  for (const ErrorText& known_error : kErrors) {
    if (known_error.result == error) *text = known_error.name;
    if (known_error.result == error) return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult error, const char** text) {
  for (const ErrorText& known_error : kErrors) {
    if (known_error.result == error) *text = known_error.text;
    if (known_error.result == error) return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDeviceGetCount(int* count) {
  FAKE_ENTER(false);
  *count = s.settings().devices;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  FAKE_ENTER(false);
  if (ordinal < 0 || ordinal >= s.settings().devices) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  FAKE_ENTER(false);
  std::snprintf(name, static_cast<std::size_t>(length), "Fake GPU %d", device);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  FAKE_ENTER(false);
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      *value = 9;
      return CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      *value = 0;
      return CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      *value = s.settings().multiprocessors;
      return CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
      *value = s.settings().cooperative ? 1 : 0;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  FAKE_ENTER(false);
  ++s.contexts[device];
  *context = reinterpret_cast<CUcontext>(static_cast<std::uintptr_t>(device) + 1);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  FAKE_ENTER_RELEASE(false);
  if (--s.contexts[device] < 0) s.report("a context released too often");
  return fails;
}

CUresult cuCtxPushCurrent(CUcontext context) {
  FAKE_ENTER(false);
  fake_cuda::current_contexts().push_back(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext* context) {
  FAKE_ENTER_RELEASE(false);
  if (fake_cuda::current_contexts().empty()) return CUDA_ERROR_INVALID_CONTEXT;
  *context = fake_cuda::current_contexts().back();
  fake_cuda::current_contexts().pop_back();
  return fails;
}

CUresult cuMemAlloc(CUdeviceptr* address, std::size_t bytes) {
  FAKE_ENTER(true);
  if (s.bytes + bytes > s.settings().memory) return CUDA_ERROR_OUT_OF_MEMORY;
  auto* const memory = static_cast<std::byte*>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  std::memset(memory, static_cast<int>(kFresh), bytes);
  s.blocks[memory] = bytes;
  s.bytes += bytes;
  *address = reinterpret_cast<CUdeviceptr>(memory);
  return CUDA_SUCCESS;
}

CUresult cuMemFree(CUdeviceptr address) {
  FAKE_ENTER_RELEASE(true);
  s.run_all();
  const auto found = s.blocks.find(bytes_of(address));
  if (found == s.blocks.end()) {
    s.report("device memory freed that is not there");
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::free(found->first);
  s.bytes -= found->second;
  s.blocks.erase(found);
  return fails;
}

CUresult cuMemHostAlloc(void** memory, std::size_t bytes, unsigned) {
  FAKE_ENTER(true);
  auto* const pinned = static_cast<std::byte*>(std::malloc(bytes));
  s.host_blocks[pinned] = bytes;
  *memory = pinned;
  return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void* memory) {
  FAKE_ENTER_RELEASE(true);
  s.run_all();
  if (s.host_blocks.erase(static_cast<std::byte*>(memory)) == 0) {
    s.report("pinned memory freed that is not there");
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::free(memory);
  return fails;
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream) {
  FAKE_ENTER(true);
  if (is_pinned(s, from)) {
    return copy(s, stream, "copy in pinned", bytes_of(to), static_cast<const std::byte*>(from), bytes,
                bytes_of(to));
  }
  // The driver reads memory that is not pinned before it returns.
  const auto staged = std::make_shared<std::vector<std::byte>>(static_cast<const std::byte*>(from),
                                                               static_cast<const std::byte*>(from) + bytes);
  Stream* const on = stream_of(s, stream);
  if (on == nullptr || s.owner(bytes_of(to), bytes) == nullptr) return CUDA_ERROR_INVALID_VALUE;
  s.push(on, "copy in " + std::to_string(bytes), [=] {
    std::memcpy(bytes_of(to), staged->data(), bytes);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  FAKE_ENTER(true);
  const CUresult given =
      copy(s, stream, "copy out", static_cast<std::byte*>(to), bytes_of(from), bytes, bytes_of(from));
  // The driver returns when memory that is not pinned has been written.
  return given != CUDA_SUCCESS || is_pinned(s, to) ? given : s.run(stream_of(s, stream));
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  FAKE_ENTER(true);
  if (s.owner(bytes_of(from), bytes) == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return copy(s, stream, "copy within", bytes_of(to), bytes_of(from), bytes, bytes_of(to));
}

CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value, std::size_t bytes, CUstream stream) {
  FAKE_ENTER(true);
  Stream* const on = stream_of(s, stream);
  if (on == nullptr || s.owner(bytes_of(address), bytes) == nullptr) return CUDA_ERROR_INVALID_VALUE;
  s.push(on, "set " + std::to_string(bytes), [=] {
    std::memset(bytes_of(address), value, bytes);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream* stream, unsigned) {
  FAKE_ENTER(true);
  auto* const made = new Stream;
  s.streams.insert(made);
  *stream = reinterpret_cast<CUstream>(made);
  return CUDA_SUCCESS;
}

CUresult cuStreamDestroy(CUstream stream) {
  FAKE_ENTER_RELEASE(true);
  Stream* const gone = stream_of(s, stream);
  if (gone == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  s.run(gone);
  s.streams.erase(gone);
  delete gone;
  return fails;
}

CUresult cuStreamSynchronize(CUstream stream) {
  FAKE_ENTER_RELEASE(true);  // the work is over, well or not
  Stream* const on = stream_of(s, stream);
  if (on == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const CUresult done = s.run(on);
  return fails != CUDA_SUCCESS ? fails : done;
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent handle, unsigned) {
  FAKE_ENTER(true);
  Stream* const on = stream_of(s, stream);
  Event* const event = event_of(s, handle);
  if (on == nullptr || event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (event->stream != nullptr) on->queue.push_back({"wait", {}, event, event->recorded});
  return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent* event, unsigned) {
  FAKE_ENTER(true);
  auto* const made = new Event;
  s.events.insert(made);
  *event = reinterpret_cast<CUevent>(made);
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent handle) {
  FAKE_ENTER_RELEASE(true);
  Event* const event = event_of(s, handle);
  if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  s.run_all();  // who waits for it has its moment already
  s.events.erase(event);
  delete event;
  return fails;
}

CUresult cuEventRecord(CUevent handle, CUstream stream) {
  FAKE_ENTER(true);
  Event* const event = event_of(s, handle);
  Stream* const on = stream_of(s, stream);
  if (on == nullptr || event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  event->stream = on;
  event->recorded = ++s.ticket;
  s.push(on, "", [event, ticket = s.ticket] {
    event->completed = std::max(event->completed, ticket);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

CUresult cuEventSynchronize(CUevent handle) {
  FAKE_ENTER(true);
  Event* const event = event_of(s, handle);
  if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return event->stream == nullptr ? CUDA_SUCCESS : s.run(event->stream, event, event->recorded);
}

CUresult cuEventQuery(CUevent handle) {
  FAKE_ENTER(true);
  const Event* const event = event_of(s, handle);
  if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return event->completed < event->recorded ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  FAKE_ENTER(true);
  auto made = std::make_unique<Module>();
  if (const CUresult result = fake_cuda::load_module(static_cast<const char*>(image), *made);
      result != CUDA_SUCCESS)
    return result;
  s.modules.insert(made.get());
  *module = reinterpret_cast<CUmodule>(made.release());
  return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule handle) {
  FAKE_ENTER_RELEASE(true);
  Module* const module = known<Module>(s.modules, handle);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (module->pending > 0) {
    s.report("a module unloaded while its kernels wait to run");
    s.run_all();
  }
  s.modules.erase(module);
  delete module;
  return fails;
}

CUresult cuModuleGetFunction(CUfunction* function, CUmodule handle, const char* name) {
  FAKE_ENTER(true);
  Module* const module = known<Module>(s.modules, handle);
  if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const auto found = module->functions.find(name);
  if (found == module->functions.end()) return CUDA_ERROR_NOT_FOUND;
  *function = reinterpret_cast<CUfunction>(found->second.get());
  return CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction function, unsigned x, unsigned, unsigned, unsigned threads, unsigned,
                        unsigned, unsigned, CUstream stream, void** parameters, void**) {
  FAKE_ENTER(true);
  return launch_kernel(s, function, x, threads, stream, parameters, false);
}

CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned x, unsigned, unsigned, unsigned threads,
                                   unsigned, unsigned, unsigned, CUstream stream, void** parameters) {
  FAKE_ENTER(true);
  return launch_kernel(s, function, x, threads, stream, parameters, true);
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction, int, std::size_t) {
  FAKE_ENTER(true);
  *blocks = s.settings().blocks_per_multiprocessor;
  return CUDA_SUCCESS;
}

CUresult cuGraphCreate(CUgraph* graph, unsigned) {
  FAKE_ENTER(true);
  auto* const made = new FakeGraph;
  s.graphs.insert(made);
  *graph = reinterpret_cast<CUgraph>(made);
  return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph handle) {
  FAKE_ENTER_RELEASE(true);
  FakeGraph* const graph = known<FakeGraph>(s.graphs, handle);
  if (graph == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  s.graphs.erase(graph);
  delete graph;
  return fails;
}

CUresult cuGraphAddKernelNode(CUgraphNode* node, CUgraph handle, const CUgraphNode* before, std::size_t count,
                              const CUDA_KERNEL_NODE_PARAMS* params) {
  FAKE_ENTER(true);
  FakeGraph* const graph = known<FakeGraph>(s.graphs, handle);
  Function* const function = function_of(s, params->func);
  if (graph == nullptr || function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  auto made = std::make_unique<Node>();
  made->launch = make_launch(function, params->gridDimX, params->blockDimX, params->kernelParams, false);
  for (std::size_t i = 0; i < count; ++i) {
    Node* const earlier = reinterpret_cast<Node*>(before[i]);
    made->before.push_back(earlier);
    made->level = std::max(made->level, earlier->level + 1);
  }
  *node = reinterpret_cast<CUgraphNode>(made.get());
  graph->nodes.push_back(std::move(made));
  return CUDA_SUCCESS;
}

CUresult cuGraphInstantiate(CUgraphExec* executable, CUgraph handle, unsigned long long) {
  FAKE_ENTER(true);
  FakeGraph* const graph = known<FakeGraph>(s.graphs, handle);
  if (graph == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  auto* const made = new GraphExecutable;
  for (const auto& node : graph->nodes) {
    made->nodes.push_back(std::make_unique<Node>(*node));
    made->of[node.get()] = made->nodes.back().get();
  }
  s.executables.insert(made);
  *executable = reinterpret_cast<CUgraphExec>(made);
  return CUDA_SUCCESS;
}

CUresult cuGraphExecDestroy(CUgraphExec handle) {
  FAKE_ENTER_RELEASE(true);
  GraphExecutable* const executable = known<GraphExecutable>(s.executables, handle);
  if (executable == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  s.executables.erase(executable);
  delete executable;
  return fails;
}

CUresult cuGraphExecKernelNodeSetParams(CUgraphExec handle, CUgraphNode node,
                                        const CUDA_KERNEL_NODE_PARAMS* params) {
  FAKE_ENTER(true);
  GraphExecutable* const executable = known<GraphExecutable>(s.executables, handle);
  Function* const function = function_of(s, params->func);
  if (executable == nullptr || function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const auto found = executable->of.find(reinterpret_cast<Node*>(node));
  if (found == executable->of.end()) return CUDA_ERROR_INVALID_VALUE;
  found->second->launch =
      make_launch(function, params->gridDimX, params->blockDimX, params->kernelParams, false);
  return CUDA_SUCCESS;
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream) {
  FAKE_ENTER(true);
  const GraphExecutable* const executable = known<GraphExecutable>(s.executables, handle);
  Stream* const on = stream_of(s, stream);
  if (executable == nullptr || on == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  std::vector<Node> nodes;  // a launch has the parameters of its moment
  for (const auto& node : executable->nodes) {
    nodes.push_back(*node);
    ++node->launch.function->module->pending;
  }
  s.push(on, "graph of " + std::to_string(nodes.size()),
         [nodes = std::move(nodes)] { return run_graph(nodes); });
  return CUDA_SUCCESS;
}

}  // extern "C"
